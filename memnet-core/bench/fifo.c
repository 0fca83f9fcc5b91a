/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces copied into a FIFO by one side and out of it by the other, against two
 * processes that each memcpy as many bytes, in pieces as large, in and out of a
 * buffer as large as the FIFO, and never wait. In two ways:
 *
 *   one buffer   both memcpy the same shared buffer, each at its own pace. A reader
 *                that is ahead reads again what its own caches hold, and who is first
 *                through leaves the other alone: few bytes need to travel.
 *   handed over  they take its two halves in turn, so that each byte which one copies in
 *                is the byte which the other copies out, as in a FIFO.
 *
 * Between cores of two caches bytes travel at a tenth of the speed that memcpy has
 * within one, and nothing that hands them over can reach the first reference.
 *
 * The bell is asked for once in 64 KiB, as libmemnet does, or after every piece
 * ("bell each"): asking waits until what was stored has reached the other core.
 */
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/fifo.h"

#define BELL_BYTES	(64u << 10)
#define FIFO_BYTES	(2u << 20)	/* a multiple of every piece */
#define HALF		(FIFO_BYTES / 2)
#define BYTES		(256ull << 20)	/* each side copies in a turn */

static uint64_t bell_every;	/* bytes; of the row */

static uint8_t *warm_buffer(size_t bytes)
{
	uint8_t *b = aligned_alloc(MN_PAGE, (bytes + MN_PAGE - 1) / MN_PAGE * MN_PAGE);

	if (!b)
		abort();
	return memset(b, 1, bytes);
}

/* As libmemnet does: a full FIFO is filled again when half of it is free. */
static void wait_for_half(struct mn_producer *p)
{
	struct iovec spans[2];

	while (mn_producer_reserve(p, HALF, spans) < HALF)
		mn_pause();
}

static void copy_in(struct mn_stage *s)
{
	uint8_t *near = warm_buffer(s->param);
	struct mn_producer p;
	uint64_t rung = 0;

	mn_producer_init(&p, &s->index[0], s->memory, FIFO_BYTES);
	mn_bench_begin(s, 0);
	for (uint64_t done = 0; done < BYTES;) {
		uint64_t at = done % s->param;
		ssize_t n = mn_producer_write(&p, near + at, s->param - at);

		done += n;
		if (done - rung >= bell_every || (!n && done > rung)) {
			mn_producer_commit(&p, 0);
			rung = done;
		}
		if (!n)
			wait_for_half(&p);
	}
}

static void copy_out(struct mn_stage *s)
{
	uint8_t *near = warm_buffer(s->param);
	struct mn_consumer c;
	uint64_t rung = 0;

	mn_consumer_init(&c, &s->index[0], s->memory, FIFO_BYTES);
	mn_bench_begin(s, 1);
	for (uint64_t done = 0; done < BYTES;) {
		uint64_t at = done % s->param;
		ssize_t n = mn_consumer_read(&c, near + at, s->param - at);

		done += n;
		if (done - rung >= bell_every || (!n && done > rung)) {
			mn_consumer_release(&c, 0);
			rung = done;
		}
		if (!n)
			mn_consumer_pause(&c);
	}
}

/* Copy a piece each, in or out, from byte @from of the stream to byte @to. */
static void copy_pieces(struct mn_stage *s, uint8_t *near, uint64_t from, uint64_t to, int side)
{
	for (uint64_t done = from; done < to; done += s->param) {
		uint8_t *far = s->memory + done % FIFO_BYTES;

		memcpy(side ? near : far, side ? far : near, s->param);
		__asm__ volatile("" ::: "memory");
	}
}

static void race(struct mn_stage *s, int side)
{
	uint8_t *near = warm_buffer(s->param);

	mn_bench_begin(s, side);
	copy_pieces(s, near, 0, BYTES, side);
}

static void race_in(struct mn_stage *s)
{
	race(s, 0);
}

static void race_out(struct mn_stage *s)
{
	race(s, 1);
}

static void wait_for(const uint64_t *index, uint64_t bytes)
{
	while (mn_fetch(index) < bytes)
		mn_pause();
}

/* The indices are those of a FIFO whose only pieces are its halves. */
static void hand_in(struct mn_stage *s)
{
	uint8_t *near = warm_buffer(s->param);

	mn_bench_begin(s, 0);
	for (uint64_t done = 0; done < BYTES; done += HALF) {
		wait_for(&s->index[0].consumer.c_tail, done < FIFO_BYTES ? 0 : done - HALF);
		copy_pieces(s, near, done, done + HALF, 0);
		mn_publish(&s->index[0].producer.p_head, done + HALF);
	}
}

static void hand_out(struct mn_stage *s)
{
	uint8_t *near = warm_buffer(s->param);

	mn_bench_begin(s, 1);
	for (uint64_t done = 0; done < BYTES; done += HALF) {
		wait_for(&s->index[0].producer.p_head, done + HALF);
		copy_pieces(s, near, done, done + HALF, 1);
		mn_publish(&s->index[0].consumer.c_tail, done + HALF);
	}
}

static const struct mn_arm
	fifo = { .bytes = FIFO_BYTES, .side = { copy_in, copy_out } },
	one_buffer = { .bytes = FIFO_BYTES, .side = { race_in, race_out } },
	handed_over = { .bytes = FIFO_BYTES, .side = { hand_in, hand_out } };

struct row {
	const char *label;
	uint64_t bytes, bell;
};

static int compare(const struct mn_bench_env *env, const struct row *row,
		   const struct mn_arm *reference, const char *reference_label, double target)
{
	bell_every = row->bell;
	return mn_bench_compare(env, &(struct mn_comparison){
		.label = row->label, .reference_label = reference_label,
		.ours = &fifo, .reference = reference, .param = row->bytes,
		.scale = BYTES, .unit = "GB/s", .target = target,
	});
}

static int run(const struct mn_bench_env *env)
{
	static const struct row rows[] = {
		{ "fifo, 4 KiB pieces", 4u << 10, BELL_BYTES },
		{ "fifo, 64 KiB pieces", 64u << 10, BELL_BYTES },
		{ "fifo, 1 MiB pieces", 1u << 20, BELL_BYTES },
		{ "fifo, 4 KiB, bell each", 4u << 10, 0 },
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !ret; i++)
		ret = compare(env, &rows[i], &one_buffer, "two memcpy, one buffer", 0.9);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !ret; i++)
		ret = compare(env, &rows[i], &handed_over, "two memcpy, handed over", 0.9);
	return ret;
}

const struct mn_bench mn_bench_fifo = {
	.name = "fifo", .summary = "pieces copied in and out, against two memcpy",
	.run = run,
};
