/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that wrap, jump or go away: never a wrong number. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/one_package.h"
#include "memnet-core/base/clock.h"

static void one_wrap_is_mended(void **state)
{
	struct energy *e = one_package();
	/* 1 J before the end of the range, then 4 J after it; 10 J more. */
	struct energy_value v = WINDOW(e, 1, at(0, RANGE_UJ - 1000000), at(0.1, 4000000),
				       at(0.2, 14000000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	assert_int_equal(v.gaps, 0);
	close_to(v.joules, 15);
	energy_close(e);
}

static void a_counter_may_equal_its_range(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, RANGE_UJ - 2000000), at(0.1, RANGE_UJ),
				       at(0.2, 3000000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 5);
	energy_close(e);
}

static void a_jump_beyond_the_power_limit_is_a_gap(void **state)
{
	struct energy *e = one_package();
	/* At most 1.5 * 200 W * (1 s + 10 ms) = 303 J are believed. */
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(1, 302900000), at(2, 322900000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 322.9);
	/* 20 J, then a gap in which 303.2 J were seen, then 30 J */
	v = WINDOW(e, 1, at(0, 0), at(1, 20000000), at(2, 323200000), at(3, 353200000));
	assert_gap(&v, 1, 50, 353.2);
	assert_non_null(strstr(v.reason, "(its limit: 200 W)"));
	energy_close(e);
}

static void a_backward_jump_is_no_wrap(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 900000000), at(1, 910000000), at(2, 800000000),
				       at(3, 810000000));

	assert_gap(&v, 1, 20, 20 + 303);	/* what would have been believed in that second */
	assert_non_null(strstr(v.reason, "backward"));
	energy_close(e);
}

/* 10, 11, (12), 13, 14 J: what came after the 0 is its way back, and may be none of the energy. */
static void a_false_0_between_two_readings_is_within_the_bounds(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 10000000), at(0.1, 11000000), at(0.2, 0),
				       at(0.3, 13000000), at(0.4, 14000000));

	assert_gap(&v, 1, 2, 15 + 33);
	/* Once more while it is there, which is no 0 J. */
	v = WINDOW(e, 1, at(0, 10000000), at(0.1, 11000000), at(0.13, 0), at(0.16, 0),
		   at(0.3, 13000000), at(0.4, 14000000));
	assert_gap(&v, 2, 2, 15 + 2 * 12);
	energy_close(e);
}

/* Their sums are no numbers of 64 bits: the upper bound is not below the lower one. */
static void readings_of_all_bits_leave_bounds_in_order(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(0.1, 11000000), at(0.2, UINT64_MAX),
				       at(0.3, 13000000), at(0.4, 25000000), at(0.5, 37000000));

	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_true(v.low_j > 34 && v.low_j < 37 && v.high_j > 1.8e13);
	v = WINDOW(e, 1, at(0, 0), at(0.1, 1ULL << 63), at(0.2, 0), at(0.3, 1ULL << 63), at(0.4, 0));
	assert_true(v.high_j > 1.8e13);
	energy_close(e);
}

static void an_interval_that_may_hide_a_wrap_is_a_gap(void **state)
{
	struct energy *e = one_package();
	/* 262143 J at 200 W take 1310.7 s; half of it is the longest safe interval. */
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(1400, 1000000));

	assert_gap(&v, 1, 0, 1.5 * 200 * 1400.01);
	assert_non_null(strstr(v.reason, "sample more often"));
	/* 263 kJ in 1000 s are believed of 200 W: so this may be 1 J, or once round and 1 J. */
	v = WINDOW(e, 1, at(0, 0), at(1000, 1000000));
	assert_gap(&v, 1, 0, 1.5 * 200 * 1000.01);
	assert_true(energy_max_interval_ns(e) / NSEC_PER_SEC == 655);
	energy_close(e);
}

