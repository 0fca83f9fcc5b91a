/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control ring: 64-byte entries through a FIFO, against DPDK's rte_ring.
 *
 * Both carry the same entries, from a table into a batch, and both check that
 * they come in order. rte_ring has no wake-up. Ours has, at the price of a full
 * fence: the producer of "batch 1" pays it for every 32 entries, as a submitter
 * does that has several, and that of "batch 1, bell each" for every single one;
 * there rte_ring is given the same fence and look. Our consumer takes entries as
 * both ends of a control ring do: one by one, and asks whether room is waited for
 * when it finds no more, or after 32.
 */
#include "memnet-core/bench/ring.h"

#include "memnet-core/base/util.h"
#include "memnet-core/fifo.h"

#define ENTRY	sizeof(struct ring_entry)
#define BYTES	(RING_ENTRIES * ENTRY)
#define ALWAYS_INLINE inline __attribute__((always_inline))	/* @check is a constant */

/* Entry by entry, as who fills or reads them does; memcpy of a batch is slower here. */
static inline void copy(struct ring_entry *to, const struct ring_entry *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / ENTRY; i++) {
		to[i] = from[i];
		__asm__ volatile("" ::: "memory");
	}
}

/* Entries never wrap: the ring is a multiple of them. */
static inline void produce_one(struct mn_producer *p, const struct ring_entry *from, bool bell)
{
	struct iovec spans[2];

	while (mn_producer_reserve(p, ENTRY, spans) <= 0)
		mn_pause();
	copy(spans[0].iov_base, from, ENTRY);
	if (bell)
		mn_producer_commit(p, ENTRY);
	else
		mn_producer_publish(p, ENTRY);
}

/* Take one entry, and give its room back at once or with those before it. */
static inline void consume_one(struct mn_consumer *c, uint64_t done, bool release)
{
	struct ring_entry entry;
	struct iovec spans[2];

	while (mn_consumer_peek(c, ENTRY, spans) <= 0) {
		if (mn_consumer_owes_bell(c))
			mn_consumer_release(c, 0);
		mn_pause();
	}
	copy(&entry, spans[0].iov_base, ENTRY);
	mn_consumer_retire(c, ENTRY);
	if (release)
		mn_consumer_release(c, 0);
	ring_check(&entry, 1, done);
}

static ALWAYS_INLINE void produce_singly(struct mn_stage *s, unsigned int check)
{
	struct ring_source source;
	struct mn_producer p;

	ring_fill(&source);
	mn_producer_init(&p, &s->index[0], s->memory, BYTES);
	mn_bench_begin(s, 0);
	for (uint64_t done = 0; done < RING_MESSAGES; done++)
		produce_one(&p, &source.entries[done % RING_SOURCE], done % check == check - 1);
}

static void consume_entries(struct mn_stage *s)
{
	struct mn_consumer c;

	mn_consumer_init(&c, &s->index[0], s->memory, BYTES);
	mn_bench_begin(s, 1);
	for (uint64_t done = 0; done < RING_MESSAGES; done++)
		consume_one(&c, done, done % RING_CHECK == RING_CHECK - 1);
}

static void produce_bell_each(struct mn_stage *s)
{
	produce_singly(s, 1);
}

static void produce_entries(struct mn_stage *s)
{
	produce_singly(s, RING_CHECK);
}

static void produce_batches(struct mn_stage *s)
{
	struct ring_source source;
	const unsigned int n_batch = s->param;
	struct mn_producer p;

	ring_fill(&source);
	mn_producer_init(&p, &s->index[0], s->memory, BYTES);
	mn_bench_begin(s, 0);
	for (uint64_t done = 0; done < RING_MESSAGES;) {
		const struct ring_entry *from = &source.entries[done % RING_SOURCE];
		size_t want = MIN(n_batch, RING_SOURCE - done % RING_SOURCE);
		struct iovec spans[2];
		ssize_t n = mn_producer_reserve(&p, want * ENTRY, spans);

		if (n <= 0) {
			mn_pause();
			continue;
		}
		copy(spans[0].iov_base, from, spans[0].iov_len);
		copy(spans[1].iov_base, from + spans[0].iov_len / ENTRY, spans[1].iov_len);
		mn_producer_commit(&p, n);
		done += n / ENTRY;
	}
}

static void consume_batches(struct mn_stage *s)
{
	struct ring_entry batch[RING_MAX_BATCH];
	struct mn_consumer c;

	mn_consumer_init(&c, &s->index[0], s->memory, BYTES);
	mn_bench_begin(s, 1);
	for (uint64_t done = 0; done < RING_MESSAGES;) {
		struct iovec spans[2];
		ssize_t n = mn_consumer_peek(&c, s->param * ENTRY, spans);

		if (n <= 0) {
			mn_pause();
			continue;
		}
		copy(batch, spans[0].iov_base, spans[0].iov_len);
		copy(batch + spans[0].iov_len / ENTRY, spans[1].iov_base, spans[1].iov_len);
		mn_consumer_release(&c, n);
		ring_check(batch, n / ENTRY, done);
		done += n / ENTRY;
	}
}

static const struct mn_arm
	entries = { .bytes = BYTES, .side = { produce_entries, consume_entries } },
	bell_each = { .bytes = BYTES, .side = { produce_bell_each, consume_entries } },
	batches = { .bytes = BYTES, .side = { produce_batches, consume_batches } };

static int run(const struct mn_bench_env *env)
{
	const struct {
		const char *label, *reference_label;
		const struct mn_arm *ours, *reference;
		uint64_t batch;
	} rows[] = {
		{ "ring, batch 1", "rte_ring", &entries, ring_dpdk, 1 },
		{ "ring, batch 1, bell each", "rte_ring with a bell", &bell_each, ring_dpdk_bell,
		  1 },
		{ "ring, batch 32", "rte_ring", &batches, ring_dpdk, 32 },
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !ret; i++)
		ret = !ring_dpdk ? mn_bench_absent(rows[i].label, "install libdpdk-dev") :
		      mn_bench_compare(env, &(struct mn_comparison){
			.label = rows[i].label, .reference_label = rows[i].reference_label,
			.ours = rows[i].ours, .reference = rows[i].reference,
			.param = rows[i].batch,
			.scale = 1e3 * RING_MESSAGES, .unit = "M entries/s", .target = 1.0,
		      });
	return ret;
}

const struct mn_bench mn_bench_ring = {
	.name = "ring", .summary = "64-byte entries, batches of 1 and 32, against DPDK's rte_ring",
	.run = run,
};
