/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces copied into a FIFO by one side and out of it by the other, against two
 * processes that each memcpy as many bytes, in pieces as large, in and out of a
 * buffer as large as the FIFO, and never wait. In two ways:
 *
 *   one buffer   both memcpy the same shared buffer: its lines travel between the
 *                cores as those of the FIFO must. The difference is what the
 *                FIFO itself costs.
 *   apart        each has a buffer of its own: nothing travels. While the buffer
 *                fits into the cores' L2 no exchange of bytes can keep up, so this
 *                row has no target: it shows what leaving a core costs.
 *
 * On two cores each publication waits some 0.3 us for the index line to come back
 * from the other: pieces of 4 KiB, which are published each, cost twice their copy.
 * On two threads of one core they do not. A virtual machine's CPUs may change from
 * one to the other between two rows.
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
#define BYTES		(512ull << 20)	/* each side copies in a turn */

static uint64_t bell_every;	/* bytes; of the row */

static uint8_t *warm_buffer(size_t bytes)
{
	uint8_t *b = aligned_alloc(MN_PAGE, (bytes + MN_PAGE - 1) / MN_PAGE * MN_PAGE);

	if (!b)
		abort();
	return memset(b, 1, bytes);
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
		if (!n || done - rung >= bell_every) {
			mn_producer_commit(&p, 0);
			rung = done;
		}
		if (!n)
			mn_pause();
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
		if (!n || done - rung >= bell_every) {
			mn_consumer_release(&c, 0);
			rung = done;
		}
		if (!n)
			mn_pause();
	}
}

/* A piece each, in or out, until all bytes are done; nobody waits for anybody. */
static void copy_pieces(struct mn_stage *s, uint8_t *far, int side)
{
	uint8_t *near = warm_buffer(s->param);

	mn_bench_begin(s, side);
	for (uint64_t done = 0; done < BYTES; done += s->param) {
		uint8_t *at = far + done % FIFO_BYTES;

		memcpy(side ? near : at, side ? at : near, s->param);
		__asm__ volatile("" ::: "memory");
	}
}

static void private_in(struct mn_stage *s)
{
	copy_pieces(s, warm_buffer(FIFO_BYTES), 0);
}

static void private_out(struct mn_stage *s)
{
	copy_pieces(s, warm_buffer(FIFO_BYTES), 1);
}

static void shared_in(struct mn_stage *s)
{
	copy_pieces(s, s->memory, 0);
}

static void shared_out(struct mn_stage *s)
{
	copy_pieces(s, s->memory, 1);
}

static const struct mn_arm
	fifo = { .bytes = FIFO_BYTES, .side = { copy_in, copy_out } },
	two_shared = { .bytes = FIFO_BYTES, .side = { shared_in, shared_out } },
	two_private = { .side = { private_in, private_out } };

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
		ret = compare(env, &rows[i], &two_shared, "two memcpy, one buffer", 0.9);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !ret; i++)
		ret = compare(env, &rows[i], &two_private, "two memcpy, apart", 0);
	return ret;
}

const struct mn_bench mn_bench_fifo = {
	.name = "fifo", .summary = "pieces copied in and out, against two memcpy",
	.run = run,
};
