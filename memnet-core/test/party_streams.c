/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the peer and the clients of the parties do: streams whose content both ends know,
 * and an event for whoever started them when one begins to move and when it ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/parties_internal.h"

#define PIECE		(16u << 10)
#define ECHO_BYTES	(256u << 10)

/* --- content ----------------------------------------------------------------------- */

static void fill(uint8_t *buf, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (at + i) * 0x9e3779b97f4a7c15ULL >> 56;
}

static bool is_right(const uint8_t *buf, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != (uint8_t)((at + i) * 0x9e3779b97f4a7c15ULL >> 56))
			return false;
	return true;
}

static void tell(int fd, enum event_kind kind, int error)
{
	const struct event e = { .ns = mn_now_ns(), .kind = kind, .error = error };

	if (write(fd, &e, sizeof(e)) != sizeof(e))
		_exit(1);
}

/* --- the peer ---------------------------------------------------------------------- */

struct served {
	int fd, events;
};

static int peer_sends(int fd)
{
	uint8_t buf[PIECE];

	for (uint64_t at = 0;;) {
		ssize_t n;

		fill(buf, sizeof(buf), at);
		n = write(fd, buf, sizeof(buf));
		if (n <= 0)
			return -errno;
		at += n;
	}
}

/* Check, and echo if @back; to the end. */
static int peer_receives(int fd, bool back)
{
	uint8_t buf[PIECE];
	uint64_t at = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (!is_right(buf, n, at))
			return -EBADMSG;
		at += n;
		if (back && write(fd, buf, n) != n)
			return -errno;
	}
	return n ? -errno : 0;
}

static void *serve(void *arg)
{
	struct served s = *(struct served *)arg;
	char mode;
	int error;
	ssize_t n = read(s.fd, &mode, 1);

	free(arg);
	if (n != 1)
		error = n ? -errno : 0;
	else if (mode == MODE_RECV)
		error = peer_sends(s.fd);
	else
		error = peer_receives(s.fd, mode == MODE_ECHO);
	close(s.fd);
	tell(s.events, EV_END, error);
	return NULL;
}

static void be_peer(int events, const void *listener)
{
	for (;;) {
		struct served *s = malloc(sizeof(*s));
		pthread_t thread;

		s->events = events;
		s->fd = accept4(*(const int *)listener, NULL, NULL, SOCK_CLOEXEC);
		if (s->fd < 0 || pthread_create(&thread, NULL, serve, s))
			_exit(1);
		pthread_detach(thread);
	}
}

void peer_start(struct parties *p)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(p->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	p->port = ntohs(at.sin_port);
	p->peer = party_start(be_peer, &fd);
	close(fd);
}

/* --- clients ----------------------------------------------------------------------- */

struct client {
	struct sockaddr_in peer;
	char socket[128];
	enum mode mode;
	int events;
};

static int send_for_ever(const struct client *c, struct memnet_flow *f)
{
	uint8_t buf[PIECE];

	for (uint64_t at = 0;;) {
		ssize_t n;

		fill(buf, sizeof(buf), at);
		n = memnet_send(f, buf, sizeof(buf));
		if (n == -EINTR)
			continue;	/* it was stopped, and goes on */
		if (n < 0)
			return n;
		at += n;
		if (at == 4 * PIECE)
			tell(c->events, EV_READY, 0);
	}
}

static int receive_for_ever(const struct client *c, struct memnet_flow *f)
{
	uint8_t buf[PIECE];
	ssize_t n;

	for (uint64_t at = 0;; at += n) {
		n = memnet_recv(f, buf, sizeof(buf));
		if (n <= 0)
			return n;
		if (!is_right(buf, n, at))
			return -EBADMSG;
		if (!at)
			tell(c->events, EV_READY, 0);
	}
}

static int wait_for_ever(const struct client *c, struct memnet_flow *f)
{
	char byte;

	tell(c->events, EV_READY, 0);
	return memnet_recv(f, &byte, 1);
}

static int receive_piece(struct memnet_flow *f, uint64_t at, size_t len)
{
	uint8_t buf[PIECE];

	while (len) {
		ssize_t n = memnet_recv(f, buf, len);

		if (n <= 0)
			return n ? n : -EPIPE;
		if (!is_right(buf, n, at))
			return -EBADMSG;
		at += n;
		len -= n;
	}
	return 0;
}

static int echo(const struct client *c, struct memnet_flow *f)
{
	uint8_t buf[PIECE];
	int ret = 0;

	for (uint64_t at = 0; !ret && at < ECHO_BYTES; at += sizeof(buf)) {
		ssize_t n;

		fill(buf, sizeof(buf), at);
		n = memnet_send(f, buf, sizeof(buf));
		if (n != sizeof(buf))
			return n < 0 ? n : -EPIPE;
		ret = receive_piece(f, at, sizeof(buf));
	}
	if (!ret)
		ret = memnet_shutdown_send(f);
	return ret ? ret : memnet_recv(f, buf, 1);
}

static int run_stream(const struct client *c, struct memnet_flow *f)
{
	char mode = c->mode;
	ssize_t n = memnet_send(f, &mode, 1);

	if (n < 0)
		return n;
	switch (c->mode) {
	case MODE_SEND:
		return send_for_ever(c, f);
	case MODE_RECV:
		return receive_for_ever(c, f);
	case MODE_IDLE:
		return wait_for_ever(c, f);
	default:
		return echo(c, f);
	}
}

static void be_client(int events, const void *arg)
{
	struct client c = *(const struct client *)arg;
	struct memnet_flow *f;
	struct memnet *m = NULL;
	int ret;

	c.events = events;
	setenv(MN_AGENT_SOCKET_ENV, c.socket, 1);
	ret = memnet_open(&m);
	if (!ret)
		ret = memnet_connect(m, (const struct sockaddr *)&c.peer,
			     sizeof(struct sockaddr_in), &f);
	if (!ret) {
		ret = run_stream(&c, f);
		tell(events, EV_END, ret);
		memnet_close(f);
	} else {
		tell(events, EV_END, ret);
	}
	memnet_detach(m);
	_exit(0);
}

struct party client_start(const struct parties *p, const char *socket, enum mode mode)
{
	struct client c = {
		.mode = mode,
		.peer = { .sin_family = AF_INET, .sin_port = htons(p->port),
			  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};

	snprintf(c.socket, sizeof(c.socket), "%s/%s", p->dir, socket);
	return party_start(be_client, &c);
}

bool echo_works(const struct parties *p, const char *socket, int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	struct event e = { .error = -ETIMEDOUT };

	do {	/* a session that began just now may end once more */
		struct party c = client_start(p, socket, MODE_ECHO);

		if (!event_next(&c, &e, (deadline - mn_now_ns()) / NSEC_PER_MSEC))
			e.error = -ETIMEDOUT;
		if (!e.error) {
			waitpid(c.pid, NULL, 0);	/* it gives its channel back by itself */
			c.pid = -1;
		}
		party_end(&c);
	} while (e.error && e.error != -EBADMSG && mn_now_ns() < deadline);
	if (e.error)
		print_message("echo: %s\n", strerror(-e.error));
	return !e.error;
}
