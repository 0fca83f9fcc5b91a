/* SPDX-License-Identifier: BSD-2-Clause */
/* What cases begin with: the peer, connected sockets, waiting. */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"

#define CONTROL_FD	900

static const char *peer_path;
static int control = -1;

/* --- the peer ------------------------------------------------------------------------ */

void conform_begin(const char *name, const char *path)
{
	conform_name(name);
	peer_path = path;
}

/* Only when the case wants a peer. */
static int control_fd(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int low;

	if (control >= 0)
		return control;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", peer_path ? peer_path : "");
	low = MUST(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	/* Out of the way of cases that look at the lowest free descriptor. */
	control = MUST(fcntl(low, F_DUPFD_CLOEXEC, CONTROL_FD));
	close(low);
	MUST(connect(control, (void *)&at, sizeof(at)));
	return control;
}

void peer_tell(const char *format, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	must("telling the peer", send(control_fd(), line, strlen(line), MSG_NOSIGNAL));
}

const char *peer_hear(void)
{
	static char answer[4096];
	ssize_t n = must("hearing the peer", recv(control_fd(), answer, sizeof(answer) - 1, 0));

	answer[n] = '\0';
	return answer;
}

const char *peer_answer(const char *command)
{
	peer_tell("%s", command);
	return peer_hear();
}

const char *peer(const char *format, ...)
{
	char line[4096];
	const char *answer;
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	answer = peer_answer(line);
	if (answer[0] == 'E') {
		line[strcspn(line, " ")] = '\0';
		saw(line, "no error at the peer", "%s", answer);
		exit(1);
	}
	return answer;
}

static int peer_port(const char *command, int family)
{
	int port = atoi(peer("%s %d", command, family == AF_INET6 ? 6 : 4));

	name_port(port, "peer");
	return port;
}

int peer_listens(int family)
{
	return peer_port("listen", family);
}

int peer_listens_full(int family)
{
	return peer_port("full", family);
}

int peer_binds(int family)
{
	return peer_port("bind", family);
}

void peer_connects(const struct addr *to)
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(to->any.sa_family,
		  to->any.sa_family == AF_INET6 ? (void *)&to->in6.sin6_addr :
						  (void *)&to->in4.sin_addr, host, sizeof(host));
	name_port(atoi(peer("connect %s %d", host, port_of(to))), "peer");
}

/* --- sockets ------------------------------------------------------------------------- */

int stream_to_peer(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct addr own;

	MUST(connect(fd, &to.any, to.len));
	own = name_of(fd);
	name_port(port_of(&own), "own");
	peer("accept");
	return fd;
}

int listener(int family, struct addr *at)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	*at = own_at(family, 0);
	MUST(bind(fd, &at->any, at->len));
	MUST(listen(fd, 64));
	*at = name_of(fd);
	name_port(port_of(at), "own");
	return fd;
}

int stream_from_peer(int family)
{
	struct addr at;
	int fd, listening = listener(family, &at);

	peer_connects(&at);
	fd = MUST(accept(listening, NULL, NULL));
	close(listening);
	return fd;
}

int datagram(int family, struct addr *to)
{
	int fd = MUST(socket(family, SOCK_DGRAM, 0));
	struct addr own = own_at(family, 0);

	*to = peer_at(family, peer_binds(family));
	MUST(bind(fd, &own.any, own.len));
	own = name_of(fd);
	name_port(port_of(&own), "own");
	return fd;
}

int datagram_connected(int family)
{
	struct addr to;
	int fd = datagram(family, &to);

	MUST(connect(fd, &to.any, to.len));
	MUST(send(fd, "hello", 5, 0));
	peer("recvfrom");
	return fd;
}

/* --- waiting, moving ----------------------------------------------------------------- */

short events_once(int fd, short events, short until)
{
	int64_t begin = now_ms();
	short seen;

	do {
		seen = events_now(fd, events);
		if (!(seen & until))
			sleep_ms(5);
	} while (!(seen & until) && now_ms() - begin < PATIENCE_MS);
	return seen;
}

int readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, PATIENCE_MS);
}

int writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, PATIENCE_MS);
}

short events_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) < 0 ? 0 : p.revents;
}

ssize_t send_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = send(fd, (const char *)buf + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

ssize_t recv_all(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, (char *)buf + done, len - done, 0);

		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int int_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) ? -1 : value;
}

int set_int_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int set_timeout(int fd, int option, int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, option, &t, sizeof(t));
}

unsigned int rescues(void)
{
	void *found = dlsym(RTLD_DEFAULT, "memnet_run_rescues");
	uint64_t (*count)(void);

	memcpy(&count, &found, sizeof(count));
	return found ? count() : 0;
}

void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

bool took_about(int64_t since_ms, int ms)
{
	int64_t took = now_ms() - since_ms;

	return took >= ms - 20 && took <= ms + 1000;
}

int ended_with(pid_t pid)
{
	int status = 0;

	must("waitpid", waitpid(pid, &status, 0));
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- contents ------------------------------------------------------------------------ */

static uint8_t pattern_byte(uint64_t i, unsigned int seed)
{
	return (uint32_t)((uint32_t)(i ^ seed << 20) * 2654435761u) >> 24 ^ i >> 16;
}

void pattern_fill(void *buf, size_t len, uint64_t offset, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = pattern_byte(offset + i, seed);
}

bool pattern_same(const void *buf, size_t len, uint64_t offset, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)buf)[i] != pattern_byte(offset + i, seed))
			return false;
	return true;
}
