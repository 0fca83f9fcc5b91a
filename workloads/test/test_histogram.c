/* SPDX-License-Identifier: BSD-2-Clause */
/* Quantiles of the histogram against exact ones out of the sorted values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "workloads/histogram.h"

#define N 100000

static const uint32_t quantiles[] = { 1, 1000, 500000, 900000, 990000, 999000, 999999, 1000000 };
static struct histogram h;
static uint64_t values[N];

static int clear(void **state)
{
	memset(&h, 0, sizeof(h));
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Never below the exact one, less than one part in HISTOGRAM_PRECISION above. */
static void expect_near(uint64_t got, uint64_t exact)
{
	if (got < exact || (got - exact) * HISTOGRAM_PRECISION > exact)
		fail_msg("%lu for %lu", got, exact);
}

static void check_against_sorted(size_t n)
{
	for (size_t i = 0; i < n; i++)
		histogram_add(&h, values[i]);
	qsort(values, n, sizeof(values[0]), compare);
	assert_int_equal(h.count, n);
	assert_int_equal(h.max, values[n - 1]);
	for (size_t q = 0; q < ARRAY_SIZE(quantiles); q++) {
		uint64_t rank = ((uint64_t)n * quantiles[q] + 999999) / 1000000;

		expect_near(histogram_quantile(&h, quantiles[q]), values[rank - 1]);
	}
}

static void small_values_are_exact(void **state)
{
	for (uint64_t v = 0; v < 256; v++)
		histogram_add(&h, v);
	for (uint64_t v = 0; v < 256; v++)
		assert_int_equal(histogram_quantile(&h, (v + 1) * 1000000 / 256), v);
}

static void uniform_values_are_near(void **state)
{
	uint64_t seed = 1;

	for (size_t i = 0; i < N; i++)
		values[i] = mn_splitmix64(&seed) % 1000000;
	check_against_sorted(N);
}

static void values_of_every_size_are_near(void **state)
{
	uint64_t seed = 2;

	for (size_t i = 0; i < N; i++) {
		uint64_t r = mn_splitmix64(&seed);

		values[i] = (r >> 24) >> (r % 40);	/* below 2^40 */
	}
	check_against_sorted(N);
}

static void two_humps_and_a_tail_are_near(void **state)
{
	uint64_t seed = 3;

	for (size_t i = 0; i < N; i++) {
		uint64_t r = mn_splitmix64(&seed);

		values[i] = i % 1000 == 0 ? 90000000 + r % 1000 : i % 10 ? 20000 + r % 500 :
			    150000 + r % 9000;
	}
	check_against_sorted(N);
}

static void every_power_of_two_and_its_neighbours_are_near(void **state)
{
	for (int bit = 1; bit < 40; bit++)
		for (int d = -1; d <= 1; d++) {
			memset(&h, 0, sizeof(h));
			values[0] = (1ULL << bit) + d;
			values[1] = 1ULL << 50;
			histogram_add(&h, values[0]);
			histogram_add(&h, values[1]);
			expect_near(histogram_quantile(&h, 500000), values[0]);
		}
}

static void what_is_too_large_is_told_by_max(void **state)
{
	histogram_add(&h, 5);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(histogram_quantile(&h, 500000), 5);
	assert_int_equal(histogram_quantile(&h, 1000000), UINT64_MAX);
}

static void nothing_gives_nothing(void **state)
{
	assert_int_equal(histogram_quantile(&h, 500000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(small_values_are_exact, clear),
		cmocka_unit_test_setup(uniform_values_are_near, clear),
		cmocka_unit_test_setup(values_of_every_size_are_near, clear),
		cmocka_unit_test_setup(two_humps_and_a_tail_are_near, clear),
		cmocka_unit_test_setup(every_power_of_two_and_its_neighbours_are_near, clear),
		cmocka_unit_test_setup(what_is_too_large_is_told_by_max, clear),
		cmocka_unit_test_setup(nothing_gives_nothing, clear),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
