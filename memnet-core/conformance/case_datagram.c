/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams: whole or cut, from whom, to whom, refused. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "memnet-core/conformance/conform.h"

static void sendto_recvfrom(int family)
{
	struct addr to, from = { .len = sizeof(from.room) };
	int fd = datagram(family, &to);
	char buf[16];

	RET("5", sendto(fd, "hello", 5, 0, &to.any, to.len));
	PEER("hello", "recvfrom");
	PEER("4", "reply back");
	TEXT("back", buf, RET("4", recvfrom(fd, buf, 16, 0, &from.any, &from.len)));
	ADDR(with_port(AT(family, PEER), "peer"), &from);
}

/* Sending gives an unbound socket a port; getsockname() tells it. */
static void implicit_port(int family)
{
	struct addr to = peer_at(family, peer_binds(family)), own;
	int fd = MUST(socket(family, SOCK_DGRAM, 0));
	char buf[16];

	own = name_of(fd);
	ADDR(with_port(family == AF_INET6 ? "[::]" : "0.0.0.0", "0"), &own);
	RET("5", sendto(fd, "hello", 5, 0, &to.any, to.len));
	own = name_of(fd);
	YES(port_of(&own));
	name_port(port_of(&own), "own");
	ADDR(with_port(family == AF_INET6 ? "[::]" : "0.0.0.0", "own"), &own);
	PEER("hello", "recvfrom");
	PEER("4", "reply back");
	TEXT("back", buf, RET("4", recv(fd, buf, 16, 0)));
}

static void connected(int family)
{
	int fd = datagram_connected(family);
	struct addr a = peer_of(fd), from = { .len = sizeof(from.room) };
	char buf[16];

	ADDR(with_port(AT(family, PEER), "peer"), &a);
	a = name_of(fd);
	ADDR(with_port(AT(family, OWN), "own"), &a);
	RET("5", write(fd, "hello", 5));
	PEER("hello", "recvfrom");
	PEER("4", "reply back");
	TEXT("back", buf, RET("4", recvfrom(fd, buf, 16, 0, &from.any, &from.len)));
	ADDR(with_port(AT(family, PEER), "peer"), &from);
	PEER("4", "reply more");
	TEXT("more", buf, RET("4", read(fd, buf, 16)));
}

static void connect_chooses(int family)
{
	struct addr to = peer_at(family, peer_binds(family)), own;
	int fd = MUST(socket(family, SOCK_DGRAM, 0));

	RET("0", connect(fd, &to.any, to.len));
	own = name_of(fd);
	name_port(port_of(&own), "own");
	ADDR(with_port(AT(family, PEER), "own"), &own);
}

static void boundaries(int family)
{
	int fd = datagram_connected(family);
	char buf[16];

	RET("3", send(fd, "one", 3, 0));
	RET("5", send(fd, "three", 5, 0));
	PEER("one", "recvfrom");
	PEER("three", "recvfrom");
	peer("reply four");
	peer("reply ab");
	TEXT("four", buf, RET("4", recv(fd, buf, 16, 0)));
	TEXT("ab", buf, RET("2", recv(fd, buf, 16, 0)));
	RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
}

/* The end loses nothing that was sent. */
static void sent_and_closed(int family)
{
	int fd = datagram_connected(family);

	RET("5", send(fd, "first", 5, 0));
	RET("6", send(fd, "second", 6, 0));
	RET("5", send(fd, "third", 5, 0));
	RET("0", close(fd));
	PEER("first", "recvfrom");
	PEER("second", "recvfrom");
	PEER("third", "recvfrom");
}

/* What does not fit is lost. */
static void cut(int family)
{
	int fd = datagram_connected(family);
	char buf[16];

	peer("reply abcdefgh");
	peer("reply next");
	TEXT("abc", buf, RET("3", recv(fd, buf, 3, 0)));
	TEXT("next", buf, RET("4", recv(fd, buf, 16, 0)));
}

