/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of flows, as a bitmap. Cost: a word for each 64 flows there may be. */
#ifndef MEMNET_SET_H
#define MEMNET_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/layout.h"

#define MN_SET_WORDS (MN_MAX_FLOWS / 64)

struct mn_set {
	uint64_t word[MN_SET_WORDS];
};

static inline void mn_set_add(struct mn_set *s, uint32_t i)
{
	s->word[i / 64] |= 1ULL << i % 64;
}

static inline void mn_set_remove(struct mn_set *s, uint32_t i)
{
	s->word[i / 64] &= ~(1ULL << i % 64);
}

static inline bool mn_set_has(const struct mn_set *s, uint32_t i)
{
	return s->word[i / 64] >> i % 64 & 1;
}

static inline bool mn_set_empty(const struct mn_set *s)
{
	uint64_t any = 0;

	for (uint32_t w = 0; w < MN_SET_WORDS; w++)
		any |= s->word[w];
	return !any;
}

/* Add all of @from and empty it. */
static inline void mn_set_move(struct mn_set *to, struct mn_set *from)
{
	for (uint32_t w = 0; w < MN_SET_WORDS; w++) {
		to->word[w] |= from->word[w];
		from->word[w] = 0;
	}
}

/* The first member at @i or behind it; MN_MAX_FLOWS: none. */
static inline uint32_t mn_set_next(const struct mn_set *s, uint32_t i)
{
	for (uint32_t w = i / 64; w < MN_SET_WORDS; w++) {
		uint64_t left = s->word[w];

		if (w == i / 64)
			left &= ~0ULL << i % 64;
		if (left)
			return w * 64 + __builtin_ctzll(left);
	}
	return MN_MAX_FLOWS;
}

#endif
