/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics that assume no distribution. Pure functions of their arguments;
 * arrays marked "sorted" are sorted in place, so that nothing can fail.
 * What cannot be said from the values given is NAN, never a guess.
 */
#ifndef MEMNET_BASE_STATS_H
#define MEMNET_BASE_STATS_H

#include <stddef.h>

/* The least number of values from which a 95 % interval of a median exists. */
#define STATS_INTERVAL_MIN_N 6

struct estimate {
	size_t n;
	double median;		/* NAN when n is 0 */
	double low, high;	/* 95 % interval; NAN when n < STATS_INTERVAL_MIN_N */
};

/* Median of @n values, which are sorted; NAN when @n is 0. */
double stats_median(double *values, size_t n);

/*
 * Which order statistics bound the median with at least 95 %: the rank-th
 * smallest and the rank-th largest, rank counted from 1; 0 when none do.
 */
size_t stats_interval_rank(size_t n);

/* Median and interval of @n values, which are sorted. */
struct estimate stats_estimate(double *values, size_t n);

/*
 * Mann-Whitney U test, two-sided: the probability that two samples of one
 * population differ this much. Both arrays are sorted. Exact when there are no
 * ties and neither sample has more than STATS_EXACT_MAX_N values, else the
 * normal approximation with the corrections for ties and continuity. NAN when
 * a sample is empty.
 */
#define STATS_EXACT_MAX_N 20
double stats_mann_whitney(double *a, size_t n_a, double *b, size_t n_b);

#endif
