/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/conformance/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "memnet-core/conformance/conform.h"

#define MAX_CONNECTIONS	512
#define LIMIT_S		5
#define CHUNK		65536

struct conversation {
	int listener, datagram;
	int connections[MAX_CONNECTIONS];
	int n;
	int fd;		/* the connection in use */
	struct addr sender;
	char *answer;	/* 0 and what is in here, or -1 and errno */
	size_t size;
};

static int family_of(const char *args)
{
	return *args == '6' ? AF_INET6 : AF_INET;
}

static int limit(int fd)
{
	struct timeval t = { .tv_sec = LIMIT_S };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) ||
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) ? -1 : 0;
}

/* A socket at the peer's address; its port goes into the answer. */
static int bound(struct conversation *c, int family, int type)
{
	struct addr at = peer_at(family, 0);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || limit(fd) || bind(fd, &at.any, at.len))
		return -1;
	at = name_of(fd);
	snprintf(c->answer, c->size, "%d", port_of(&at));
	return fd;
}

static int add(struct conversation *c, int fd)
{
	if (fd < 0 || limit(fd))
		return -1;
	if (c->n == MAX_CONNECTIONS) {
		errno = EMFILE;
		return -1;
	}
	c->fd = c->connections[c->n++] = fd;
	return 0;
}

/* --- streams ------------------------------------------------------------------------- */

static int do_listen(struct conversation *c, const char *args)
{
	c->listener = bound(c, family_of(args), SOCK_STREAM);
	return c->listener < 0 ? -1 : listen(c->listener, 128);
}

/* A backlog of 0 has room for one; further SYNs are dropped. */
static int do_full(struct conversation *c, const char *args)
{
	struct addr at;

	c->listener = bound(c, family_of(args), SOCK_STREAM);
	if (c->listener < 0 || listen(c->listener, 0))
		return -1;
	at = name_of(c->listener);
	for (int i = 0; i < 2; i++) {
		int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (add(c, fd))
			return -1;
		connect(fd, &at.any, at.len);
	}
	sleep_ms(QUIET_MS);
	return 0;
}

static int do_unlisten(struct conversation *c, const char *args)
{
	return close(c->listener);
}

static int do_accept(struct conversation *c, const char *args)
{
	struct addr from = { .len = sizeof(from.room) };
	char host[INET6_ADDRSTRLEN] = "";
	int fd = accept4(c->listener, &from.any, &from.len, SOCK_CLOEXEC);

	if (add(c, fd))
		return -1;
	inet_ntop(from.any.sa_family,
		  from.any.sa_family == AF_INET6 ? (void *)&from.in6.sin6_addr :
						   (void *)&from.in4.sin_addr, host, sizeof(host));
	snprintf(c->answer, c->size, "%s %d", host, port_of(&from));
	return 0;
}

static int do_connect(struct conversation *c, const char *args)
{
	char host[INET6_ADDRSTRLEN];
	int port = 0, fd;
	struct addr to;

	if (sscanf(args, "%45s %d", host, &port) != 2) {
		errno = EINVAL;
		return -1;
	}
	to = address(host, port);
	fd = bound(c, to.any.sa_family, SOCK_STREAM);
	if (fd < 0 || connect(fd, &to.any, to.len))
		return -1;
	return add(c, fd);
}

static int do_use(struct conversation *c, const char *args)
{
	c->fd = c->connections[atoi(args)];
	return 0;
}

static int number(struct conversation *c, ssize_t n)
{
	if (n < 0)
		return -1;
	snprintf(c->answer, c->size, "%zd", n);
	return 0;
}

static int do_send(struct conversation *c, const char *args)
{
	return number(c, send(c->fd, args, strlen(args), MSG_NOSIGNAL));
}

static int do_urgent(struct conversation *c, const char *args)
{
	return number(c, send(c->fd, args, 1, MSG_NOSIGNAL | MSG_OOB));
}

static int received(struct conversation *c, ssize_t n)
{
	if (n < 0)
		return -1;
	c->answer[n] = '\0';
	if (!n)
		strcpy(c->answer, "eof");
	return 0;
}

static size_t wanted(struct conversation *c, const char *args)
{
	size_t n = strtoul(args, NULL, 10);

	return n < c->size ? n : c->size - 1;
}

static int do_recv(struct conversation *c, const char *args)
{
	return received(c, recv(c->fd, c->answer, wanted(c, args), 0));
}

static int do_recvall(struct conversation *c, const char *args)
{
	return received(c, recv(c->fd, c->answer, wanted(c, args), MSG_WAITALL));
}

/* How the stream ends, whatever is still in it. */
static int do_ending(struct conversation *c, const char *args)
{
	char buf[CHUNK];
	ssize_t n;

	do
		n = recv(c->fd, buf, sizeof(buf), 0);
	while (n > 0);
	return received(c, n);
}

static int do_echo(struct conversation *c, const char *args)
{
	char buf[CHUNK];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(c->fd, buf, sizeof(buf), 0)) > 0) {
		if (send_all(c->fd, buf, n) < n)
			return -1;
		total += n;
	}
	return n < 0 ? -1 : number(c, total);
}

/* One step of what is to be sent, of *done bytes so far; 0 also when it would block. */
static int put_some(int fd, uint64_t *done, uint64_t total)
{
	char buf[CHUNK];
	size_t len = total - *done < CHUNK ? total - *done : CHUNK;
	ssize_t n;

	pattern_fill(buf, len, *done, SEED_PEER);
	n = send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	*done += n;
	return 0;
}

