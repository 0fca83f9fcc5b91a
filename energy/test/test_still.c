/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that stand still: all the time, for a while, and those that rightly do. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/one_package.h"
#include "memnet-core/base/clock.h"

static void a_counter_that_never_moves_under_load_is_absent(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 0.3, at(0, 5000000), at(0.25, 5000000), at(0.5, 5000000));

	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules) && isnan(v.low_j) && isnan(v.high_j));
	assert_non_null(strstr(v.reason, "never moved"));
	/* No package uses 0 J, in however short a window. */
	v = WINDOW(e, 0, at(0, 5000000), at(0.001, 5000000));
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_non_null(strstr(v.reason, "measure longer"));
	v = WINDOW(e, -1, at(0, 5000000), at(2, 5000000));
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_null(strstr(v.reason, "measure longer"));
	energy_close(e);
}

/* 100 W of which the counter shows nothing from 0.15 s on: 40 J. */
static void a_package_that_stops_is_a_gap_with_the_truth_within(void **state)
{
	struct energy *e = one_package();
	/* It may have stopped at any time after 0.1 s: 0.3 s at up to 300 W, and 10 ms of slack. */
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(0.1, 10000000), at(0.2, 15000000),
				       at(0.3, 15000000), at(0.4, 15000000));

	assert_gap(&v, 1, 15, 15 + 1.5 * 200 * 0.31);
	assert_non_null(strstr(v.reason, "1 gap, 0.300 s: the counter stood still"));
	/* It goes on at some time after 0.4 s. */
	v = WINDOW(e, 1, at(0, 0), at(0.1, 10000000), at(0.2, 15000000), at(0.3, 15000000),
		   at(0.4, 15000000), at(0.5, 20000000), at(0.6, 30000000));
	assert_gap(&v, 1, 30, 30 + 1.5 * 200 * 0.41);
	/* Of one that moves every 0.3 s the first 20 J may be of the time before. */
	v = WINDOW(e, 1, at(0, 5000000), at(0.1, 5000000), at(0.2, 5000000), at(0.3, 25000000),
		   at(0.4, 35000000));
	assert_gap(&v, 1, 10, 30 + 1.5 * 200 * 0.31);
	energy_close(e);
}

/* Nothing is counted at all, but the end of the gap is not the end of what is lost. */
static void a_package_that_stops_behind_a_gap_has_both_in_its_bounds(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 900000000), at(1, 800000000), at(2, 800000000));

	assert_gap(&v, 2, 0, 303 + 303);
	/* Asleep for an hour, and no counter any more. */
	v = WINDOW(e, 1, at(0, 0), at(1, 10000000), ((struct energy_reading){
		   .t_ns = 2 * NSEC_PER_SEC, .slept_ns = 3600 * NSEC_PER_SEC, .error = -ENODEV }));
	assert_gap(&v, 1, 10, 10 + 1.5 * 200 * 3601.01);
	energy_close(e);
}

static void edges_close_together_see_no_step_and_nothing_is_lost(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(0.1, 10000000), at(0.15, 10000000),
				       at(0.199, 10000000), at(0.3, 20000000), at(0.39, 20000000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 20);
	energy_close(e);
}

/* psys of some servers moves by 1 J at a time, DRAM and cores at rest may use next to nothing. */
static void only_a_package_is_known_never_to_rest(void **state)
{
	static const char *const names[] = { "dram-0", "core-0", "psys" };
	struct energy_reading r[4];
	struct energy_sum sums[4];
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "core", 0);
	fake_zone("intel-rapl:0:1", "dram", 0);
	fake_zone("intel-rapl:1", "psys", 0);
	e = fake_open("powercap");
	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	for (int i = 1; i <= 10; i++) {
		for (size_t d = 0; d < 4; d++) {
			bool package = energy_domain(e, d)->kind == ENERGY_PACKAGE;

			r[d] = at(i * 0.1, package ? i * 1000000 : i > 6 ? 1000000 : 0);
		}
		energy_sum_add(e, sums, r);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct energy_value v;

		energy_value(e, sums, fake_find(e, names[i]), 1, &v);
		assert_int_equal(v.quality, ENERGY_MEASURED);
		close_to(v.joules, 1);
	}
	energy_close(e);
}

static void cores_asleep_may_use_nothing_for_a_while(void **state)
{
	struct energy_reading r[2];
	struct energy_sum sums[2];
	struct energy_value v;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "core", 5000000);
	e = fake_open("powercap");
	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	fake_read(e, 0.5, r);
	energy_sum_add(e, sums, r);
	energy_value(e, sums, fake_find(e, "core-0"), 0.01, &v);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 0);
	energy_value(e, sums, fake_find(e, "core-0"), 0.3, &v);
	assert_int_equal(v.quality, ENERGY_ABSENT);
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_counter_that_never_moves_under_load_is_absent),
		fake_test(a_package_that_stops_is_a_gap_with_the_truth_within),
		fake_test(a_package_that_stops_behind_a_gap_has_both_in_its_bounds),
		fake_test(edges_close_together_see_no_step_and_nothing_is_lost),
		fake_test(only_a_package_is_known_never_to_rest),
		fake_test(cores_asleep_may_use_nothing_for_a_while),
	};

	return cmocka_run_group_tests_name("still", tests, NULL, NULL);
}
