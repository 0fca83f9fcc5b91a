/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7): level, edge, one-shot, and what is told of each state. */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "memnet-core/conformance/conform.h"

static int control(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	return epoll_ctl(epfd, op, fd, &e);
}

static int add(int epfd, int fd, uint32_t events)
{
	return control(epfd, EPOLL_CTL_ADD, fd, events, fd);
}

/* One event within a time, or 0 events. */
static uint32_t next(int epfd, int ms)
{
	struct epoll_event e = { 0 };

	return epoll_wait(epfd, &e, 1, ms) == 1 ? e.events : 0;
}

static void level(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send abc");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("IN", next(epfd, 0));
	MUST(recv(fd, buf, 2, 0));
	EVENTS("IN", next(epfd, 0));
	MUST(recv(fd, buf, 2, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	NUMBER("0", rescues());
}

static void level_out(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLOUT));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	EVENTS("OUT", next(epfd, 0));
	peer("send x");
	NUMBER("1", readable(fd));
	EVENTS("IN|OUT", next(epfd, 0));
}

static void edge(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	EVENTS("none", next(epfd, 0));
	peer("send abc");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));	/* told once */
	MUST(recv(fd, buf, 1, 0));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send def");			/* more is told, although some was left */
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, 0));
	MUST(recv(fd, buf, 8, 0));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_DONTWAIT));
	peer("send ghi");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	NUMBER("0", rescues());
}

static void edge_out(int family)
{
	static char block[1 << 20];
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	size_t out = 0;
	ssize_t n;

	MUST(set_nonblocking(fd));
	RET("0", add(epfd, fd, EPOLLOUT | EPOLLET));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	pattern_fill(block, sizeof(block), 0, SEED_GUEST);
	while ((n = send(fd, block + out % sizeof(block), 4096, 0)) > 0)
		out += n - n % 4096;
	YES(n < 0 && errno == EAGAIN);	/* a moment later there may be room: it is on its way */
	while (next(epfd, QUIET_MS))
		;	/* what went on meanwhile */
	while ((n = send(fd, block, 4096, 0)) > 0)
		;
	peer_tell("ending");
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	YES(send(fd, "x", 1, 0) == 1);
}

/* What holds when it is added is an edge. */
static void edge_added_late(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	peer("send x");
	NUMBER("1", readable(fd));
	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	/* EPOLL_CTL_MOD looks anew */
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 0));
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
}

static void one_shot(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLONESHOT));
	peer("send abc");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("send def");
	EVENTS("none", next(epfd, QUIET_MS));
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 0));
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	RET("-1 EEXIST", add(epfd, fd, EPOLLIN));	/* it is still there */
}

static void modify(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	struct epoll_event e;

	RET("0", control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	EVENTS("none", next(epfd, 0));
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, EPOLLOUT, 0x123456789abcdef));
	RET("1", epoll_wait(epfd, &e, 1, PATIENCE_MS));
	EVENTS("OUT", e.events);
	YES(e.data.u64 == 0x123456789abcdef);
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, 0, 2));
	EVENTS("none", next(epfd, 0));
	RET("0", control(epfd, EPOLL_CTL_DEL, fd, 0, 0));
	peer("reset");
	EVENTS("none", next(epfd, QUIET_MS));
}

static void wrong_calls(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	int file = MUST(open("/proc/self/exe", O_RDONLY));
	struct epoll_event e;

	RET("-1 ENOENT", control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN, 0));
	RET("-1 ENOENT", control(epfd, EPOLL_CTL_DEL, fd, 0, 0));
	RET("0", add(epfd, fd, EPOLLIN));
	RET("-1 EEXIST", add(epfd, fd, EPOLLIN));
	RET("0", epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
	RET("-1 EBADF", add(epfd, 700, EPOLLIN));
	RET("-1 EPERM", add(epfd, file, EPOLLIN));
	RET("-1 EINVAL", add(epfd, epfd, EPOLLIN));
	RET("-1 EINVAL", add(fd, fd, EPOLLIN));
	RET("-1 EINVAL", epoll_wait(epfd, &e, 0, 0));
	RET("-1 EINVAL", epoll_wait(fd, &e, 1, 0));
	RET("-1 EBADF", epoll_wait(700, &e, 1, 0));
}