static void two_wraps_in_one_interval_are_a_gap(void **state)
{
	struct energy_value v;
	struct energy *e;

	/* 40 J go into the counter. 0.3 s at 200 W are 60 J: once or twice round, who knows. */
	fake_zone("intel-rapl:0", "package-0", 0);
	fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "40000000\n");
	e = fake_open("powercap");
	assert_true(energy_max_interval_ns(e) == 100 * NSEC_PER_MSEC);
	/* 10 J; then 0.3 s, of which the counter shows 5 J more and may hide 40; then 10 J */
	v = WINDOW(e, 1, at(0, 0), at(0.1, 10000000), at(0.4, 15000000), at(0.5, 25000000));
	assert_gap(&v, 1, 20, 20 + 1.5 * 200 * 0.31);
	/* Read every 0.1 s, the same 95 J are all found: 10, 25, 25, 25 over two wraps, 10. */
	v = WINDOW(e, 1, at(0, 0), at(0.1, 10000000), at(0.2, 35000000), at(0.3, 20000000),
		   at(0.4, 5000000), at(0.5, 15000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 95);
	energy_close(e);
}

static void two_readings_at_one_instant_may_differ_by_an_update(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(1, 100000000), at(1.00002, 100200000),
				       at(2, 200000000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 200);
	energy_close(e);
}

/* Its clock is 20 ms older than its counter: 2 J of 100 W may lie between, and 0.2 J of steps. */
static void a_reading_that_took_long_widens_the_band(void **state)
{
	struct energy *e = one_package();
	struct energy_reading late = { .took_ns = 20 * NSEC_PER_MSEC };
	struct energy_value v = WINDOW(e, 1, late, at(0.5, 50000000), at(1, 100000000));

	close_to(v.joules, 100);
	close_to(v.low_j, 100 - 2.2 - 100e-6);
	close_to(v.high_j, 100 + 2.2 + 100e-6);
	late = at(1, 100000000);
	late.took_ns = 20 * NSEC_PER_MSEC;
	v = WINDOW(e, 1, at(0, 0), late);
	close_to(v.high_j, 100 + 2.2 + 100e-6);
	energy_close(e);
}

/*
 * 9.9 s of 1 W and 0.1 s of 150 W: what 1 ms at the end used, 0.15 J, may be missing, of which
 * the mean of 2.5 W would know nothing.
 */
static void an_edge_may_be_where_all_the_power_is(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 0), at(5, 5000000), at(9.9, 9900000),
				       at(10, 9900000 + 15000000 - 150000));
	struct energy_reading late = at(1.001, 101000000 + 10000000);

	close_to(v.joules, 24.75);
	assert_true(v.high_j >= 24.9 && v.high_j < 25.1);
	assert_true(v.low_j <= v.joules && v.low_j > 24.4);
	/* 11 J in 1 ms were no more than 100 W where the read took 109 ms */
	late.took_ns = 109 * NSEC_PER_MSEC;
	v = WINDOW(e, 1, at(0, 0), at(1, 100000000), late);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.high_j - v.joules, 111 / 1.001 * 0.111 + 100e-6);
	energy_close(e);
}

static void a_window_of_one_reading_is_absent(void **state)
{
	struct energy *e = one_package();
	struct energy_value v = WINDOW(e, 1, at(0, 5000000));

	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules));
	energy_close(e);
}

static void an_empty_read_in_between_loses_nothing(void **state)
{
	struct energy *e = one_package();
	struct energy_reading r[3];
	struct energy_value v;

	fake_read(e, 0, &r[0]);
	fake_write("class/powercap/intel-rapl:0/energy_uj", "%s", "");
	fake_read(e, 0.1, &r[1]);
	assert_int_equal(r[1].error, -ENODATA);
	fake_energy("intel-rapl:0", 10000000);
	fake_read(e, 0.2, &r[2]);
	v = window(e, r, 3, 1);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 10);
	energy_close(e);
}

static void a_torn_read_is_an_error(void **state)
{
	struct energy *e = one_package();
	struct energy_reading r;

	fake_write("class/powercap/intel-rapl:0/energy_uj", "12x4\n");
	energy_read(e, &r);
	assert_int_equal(r.error, -EINVAL);
	fake_write("class/powercap/intel-rapl:0/energy_uj", "12");	/* of "1234\n" */
	energy_read(e, &r);
	assert_int_equal(r.error, -EINVAL);
	energy_close(e);
}

