/* SPDX-License-Identifier: BSD-2-Clause */
/* bind(2), listen(2), accept(2): whose address it is, who has it, and who comes. */
#include <stdlib.h>
#include <string.h>

#include "memnet-core/conformance/conform.h"

static void accepts(int family)
{
	struct addr at, from = { .len = sizeof(from.room) }, a;
	int listening = listener(family, &at), fd;
	char buf[8];

	ADDR(with_port(AT(family, OWN), "own"), &at);
	peer_connects(&at);
	fd = NEWFD("fd", accept(listening, &from.any, &from.len));
	ADDR(with_port(AT(family, PEER), "peer"), &from);
	a = peer_of(fd);
	ADDR(with_port(AT(family, PEER), "peer"), &a);
	a = name_of(fd);
	ADDR(with_port(AT(family, OWN), "own"), &a);
	PEER("5", "send hello");
	TEXT("hello", buf, RET("5", recv(fd, buf, 8, 0)));
	RET("4", send(fd, "back", 4, 0));
	PEER("back", "recv 9");
}

/* bind(2): port 0 is one that is free, and getsockname() tells it. */
static void port_zero(int family)
{
	int one = MUST(socket(family, SOCK_STREAM, 0)), two = MUST(socket(family, SOCK_STREAM, 0));
	struct addr at = own_at(family, 0), a, b;

	RET("0", bind(one, &at.any, at.len));
	RET("0", bind(two, &at.any, at.len));
	a = name_of(one);
	b = name_of(two);
	YES(port_of(&a) >= 1024);
	YES(port_of(&a) != port_of(&b));
	name_port(port_of(&a), "own");
	ADDR(with_port(AT(family, OWN), "own"), &a);
}

static void chosen_port(int family)
{
	struct addr at = own_at(family, 29118), a;
	int listening = MUST(socket(family, SOCK_STREAM, 0));

	name_port(29118, "29118");
	MUST(set_int_option(listening, SOL_SOCKET, SO_REUSEADDR, 1));
	RET("0", bind(listening, &at.any, at.len));
	RET("0", listen(listening, 5));
	a = name_of(listening);
	ADDR(with_port(AT(family, OWN), "29118"), &a);
	peer_connects(&at);
	NEWFD("fd", accept(listening, NULL, NULL));
}

static void any_address(int family)
{
	struct addr at = any_at(family, 0), to;
	int listening = MUST(socket(family, SOCK_STREAM, 0)), fd;

	RET("0", bind(listening, &at.any, at.len));
	RET("0", listen(listening, 5));
	at = name_of(listening);
	name_port(port_of(&at), "own");
	ADDR(with_port(family == AF_INET6 ? "[::]" : "0.0.0.0", "own"), &at);
	to = own_at(family, port_of(&at));
	peer_connects(&to);
	fd = NEWFD("fd", accept(listening, NULL, NULL));
	at = name_of(fd);
	ADDR(with_port(AT(family, OWN), "own"), &at);
}

/* listen() without bind() is at a port of its own, of any address. */
static void unbound(int family)
{
	int listening = MUST(socket(family, SOCK_STREAM, 0));
	struct addr at, to;

	RET("0", listen(listening, 5));
	at = name_of(listening);
	YES(port_of(&at));
	to = own_at(family, port_of(&at));
	peer_connects(&to);
	NEWFD("fd", accept(listening, NULL, NULL));
}

