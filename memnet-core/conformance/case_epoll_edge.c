/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7), EPOLLET: what is an edge, and what is none. */
#include <sys/epoll.h>

#include "memnet-core/conformance/conform.h"

static int add(int epfd, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
}

static uint32_t next(int epfd, int ms)
{
	struct epoll_event e = { 0 };

	return epoll_wait(epfd, &e, 1, ms) == 1 ? e.events : 0;
}

/* What was sent is read: for who does not ask for room that is nothing, and no reason to stay. */
static void of_room_unasked(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN | EPOLLRDHUP | EPOLLET));
	peer("send x");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	RET("1", recv(fd, buf, 8, 0));
	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
	EVENTS("none", next(epfd, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send y");
	EVENTS("IN", next(epfd, PATIENCE_MS));
}

/* Of bytes that came and were read between two looks nothing is to tell. */
static void of_bytes_read_unasked(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	peer("send x");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	RET("1", recv(fd, buf, 8, 0));
	peer("send y");
	RET("1", recv(fd, buf, 8, 0));
	EVENTS("none", next(epfd, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send z");
	EVENTS("IN", next(epfd, PATIENCE_MS));
}

/* The end is an edge of its own, also for who asks for bytes alone and has read them all. */
static void of_the_end(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	peer("send x");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	RET("1", recv(fd, buf, 8, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	peer_tell("sleep 50");
	peer_tell("shutdown");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	RET("0", recv(fd, buf, 8, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	peer_hear();
	peer_hear();
}

/* Each error that comes back is one. */
static void of_errors(int family)
{
	int fd = datagram_connected(family), epfd = MUST(epoll_create1(0));

	peer("unbind");
	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	for (int i = 0; i < 2; i++) {
		RET("1", send(fd, "x", 1, 0));
		YES(next(epfd, PATIENCE_MS) & EPOLLERR);
		NUMBER("111", int_option(fd, SOL_SOCKET, SO_ERROR));
		EVENTS("none", next(epfd, QUIET_MS));
	}
}

/* RDNORM and WRNORM have the edges of IN and OUT. */
static void of_other_names(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLRDNORM | EPOLLWRNORM | EPOLLET, .data.fd = fd };
	char buf[8];

	RET("0", add(epfd, fd, EPOLLRDNORM | EPOLLET));
	EVENTS("none", next(epfd, 0));
	peer_tell("sleep 50");
	peer_tell("send x");
	YES(next(epfd, PATIENCE_MS) == EPOLLRDNORM);
	peer_hear();
	peer_hear();
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send y");
	YES(next(epfd, PATIENCE_MS) == EPOLLRDNORM);
	RET("2", recv(fd, buf, 2, MSG_WAITALL));
	RET("0", epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &e));
	YES(next(epfd, PATIENCE_MS) == EPOLLWRNORM);
	EVENTS("none", next(epfd, QUIET_MS));
	e.events = EPOLLRDNORM | EPOLLIN | EPOLLOUT;
	RET("0", epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &e));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
}

/* A set that is polled says what epoll_wait() would. */
static void told_and_polled(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	peer("send x");
	NUMBER("1", readable(epfd));
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", events_now(epfd, POLLIN));
	peer("send y");
	NUMBER("1", readable(epfd));
}

/* An attempt that fails, and the next one of the same socket, end each with one. */
static void of_refusals(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)), port = peer_listens(family);
	int epfd = MUST(epoll_create1(0));
	struct addr to = peer_at(family, port);

	peer("unlisten");
	RET("0", add(epfd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
	EVENTS("OUT|HUP", next(epfd, PATIENCE_MS));
	for (int i = 0; i < 2; i++) {
		if (connect(fd, &to.any, to.len) && errno == EINPROGRESS)
			MUST(writable(fd));
		YES(next(epfd, PATIENCE_MS) & EPOLLHUP);
		EVENTS("none", next(epfd, QUIET_MS));
	}
}

const struct conform_case epoll_edge_cases[] = {
	{ "edge-room-unasked", of_room_unasked, "46" },
	{ "edge-bytes-unasked", of_bytes_read_unasked, "4" },
	{ "edge-end", of_the_end, "46" },
	{ "edge-errors", of_errors, "4" },
	{ "edge-refusals", of_refusals, "4" },
	{ "edge-other-names", of_other_names, "4" },
	{ "edge-polled", told_and_polled, "4" },
	{ 0 },
};
