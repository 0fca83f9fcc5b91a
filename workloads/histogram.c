/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/histogram.h"

#include "memnet-core/base/util.h"

/* log2 of HISTOGRAM_PRECISION. */
#define PRECISION_BITS 7

/* By how many bits values of this size lose precision. */
static unsigned int shift_of(uint64_t value)
{
	unsigned int top_bit = 63 - __builtin_clzll(value | 1);

	return top_bit > PRECISION_BITS ? top_bit - PRECISION_BITS : 0;
}

static size_t bucket_of(uint64_t value)
{
	unsigned int shift = shift_of(value);
	size_t bucket = (size_t)shift * HISTOGRAM_PRECISION + (value >> shift);

	return MIN(bucket, (size_t)HISTOGRAM_BUCKETS - 1);
}

/* The largest value of a bucket. */
static uint64_t upper_end(size_t bucket)
{
	unsigned int shift = 0;

	if (bucket >= 2 * HISTOGRAM_PRECISION)
		shift = bucket / HISTOGRAM_PRECISION - 1;
	return ((bucket - (size_t)shift * HISTOGRAM_PRECISION + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->bucket[bucket_of(value)]++;
	h->count++;
	h->max = MAX(h->max, value);
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm)
{
	uint64_t rank = ((unsigned __int128)h->count * ppm + 999999) / 1000000, seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return MIN(upper_end(i), h->max);
	}
	return h->max;
}
