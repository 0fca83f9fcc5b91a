/* SPDX-License-Identifier: BSD-2-Clause */
/* poll(2), ppoll(2): what each state shows, and how it waits, with ordinary descriptors beside. */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"

#define ALL (POLLIN | POLLOUT | POLLRDHUP)

static void fresh(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	EVENTS("OUT|HUP", events_now(fd, ALL));
	fd = MUST(socket(family, SOCK_DGRAM, 0));
	EVENTS("OUT", events_now(fd, ALL));
}

static void states(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	EVENTS("OUT", events_now(fd, ALL));
	EVENTS("none", events_now(fd, POLLIN));
	EVENTS("none", events_now(fd, 0));
	peer("send x");
	EVENTS("IN|OUT", events_once(fd, ALL, POLLIN));
	EVENTS("IN", events_now(fd, POLLIN));
	MUST(recv(fd, buf, 8, 0));
	EVENTS("OUT", events_now(fd, ALL));
}

static void ends(int family)
{
	int fd = stream_to_peer(family);

	peer("shutdown");
	EVENTS("IN|OUT|RDHUP", events_once(fd, ALL, POLLRDHUP));
	EVENTS("none", events_now(fd, 0));
	MUST(shutdown(fd, SHUT_WR));
	EVENTS("IN|OUT|HUP|RDHUP", events_once(fd, ALL, POLLHUP));
	EVENTS("HUP", events_now(fd, 0));	/* not asked for, told */
}

static void own_end(int family)
{
	int fd = stream_to_peer(family);

	MUST(shutdown(fd, SHUT_WR));
	EVENTS("OUT", events_now(fd, ALL));	/* a write would not wait: EPIPE */
	peer("send x");
	EVENTS("IN|OUT", events_once(fd, ALL, POLLIN));
}

static void reset(int family)
{
	int fd = stream_to_peer(family);

	peer("reset");
	EVENTS("IN|OUT|ERR|HUP|RDHUP", events_once(fd, ALL, POLLERR));
	EVENTS("ERR|HUP", events_now(fd, 0));
}

static void of_listener(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	EVENTS("none", events_now(listening, ALL));
	peer_connects(&at);
	EVENTS("IN", events_once(listening, ALL, POLLIN));
	MUST(accept(listening, NULL, NULL));
	EVENTS("none", events_now(listening, ALL));
}

static void waits(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLIN };
	int64_t begin = now_ms();

	peer_tell("sleep 100");
	peer_tell("send x");
	RET("1", poll(&p, 1, PATIENCE_MS));
	YES(took_about(begin, 100));
	EVENTS("IN", p.revents);
}

static void waits_forever(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLIN };

	peer_tell("sleep 100");
	peer_tell("send x");
	RET("1", poll(&p, 1, -1));
}

/* By their other names: RDNORM is IN, WRNORM is OUT. */
static void other_names(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLWRNORM };
	struct addr at;
	int listening = listener(family, &at);

	RET("1", poll(&p, 1, 0));
	YES(p.revents == POLLWRNORM);
	p.events = POLLRDNORM;
	RET("0", poll(&p, 1, 0));
	peer_tell("sleep 100");
	peer_tell("send x");
	RET("1", poll(&p, 1, PATIENCE_MS));
	YES(p.revents == POLLRDNORM);
	for (int i = 0; i < 2; i++)
		peer_hear();
	peer_connects(&at);
	p = (struct pollfd){ .fd = listening, .events = POLLRDNORM };
	RET("1", poll(&p, 1, PATIENCE_MS));
	p = (struct pollfd){ .fd = datagram_connected(family), .events = POLLRDNORM | POLLWRNORM };
	RET("1", poll(&p, 1, 0));
	YES(p.revents == POLLWRNORM);
	peer("reply x");
	p.events = POLLRDNORM;
	RET("1", poll(&p, 1, PATIENCE_MS));
}

static void times_out(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLIN, .revents = -1 };
	int64_t begin = now_ms();

	RET("0", poll(&p, 1, 100));
	YES(took_about(begin, 100));
	EVENTS("none", p.revents);
	RET("0", poll(&p, 1, 0));
}

static void not_descriptors(int family)
{
	struct pollfd p[3] = { { .fd = -1, .events = POLLIN, .revents = -1 },
			       { .fd = 700, .events = POLLIN },
			       { .fd = stream_to_peer(family), .events = POLLOUT } };

	RET("2", poll(p, 3, PATIENCE_MS));
	EVENTS("none", p[0].revents);
	EVENTS("NVAL", p[1].revents);
	EVENTS("OUT", p[2].revents);
	close(p[2].fd);
	RET("2", poll(p, 3, PATIENCE_MS));
	EVENTS("NVAL", p[2].revents);
}

