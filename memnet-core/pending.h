/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pending set: which flows and channels the guest wants looked at, so that
 * the host's work grows with the active ones and not with the open ones.
 *
 * Two levels: a word of flows, and a summary with one bit for each word. A guest
 * ORs its bit into the word and then sees to the summary's; the host exchanges the
 * summary for 0, and then the words it named. Whoever finds the summary's bit set
 * already may leave: the host has yet to take it, and takes the word after it.
 * Every step is sequentially consistent, so they also order the guest's index
 * before its look at h_asleep. model/pending.pml checks this.
 *
 * The guest may write anything here: the host masks what it takes, and a bit
 * that lies costs one look at a flow.
 */
#ifndef MEMNET_PENDING_H
#define MEMNET_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/layout.h"

#define MN_SUMMARY_CHANNELS (1ULL << 63)

/* Guest: set @bit of @word, and @summary_bit for it. */
static inline void mn_pending_mark(struct mn_header *h, uint64_t *word, uint64_t bit,
				   uint64_t summary_bit)
{
	__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&h->gh_summary, __ATOMIC_SEQ_CST) & summary_bit))
		__atomic_fetch_or(&h->gh_summary, summary_bit, __ATOMIC_SEQ_CST);
}

static inline void mn_pending_mark_flow(struct mn_header *h, uint32_t flow)
{
	mn_pending_mark(h, &h->gh_flows[flow / 64], 1ULL << flow % 64, 1ULL << flow / 64);
}

static inline void mn_pending_mark_channel(struct mn_header *h, uint32_t channel)
{
	mn_pending_mark(h, &h->gh_channels, 1ULL << channel, MN_SUMMARY_CHANNELS);
}

/* Guest, after marking: does the host sleep, so that only the doorbell reaches it? */
static inline bool mn_pending_host_asleep(const struct mn_header *h)
{
	return __atomic_load_n(&h->h_asleep, __ATOMIC_SEQ_CST);
}

/* Host: is anything marked? */
static inline bool mn_pending_any(const struct mn_header *h)
{
	return __atomic_load_n(&h->gh_summary, __ATOMIC_SEQ_CST);
}

/* Host: take what is marked in @word. */
static inline uint64_t mn_pending_take(uint64_t *word)
{
	return __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);
}

#endif
