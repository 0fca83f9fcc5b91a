/* SPDX-License-Identifier: BSD-2-Clause */
/* connect(2): both addresses, refusal, waiting or not, and what may not be connected. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "memnet-core/conformance/conform.h"

/* What the peer's accept() says: that of getsockname(), address and port. */
static bool peer_sees(const char *answer, int family, const struct addr *own)
{
	char host[64] = "";
	int port = 0;
	struct addr seen;

	sscanf(answer, "%63s %d", host, &port);
	seen = address(host, port);
	ADDR(with_port(AT(family, PEER), "own"), &seen);
	return port == port_of(own);
}

static void addresses(int family)
{
	struct addr to = peer_at(family, peer_listens(family)), own, peers;
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("0", connect(fd, &to.any, to.len));
	own = name_of(fd);
	name_port(port_of(&own), "own");
	ADDR(with_port(AT(family, PEER), "own"), &own);
	peers = peer_of(fd);
	ADDR(with_port(AT(family, PEER), "peer"), &peers);
	YES(peer_sees(peer("accept"), family, &own));
}

/* The address is cut to the room there is, and its real length told. */
static void address_cut(int family)
{
	int fd = stream_to_peer(family);
	struct addr a = { .len = 2 };

	RET("0", getpeername(fd, &a.any, &a.len));
	YES(a.len == (family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in4)));
	YES(a.any.sa_family == family);
	YES(!port_of(&a));
	a.len = -1;
	RET("-1 EINVAL", getpeername(fd, &a.any, &a.len));
}

static void refused(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	peer("unlisten");
	RET("-1 ECONNREFUSED", connect(fd, &to.any, to.len));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	RET("-1 ENOTCONN", getpeername(fd, &to.any, &to.len));
}

/* Linux lets the same socket try again. */
static void again_after_refused(int family)
{
	struct addr nobody = peer_at(family, peer_listens(family)), to;
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	peer("unlisten");
	RET("-1 ECONNREFUSED", connect(fd, &nobody.any, nobody.len));
	to = peer_at(family, peer_listens(family));
	RET("0", connect(fd, &to.any, to.len));
	peer("accept");
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

static void nonblocking(int family)
{
	struct addr to = peer_at(family, peer_listens(family)), peers;
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	NUMBER("1", writable(fd));
	EVENTS("OUT", events_now(fd, POLLIN | POLLOUT));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	peers = peer_of(fd);
	ADDR(with_port(AT(family, PEER), "peer"), &peers);
	/* Linux: the first connect() after success takes its result. */
	RET("0", connect(fd, &to.any, to.len));
	RET("-1 EISCONN", connect(fd, &to.any, to.len));
	peer("accept");
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

static void nonblocking_refused(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));

	peer("unlisten");
	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	NUMBER("1", writable(fd));
	EVENTS("IN|OUT|ERR|HUP", events_now(fd, POLLIN | POLLOUT));
	NUMBER("111", int_option(fd, SOL_SOCKET, SO_ERROR));	/* ECONNREFUSED */
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	EVENTS("IN|OUT|HUP", events_now(fd, POLLIN | POLLOUT));
}

/* Instead of SO_ERROR, the next call tells. */
static void nonblocking_refused_recv(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	char buf[8];

	peer("unlisten");
	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	NUMBER("1", writable(fd));
	RET("-1 ECONNREFUSED", recv(fd, buf, sizeof(buf), 0));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
}

