/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics by resampling. Values are one per block, for blocks are what is independent:
 * what was measured within one shares its minutes of the machine. Deterministic: the same
 * values and seed give the same result. No memory is asked for; what cannot be said from
 * the values given is NAN.
 */
#ifndef MEMNET_BASE_RESAMPLE_H
#define MEMNET_BASE_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Resamples of an interval: with B of them its ends are the (B + 1) 0.025-th smallest and
 * largest, so B + 1 is a multiple of 40. From there more of them move an end by less than
 * a tenth of what other blocks would (Efron and Tibshirani, section 19.3).
 */
#define BOOTSTRAP_RESAMPLES 1999

/* Both samples of a bootstrap together have at most so many values. */
#define BOOTSTRAP_MAX_VALUES 4096

struct resampled_ratio {
	double ratio;		/* median of a over median of b */
	double low, high;	/* 95 % interval; NAN when a sample has < STATS_INTERVAL_MIN_N */
};

/*
 * median(a) / median(b) of positive values with its bootstrap interval; the samples are of
 * different blocks. All NAN where one is empty or both are more than BOOTSTRAP_MAX_VALUES.
 */
struct resampled_ratio bootstrap_ratio(const double *a, size_t n_a, const double *b, size_t n_b,
				       uint64_t seed);

/*
 * Paired permutation test, two-sided: the probability that the sum of @n differences is as
 * far from 0 when each could as well have had the other sign. Exact by enumeration up to
 * PERMUTATION_EXACT_MAX_N, else from PERMUTATION_SAMPLES seeded ones and then never below
 * 1 / (PERMUTATION_SAMPLES + 1). Of two paths the differences are the logarithms of the
 * blockwise ratios. NAN when @n is 0 or a difference is not finite.
 */
#define PERMUTATION_EXACT_MAX_N 15
#define PERMUTATION_SAMPLES 9999
double permutation_test_paired(const double *differences, size_t n, uint64_t seed);

/*
 * How far two halves of one sample of positive values are apart for no reason: the root
 * mean square, over seeded random halvings, of the logarithm of the ratio of their
 * medians. NAN when @n < 4, or above BOOTSTRAP_MAX_VALUES.
 */
#define HALVINGS 200
double halves_apart(const double *values, size_t n, uint64_t seed);

#endif
