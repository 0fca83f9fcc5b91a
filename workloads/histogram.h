/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of times in buckets that grow with the time: log-linear, of fixed size,
 * no allocation, a few instructions to add to. A leaf: no I/O, no clock.
 *
 *	value	0 1 ... 255 | 256-257 258-259 ... | 512-515 516-519 ... | ...
 *	bucket	0 1 ... 255 | 256     257         | 384     385         | ...
 *
 * Below 256 every value has a bucket of its own; above, each doubling has 128. So a
 * quantile is never below the exact one and less than 1/128 of it (0.8 %) above.
 * Values of 2^40 and more (18 minutes in ns) share the last bucket; max is exact.
 */
#ifndef MEMNET_WORKLOADS_HISTOGRAM_H
#define MEMNET_WORKLOADS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_PRECISION 128		/* buckets to a doubling */
#define HISTOGRAM_DOUBLINGS 32		/* 2^8 .. 2^40 */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_DOUBLINGS + 2) * HISTOGRAM_PRECISION)

/* Zeroed: empty. */
struct histogram {
	uint64_t count, max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

/*
 * The value that at least @ppm millionths of all are at or below (nearest rank,
 * as the bucket's upper end): 500000 is the median. 0 < @ppm <= 1000000; 0 if empty.
 */
uint64_t histogram_quantile(const struct histogram *h, uint32_t ppm);

#endif
