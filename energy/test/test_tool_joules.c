/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: known joules, and what it says where it has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"

/* Too large for a stack of tests. */
static struct tool t;

#define ENERGY_UJ	"%s/class/powercap/intel-rapl:0/energy_uj"

/*
 * Steps stay under 3 J: the zone's 200 W allow no more between two readings. They come at
 * once: a package that stands still for 100 ms and then goes on has lost something.
 */

static void the_joules_of_a_command_are_those_of_its_counter(void **state)
{
	do {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		fake_zone("intel-rapl:0:0", "core", 500000);
		tool_run(&t, "-- sh -c 'echo 3250000 > " ENERGY_UJ "'", fake_root());
	} while (tool_was_late(&t));
	assert_int_equal(t.status, 0);
	tool_said(&t, "         2.250 ");		/* 3.25 J - 1 J, in package and total */
	tool_said(&t, "powercap    measured");
	tool_said(&t, "(not in the total)");
	tool_not_said(&t, "MODEL");
}

static void a_counter_that_goes_round_is_followed(void **state)
{
	/* From 1 J before the end to 1.5 J: 2.5 J. */
	do {
		fake_zone("intel-rapl:0", "package-0", RANGE_UJ - 1000000);
		tool_run(&t, "-- sh -c 'echo 1500000 > " ENERGY_UJ "'", fake_root());
	} while (tool_was_late(&t));
	tool_said(&t, "         2.500 ");
}

static void without_a_counter_the_model_is_named_with_its_band(void **state)
{
	tool_run(&t, "-- sleep 0.2");
	assert_int_equal(t.status, 0);
	tool_said(&t, "total            MODEL       estimated ");
	tool_said(&t, " .. ");
	tool_said(&t, "MODEL, not a measurement");
	tool_said(&t, "no perf-power, powercap, hwmon here: memnet-energy doctor tells why");
	tool_not_said(&t, "no package zone");
	tool_said(&t, "model of ");
}

/* Measured, but not all: what is lacking is said with its mend, in every form. */
static void what_a_measured_total_lacks_is_said(void **state)
{
	static const char *const forms[] = { "", "-r 2", "-I 1000" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		do {
			fake_zone("intel-rapl:0", "package-0", 1000000);
			fake_zone("intel-rapl-mmio:0", "package-0", 1000000);
			fake_zone("intel-rapl:0:0", "dram", 0);
			fake_remove("class/powercap/intel-rapl:0:0/energy_uj");
			tool_run(&t, "%s -- sh -c 'read a < " ENERGY_UJ "; "
				 "echo $((a + 1000000)) > " ENERGY_UJ "'", forms[i], fake_root(),
				 fake_root());
		} while (tool_was_late(&t));
		assert_int_equal(t.status, 0);
		tool_said(&t, "intel-rapl:0:0: energy counter or its range cannot be read");
		tool_said(&t, "intel-rapl-mmio:0 left out: package-0 is already read");
		tool_said(&t, "dram-0: cannot be read");
		tool_not_said(&t, "no perf-power");
	}
}

static void a_model_of_a_short_window_says_that_it_is_rough(void **state)
{
	static const char *const forms[] = { "--csv", "--json", "-r 2", "-r 2 --csv", "-I 1000" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		tool_run(&t, "%s true", forms[i]);
		tool_said(&t, "few ticks of 10 ms");
	}
	tool_run(&t, "-r 3 true");		/* once for all of them */
	assert_null(strstr(strstr(t.err, "few ticks of 10 ms") + 1, "few ticks"));
}

static void a_forced_source_that_is_not_there_stops_before_the_command(void **state)
{
	tool_run(&t, "--source powercap -- sh -c 'echo ran'");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	tool_said(&t, "--source powercap: no package zone");
	tool_said(&t, "modprobe");
	tool_not_said(&t, "MODEL");
	tool_run(&t, "--source powercup -- sh -c 'echo ran'");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	tool_said(&t, "did you mean 'powercap'?");
}

/* 0.02 J at 200 W are over in 100 us, 1 uJ in 5 ns: nobody samples that fast. */
static void a_counter_that_may_have_gone_round_twice_is_no_number(void **state)
{
	static const char *const ranges[] = { "20000\n", "1\n" };

	fake_zone("intel-rapl:0", "package-0", 0);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "%s", ranges[i]);
		tool_run(&t, "-- sleep 0.2");
		assert_int_equal(t.status, 0);
		tool_said(&t, "package-0        powercap    invalid    ");
		tool_said(&t, "             -            -   total");
		tool_said(&t, "may have gone round");
		tool_said(&t, "0.000 .. ");		/* bounds, as far as they are known */
	}
}

static void a_sensor_that_dies_in_the_window_leaves_bounds(void **state)
{
	do {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		tool_run(&t, "-- sh -c 'for i in $(seq 10 30); do echo 30000$i 1<> " ENERGY_UJ
			 "; sleep 0.02; done; : > " ENERGY_UJ "; sleep 0.3'",
			 fake_root(), fake_root());
	} while (tool_was_late(&t));
	assert_int_equal(t.status, 0);
	tool_said(&t, "invalid");
	tool_said(&t, " .. ");
	tool_said(&t, "lost in the window");
}

static void a_counter_that_stands_still_under_load_is_absent_not_0(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000000);
	tool_run(&t, "-- sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'");
	tool_said(&t, "total            powercap    absent");
	tool_said(&t, "never moved");
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(the_joules_of_a_command_are_those_of_its_counter),
		fake_test(a_counter_that_goes_round_is_followed),
		fake_test(without_a_counter_the_model_is_named_with_its_band),
		fake_test(what_a_measured_total_lacks_is_said),
		fake_test(a_model_of_a_short_window_says_that_it_is_rough),
		fake_test(a_forced_source_that_is_not_there_stops_before_the_command),
		fake_test(a_counter_that_may_have_gone_round_twice_is_no_number),
		fake_test(a_sensor_that_dies_in_the_window_leaves_bounds),
		fake_test(a_counter_that_stands_still_under_load_is_absent_not_0),
	};

	return cmocka_run_group_tests_name("tool_joules", tests, NULL, NULL);
}