/* A pipe, an eventfd and two sockets: whichever comes first ends the wait. */
static void mixed(int family)
{
	struct pollfd p[4];
	int ends[2];

	MUST(pipe(ends));
	p[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = MUST(eventfd(0, 0)), .events = POLLIN };
	p[2] = (struct pollfd){ .fd = stream_to_peer(family), .events = POLLIN };
	p[3] = (struct pollfd){ .fd = stream_to_peer(family), .events = POLLIN };
	RET("0", poll(p, 4, QUIET_MS));
	MUST(write(ends[1], "x", 1));
	RET("1", poll(p, 4, PATIENCE_MS));
	EVENTS("IN", p[0].revents);
	peer("use 1");
	peer("send x");
	NUMBER("1", readable(p[3].fd));
	RET("2", poll(p, 4, PATIENCE_MS));
	EVENTS("IN", p[0].revents);
	EVENTS("none", p[2].revents);
	EVENTS("IN", p[3].revents);
	MUST(eventfd_write(p[1].fd, 1));
	RET("3", poll(p, 4, PATIENCE_MS));
}

static void *write_later(void *fd)
{
	sleep_ms(100);
	write(*(int *)fd, "x", 1);
	return NULL;
}

/* While it sleeps on both, the ordinary one wakes it. */
static void woken_by_pipe(int family)
{
	struct pollfd p[2];
	pthread_t thread;
	int ends[2];

	MUST(pipe(ends));
	p[0] = (struct pollfd){ .fd = stream_to_peer(family), .events = POLLIN };
	p[1] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	pthread_create(&thread, NULL, write_later, &ends[1]);
	RET("1", poll(p, 2, PATIENCE_MS));
	EVENTS("none", p[0].revents);
	EVENTS("IN", p[1].revents);
	pthread_join(thread, NULL);
}

/* Bytes at one that nobody asked for do not end the wait. */
static void woken_by_other(int family)
{
	struct pollfd p[2] = { { .fd = stream_to_peer(family), .events = POLLRDHUP } };
	int64_t begin = now_ms();

	p[1] = (struct pollfd){ .fd = stream_to_peer(family), .events = POLLIN };
	peer_tell("use 0");
	peer_tell("send x");
	peer_tell("sleep 100");
	peer_tell("use 1");
	peer_tell("send x");
	RET("1", poll(p, 2, PATIENCE_MS));
	YES(took_about(begin, 100));
	EVENTS("none", p[0].revents);
	EVENTS("IN", p[1].revents);
}

static void same_twice(int family)
{
	int fd = stream_to_peer(family);
	struct pollfd p[3] = { { .fd = fd, .events = POLLIN }, { .fd = fd, .events = POLLOUT },
			       { .fd = dup(fd), .events = POLLIN | POLLOUT } };

	peer("send x");
	NUMBER("1", readable(fd));
	RET("3", poll(p, 3, 0));
	EVENTS("IN", p[0].revents);
	EVENTS("OUT", p[1].revents);
	EVENTS("IN|OUT", p[2].revents);
}

static void many(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	struct pollfd p[50];

	for (int i = 0; i < 50; i++) {
		p[i] = (struct pollfd){ .fd = MUST(socket(family, SOCK_STREAM, 0)),
					.events = POLLIN };
		MUST(connect(p[i].fd, &to.any, to.len));
		peer("accept");
	}
	RET("0", poll(p, 50, 0));
	peer("use 37");
	peer("send x");
	RET("1", poll(p, 50, PATIENCE_MS));
	EVENTS("IN", p[37].revents);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	alarms++;
}

/* ppoll(2): the mask holds while it waits, and only then. */
static void with_mask(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLIN };
	struct timespec limit = { .tv_sec = 2 };
	sigset_t none, usr1;

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	signal(SIGUSR1, on_alarm);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	NUMBER("0", alarms);
	RET("-1 EINTR", ppoll(&p, 1, &limit, &none));
	NUMBER("1", alarms);
	raise(SIGUSR1);
	limit = (struct timespec){ .tv_nsec = 50000000 };
	RET("0", ppoll(&p, 1, &limit, NULL));
	NUMBER("1", alarms);
	NUMBER("50000000", limit.tv_nsec);	/* ppoll() of glibc leaves it as it was */
	limit = (struct timespec){ .tv_sec = -1 };
	RET("-1 EINVAL", ppoll(&p, 1, &limit, NULL));
}

const struct conform_case poll_cases[] = {
	{ "poll-fresh", fresh, "46" },
	{ "poll-states", states, "46" },
	{ "poll-ends", ends, "46" },
	{ "poll-own-end", own_end, "4" },
	{ "poll-reset", reset, "46" },
	{ "poll-listener", of_listener, "46" },
	{ "poll-waits", waits, "46" },
	{ "poll-waits-forever", waits_forever, "4" },
	{ "poll-other-names", other_names, "4" },
	{ "poll-times-out", times_out, "4" },
	{ "poll-not-descriptors", not_descriptors, "4" },
	{ "poll-mixed", mixed, "4" },
	{ "poll-woken-by-pipe", woken_by_pipe, "4" },
	{ "poll-woken-by-other", woken_by_other, "4" },
	{ "poll-same-twice", same_twice, "4" },
	{ "poll-many", many, "4" },
	{ "poll-with-mask", with_mask, "4" },
	{ 0 },
};
