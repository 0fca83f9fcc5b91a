/* SPDX-License-Identifier: BSD-2-Clause */
/* Resampling against worked examples, and what its intervals and p-values promise, simulated. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/base/resample.h"
#include "memnet-core/base/util.h"

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.9g instead of %.9g +- %g", got, want, tolerance);
}

/* Uniform in (0, 1), then normal by Box and Muller. */
static double uniform(uint64_t *seed)
{
	return ((mn_splitmix64(seed) >> 11) + 0.5) / (double)(1ULL << 53);
}

static double normal(uint64_t *seed)
{
	return sqrt(-2 * log(uniform(seed))) * cos(2 * M_PI * uniform(seed));
}

/* --- permutation --------------------------------------------------------------- */

/*
 * R. A. Fisher, The Design of Experiments (1935), section 21: Darwin's 15 pairs of maize, in
 * eighths of an inch. Of the 32768 choices of signs 863 have a sum of 314 or more.
 */
static void fishers_enumeration_of_darwins_maize(void **state)
{
	static const double maize[] = { 49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60,
					-48 };

	near(permutation_test_paired(maize, ARRAY_SIZE(maize), 1), 2 * 863 / 32768.0, 1e-12);
}

/* By hand: +-1 +-2 +-4 takes the eight odd values from -7 to 7, each once. */
static void three_differences_by_hand(void **state)
{
	static const struct { double d[3], p; } cases[] = {
		{ { 1, 2, 4 }, 2 / 8.0 }, { { -1, 2, 4 }, 4 / 8.0 }, { { 1, -2, 4 }, 6 / 8.0 },
		{ { 1, 2, -4 }, 8 / 8.0 }, { { -1, -2, -4 }, 2 / 8.0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		near(permutation_test_paired(cases[i].d, 3, 1), cases[i].p, 1e-12);
}

/* Sums that are equal but for rounding are equal: 0.1 + 0.2 - 0.1 is above 0.2 in doubles. */
static void rounding_makes_no_sum_smaller(void **state)
{
	static const double d[] = { 0.1, 0.2, -0.1 };

	near(permutation_test_paired(d, 3, 1), 6 / 8.0, 1e-12);
}

static void the_edges_of_the_permutation_test(void **state)
{
	static const double zero[20], one[] = { 3 };

	assert_true(isnan(permutation_test_paired(zero, 0, 1)));
	assert_true(isnan(permutation_test_paired((double[]){ 1, -INFINITY }, 2, 1)));
	assert_true(isnan(permutation_test_paired((double[]){ 1, NAN }, 2, 1)));
	assert_true(permutation_test_paired(one, 1, 1) == 1);
	assert_true(permutation_test_paired(zero, 5, 1) == 1);
	assert_true(permutation_test_paired(zero, 20, 1) == 1);
}

/* Phipson and Smyth (2010): the observed choice is one of those drawn, so p is never 0. */
static void a_sampled_p_is_near_the_exact_one_and_never_0(void **state)
{
	double d[70], last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = 1;
	near(permutation_test_paired(d, 70, 1), 1.0 / (PERMUTATION_SAMPLES + 1), 1e-12);
	for (size_t i = 0; i < 64; i++)		/* all that differs is behind the first 64 */
		d[i] = 0;
	assert_true(permutation_test_paired(d, 65, 1) == 1);
	for (size_t i = 4; i < 16; i++)
		d[i] = 1;
	/* 16 of equal size: |sum| >= 8 has the probability of 12 or more, or 4 or fewer, heads */
	for (size_t i = 0; i < 4; i++)
		d[i] = -1;
	near(permutation_test_paired(d, 16, 1), 2 * 2517 / 65536.0, 0.008);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		double p = permutation_test_paired(d, 16, seed);

		assert_true(p == permutation_test_paired(d, 16, seed));
		assert_true(p != last);
		last = p;
	}
}

/* Under the null hypothesis p <= 0.05 comes about as often as that, and never much more. */
static void the_permutation_test_keeps_its_level(void **state)
{
	uint64_t seed = 3;
	int rejected = 0;

	for (int trial = 0; trial < 4000; trial++) {
		double d[8];

		for (size_t i = 0; i < ARRAY_SIZE(d); i++)
			d[i] = normal(&seed);
		rejected += permutation_test_paired(d, ARRAY_SIZE(d), 1) <= 0.05;
	}
	/* 12 of 256 signs: 4.7 %; three deviations of the count are 1 % */
	near(rejected / 4000.0, 12 / 256.0, 0.01);
}

/* --- bootstrap ----------------------------------------------------------------- */

static void the_ratio_is_that_of_the_medians(void **state)
{
	static const double a[] = { 6, 2, 4, 8, 10, 12, 14 }, b[] = { 3, 1, 2, 4, 5, 6, 7 };
	struct resampled_ratio r = bootstrap_ratio(a, 7, b, 5, 1);

	assert_true(r.ratio == 8 / 3.0);
	assert_true(isnan(r.low) && isnan(r.high));	/* of five values there is none */
	r = bootstrap_ratio(a, 7, b, 7, 1);
	assert_true(r.low < r.ratio && r.ratio < r.high);
	assert_true(r.low >= 2 / 7.0 && r.high <= 14);
}

/*
 * By hand: of six equal values and one other the resampled median is the other one when it is
 * drawn four times or more of seven: sum of C(7, k) 6^(7-k) / 7^7, k = 4 .. 7, is 1.05 %. So
 * it is beyond the 2.5 % points. With two others of seven it is 9.9 %, and they are at the end.
 */
static void ends_are_where_the_binomial_has_them(void **state)
{
	double a[] = { 1, 1, 1, 1, 1, 1, 5 };
	static const double b[] = { 1, 1, 1, 1, 1, 1, 1 };
	struct resampled_ratio r = bootstrap_ratio(a, 7, b, 7, 1);

	assert_true(r.low == 1 && r.high == 1);
	a[0] = 5;
	r = bootstrap_ratio(a, 7, b, 7, 1);
	assert_true(r.low == 1 && r.high == 5);
}

static void the_seed_decides_and_nothing_else(void **state)
{
	double a[31], b[31];
	uint64_t seed = 9;
	struct resampled_ratio first, again, other;

	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		a[i] = exp(0.1 * normal(&seed));
		b[i] = exp(0.1 * normal(&seed));
	}
	first = bootstrap_ratio(a, 31, b, 31, 1);
	again = bootstrap_ratio(a, 31, b, 31, 1);
	other = bootstrap_ratio(a, 31, b, 31, 2);
	assert_memory_equal(&first, &again, sizeof(first));
	assert_true(first.ratio == other.ratio);
	assert_true(first.low != other.low || first.high != other.high);
	near(other.low, first.low, 0.02);	/* what BOOTSTRAP_RESAMPLES leaves open */
	near(other.high, first.high, 0.02);
}

