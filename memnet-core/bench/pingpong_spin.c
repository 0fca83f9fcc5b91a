/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The round trip of a 64-byte message through two FIFOs, both sides spinning. Timed
 * in groups, as the clock costs a tenth of a trip. Against the least there can be:
 *
 *   two bare lines       one each way, written by one side and watched by the other:
 *                        the word that is watched is the message;
 *   bare lines, 64 B     two each way: 64 bytes, and the word that tells of them. As
 *                        a FIFO of any bytes must, where the index has its own line.
 */
#include <string.h>

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

static void lines_trip(void *arg)
{
	struct lines *l = arg;
	uint64_t next = l->ping + 1;

	__atomic_store_n(&l->ping, next, __ATOMIC_RELEASE);
	mn_bench_watch(&l->pong, next);
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
		mn_bench_watch(&l->ping, i);
		__atomic_store_n(&l->pong, i, __ATOMIC_RELEASE);
	}
}

struct letters {
	struct lines told;
	alignas(MN_LINE) uint8_t there[MESSAGE_BYTES];
	alignas(MN_LINE) uint8_t back[MESSAGE_BYTES];
};

static void write_letter(uint8_t letter[MESSAGE_BYTES], uint64_t *told, uint64_t value,
			 const uint8_t text[MESSAGE_BYTES])
{
	memcpy(letter, text, MESSAGE_BYTES);
	__atomic_store_n(told, value, __ATOMIC_RELEASE);
}

static void read_letter(const uint8_t letter[MESSAGE_BYTES], const uint64_t *told, uint64_t value,
			uint8_t text[MESSAGE_BYTES])
{
	mn_bench_watch(told, value);
	memcpy(text, letter, MESSAGE_BYTES);
	__asm__ volatile("" :: "r"(text) : "memory");
}

static void letters_trip(void *arg)
{
	struct letters *l = arg;
	uint64_t next = l->told.ping + 1;
	uint8_t text[MESSAGE_BYTES] = { 0 };

	write_letter(l->there, &l->told.ping, next, text);
	read_letter(l->back, &l->told.pong, next, text);
}

static void letters_ping(struct mn_stage *s)
{
	mn_bench_begin(s, 0);
	mn_bench_trips(s, GROUPS, GROUP, letters_trip, s->memory);
}

static void letters_pong(struct mn_stage *s)
{
	struct letters *l = (struct letters *)s->memory;
	uint8_t text[MESSAGE_BYTES];

	mn_bench_begin(s, 1);
	for (uint64_t i = 1; i <= GROUPS * GROUP; i++) {
		read_letter(l->there, &l->told.ping, i, text);
		write_letter(l->back, &l->told.pong, i, text);
	}
}

static const struct mn_arm
	fifo = { .bytes = 2 * MESSAGE_FIFO, .side = { fifo_ping, fifo_pong } },
	lines = { .bytes = sizeof(struct lines), .side = { lines_ping, lines_pong } },
	letters = { .bytes = sizeof(struct letters), .side = { letters_ping, letters_pong } };

static int compare(const struct mn_bench_env *env, const struct mn_arm *reference,
		   const char *label)
{
	return mn_bench_compare(env, &(struct mn_comparison){
		.label = "pingpong-spin, 64 B, p50", .reference_label = label,
		.ours = &fifo, .reference = reference, .unit = "ns", .slowdown = true,
		.target = 1.3,
	});
}

static int run(const struct mn_bench_env *env)
{
	int ret = compare(env, &lines, "two bare lines");

	return ret ? ret : compare(env, &letters, "bare lines, 64 B");
}

const struct mn_bench mn_bench_pingpong_spin = {
	.name = "pingpong-spin",
	.summary = "a message there and back, spinning, against two bare lines",
	.run = run,
};