static void a_reading_above_the_range_is_an_error(void **state)
{
	struct energy *e = one_package();
	struct energy_reading r;

	fake_energy("intel-rapl:0", RANGE_UJ);
	energy_read(e, &r);
	assert_int_equal(r.error, 0);
	fake_energy("intel-rapl:0", RANGE_UJ + 1);
	energy_read(e, &r);
	assert_int_equal(r.error, -ERANGE);
	fake_energy("intel-rapl:0", UINT64_MAX);
	energy_read(e, &r);
	assert_int_equal(r.error, -ERANGE);
	energy_close(e);
}

static void a_zone_that_vanishes_leaves_a_gap_to_the_end(void **state)
{
	struct energy *e = one_package();
	struct energy_reading r[4];
	struct energy_value v;

	fake_read(e, 0, &r[0]);
	fake_energy("intel-rapl:0", 10000000);
	fake_read(e, 0.1, &r[1]);
	/* An open file outlives its name; in sysfs it then reads ENODEV, here nothing. */
	fake_write("class/powercap/intel-rapl:0/energy_uj", "%s", "");
	fake_remove("class/powercap/intel-rapl:0/energy_uj");
	fake_read(e, 0.2, &r[2]);
	fake_read(e, 0.6, &r[3]);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++)	/* this machine's, not the tree's */
		r[i].took_ns = r[i].slept_ns = 0;
	v = window(e, r, 4, 1);
	assert_gap(&v, 1, 10, 10 + 1.5 * 200 * 0.51);
	assert_non_null(strstr(v.reason, "lost in the window (ENODATA)"));
	energy_close(e);
}

/* Nobody knows what it used before: it is for the next to open. */
static void a_zone_that_appears_is_not_counted(void **state)
{
	struct energy_reading r[2];
	struct energy_value v;
	struct energy *e = one_package();

	fake_read(e, 0, &r[0]);
	fake_energy("intel-rapl:0", 10000000);
	fake_zone("intel-rapl:1", "package-1", 700000000);
	assert_int_equal(energy_domain_count(e), 1);
	fake_read(e, 0.1, &r[1]);
	v = window(e, r, 2, 1);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 10);
	energy_close(e);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 2);
	energy_close(e);
}

static void a_first_reading_that_failed_is_a_gap(void **state)
{
	struct energy *e = one_package();
	struct energy_reading failed = { .t_ns = 0, .error = -ENODEV };
	struct energy_value v = WINDOW(e, 1, failed, at(1, 5000000), at(2, 15000000));

	assert_gap(&v, 1, 10, 10 + 303);
	energy_close(e);
}

