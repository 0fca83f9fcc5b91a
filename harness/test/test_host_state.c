/* SPDX-License-Identifier: BSD-2-Clause */
/* Throttling, temperature, frequency and governor, out of trees like /sys. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "harness/columns.h"
#include "harness/host_state.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)
#define CPU		"devices/system/cpu/cpu"

/* CPUs 1 and 3 of four. */
static struct host_state read_two(void)
{
	struct host_state s;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	CPU_SET(3, &cpus);
	host_state_read(fake_root(), &cpus, &s);
	return s;
}

static void a_machine_that_tells_nothing_has_nothing(void **state)
{
	struct host_state s = read_two();

	assert_int_equal(s.core_throttles, ABSENT_INTEGER);
	assert_int_equal(s.package_throttles, ABSENT_INTEGER);
	assert_true(isnan(s.temperature_c) && isnan(s.frequency_mhz));
	assert_string_equal(s.governor, "");
}

static void throttling_is_that_of_the_cpus_asked_for(void **state)
{
	struct host_state s;

	for (int cpu = 0; cpu < 4; cpu++) {
		char path[96];

		snprintf(path, sizeof(path), CPU "%d/thermal_throttle/core_throttle_count", cpu);
		fake_write(path, "%d\n", 1 << cpu);
		snprintf(path, sizeof(path), CPU "%d/thermal_throttle/package_throttle_count", cpu);
		fake_write(path, "%d\n", 100);
	}
	s = read_two();
	assert_int_equal(s.core_throttles, 2 + 8);
	assert_int_equal(s.package_throttles, 200);
	fake_remove(CPU "3/thermal_throttle/core_throttle_count");
	s = read_two();
	assert_int_equal(s.core_throttles, ABSENT_INTEGER);	/* half of it is no count */
	assert_int_equal(s.package_throttles, 200);
	fake_write(CPU "3/thermal_throttle/package_throttle_count", "many\n");
	assert_int_equal(read_two().package_throttles, ABSENT_INTEGER);
}

static void events_are_a_difference_that_is_known(void **state)
{
	assert_int_equal(host_state_events(5, 5), 0);
	assert_int_equal(host_state_events(5, 8), 3);
	assert_int_equal(host_state_events(8, 5), ABSENT_INTEGER);	/* a CPU came back */
	assert_int_equal(host_state_events(ABSENT_INTEGER, 5), ABSENT_INTEGER);
	assert_int_equal(host_state_events(5, ABSENT_INTEGER), ABSENT_INTEGER);
}

static void the_hottest_sensor_of_the_packages_counts(void **state)
{
	fake_chip("hwmon0", "acpitz");
	fake_sensor("hwmon0", "temp1_input", "99000\n");	/* of a board */
	fake_chip("hwmon1", "coretemp");
	fake_sensor("hwmon1", "temp1_input", "61500\n");
	fake_sensor("hwmon1", "temp12_input", "62500\n");
	fake_sensor("hwmon1", "temp2_max", "100000\n");
	fake_chip("hwmon2", "coretemp");			/* the second package */
	fake_sensor("hwmon2", "temp1_input", "62000\n");
	close_to(read_two().temperature_c, 62.5);
	fake_write("class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
	fake_write("class/thermal/thermal_zone0/temp", "70000\n");
	close_to(read_two().temperature_c, 62.5);			/* the chip is there */
}

static void k10temp_and_thermal_zones_serve_too(void **state)
{
	fake_write("class/thermal/thermal_zone0/type", "acpitz\n");
	fake_write("class/thermal/thermal_zone0/temp", "90000\n");
	assert_true(isnan(read_two().temperature_c));
	fake_write("class/thermal/thermal_zone7/type", "x86_pkg_temp\n");
	fake_write("class/thermal/thermal_zone7/temp", "47250\n");
	close_to(read_two().temperature_c, 47.25);
	fake_chip("hwmon0", "k10temp");				/* but nothing to read yet */
	close_to(read_two().temperature_c, 47.25);
	fake_sensor("hwmon0", "temp1_input", "52125\n");
	close_to(read_two().temperature_c, 52.125);
}

static void frequency_is_the_mean_of_all_or_none(void **state)
{
	fake_write(CPU "1/cpufreq/scaling_cur_freq", "2400000\n");
	assert_true(isnan(read_two().frequency_mhz));
	fake_write(CPU "3/cpufreq/scaling_cur_freq", "3000500\n");
	close_to(read_two().frequency_mhz, 2700.25);
}

static void governors_that_differ_are_mixed(void **state)
{
	fake_write(CPU "0/cpufreq/scaling_governor", "powersave\n");
	fake_write(CPU "1/cpufreq/scaling_governor", "performance\n");
	fake_write(CPU "3/cpufreq/scaling_governor", "performance\n");
	assert_string_equal(read_two().governor, "performance");
	fake_write(CPU "3/cpufreq/scaling_governor", "schedutil\n");
	assert_string_equal(read_two().governor, "mixed");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_machine_that_tells_nothing_has_nothing),
		TEST(throttling_is_that_of_the_cpus_asked_for),
		cmocka_unit_test(events_are_a_difference_that_is_known),
		TEST(the_hottest_sensor_of_the_packages_counts),
		TEST(k10temp_and_thermal_zones_serve_too),
		TEST(frequency_is_the_mean_of_all_or_none),
		TEST(governors_that_differ_are_mixed),
	};

	return cmocka_run_group_tests_name("host state", tests, NULL, NULL);
}
