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

/* Smallest first; none may be NAN. */
void stats_sort(double *values, size_t n);

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

/*
 * The least n for which two samples of n each can reach a two-sided p below @p at all
 * by the exact U test: 2 / C(2n, n) < p. @p must be above 0.
 */
size_t stats_mann_whitney_min_n(double p);

/*
 * Holm's step-down adjustment (Scand. J. Statist. 6 (1979), 65-70): @adjusted[i] is the
 * least level of the whole family at which @p[i] would be rejected. A NAN is of a test
 * not made: it does not count and stays NAN. O(n^2) time, no memory.
 */
void stats_holm(const double *p, size_t n, double *adjusted);

/* Standard deviation of the logarithms of @n positive values: relative noise. NAN when n < 2. */
double stats_log_sd(const double *values, size_t n);

/*
 * About how many blocks would make the 95 % interval of a median ratio no wider than
 * 1 +- @margin to either side, given @log_sd of the blockwise ratios (or, of two
 * independent samples of that many blocks each, hypot() of both): stats.c has the
 * formula and how far it can be trusted. At least STATS_INTERVAL_MIN_N, at most
 * STATS_NEEDED_MAX, which means never; 0 when @log_sd is NAN or @margin not above 0: then
 * there is nothing to estimate from.
 */
#define STATS_NEEDED_MAX 1000000
size_t stats_blocks_needed(double log_sd, double margin);

#endif
