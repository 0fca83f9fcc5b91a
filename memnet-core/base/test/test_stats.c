/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics against published tables and worked examples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memnet-core/base/stats.h"
#include "memnet-core/base/util.h"

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.9g instead of %.9g +- %g", got, want, tolerance);
}

static void the_median_is_the_middle(void **state)
{
	double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 };

	assert_true(stats_median(odd, 3) == 2);
	assert_true(stats_median(even, 4) == 2.5);
	assert_true(stats_median(even, 1) == 1);
	assert_true(isnan(stats_median(NULL, 0)));
}

/*
 * K. R. Nair, Table of confidence intervals for the median in samples from any
 * continuous population, Sankhya 4 (1940), 551-558; the same ranks in Dixon and
 * Massey, Introduction to Statistical Analysis, table A-25.
 */
static void interval_ranks_are_those_of_the_table(void **state)
{
	static const size_t table[][2] = {
		{ 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }, { 5, 0 }, { 6, 1 }, { 7, 1 },
		{ 8, 1 }, { 9, 2 }, { 10, 2 }, { 11, 2 }, { 12, 3 }, { 13, 3 }, { 14, 3 },
		{ 15, 4 }, { 16, 4 }, { 17, 5 }, { 18, 5 }, { 19, 5 }, { 20, 6 },
		{ 25, 8 }, { 30, 10 },
	};

	assert_int_equal(stats_interval_rank(0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(stats_interval_rank(table[i][0]), table[i][1]);
	/* For large n the rank is n/2 - 0.98 sqrt(n). */
	near(stats_interval_rank(10000), 4902, 1);
}

static void the_interval_is_cut_out_of_the_sorted_values(void **state)
{
	double v[] = { 5, 9, 1, 8, 2, 7, 3, 6, 4 };
	struct estimate e = stats_estimate(v, 9);

	assert_int_equal(e.n, 9);
	assert_true(e.median == 5);
	assert_true(e.low == 2);
	assert_true(e.high == 8);
}

static void five_values_have_a_median_but_no_interval(void **state)
{
	double v[] = { 5, 1, 2, 3, 4 };
	struct estimate e = stats_estimate(v, 5);

	assert_true(e.median == 3);
	assert_true(isnan(e.low));
	assert_true(isnan(e.high));
	e = stats_estimate(NULL, 0);
	assert_true(isnan(e.median) && isnan(e.low) && isnan(e.high));
}

/* Samples of m and n without ties whose U (of a) is u. */
static double p_of(size_t m, size_t n, size_t u)
{
	double a[STATS_EXACT_MAX_N], b[STATS_EXACT_MAX_N];

	for (size_t i = 0; i < n; i++)
		b[i] = i + 1;
	for (size_t i = 0; i < m; i++) {	/* each a above as many b as u still asks for */
		size_t above = u < n ? u : n;

		a[m - 1 - i] = above + 0.9 - 0.01 * i;
		u -= above;
	}
	assert_int_equal(u, 0);
	return stats_mann_whitney(a, m, b, n);
}

/*
 * H. B. Mann and D. R. Whitney, On a test of whether one of two random variables
 * is stochastically larger than the other, Ann. Math. Statist. 18 (1947), 50-60,
 * table I: P(U <= u), one-sided, three digits.
 */
static void exact_probabilities_are_those_of_mann_and_whitney(void **state)
{
	static const double n3m3[] = { .050, .100, .200, .350, .500 };
	static const double n4m4[] = { .014, .029, .057, .100, .171, .243, .343, .443 };
	static const double n5m5[] = { .004, .008, .016, .028, .048, .075, .111, .155,
				       .210, .274, .345, .421, .500 };

	for (size_t u = 0; u < ARRAY_SIZE(n3m3); u++)
		near(p_of(3, 3, u), 2 * n3m3[u], 0.0011);
	for (size_t u = 0; u < ARRAY_SIZE(n4m4); u++)
		near(p_of(4, 4, u), 2 * n4m4[u], 0.0011);
	for (size_t u = 0; u < ARRAY_SIZE(n5m5); u++)
		near(p_of(5, 5, u), 2 * n5m5[u], 0.0011);
}

/* The common table of two-sided 5 % critical values, e.g. Siegel (1956), table K. */
static void critical_values_are_where_the_table_has_them(void **state)
{
	static const size_t critical[][3] = {
		{ 4, 4, 0 }, { 5, 5, 2 }, { 6, 6, 5 }, { 7, 7, 8 }, { 8, 8, 13 }, { 9, 9, 17 },
		{ 10, 10, 23 }, { 12, 12, 37 }, { 15, 15, 64 }, { 20, 20, 127 },
		{ 5, 10, 8 }, { 8, 12, 22 }, { 13, 16, 59 }, { 20, 5, 20 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(critical); i++) {
		const size_t *c = critical[i];

		assert_true(p_of(c[0], c[1], c[2]) <= 0.05);
		assert_true(p_of(c[0], c[1], c[2] + 1) > 0.05);
		/* the other tail, and the other sample */
		near(p_of(c[0], c[1], c[0] * c[1] - c[2]), p_of(c[0], c[1], c[2]), 1e-12);
		near(p_of(c[1], c[0], c[2]), p_of(c[0], c[1], c[2]), 1e-12);
	}
}

/* The example of scipy.stats.mannwhitneyu's reference: U = 17, p = 0.1111111111. */
static void a_worked_example_without_ties(void **state)
{
	double males[] = { 19, 22, 16, 29, 24 }, females[] = { 20, 11, 17, 12 };

	near(stats_mann_whitney(males, 5, females, 4), 1 / 9.0, 1e-12);
}

/*
 * S. Siegel, Nonparametric Statistics (1956), pp. 124-126, oral socialization
 * anxiety: n = 16 and 23, U = 304, sum of (t^3 - t) / 12 over ties = 70.5, and z
 * = 3.45 with the correction for ties (Siegel corrects for ties, not for
 * continuity; we do both).
 */
static void a_worked_example_with_ties(void **state)
{
	double absent[] = { 13, 12, 12, 10, 10, 10, 10, 9, 8, 8, 7, 7, 7, 7, 7, 6 };
	double present[] = { 17, 16, 15, 15, 15, 14, 14, 14, 13, 13, 13, 12,
			     12, 12, 12, 11, 11, 10, 10, 10, 8, 8, 6 };
	double n = 39, mean = 16 * 23 / 2.0;
	double sd = sqrt(16 * 23 / (n * (n - 1)) * ((n * n * n - n) / 12 - 70.5));

	near((304 - mean) / sd, 3.45, 0.005);
	near(stats_mann_whitney(absent, 16, present, 23),
	     erfc((304 - mean - 0.5) / sd / sqrt(2)), 1e-9);
}

/* By hand: U = 1, one group of three, variance 9/12 (7 - 24/30), distance 3.5 - 0.5. */
static void few_values_with_ties_use_the_normal_approximation(void **state)
{
	double a[] = { 1, 2, 2 }, b[] = { 2, 3, 4 };

	near(stats_mann_whitney(a, 3, b, 3), erfc(3 / sqrt(2 * 4.65)), 1e-12);
}

static void equal_samples_do_not_differ(void **state)
{
	double a[] = { 1, 1, 1, 1 }, b[] = { 1, 1, 1 };

	assert_true(stats_mann_whitney(a, 4, b, 3) == 1);
	assert_true(isnan(stats_mann_whitney(a, 4, b, 0)));
	assert_true(isnan(stats_mann_whitney(a, 0, b, 3)));
}

static void large_samples_use_the_normal_approximation(void **state)
{
	double a[21], b[21];

	for (int i = 0; i < 21; i++) {
		a[i] = 2 * i;
		b[i] = 2 * i + 1 + 12;
	}
	/* U = 105, sd = sqrt(441 * 43 / 12): z = (115.5 - .5) / 39.752 */
	near(stats_mann_whitney(a, 21, b, 21), erfc(115 / sqrt(441 * 43 / 12.0) / sqrt(2)), 1e-12);
}

/* 2 / C(2n, n): 2/20, 2/70, 2/252, 2/924, 2/3432. */
static void so_many_values_a_small_p_takes(void **state)
{
	static const struct { double p; size_t n; } cases[] = {
		{ 1.1, 1 }, { 0.11, 3 }, { 0.1, 4 }, { 0.05, 4 }, { 0.01, 5 }, { 0.0079, 6 },
		{ 0.0021, 7 }, { 0.01 / 300, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = stats_mann_whitney_min_n(cases[i].p);

		assert_int_equal(n, cases[i].n);
		assert_true(p_of(n, n, 0) < cases[i].p);
		assert_true(n == 1 || p_of(n - 1, n - 1, 0) >= cases[i].p);
	}
}

/*
 * Holm's procedure by hand, on the values of the common worked example (0.01, 0.04, 0.03,
 * 0.005 at the level 0.05: the first and the last are rejected, the others are not), and on
 * 0.01 .. 0.05, for which R's p.adjust() gives 0.05 0.08 0.09 0.09 0.09.
 */
static void holm_by_hand(void **state)
{
	static const struct { size_t n; double p[6], adjusted[6]; } cases[] = {
		{ 4, { .01, .04, .03, .005 }, { .03, .06, .06, .02 } },
		{ 5, { .01, .02, .03, .04, .05 }, { .05, .08, .09, .09, .09 } },
		{ 5, { .05, .04, .03, .02, .01 }, { .09, .09, .09, .08, .05 } },
		{ 3, { .02, .02, .02 }, { .06, .06, .06 } },		/* ties */
		{ 3, { .9, .8, .001 }, { 1, 1, .003 } },		/* never above 1 */
		{ 4, { .01, NAN, .02, NAN }, { .02, NAN, .02, NAN } },	/* not tested */
		{ 1, { .04 }, { .04 } },
	};

	stats_holm(NULL, 0, NULL);
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		double adjusted[6];

		stats_holm(cases[c].p, cases[c].n, adjusted);
		for (size_t i = 0; i < cases[c].n; i++) {
			assert_true(isnan(adjusted[i]) == isnan(cases[c].adjusted[i]));
			if (!isnan(adjusted[i]))
				near(adjusted[i], cases[c].adjusted[i], 1e-12);
		}
	}
}

/* Of m true null hypotheses at least one is rejected at 5 % in at most 5 % of the families. */
static void holm_keeps_the_level_of_the_family(void **state)
{
	enum { FAMILIES = 20000, M = 10 };
	uint64_t seed = 5;
	int alarms = 0;

	for (int f = 0; f < FAMILIES; f++) {
		double p[M], adjusted[M], least = 1;

		for (int i = 0; i < M; i++)
			p[i] = (mn_splitmix64(&seed) >> 11) / (double)(1ULL << 53);
		stats_holm(p, M, adjusted);
		for (int i = 0; i < M; i++)
			least = fmin(least, adjusted[i]);
		alarms += least <= 0.05;
	}
	near(alarms / (double)FAMILIES, 1 - pow(0.995, 10), 0.005);
}

static void the_deviation_of_logarithms_is_relative_noise(void **state)
{
	static const double v[] = { 1, M_E, M_E * M_E };
	static const double scaled[] = { 100, 100 * M_E, 100 * M_E * M_E };

	near(stats_log_sd(v, 3), 1, 1e-12);
	near(stats_log_sd(scaled, 3), 1, 1e-12);
	near(stats_log_sd((double[]){ 5, 5, 5, 5 }, 4), 0, 1e-12);
	assert_true(isnan(stats_log_sd(v, 1)));
	assert_true(isnan(stats_log_sd(v, 0)));
}

/* By hand: (1.96 / log(1.05))^2 pi / 2 is 2534.9 for a deviation of 1. */
static void blocks_needed_by_hand(void **state)
{
	assert_int_equal(stats_blocks_needed(1, 0.05), 2535);
	assert_int_equal(stats_blocks_needed(0.1, 0.05), 26);
	assert_int_equal(stats_blocks_needed(0.2, 0.05), 102);
	assert_int_equal(stats_blocks_needed(0, 0.05), STATS_INTERVAL_MIN_N);
	assert_int_equal(stats_blocks_needed(0.1, 1e9), STATS_INTERVAL_MIN_N);
	assert_int_equal(stats_blocks_needed(NAN, 0.05), 0);
	assert_int_equal(stats_blocks_needed(0.1, 0), 0);
	assert_int_equal(stats_blocks_needed(0.1, NAN), 0);
	assert_int_equal(stats_blocks_needed(1e9, 1e-9), STATS_NEEDED_MAX);
}

/* With as many as it says, the interval is about as wide as was asked for. */
static void so_many_blocks_give_that_interval(void **state)
{
	const double sd = 0.1, margin = 0.04;
	size_t n = stats_blocks_needed(sd, margin);
	uint64_t seed = 6;
	double width = 0;

	assert_in_range(n, 36, 41);
	for (int trial = 0; trial < 200; trial++) {
		double v[64];
		struct estimate e;

		for (size_t i = 0; i < n; i++) {
			double sum = 0;		/* of 12 uniform ones: nearly normal, variance 1 */

			for (int k = 0; k < 12; k++)
				sum += (mn_splitmix64(&seed) >> 11) / (double)(1ULL << 53);
			v[i] = exp(sd * (sum - 6));
		}
		e = stats_estimate(v, n);
		width += log(e.high / e.low) / 2 / 200;
	}
	near(width, log1p(margin), 0.004);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_median_is_the_middle),
		cmocka_unit_test(interval_ranks_are_those_of_the_table),
		cmocka_unit_test(the_interval_is_cut_out_of_the_sorted_values),
		cmocka_unit_test(five_values_have_a_median_but_no_interval),
		cmocka_unit_test(exact_probabilities_are_those_of_mann_and_whitney),
		cmocka_unit_test(critical_values_are_where_the_table_has_them),
		cmocka_unit_test(a_worked_example_without_ties),
		cmocka_unit_test(a_worked_example_with_ties),
		cmocka_unit_test(few_values_with_ties_use_the_normal_approximation),
		cmocka_unit_test(equal_samples_do_not_differ),
		cmocka_unit_test(large_samples_use_the_normal_approximation),
		cmocka_unit_test(so_many_values_a_small_p_takes),
		cmocka_unit_test(holm_by_hand),
		cmocka_unit_test(holm_keeps_the_level_of_the_family),
		cmocka_unit_test(the_deviation_of_logarithms_is_relative_noise),
		cmocka_unit_test(blocks_needed_by_hand),
		cmocka_unit_test(so_many_blocks_give_that_interval),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
