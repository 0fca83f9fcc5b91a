/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things every part needs; no state, no I/O. */
#ifndef MEMNET_BASE_UTIL_H
#define MEMNET_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline bool mn_is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* The largest power of two that is not above @v; @v must not be 0. */
static inline uint64_t mn_floor_power_of_two(uint64_t v)
{
	return 1ULL << (63 - __builtin_clzll(v));
}

/* SplitMix64 (Steele, Lea, Flood; OOPSLA 2014): one step of a seeded sequence. */
static inline uint64_t mn_splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

#endif