static void what_cannot_be_resampled_is_nan(void **state)
{
	static const double many[BOOTSTRAP_MAX_VALUES];

	assert_true(isnan(bootstrap_ratio(many, 0, many, 7, 1).ratio));
	assert_true(isnan(bootstrap_ratio(many, 7, many, 0, 1).ratio));
	assert_true(isnan(bootstrap_ratio(many, BOOTSTRAP_MAX_VALUES, many, 1, 1).ratio));
	assert_true(isnan(halves_apart(many, 3, 1)));
	assert_true(isnan(halves_apart(many, BOOTSTRAP_MAX_VALUES + 1, 1)));
}

/*
 * How often the interval has the true ratio, 1.5, inside; values are lognormal. The mean of
 * its logarithmic width is in *@width.
 */
static double coverage(size_t n, double *width)
{
	enum { TRIALS = 200 };
	uint64_t seed = 100 + n;
	int inside = 0;

	*width = 0;
	for (int trial = 0; trial < TRIALS; trial++) {
		double a[20], b[20];
		struct resampled_ratio r;

		for (size_t i = 0; i < n; i++) {
			a[i] = 1.5 * exp(0.2 * normal(&seed));
			b[i] = exp(0.2 * normal(&seed));
		}
		r = bootstrap_ratio(a, n, b, n, trial);
		inside += r.low <= 1.5 && r.high >= 1.5;
		*width += log(r.high / r.low) / TRIALS;
	}
	return inside / (double)TRIALS;
}

static void the_interval_covers_what_it_says(void **state)
{
	static const size_t n[] = { 6, 10, 20 };

	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		double width, covered = coverage(n[i], &width);
		/* as wide as medians of normal values have it: no coverage by width */
		double expected = 2 * 1.96 * sqrt(M_PI / 2 * 2 / n[i]) * 0.2;

		print_message("n = %zu: %.3f covered, log width %.3f\n", n[i], covered, width);
		assert_true(covered > 0.91);
		near(width, expected, 0.08 * expected);
	}
}

/* --- halves -------------------------------------------------------------------- */

static void equal_values_have_equal_halves(void **state)
{
	static const double same[] = { 3, 3, 3, 3 };

	assert_true(halves_apart(same, 4, 1) == 0);
}

/* By hand: of 1, 1, 4, 4 the pairs are equal (4 of 6 ways: medians 2.5) or 1 against 4. */
static void four_values_by_hand(void **state)
{
	static const double v[] = { 1, 4, 1, 4 };

	near(halves_apart(v, 4, 1), sqrt(2 / 6.0) * log(4), 0.12);
	assert_true(halves_apart(v, 4, 1) == halves_apart(v, 4, 1));
}

/* Medians of halves of n lognormal values are apart by about sd * sqrt(pi / 2 * 4 / n). */
static void halves_are_apart_by_the_noise(void **state)
{
	double v[400];
	uint64_t seed = 4;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = exp(0.1 * normal(&seed));
	near(halves_apart(v, ARRAY_SIZE(v), 1), 0.1 * sqrt(M_PI / 2 * 4 / 400), 0.004);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fishers_enumeration_of_darwins_maize),
		cmocka_unit_test(three_differences_by_hand),
		cmocka_unit_test(rounding_makes_no_sum_smaller),
		cmocka_unit_test(the_edges_of_the_permutation_test),
		cmocka_unit_test(a_sampled_p_is_near_the_exact_one_and_never_0),
		cmocka_unit_test(the_permutation_test_keeps_its_level),
		cmocka_unit_test(the_ratio_is_that_of_the_medians),
		cmocka_unit_test(ends_are_where_the_binomial_has_them),
		cmocka_unit_test(the_seed_decides_and_nothing_else),
		cmocka_unit_test(what_cannot_be_resampled_is_nan),
		cmocka_unit_test(the_interval_covers_what_it_says),
		cmocka_unit_test(equal_values_have_equal_halves),
		cmocka_unit_test(four_values_by_hand),
		cmocka_unit_test(halves_are_apart_by_the_noise),
	};

	return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