static void turbo_limits_widen_what_is_believed(void **state)
{
	struct energy_value v;
	struct energy *e;

	/* A notebook: 15 W sustained, 60 W for a while. */
	fake_zone("intel-rapl:0", "package-0", 0);
	fake_write("class/powercap/intel-rapl:0/constraint_0_max_power_uw", "15000000\n");
	fake_write("class/powercap/intel-rapl:0/constraint_1_power_limit_uw", "60000000\n");
	e = fake_open("powercap");
	v = WINDOW(e, 1, at(0, 0), at(1, 50000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 50);
	energy_close(e);
}

/* thermald lets it have 60 W from somewhere in the window on. */
static void a_limit_raised_since_is_read_anew(void **state)
{
	const char *limit = "class/powercap/intel-rapl:0/constraint_0_max_power_uw";
	struct energy_value v;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_write(limit, "15000000\n");
	e = fake_open("powercap");
	/* 10 W, then 45 W, of which 1.5 * 15 W * 1.01 s = 22.725 J are believed in a second */
	v = WINDOW(e, 1, at(0, 0), at(1, 10000000), at(2, 55000000), at(3, 100000000));
	assert_gap_of(&v, 15, 2, 10, 100);
	fake_write(limit, "29000000\n");		/* 45 J want 29.703 W */
	v = WINDOW(e, 1, at(0, 0), at(1, 10000000), at(2, 55000000), at(3, 100000000));
	assert_gap_of(&v, 29, 2, 10, 100);
	fake_write(limit, "60000000\n");
	v = WINDOW(e, 1, at(0, 0), at(1, 10000000), at(2, 55000000), at(3, 100000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 100);
	/* Still for 60 ms before the jump, and for 60 ms behind it: it moved in between. */
	v = WINDOW(e, 1, at(0, 0), at(1, 10000000), at(1.06, 10000000), at(2, 55000000),
		   at(2.06, 55000000), at(3, 65000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	/* Nor does that explain a step backward beside them; there 60 W may have passed. */
	v = WINDOW(e, 1, at(0, 0), at(1, 45000000), at(2, 5000000), at(3, 15000000));
	assert_gap_of(&v, 60, 2, 10, 55 + 1.5 * 60 * 1.01);
	assert_non_null(strstr(v.reason, "(its limit: 60 W)"));
	/* Nor a counter that stands still behind the only one. */
	v = WINDOW(e, 1, at(0, 0), at(1, 45000000), at(2, 45000000));
	assert_gap_of(&v, 60, 2, 0, 45 + 1.5 * 60 * 1.01);
	energy_close(e);
}

/* Random load and random intervals, for hours: all that was used is found again. */
static void over_random_wraps_the_intervals_sum_to_the_whole(void **state)
{
	struct energy *e = one_package();

	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t rng = seed, used_uj, start_uj, wraps = 0, last = 0;
		struct energy_reading r = { 0 };
		struct energy_sum sum;
		struct energy_value v;

		start_uj = used_uj = mn_splitmix64(&rng) % RANGE_UJ;
		r.raw = last = used_uj;
		energy_sum_begin(e, &sum, &r);
		for (int i = 0; i < 2000; i++) {
			int64_t dt_ns = mn_splitmix64(&rng) % (600 * NSEC_PER_SEC);
			uint64_t max_uj = dt_ns / NSEC_PER_USEC * FAKE_MAX_W;

			used_uj += mn_splitmix64(&rng) % (max_uj + 1);
			r.t_ns += dt_ns;
			r.raw = used_uj % RANGE_UJ;
			wraps += r.raw < last;
			last = r.raw;
			energy_sum_add(e, &sum, &r);
		}
		energy_value(e, &sum, 0, 1, &v);
		assert_true(wraps > 50);
		assert_int_equal(v.quality, ENERGY_MEASURED);
		assert_true(sum.raw == used_uj - start_uj);
		assert_true(fabs(v.joules - (used_uj - start_uj) * 1e-6) < 1e-3);
	}
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(one_wrap_is_mended),
		fake_test(a_counter_may_equal_its_range),
		fake_test(a_jump_beyond_the_power_limit_is_a_gap),
		fake_test(a_backward_jump_is_no_wrap),
		fake_test(a_false_0_between_two_readings_is_within_the_bounds),
		fake_test(readings_of_all_bits_leave_bounds_in_order),
		fake_test(an_interval_that_may_hide_a_wrap_is_a_gap),
		fake_test(two_wraps_in_one_interval_are_a_gap),
		fake_test(two_readings_at_one_instant_may_differ_by_an_update),
		fake_test(a_reading_that_took_long_widens_the_band),
		fake_test(an_edge_may_be_where_all_the_power_is),
		fake_test(a_window_of_one_reading_is_absent),
		fake_test(an_empty_read_in_between_loses_nothing),
		fake_test(a_torn_read_is_an_error),
		fake_test(a_reading_above_the_range_is_an_error),
		fake_test(a_zone_that_vanishes_leaves_a_gap_to_the_end),
		fake_test(a_zone_that_appears_is_not_counted),
		fake_test(a_first_reading_that_failed_is_a_gap),
		fake_test(turbo_limits_widen_what_is_believed),
		fake_test(a_limit_raised_since_is_read_anew),
		fake_test(over_random_wraps_the_intervals_sum_to_the_whole),
	};

	return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