static void in_use(int family)
{
	struct addr at;
	int first = listener(family, &at), fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
	MUST(set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
	close(first);
	RET("0", bind(fd, &at.any, at.len));
}

static void in_use_by_any(int family)
{
	struct addr at;
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	listener(family, &at);
	at = any_at(family, port_of(&at));
	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
}

/* A process that the guest does not know has the port. */
static void in_use_by_host(int family)
{
	struct addr at = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
}

static void free_after_close(int family)
{
	struct addr at;
	int fd, listening = listener(family, &at);

	close(listening);
	fd = MUST(socket(family, SOCK_STREAM, 0));
	RET("0", bind(fd, &at.any, at.len));
	RET("0", listen(fd, 5));
}

/* A server restarts: its connection is in TIME_WAIT, as it closed first. */
static void reuseaddr(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;

	MUST(set_int_option(listening, SOL_SOCKET, SO_REUSEADDR, 1));
	peer_connects(&at);
	fd = MUST(accept(listening, NULL, NULL));
	RET("0", shutdown(fd, SHUT_WR));
	PEER("eof", "recv 9");
	PEER("0", "close");
	NUMBER("1", readable(fd));
	close(fd);
	close(listening);
	sleep_ms(QUIET_MS);
	fd = MUST(socket(family, SOCK_STREAM, 0));
	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
	RET("0", set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	RET("0", bind(fd, &at.any, at.len));
	RET("0", listen(fd, 5));
	peer_connects(&at);
	NEWFD("fd", accept(fd, NULL, NULL));
}

/* Only when both say so. */
static void reuseport(int family)
{
	struct addr at = own_at(family, 0);
	int one = MUST(socket(family, SOCK_STREAM, 0)), two = MUST(socket(family, SOCK_STREAM, 0));

	RET("0", set_int_option(one, SOL_SOCKET, SO_REUSEPORT, 1));
	RET("0", bind(one, &at.any, at.len));
	RET("0", listen(one, 5));
	at = name_of(one);
	RET("-1 EADDRINUSE", bind(two, &at.any, at.len));
	RET("0", set_int_option(two, SOL_SOCKET, SO_REUSEPORT, 1));
	RET("0", bind(two, &at.any, at.len));
	RET("0", listen(two, 5));
}

static void bad_binds(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct addr at = own_at(family, 0), other = address("203.0.113.1", 0);

	if (family == AF_INET6)
		other = address("2001:db8::1", 0);
	RET("-1 EADDRNOTAVAIL", bind(fd, &other.any, other.len));
	RET("-1 EINVAL", bind(fd, &at.any, 4));
	RET("0", bind(fd, &at.any, at.len));
	RET("-1 EINVAL", bind(fd, &at.any, at.len));	/* once is enough */
}

static void bind_connected(int family)
{
	int fd = stream_to_peer(family);
	struct addr at = own_at(family, 0);

	RET("-1 EINVAL", bind(fd, &at.any, at.len));
	RET("-1 EINVAL", listen(fd, 5));
}

static void accept_nonblocking(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;

	MUST(set_nonblocking(listening));
	RET("-1 EAGAIN", accept(listening, NULL, NULL));
	EVENTS("none", events_now(listening, POLLIN | POLLOUT));
	peer_connects(&at);
	NUMBER("1", readable(listening));
	EVENTS("IN", events_now(listening, POLLIN | POLLOUT));
	fd = NEWFD("fd", accept(listening, NULL, NULL));
	YES(!(fcntl(fd, F_GETFL) & O_NONBLOCK));	/* not inherited in Linux */
	RET("-1 EAGAIN", accept(listening, NULL, NULL));
}

static void accept_waits(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	peer_tell("sleep 100");
	peer_tell("connect %s %d", OWN4, port_of(&at));
	NEWFD("fd", accept(listening, NULL, NULL));
}

static void accept4_flags(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;
	char buf[4];

	peer_connects(&at);
	fd = NEWFD("fd", accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	YES(fcntl(fd, F_GETFL) & O_NONBLOCK);
	YES(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	RET("-1 EAGAIN", recv(fd, buf, 4, 0));
	peer_connects(&at);
	fd = NEWFD("fd", accept4(listening, NULL, NULL, 0));
	YES(!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
	RET("-1 EINVAL", accept4(listening, NULL, NULL, 1 << 30));
}

static void accept_address_cut(int family)
{
	struct addr at, from = { .len = 4 };
	int listening = listener(family, &at);

	peer_connects(&at);
	NEWFD("fd", accept(listening, &from.any, &from.len));
	YES(from.len == (family == AF_INET6 ? sizeof(from.in6) : sizeof(from.in4)));
	YES(from.any.sa_family == family);
}

static void accept_timeout(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	int64_t begin;

	MUST(set_timeout(listening, SO_RCVTIMEO, 100));
	begin = now_ms();
	RET("-1 EAGAIN", accept(listening, NULL, NULL));
	YES(took_about(begin, 100));
}

/* Those who come before accept() wait in order, with their bytes. */
static void queue(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	char buf[8];

	for (int i = 0; i < 3; i++) {
		peer_connects(&at);
		peer("send no %d", i);
	}
	for (int i = 0; i < 3; i++) {
		int fd = MUST(accept(listening, NULL, NULL));

		buf[MUST(recv(fd, buf, 7, 0))] = '\0';
		YES(atoi(buf + 3) == i);
	}
}

static void many(int family)
{
	struct addr at, from = { 0 }, own;
	int listening = listener(family, &at), good = 0;

	for (int i = 0; i < 50; i++)
		peer_connects(&at);
	for (int i = 0; i < 50; i++) {
		int fd;

		from.len = sizeof(from.room);
		fd = MUST(accept(listening, &from.any, &from.len));
		own = name_of(fd);
		peer("use %d", i);
		MUST(send(fd, "hello", 5, 0));
		good += !strcmp(peer("recv 9"), "hello") && port_of(&own) == port_of(&at);
	}
	NUMBER("50", good);
}

static void not_listening(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct addr at = own_at(family, 0);

	RET("-1 EINVAL", accept(fd, NULL, NULL));
	RET("0", bind(fd, &at.any, at.len));
	RET("-1 EINVAL", accept(fd, NULL, NULL));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	RET("0", listen(fd, 5));
	NUMBER("1", int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	RET("0", listen(fd, 50));	/* the backlog may change */
}

/* ipv6(7): :: is for both families, unless IPV6_V6ONLY. */
static void dual_stack(int family)
{
	struct addr at = any_at(AF_INET6, 0), to, from = { .len = sizeof(from.room) };
	int listening = MUST(socket(AF_INET6, SOCK_STREAM, 0)), fd;

	RET("0", bind(listening, &at.any, at.len));
	RET("0", listen(listening, 5));
	at = name_of(listening);
	name_port(port_of(&at), "own");
	to = own_at(AF_INET, port_of(&at));
	peer_connects(&to);
	fd = NEWFD("fd", accept(listening, &from.any, &from.len));
	ADDR("[::ffff:" PEER4 "]:peer", &from);
	at = name_of(fd);
	ADDR("[::ffff:" OWN4 "]:own", &at);
}

static void v6only(int family)
{
	struct addr at;
	int six, four, ret;

	/* The port that the kernel chooses of IPv6 may be somebody's of IPv4. */
	for (int i = 0; i < 20; i++) {
		six = MUST(socket(AF_INET6, SOCK_STREAM, 0));
		four = MUST(socket(AF_INET, SOCK_STREAM, 0));
		at = any_at(AF_INET6, 0);
		MUST(set_int_option(six, IPPROTO_IPV6, IPV6_V6ONLY, 1));
		MUST(bind(six, &at.any, at.len));
		MUST(listen(six, 5));
		at = name_of(six);
		at = any_at(AF_INET, port_of(&at));
		ret = bind(four, &at.any, at.len);
		if (!ret || errno != EADDRINUSE)
			break;
		close(six);
		close(four);
	}
	RET("0", ret);
	RET("0", listen(four, 5));
}

const struct conform_case listen_cases[] = {
	{ "listen-accepts", accepts, "46" },
	{ "listen-port-zero", port_zero, "46" },
	{ "listen-chosen-port", chosen_port, "46" },
	{ "listen-any-address", any_address, "46" },
	{ "listen-unbound", unbound, "46" },
	{ "listen-in-use", in_use, "46" },
	{ "listen-in-use-by-any", in_use_by_any, "4" },
	{ "listen-in-use-by-host", in_use_by_host, "46" },
	{ "listen-free-after-close", free_after_close, "46" },
	{ "listen-reuseaddr", reuseaddr, "4" },
	{ "listen-reuseport", reuseport, "4" },
	{ "listen-bad-binds", bad_binds, "46" },
	{ "listen-bind-connected", bind_connected, "4" },
	{ "listen-accept-nonblocking", accept_nonblocking, "46" },
	{ "listen-accept-waits", accept_waits, "4" },
	{ "listen-accept4-flags", accept4_flags, "4" },
	{ "listen-accept-address-cut", accept_address_cut, "46" },
	{ "listen-accept-timeout", accept_timeout, "4" },
	{ "listen-queue", queue, "46" },
	{ "listen-many", many, "46" },
	{ "listen-not-listening", not_listening, "46" },
	{ "listen-dual-stack", dual_stack, "" },
	{ "listen-v6only", v6only, "" },
	{ 0 },
};