static void already(int family)
{
	struct addr to = peer_at(family, peer_listens_full(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	char buf[8];

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	RET("-1 EALREADY", connect(fd, &to.any, to.len));
	EVENTS("none", events_now(fd, POLLIN | POLLOUT));
	RET("-1 EAGAIN", send(fd, "x", 1, 0));
	RET("-1 EAGAIN", recv(fd, buf, sizeof(buf), 0));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	RET("0", close(fd));
}

/* socket(7): SO_SNDTIMEO bounds connect(), which goes on. */
static void timeout(int family)
{
	struct addr to = peer_at(family, peer_listens_full(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	int64_t begin;

	MUST(set_timeout(fd, SO_SNDTIMEO, 100));
	begin = now_ms();
	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	YES(took_about(begin, 100));
	RET("-1 EALREADY", connect(fd, &to.any, to.len));
}

/* A socket that connects, and may wait again. */
static int under_way(int family, bool gets_there)
{
	struct addr to = peer_at(family, peer_listens_full(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	MUST(fcntl(fd, F_SETFL, 0));
	if (gets_there) {	/* once there is room, and the kernel asks again */
		peer_tell("sleep 50");
		peer_tell("accept");
		peer_tell("accept");
	}
	return fd;
}

/* What waits for the connection waits as long as for bytes, or for room. */
static void under_way_too_long(int family)
{
	int fd = under_way(family, false), file = MUST(open("/proc/self/exe", O_RDONLY));
	int64_t begin = now_ms();
	char buf[8];

	MUST(set_timeout(fd, SO_RCVTIMEO, 100));
	MUST(set_timeout(fd, SO_SNDTIMEO, 100));
	RET("-1 EAGAIN", send(fd, "x", 1, MSG_DONTWAIT));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_DONTWAIT));
	RET("-1 EAGAIN", send(fd, "x", 1, 0));
	YES(took_about(begin, 100));
	begin = now_ms();
	RET("-1 EAGAIN", recv(fd, buf, 8, 0));
	YES(took_about(begin, 100));
	begin = now_ms();
	RET("-1 EAGAIN", sendfile(fd, file, &(off_t){ 0 }, 8));
	YES(took_about(begin, 100));
}

static void under_way_sends(int family)
{
	int fd = under_way(family, true);

	RET("5", send(fd, "hello", 5, 0));
	for (int i = 0; i < 3; i++)
		peer_hear();
	peer("accept");
	PEER("hello", "recv 9");
}

static void under_way_receives(int family)
{
	int fd = under_way(family, true);
	char buf[8];

	peer_tell("accept");
	peer_tell("send hello");
	TEXT("hello", buf, RET("5", recv(fd, buf, 8, 0)));
}

static void under_way_sends_file(int family)
{
	int fd = under_way(family, true), file = MUST(open("/proc/self/exe", O_RDONLY));

	RET("3", sendfile(fd, file, &(off_t){ 1 }, 3));
	for (int i = 0; i < 3; i++)
		peer_hear();
	peer("accept");
	PEER("ELF", "recv 9");
}

static void twice(int family)
{
	int fd = stream_to_peer(family);
	struct addr to = peer_of(fd);

	RET("-1 EISCONN", connect(fd, &to.any, to.len));
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

static void listening(int family)
{
	struct addr at;
	int fd = listener(family, &at);

	RET("-1 EISCONN", connect(fd, &at.any, at.len));
}

static void bad_addresses(int family)
{
	struct addr to = peer_at(family, 1);
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("-1 EINVAL", connect(fd, &to.any, 4));
	RET("-1 EFAULT", connect(fd, NULL, to.len));
	to.any.sa_family = AF_APPLETALK;
	RET("-1 EAFNOSUPPORT", connect(fd, &to.any, to.len));
}

static void other_family(int family)
{
	struct addr to = peer_at(AF_INET6, 1);
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	RET("-1 EAFNOSUPPORT", connect(fd, &to.any, to.len));
}

static void port_zero(int family)
{
	struct addr to = peer_at(family, 0);
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("-1 ECONNREFUSED", connect(fd, &to.any, to.len));
}

/* Bound first: the connection comes from there. */
static void bound(int family)
{
	struct addr to = peer_at(family, peer_listens(family)), own = own_at(family, 0), after;
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("0", bind(fd, &own.any, own.len));
	own = name_of(fd);
	YES(port_of(&own));
	RET("0", connect(fd, &to.any, to.len));
	after = name_of(fd);
	YES(port_of(&after) == port_of(&own));
	name_port(port_of(&own), "own");
	ADDR(with_port(AT(family, OWN), "own"), &after);
	YES(atoi(strchr(peer("accept"), ' ')) == port_of(&own));
}

static void unconnected(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct addr a = { .len = sizeof(a.room) };
	char buf[8];

	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	RET("-1 ENOTCONN", recv(fd, buf, sizeof(buf), 0));
	RET("-1 ENOTCONN", shutdown(fd, SHUT_WR));
	RET("-1 ENOTCONN", getpeername(fd, &a.any, &a.len));
	a = name_of(fd);
	ADDR(with_port(family == AF_INET6 ? "[::]" : "0.0.0.0", "0"), &a);
}

/* connect(2): AF_UNSPEC dissolves the association. */
static void dissolve(int family)
{
	struct addr nothing = { .any.sa_family = AF_UNSPEC, .len = sizeof(struct sockaddr) }, to;
	int fd = stream_to_peer(family);

	RET("0", connect(fd, &nothing.any, nothing.len));
	RET("-1 ENOTCONN", getpeername(fd, &to.any, &(socklen_t){ sizeof(to.room) }));
	PEER("ECONNRESET", "recv 1");
	to = peer_at(family, peer_listens(family));
	RET("0", connect(fd, &to.any, to.len));
	peer("accept");
	RET("5", send(fd, "again", 5, 0));
	PEER("again", "recv 9");
}

/* ipv6(7): an IPv6 socket speaks IPv4 by mapped addresses. */
static void mapped(int family)
{
	struct addr to = address("::ffff:" PEER4, peer_listens(AF_INET)), a;
	int fd = MUST(socket(AF_INET6, SOCK_STREAM, 0));

	RET("0", connect(fd, &to.any, to.len));
	a = name_of(fd);
	name_port(port_of(&a), "own");
	ADDR("[::ffff:" PEER4 "]:own", &a);
	a = peer_of(fd);
	ADDR("[::ffff:" PEER4 "]:peer", &a);
	peer("accept");
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

static void mapped_refused_by_v6only(int family)
{
	struct addr to = address("::ffff:" PEER4, peer_listens(AF_INET));
	int fd = MUST(socket(AF_INET6, SOCK_STREAM, 0));

	RET("0", set_int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	RET("-1 ENETUNREACH", connect(fd, &to.any, to.len));
}

static void by_getaddrinfo(int family)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char port[8];
	int fd;

	snprintf(port, sizeof(port), "%d", peer_listens(family));
	RET("0", getaddrinfo(family == AF_INET6 ? PEER6 : PEER4, port, &hints, &found));
	if (!found)
		return;
	YES(found->ai_family == family && found->ai_protocol == IPPROTO_TCP && !found->ai_next);
	fd = NEWFD("fd", socket(found->ai_family, found->ai_socktype, found->ai_protocol));
	RET("0", connect(fd, found->ai_addr, found->ai_addrlen));
	freeaddrinfo(found);
	peer("accept");
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
}

/* One after the other, each closed: nothing runs out. */
static void many_in_turn(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int good = 0;
	char buf[8];

	for (int i = 0; i < 100; i++) {
		int fd = MUST(socket(family, SOCK_STREAM, 0));

		MUST(connect(fd, &to.any, to.len));
		peer("accept");
		peer("send %d", i);
		buf[MUST(recv(fd, buf, sizeof(buf) - 1, 0))] = '\0';
		good += atoi(buf) == i;
		peer("close");
		close(fd);
	}
	NUMBER("100", good);
}

const struct conform_case connect_cases[] = {
	{ "connect-addresses", addresses, "46" },
	{ "connect-address-cut", address_cut, "46" },
	{ "connect-refused", refused, "46" },
	{ "connect-again-after-refused", again_after_refused, "4" },
	{ "connect-nonblocking", nonblocking, "46" },
	{ "connect-nonblocking-refused", nonblocking_refused, "46" },
	{ "connect-nonblocking-refused-recv", nonblocking_refused_recv, "4" },
	{ "connect-already", already, "4" },
	{ "connect-timeout", timeout, "4" },
	{ "connect-under-way-too-long", under_way_too_long, "4" },
	{ "connect-under-way-sends", under_way_sends, "4" },
	{ "connect-under-way-receives", under_way_receives, "4" },
	{ "connect-under-way-sends-file", under_way_sends_file, "4" },
	{ "connect-twice", twice, "46" },
	{ "connect-listening", listening, "4" },
	{ "connect-bad-addresses", bad_addresses, "46" },
	{ "connect-other-family", other_family, "" },
	{ "connect-port-zero", port_zero, "46" },
	{ "connect-bound", bound, "46" },
	{ "connect-unconnected", unconnected, "46" },
	{ "connect-dissolve", dissolve, "4" },
	{ "connect-mapped", mapped, "" },
	{ "connect-mapped-refused-by-v6only", mapped_refused_by_v6only, "" },
	{ "connect-by-getaddrinfo", by_getaddrinfo, "46" },
	{ "connect-many-in-turn", many_in_turn, "4" },
	{ 0 },
};
