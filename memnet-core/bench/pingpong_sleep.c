/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The round trip of a 64-byte message when both sides sleep: each arms its FIFO,
 * waits for its eventfd and reads it. Against the same two processes handing an
 * eventfd back and forth in the same way, with no memory shared.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/message.h"

#define TRIPS	4000

static void ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void sleep_on(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	/* A side that is not rung within a second has lost its wake-up. */
	if (poll(&pfd, 1, 1000) != 1 || read(fd, &count, sizeof(count)) != sizeof(count))
		abort();
}

static void say(struct message_ends *e)
{
	if (message_say(e))
		ring(e->stage->fd[!e->side]);
}

static void hear(struct message_ends *e)
{
	while (!message_hear(e))
		if (mn_consumer_arm(&e->in, MESSAGE_BYTES) == 1)
			sleep_on(e->stage->fd[e->side]);
}

static void fifo_trip(void *arg)
{
	say(arg);
	hear(arg);
}

static void fifo_ping(struct mn_stage *s)
{
	struct message_ends e;

	message_open(&e, s, 0);
	mn_bench_begin(s, 0);
	mn_bench_trips(s, TRIPS, 1, fifo_trip, &e);
}

static void fifo_pong(struct mn_stage *s)
{
	struct message_ends e;

	message_open(&e, s, 1);
	mn_bench_begin(s, 1);
	for (int i = 0; i < TRIPS; i++) {
		hear(&e);
		say(&e);
	}
}

static void bare_trip(void *arg)
{
	struct mn_stage *s = arg;

	ring(s->fd[1]);
	sleep_on(s->fd[0]);
}

static void bare_ping(struct mn_stage *s)
{
	mn_bench_begin(s, 0);
	mn_bench_trips(s, TRIPS, 1, bare_trip, s);
}

static void bare_pong(struct mn_stage *s)
{
	mn_bench_begin(s, 1);
	for (int i = 0; i < TRIPS; i++) {
		sleep_on(s->fd[1]);
		ring(s->fd[0]);
	}
}

static const struct mn_arm
	fifo = { .bytes = 2 * MESSAGE_FIFO, .side = { fifo_ping, fifo_pong } },
	bare = { .side = { bare_ping, bare_pong } };

static int run(const struct mn_bench_env *env)
{
	return mn_bench_compare(env, &(struct mn_comparison){
		.label = "pingpong-sleep, 64 B, p50", .reference_label = "bare eventfds",
		.ours = &fifo, .reference = &bare, .unit = "ns", .slowdown = true, .target = 1.3,
	});
}

const struct mn_bench mn_bench_pingpong_sleep = {
	.name = "pingpong-sleep",
	.summary = "a message there and back, asleep, against bare eventfds",
	.run = run,
};
