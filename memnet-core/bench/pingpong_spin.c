/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The round trip of a 64-byte message through two FIFOs, both sides spinning,
 * against the least there can be: two lines, each written by one side and
 * watched by the other. Timed in groups, as the clock costs a tenth of a trip.
 */
#include "memnet-core/base/util.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/message.h"

#define GROUPS	20000
#define GROUP	16

static void hear(struct message_ends *e)
{
	while (!message_hear(e))
		mn_pause();
}

static void fifo_trip(void *arg)
{
	message_say(arg);
	hear(arg);
}

static void fifo_ping(struct mn_stage *s)
{
	struct message_ends e;

	message_open(&e, s, 0);
	mn_bench_begin(s, 0);
	mn_bench_trips(s, GROUPS, GROUP, fifo_trip, &e);
}

static void fifo_pong(struct mn_stage *s)
{
	struct message_ends e;

	message_open(&e, s, 1);
	mn_bench_begin(s, 1);
	for (int i = 0; i < GROUPS * GROUP; i++) {
		hear(&e);
		message_say(&e);
	}
}

struct lines {
	alignas(MN_LINE) uint64_t ping;
	alignas(MN_LINE) uint64_t pong;
};

static void watch(const uint64_t *line, uint64_t value)
{
	while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != value)
		mn_pause();
}

static void lines_trip(void *arg)
{
	struct lines *l = arg;
	uint64_t next = l->ping + 1;

	__atomic_store_n(&l->ping, next, __ATOMIC_RELEASE);
	watch(&l->pong, next);
}

static void lines_ping(struct mn_stage *s)
{
	mn_bench_begin(s, 0);
	mn_bench_trips(s, GROUPS, GROUP, lines_trip, s->memory);
}

static void lines_pong(struct mn_stage *s)
{
	struct lines *l = (struct lines *)s->memory;

	mn_bench_begin(s, 1);
	for (uint64_t i = 1; i <= GROUPS * GROUP; i++) {
		watch(&l->ping, i);
		__atomic_store_n(&l->pong, i, __ATOMIC_RELEASE);
	}
}

static const struct mn_arm
	fifo = { .bytes = 2 * MESSAGE_FIFO, .side = { fifo_ping, fifo_pong } },
	lines = { .bytes = sizeof(struct lines), .side = { lines_ping, lines_pong } };

static int run(const struct mn_bench_env *env)
{
	return mn_bench_compare(env, &(struct mn_comparison){
		.label = "pingpong-spin, 64 B, p50", .reference_label = "two bare lines",
		.ours = &fifo, .reference = &lines, .unit = "ns", .slowdown = true, .target = 1.3,
	});
}

const struct mn_bench mn_bench_pingpong_spin = {
	.name = "pingpong-spin",
	.summary = "a message there and back, spinning, against two bare lines",
	.run = run,
};