static void cut_told(int family)
{
	int fd = datagram_connected(family);
	char buf[16];
	struct iovec iov = { buf, 3 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	peer("reply abcdefgh");
	RET("3", recvmsg(fd, &m, 0));
	YES(m.msg_flags == MSG_TRUNC);
	peer("reply abcdefgh");
	RET("8", recv(fd, buf, 3, MSG_TRUNC));
	TEXT("abc", buf, 3);
	peer("reply abcdefgh");
	RET("8", recv(fd, buf, 0, MSG_TRUNC | MSG_PEEK));	/* how servers ask for the size */
	RET("8", recv(fd, buf, 16, 0));
	m.msg_flags = -1;
	iov.iov_len = 16;
	peer("reply whole");
	RET("5", recvmsg(fd, &m, 0));
	NUMBER("0", m.msg_flags);
}

static void peek(int family)
{
	int fd = datagram_connected(family);
	char buf[16];

	peer("reply one");
	peer("reply three");
	TEXT("on", buf, RET("2", recv(fd, buf, 2, MSG_PEEK)));
	TEXT("one", buf, RET("3", recv(fd, buf, 16, MSG_PEEK)));
	TEXT("one", buf, RET("3", recv(fd, buf, 16, 0)));
	TEXT("three", buf, RET("5", recv(fd, buf, 16, 0)));
}

static void empty(int family)
{
	int fd = datagram_connected(family), n = -1;
	char buf[16];

	RET("0", send(fd, "", 0, 0));
	PEER("empty", "recvfrom");
	PEER("0", "reply ");
	NUMBER("1", readable(fd));
	RET("0", ioctl(fd, FIONREAD, &n));
	NUMBER("0", n);
	RET("0", recv(fd, buf, 16, 0));
	RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
}

static void waitall(int family)
{
	int fd = datagram_connected(family);
	char buf[16];

	peer("reply one");
	RET("3", recv(fd, buf, 16, MSG_WAITALL));	/* one datagram is all */
}

static void large(int family)
{
	int fd = datagram_connected(family);
	static char buf[65536];

	RET("60000", send(fd, buf, 60000, 0));
	PEER("60000", "recvfrom");
	RET("65507", send(fd, buf, 65507, 0));
	PEER("65507", "recvfrom");
	RET("-1 EMSGSIZE", send(fd, buf, 65536, 0));
}

static void fionread(int family)
{
	int fd = datagram_connected(family), n = -1;

	peer("reply one");
	peer("reply three");
	NUMBER("1", readable(fd));
	RET("0", ioctl(fd, FIONREAD, &n));
	NUMBER("3", n);	/* that of the next, udp(7) */
}

static void no_destination(int family)
{
	int fd = MUST(socket(family, SOCK_DGRAM, 0));
	struct addr a;

	RET("-1 EDESTADDRREQ", send(fd, "x", 1, 0));
	RET("-1 EDESTADDRREQ", write(fd, "x", 1));
	RET("-1 ENOTCONN", getpeername(fd, &a.any, &(socklen_t){ sizeof(a.room) }));
	RET("-1 ENOTCONN", shutdown(fd, SHUT_RD));
}

/* A connected one hears only whom it is connected to. */
static void filter(int family)
{
	int fd = datagram_connected(family);
	struct addr own = name_of(fd);
	char buf[16];

	peer("other %s %d stranger", family == AF_INET6 ? OWN6 : OWN4, port_of(&own));
	peer("reply friend");
	TEXT("friend", buf, RET("6", recv(fd, buf, 16, 0)));
	RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
}

static void no_filter(int family)
{
	struct addr to, own, from = { .len = sizeof(from.room) };
	int fd = datagram(family, &to);
	char buf[16];

	own = name_of(fd);
	peer("other %s %d stranger", family == AF_INET6 ? OWN6 : OWN4, port_of(&own));
	TEXT("stranger", buf, RET("8", recvfrom(fd, buf, 16, 0, &from.any, &from.len)));
	YES(port_of(&from) && port_of(&from) != port_of(&to));
}

/* A connected one may still send elsewhere. */
static void sendto_other(int family)
{
	int fd = datagram_connected(family);
	struct addr other = peer_at(family, peer_binds(family));

	RET("5", sendto(fd, "other", 5, 0, &other.any, other.len));
	PEER("other", "recvfrom");
}

static void refused(int family)
{
	int fd = datagram_connected(family);
	char buf[16];

	PEER("0", "unbind");
	RET("1", send(fd, "x", 1, 0));
	EVENTS("OUT|ERR", events_once(fd, POLLIN | POLLOUT, POLLERR));
	RET("-1 ECONNREFUSED", recv(fd, buf, 16, 0));
	RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
}

static void refused_so_error(int family)
{
	int fd = datagram_connected(family);

	PEER("0", "unbind");
	RET("1", send(fd, "x", 1, 0));
	events_once(fd, POLLIN | POLLOUT, POLLERR);
	NUMBER("111", int_option(fd, SOL_SOCKET, SO_ERROR));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	RET("1", send(fd, "x", 1, 0));
}

/* Who is not connected is not told. */
static void refused_unconnected(int family)
{
	struct addr to;
	int fd = datagram(family, &to);
	char buf[16];

	PEER("0", "unbind");
	RET("1", sendto(fd, "x", 1, 0, &to.any, to.len));
	sleep_ms(QUIET_MS);
	RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
	RET("1", sendto(fd, "x", 1, 0, &to.any, to.len));
}

/* 203.0.113.0/24 is not there, and no policy allows it: whatever that call says, others go on. */
static void of_another_address(int family)
{
	struct addr to, nowhere = address("203.0.113.9", 53);
	int fd = datagram(family, &to), epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	char buf[16];

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
	MUST(epoll_wait(epfd, &e, 1, PATIENCE_MS));
	for (int i = 0; i < 2; i++) {
		sendto(fd, "x", 1, 0, &nowhere.any, nowhere.len);
		sleep_ms(QUIET_MS);
		EVENTS("OUT", events_now(fd, POLLIN | POLLOUT));
		NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
		RET("-1 EAGAIN", recv(fd, buf, 16, MSG_DONTWAIT));
		RET("5", sendto(fd, "hello", 5, 0, &to.any, to.len));
		PEER("hello", "recvfrom");
	}
	PEER("4", "reply back");
	RET("4", recv(fd, buf, 16, 0));
}

/* Who speaks to one alone learns that it is not heard, at the latest the second time. */
static void of_the_only_address(int family)
{
	struct addr nowhere = address("203.0.113.9", 53);
	int fd = MUST(socket(family, SOCK_DGRAM, 0));

	sendto(fd, "x", 1, 0, &nowhere.any, nowhere.len);
	sleep_ms(QUIET_MS);
	YES(sendto(fd, "x", 1, 0, &nowhere.any, nowhere.len) < 0);
}

static void connect_again(int family)
{
	struct addr nothing = { .any.sa_family = AF_UNSPEC, .len = sizeof(struct sockaddr) }, a;
	int fd = datagram_connected(family);
	struct addr to = peer_at(family, peer_binds(family));

	RET("0", connect(fd, &to.any, to.len));
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recvfrom");
	RET("0", connect(fd, &nothing.any, nothing.len));
	RET("-1 ENOTCONN", getpeername(fd, &a.any, &(socklen_t){ sizeof(a.room) }));
	RET("-1 EDESTADDRREQ", send(fd, "x", 1, 0));
	RET("5", sendto(fd, "still", 5, 0, &to.any, to.len));
	PEER("still", "recvfrom");
}

const struct conform_case datagram_cases[] = {
	{ "datagram-sendto-recvfrom", sendto_recvfrom, "46" },
	{ "datagram-implicit-port", implicit_port, "46" },
	{ "datagram-connected", connected, "46" },
	{ "datagram-connect-chooses", connect_chooses, "46" },
	{ "datagram-boundaries", boundaries, "46" },
	{ "datagram-sent-and-closed", sent_and_closed, "46" },
	{ "datagram-cut", cut, "4" },
	{ "datagram-cut-told", cut_told, "4" },
	{ "datagram-peek", peek, "4" },
	{ "datagram-empty", empty, "46" },
	{ "datagram-waitall", waitall, "4" },
	{ "datagram-large", large, "46" },
	{ "datagram-fionread", fionread, "4" },
	{ "datagram-no-destination", no_destination, "46" },
	{ "datagram-filter", filter, "46" },
	{ "datagram-no-filter", no_filter, "4" },
	{ "datagram-sendto-other", sendto_other, "4" },
	{ "datagram-refused", refused, "46" },
	{ "datagram-refused-so-error", refused_so_error, "4" },
	{ "datagram-refused-unconnected", refused_unconnected, "4" },
	{ "datagram-denied-another", of_another_address, "4" },
	{ "datagram-denied-only", of_the_only_address, "4" },
	{ "datagram-connect-again", connect_again, "4" },
	{ 0 },
};