static int check_some(struct conversation *c, uint64_t *done, uint64_t total)
{
	char buf[CHUNK];
	size_t len = total - *done < CHUNK ? total - *done : CHUNK;
	ssize_t n = recv(c->fd, buf, len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (!n || !pattern_same(buf, n, *done, SEED_GUEST)) {
		snprintf(c->answer, c->size, "%s after %llu bytes", n ? "differs" : "ends",
			 (unsigned long long)*done);
		return 1;
	}
	*done += n;
	return 0;
}

static int move(struct conversation *c, uint64_t out, uint64_t in)
{
	uint64_t sent = 0, got = 0;
	int ret = 0;

	strcpy(c->answer, "same");
	while (!ret && (sent < out || got < in)) {
		struct pollfd p = { .fd = c->fd, .events = (sent < out ? POLLOUT : 0) |
							   (got < in ? POLLIN : 0) };

		if (poll(&p, 1, LIMIT_S * 1000) != 1) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (sent < out && (p.revents & (POLLOUT | POLLERR)))
			ret = put_some(c->fd, &sent, out);
		if (!ret && got < in && (p.revents & (POLLIN | POLLERR | POLLHUP)))
			ret = check_some(c, &got, in);
	}
	return ret < 0 ? -1 : 0;
}

static int do_put(struct conversation *c, const char *args)
{
	return move(c, strtoull(args, NULL, 10), 0);
}

static int do_check(struct conversation *c, const char *args)
{
	return move(c, 0, strtoull(args, NULL, 10));
}

static int do_exchange(struct conversation *c, const char *args)
{
	return move(c, strtoull(args, NULL, 10), strtoull(args, NULL, 10));
}

static int do_shutdown(struct conversation *c, const char *args)
{
	return shutdown(c->fd, SHUT_WR);
}

static int do_close(struct conversation *c, const char *args)
{
	return close(c->fd);
}

static int do_reset(struct conversation *c, const char *args)
{
	struct linger now = { .l_onoff = 1 };

	if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		return -1;
	return close(c->fd);
}

static int do_sleep(struct conversation *c, const char *args)
{
	sleep_ms(atoi(args));
	return 0;
}

/* --- datagrams ----------------------------------------------------------------------- */

static int do_bind(struct conversation *c, const char *args)
{
	c->datagram = bound(c, family_of(args), SOCK_DGRAM);
	return c->datagram < 0 ? -1 : 0;
}

static int do_unbind(struct conversation *c, const char *args)
{
	return close(c->datagram);
}

static int do_recvfrom(struct conversation *c, const char *args)
{
	ssize_t n;

	c->sender.len = sizeof(c->sender.room);
	n = recvfrom(c->datagram, c->answer, c->size - 1, MSG_TRUNC, &c->sender.any,
		     &c->sender.len);
	if (n < (ssize_t)c->size)
		return n ? received(c, n) : snprintf(c->answer, c->size, "empty") < 0;
	return number(c, n);
}

static int do_reply(struct conversation *c, const char *args)
{
	return number(c, sendto(c->datagram, args, strlen(args), 0, &c->sender.any,
				c->sender.len));
}

static int send_from(struct conversation *c, int fd, const char *args)
{
	char host[INET6_ADDRSTRLEN];
	struct addr to;
	int port, at = 0;

	if (sscanf(args, "%45s %d %n", host, &port, &at) < 2) {
		errno = EINVAL;
		return -1;
	}
	to = address(host, port);
	return number(c, sendto(fd, args + at, strlen(args + at), 0, &to.any, to.len));
}

static int do_sendto(struct conversation *c, const char *args)
{
	return send_from(c, c->datagram, args);
}

static int do_other(struct conversation *c, const char *args)
{
	int fd = bound(c, strchr(args, '.') ? AF_INET : AF_INET6, SOCK_DGRAM);

	return fd < 0 ? -1 : send_from(c, fd, args);
}

/* --- commands ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*run)(struct conversation *c, const char *args);
} commands[] = {
	{ "accept", do_accept }, { "bind", do_bind }, { "check", do_check },
	{ "close", do_close }, { "connect", do_connect }, { "echo", do_echo },
	{ "ending", do_ending }, { "exchange", do_exchange }, { "full", do_full },
	{ "listen", do_listen }, { "other", do_other }, { "put", do_put }, { "recv", do_recv },
	{ "recvall", do_recvall }, { "recvfrom", do_recvfrom }, { "reply", do_reply },
	{ "reset", do_reset }, { "send", do_send }, { "sendto", do_sendto },
	{ "shutdown", do_shutdown }, { "sleep", do_sleep }, { "unbind", do_unbind },
	{ "unlisten", do_unlisten }, { "urgent", do_urgent }, { "use", do_use },
};

static int run_command(struct conversation *c, const char *line)
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strlen(commands[i].name) == len && !strncmp(commands[i].name, line, len))
			return commands[i].run(c, line + len + (line[len] == ' '));
	errno = ENOSYS;
	return -1;
}

static int converse(int control)
{
	static char line[4096], answer[4096];
	struct conversation c = { .answer = answer, .size = sizeof(answer) };
	ssize_t n;

	while ((n = recv(control, line, sizeof(line) - 1, 0)) > 0) {
		line[n] = '\0';
		strcpy(answer, "0");
		if (run_command(&c, line))
			strcpy(answer, errno_name(errno));
		if (send(control, answer, strlen(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	return 0;
}

int peer_serve(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path)) {
		fprintf(stderr, "memnet-conform: %s: too long for a socket\n", path);
		return 2;
	}
	strcpy(at.sun_path, path);
	if (fd < 0 || bind(fd, (void *)&at, sizeof(at)) || listen(fd, 16)) {
		fprintf(stderr, "memnet-conform: %s: %s\n", path, strerror(errno));
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int control = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (control >= 0 && !fork())
			_exit(converse(control));
		close(control);
	}
}
