/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners that end, and connections that end before they are accepted. */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/conformance/conform.h"

static const char *connect_answer(const struct addr *at)
{
	char command[80];

	snprintf(command, sizeof(command), "connect %s %d", OWN4, port_of(at));
	return peer_answer(command);
}

static void closed_refuses(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	RET("0", close(listening));
	sleep_ms(QUIET_MS);
	TEXT("ECONNREFUSED", connect_answer(&at), 12);
}

/* Bound alone does not answer. */
static void bound_refuses(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct addr at = own_at(family, 0);

	RET("0", bind(fd, &at.any, at.len));
	at = name_of(fd);
	TEXT("ECONNREFUSED", connect_answer(&at), 12);
}

/* Who was not accepted yet is reset. */
static void closed_resets(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	peer_connects(&at);
	RET("0", close(listening));
	PEER("ECONNRESET", "recv 1");
}

static void closed_keeps_accepted(int family)
{
	int fd = stream_from_peer(family);	/* its listener is closed */

	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

static void shut_down(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	RET("0", shutdown(listening, SHUT_RD));
	EVENTS("OUT|HUP", events_now(listening, POLLIN | POLLOUT | POLLRDHUP));
	RET("-1 EINVAL", accept(listening, NULL, NULL));
	TEXT("ECONNREFUSED", connect_answer(&at), 12);
}

/* Whoever has seen the end of a server finds its name free. */
static void exit_closes(int family)
{
	struct addr at;
	int refused = 0;

	close(listener(family, &at));
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			int fd = socket(family, SOCK_STREAM, 0);

			MUST(set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
			MUST(bind(fd, &at.any, at.len));
			exit(listen(fd, 5));
		}
		NUMBER("0", ended_with(pid));
		refused += !strcmp(connect_answer(&at), "ECONNREFUSED");
	}
	NUMBER("20", refused);
}

static void accept_ended(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;
	char buf[8];

	peer_connects(&at);
	peer("send last");
	peer("close");
	sleep_ms(QUIET_MS);
	fd = NEWFD("fd", accept(listening, NULL, NULL));
	TEXT("last", buf, RET("4", recv(fd, buf, 8, 0)));
	RET("0", recv(fd, buf, 8, 0));
}

/* Linux accepts what was reset meanwhile; reading tells. */
static void accept_reset(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;
	char buf[8];

	peer_connects(&at);
	peer("reset");
	sleep_ms(QUIET_MS);
	fd = NEWFD("fd", accept(listening, NULL, NULL));
	RET("-1 ECONNRESET", recv(fd, buf, 8, 0));
}

/* tcp(7), socket(7): the accepted one has the options of the listener. */
static void options_inherited(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;
	struct timeval t = { 0 };

	RET("0", set_int_option(listening, IPPROTO_TCP, TCP_NODELAY, 1));
	RET("0", set_int_option(listening, SOL_SOCKET, SO_KEEPALIVE, 1));
	RET("0", set_int_option(listening, SOL_SOCKET, SO_RCVBUF, 40000));
	RET("0", set_timeout(listening, SO_RCVTIMEO, 2000));
	peer_connects(&at);
	fd = NEWFD("fd", accept(listening, NULL, NULL));
	NUMBER("1", int_option(fd, IPPROTO_TCP, TCP_NODELAY));
	NUMBER("1", int_option(fd, SOL_SOCKET, SO_KEEPALIVE));
	NUMBER("80000", int_option(fd, SOL_SOCKET, SO_RCVBUF));
	RET("0", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &(socklen_t){ sizeof(t) }));
	NUMBER("2", t.tv_sec);
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

/* Also how it is to be closed. */
static void reset_inherited(int family)
{
	struct linger now = { .l_onoff = 1 };
	struct addr at;
	int listening = listener(family, &at);

	RET("0", setsockopt(listening, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	peer_connects(&at);
	RET("0", close(NEWFD("fd", accept(listening, NULL, NULL))));
	PEER("ECONNRESET", "recv 9");
}

static void wrong_calls(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	char buf[4];

	RET("-1 ENOTCONN", recv(listening, buf, 4, 0));
	RET("-1 EPIPE", send(listening, "x", 1, MSG_NOSIGNAL));
	RET("-1 ENOTCONN", getpeername(listening, &at.any, &at.len));
}

/* Two sockets accepted from one listener have nothing in common. */
static void independent(int family)
{
	struct addr at;
	int listening = listener(family, &at), one, two;
	char buf[8];

	peer_connects(&at);
	one = NEWFD("fd", accept(listening, NULL, NULL));
	peer_connects(&at);
	two = NEWFD("fd", accept(listening, NULL, NULL));
	RET("0", close(one));
	PEER("3", "send two");
	TEXT("two", buf, RET("3", recv(two, buf, 8, 0)));
	PEER("0", "use 0");
	PEER("eof", "recv 9");
}

const struct conform_case listen_end_cases[] = {
	{ "listen-closed-refuses", closed_refuses, "4" },
	{ "listen-bound-refuses", bound_refuses, "4" },
	{ "listen-closed-resets", closed_resets, "46" },
	{ "listen-closed-keeps-accepted", closed_keeps_accepted, "46" },
	{ "listen-shut-down", shut_down, "4" },
	{ "listen-exit-closes", exit_closes, "4" },
	{ "listen-accept-ended", accept_ended, "46" },
	{ "listen-accept-reset", accept_reset, "4" },
	{ "listen-options-inherited", options_inherited, "4" },
	{ "listen-reset-inherited", reset_inherited, "4" },
	{ "listen-wrong-calls", wrong_calls, "4" },
	{ "listen-independent", independent, "46" },
	{ 0 },
};