static void rdhup(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLRDHUP));
	peer("shutdown");
	EVENTS("IN|RDHUP", next(epfd, PATIENCE_MS));
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, EPOLLRDHUP, 0));
	EVENTS("RDHUP", next(epfd, PATIENCE_MS));
	RET("0", control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN, 0));
	EVENTS("IN", next(epfd, PATIENCE_MS));
}

/* EPOLLHUP and EPOLLERR are told whether asked for or not. */
static void hup(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, 0));
	peer("shutdown");
	EVENTS("none", next(epfd, QUIET_MS));
	MUST(shutdown(fd, SHUT_WR));
	EVENTS("HUP", next(epfd, PATIENCE_MS));
}

static void reset(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLRDHUP | EPOLLET));
	peer("reset");
	EVENTS("IN|ERR|HUP|RDHUP", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
}

static void of_listener(int family)
{
	struct addr at;
	int listening = listener(family, &at), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, listening, EPOLLIN));
	EVENTS("none", next(epfd, QUIET_MS));
	peer_connects(&at);
	EVENTS("IN", next(epfd, PATIENCE_MS));
	MUST(accept(listening, NULL, NULL));
	EVENTS("none", next(epfd, 0));
}

static void of_listener_edge(int family)
{
	struct addr at;
	int listening = listener(family, &at), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, listening, EPOLLIN | EPOLLET));
	peer_connects(&at);
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	peer_connects(&at);
	EVENTS("IN", next(epfd, PATIENCE_MS));
	NEWFD("fd", accept(listening, NULL, NULL));
	NEWFD("fd", accept(listening, NULL, NULL));
}

static void of_datagrams(int family)
{
	int fd = datagram_connected(family), epfd = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	peer("reply one");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("reply two");
	EVENTS("IN", next(epfd, PATIENCE_MS));
	RET("3", recv(fd, buf, 8, 0));
	RET("3", recv(fd, buf, 8, 0));
}

static void mixed(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0)), ends[2];
	int counter = MUST(eventfd(0, 0));
	struct epoll_event e[4];

	MUST(pipe(ends));
	RET("0", add(epfd, fd, EPOLLIN));
	RET("0", add(epfd, ends[0], EPOLLIN));
	RET("0", add(epfd, counter, EPOLLIN));
	RET("0", epoll_wait(epfd, e, 4, QUIET_MS));
	MUST(write(ends[1], "x", 1));
	RET("1", epoll_wait(epfd, e, 4, PATIENCE_MS));
	YES(e[0].data.u64 == (uint64_t)ends[0]);
	peer("send x");
	NUMBER("1", readable(fd));
	RET("2", epoll_wait(epfd, e, 4, PATIENCE_MS));
	MUST(eventfd_write(counter, 1));
	RET("3", epoll_wait(epfd, e, 4, PATIENCE_MS));
	RET("2", epoll_wait(epfd, e, 2, PATIENCE_MS));
}

static void times_out(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	int64_t begin;
	struct epoll_event e;

	RET("0", add(epfd, fd, EPOLLIN));
	begin = now_ms();
	RET("0", epoll_wait(epfd, &e, 1, 100));
	YES(took_about(begin, 100));
	peer_tell("sleep 100");
	peer_tell("send x");
	begin = now_ms();
	RET("1", epoll_wait(epfd, &e, 1, -1));
	YES(took_about(begin, 100));
}

const struct conform_case epoll_cases[] = {
	{ "epoll-level", level, "46" },
	{ "epoll-level-out", level_out, "4" },
	{ "epoll-edge", edge, "46" },
	{ "epoll-edge-out", edge_out, "4" },
	{ "epoll-edge-added-late", edge_added_late, "4" },
	{ "epoll-one-shot", one_shot, "46" },
	{ "epoll-modify", modify, "4" },
	{ "epoll-wrong-calls", wrong_calls, "4" },
	{ "epoll-rdhup", rdhup, "4" },
	{ "epoll-hup", hup, "4" },
	{ "epoll-reset", reset, "4" },
	{ "epoll-listener", of_listener, "46" },
	{ "epoll-listener-edge", of_listener_edge, "4" },
	{ "epoll-datagrams", of_datagrams, "4" },
	{ "epoll-mixed", mixed, "4" },
	{ "epoll-times-out", times_out, "4" },
	{ 0 },
};
