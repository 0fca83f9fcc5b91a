/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two sides of the bench `ring` agree on; DPDK's side is optional. */
#ifndef MEMNET_BENCH_RING_H
#define MEMNET_BENCH_RING_H

#include <stdlib.h>

#include "memnet-core/bench/bench.h"

#define RING_ENTRIES	64u	/* two of the largest batch: one fills while one drains */
#define RING_MESSAGES	(4u << 20)	/* that cross in a turn */
#define RING_MAX_BATCH	32
#define RING_CHECK	32	/* entries between two looks at the event index */

#define RING_SOURCE	256	/* different entries; a multiple of every batch */

struct ring_entry {
	uint64_t words[8];
};

/*
 * What is sent: entry i of the stream is entry i % RING_SOURCE of this. Two things
 * would stall both arms by chance and are kept out: a field written just before its
 * entry is copied, and a source whose address is equal to that of a ring slot
 * written just before, modulo 4096. So it is filled before, and half a page away.
 */
struct ring_source {
	alignas(MN_PAGE) uint8_t shift[MN_PAGE / 2];
	struct ring_entry entries[RING_SOURCE];
};

static inline void ring_fill(struct ring_source *source)
{
	for (uint64_t i = 0; i < RING_SOURCE; i++)
		for (int j = 0; j < 8; j++)
			source->entries[i].words[j] = i;
}

/* Are these @n entries the stream's from @done on? Else the bench is void. */
static inline void ring_check(const struct ring_entry *batch, unsigned int n, uint64_t done)
{
	for (unsigned int i = 0; i < n; i++)
		if (batch[i].words[0] != (done + i) % RING_SOURCE)
			abort();
}

/*
 * rte_ring, single producer and single consumer, as it is; and with what a side that
 * may sleep has to add: a fence and a look at an event index, by the producer after
 * each entry, by the consumer after RING_CHECK. NULL where DPDK is not installed.
 */
extern const struct mn_arm *const ring_dpdk, *const ring_dpdk_bell;

#endif
