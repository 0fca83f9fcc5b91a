/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK's rte_ring on memory of our own, without its environment (EAL): 64-byte
 * elements, one producer, one consumer, exactly as many entries as our ring.
 */
#include <rte_ring_elem.h>
#include <stdlib.h>

#include "memnet-core/base/util.h"
#include "memnet-core/bench/ring.h"
#include "memnet-core/event.h"

#define ENTRY	sizeof(struct ring_entry)
#define ALWAYS_INLINE inline __attribute__((always_inline))	/* @bell is a constant */
#define ROOM	(sizeof(struct rte_ring) + 2 * RING_ENTRIES * ENTRY)

static void setup(struct mn_stage *s)
{
	if (rte_ring_init((struct rte_ring *)s->memory, "bench", RING_ENTRIES,
			  RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ))
		abort();
}

/* The fence and the look; the event never comes. */
static ALWAYS_INLINE void look(const uint64_t *event)
{
	mn_fence();
	if (mn_fetch(event))
		abort();
}

static ALWAYS_INLINE void produce(struct mn_stage *s, bool bell)
{
	struct rte_ring *r = (struct rte_ring *)s->memory;
	struct ring_source source;
	const unsigned int n_batch = s->param;

	ring_fill(&source);
	mn_bench_begin(s, 0);
	for (uint64_t done = 0; done < RING_MESSAGES;) {
		unsigned int at = done % RING_SOURCE;
		unsigned int n = rte_ring_sp_enqueue_burst_elem(r, &source.entries[at], ENTRY,
								MIN(n_batch, RING_SOURCE - at),
								NULL);

		if (!n)
			mn_pause();
		else if (bell)
			look(&s->index[0].consumer.c_wake_head);
		done += n;
	}
}

static ALWAYS_INLINE void consume(struct mn_stage *s, bool bell)
{
	struct rte_ring *r = (struct rte_ring *)s->memory;
	struct ring_entry batch[RING_MAX_BATCH];
	const unsigned int n_batch = s->param;

	mn_bench_begin(s, 1);
	for (uint64_t done = 0, looked = 0; done < RING_MESSAGES;) {
		unsigned int n = rte_ring_sc_dequeue_burst_elem(r, batch, ENTRY, n_batch, NULL);

		ring_check(batch, n, done);
		done += n;
		if (bell && done != looked && (!n || done % RING_CHECK == 0)) {
			look(&s->index[0].producer.p_wake_tail);
			looked = done;
		}
		if (!n)
			mn_pause();
	}
}

static void produce_plain(struct mn_stage *s)
{
	produce(s, false);
}

static void consume_plain(struct mn_stage *s)
{
	consume(s, false);
}

static void produce_bell(struct mn_stage *s)
{
	produce(s, true);
}

static void consume_bell(struct mn_stage *s)
{
	consume(s, true);
}

static const struct mn_arm
	plain = { .bytes = ROOM, .setup = setup, .side = { produce_plain, consume_plain } },
	bell = { .bytes = ROOM, .setup = setup, .side = { produce_bell, consume_bell } };

const struct mn_arm *const ring_dpdk = &plain, *const ring_dpdk_bell = &bell;
