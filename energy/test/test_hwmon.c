/* SPDX-License-Identifier: BSD-2-Clause */
/* Which hwmon sensors are energy of this machine, and joules out of watts. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

#define MAX_DOMAINS	16
#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-6)

static struct energy_reading at(double t_s, uint64_t raw)
{
	return (struct energy_reading){ .t_ns = t_s * NSEC_PER_SEC, .raw = raw };
}

/* The total of a window of the only domain. */
static struct energy_value window(const struct energy *e, const struct energy_reading *r, size_t n)
{
	struct energy_value total;
	struct energy_sum sum;

	assert_int_equal(energy_domain_count(e), 1);
	energy_sum_begin(e, &sum, &r[0]);
	for (size_t i = 1; i < n; i++)
		energy_sum_add(e, &sum, &r[i]);
	energy_total(e, &sum, 1, &total);
	return total;
}

#define WINDOW(e, ...) ({							\
	const struct energy_reading readings_[] = { __VA_ARGS__ };		\
	window(e, readings_, ARRAY_SIZE(readings_)); })

static void fake_sockets(const char *chip)
{
	fake_chip("hwmon2", chip);
	fake_sensor("hwmon2", "energy1_label", "Ecore000\n");
	fake_sensor("hwmon2", "energy1_input", "700\n");
	fake_sensor("hwmon2", "energy9_label", "Esocket0\n");
	fake_sensor("hwmon2", "energy9_input", "1000000\n");
	fake_sensor("hwmon2", "energy10_label", "Esocket1\n");
	fake_sensor("hwmon2", "energy10_input", "5000000\n");
}

/* @interval_ms: that of its average. */
static struct energy *one_meter(const char *interval_ms)
{
	fake_chip("hwmon0/device", "power_meter");
	fake_sensor("hwmon0/device", "power1_average", "100000000\n");
	fake_sensor("hwmon0/device", "power1_average_interval", "%s\n", interval_ms);
	return fake_open("hwmon");
}

static void sockets_are_packages_and_cores_lie_within(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value total;
	struct energy *e;

	fake_sockets("amd_energy");
	e = fake_open("hwmon");
	assert_string_equal(energy_source(e), "hwmon");
	assert_int_equal(energy_domain_count(e), 2);
	assert_int_equal(energy_domain(e, fake_find(e, "package-1"))->kind, ENERGY_PACKAGE);
	assert_true(energy_max_interval_ns(e) == INT64_MAX);	/* the driver widens it */
	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	fake_sensor("hwmon2", "energy1_input", "9000700\n");
	fake_sensor("hwmon2", "energy9_input", "31000000\n");	/* + 30 J */
	fake_sensor("hwmon2", "energy10_input", "17000000\n");	/* + 12 J */
	fake_read(e, 1, r);
	energy_sum_add(e, sums, r);
	energy_total(e, sums, 1, &total);
	assert_int_equal(total.quality, ENERGY_MEASURED);
	close_to(total.joules, 42);
	energy_value(e, sums, fake_find(e, "package-0"), 1, &total);
	close_to(total.joules, 30);		/* energy9, though energy10 is found first */
	assert_string_equal(total.reason, "");
	energy_close(e);
}

static void a_socket_sensor_per_numa_node_is_no_package(void **state)
{
	struct energy *e;

	fake_sockets("amd_energy");
	fake_cpu(0, 0, 0);
	fake_cpu(1, 0, 0);
	e = fake_open("hwmon");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "hwmon", "2 sensors of sockets for 1 packages"));
	energy_close(e);
}

/* Whatever the topology says, or if it says nothing. */
static void two_drivers_of_one_socket_are_not_added(void **state)
{
	struct energy *e;

	fake_chip("hwmon0", "amd_energy");
	fake_sensor("hwmon0", "energy1_label", "Esocket0\n");
	fake_sensor("hwmon0", "energy1_input", "1000000\n");
	fake_chip("hwmon1", "zenergy");
	fake_sensor("hwmon1", "energy1_label", "Esocket0\n");
	fake_sensor("hwmon1", "energy1_input", "1000000\n");
	for (int cpu = 0; cpu < 2; cpu++) {
		e = fake_open("hwmon");
		assert_string_equal(energy_source(e), "none");
		assert_true(fake_noted(e, "hwmon", "several sensors of one socket"));
		energy_close(e);
		fake_cpu(cpu, cpu, 0);
	}
	e = fake_open("hwmon");
	assert_string_equal(energy_source(e), "none");
	energy_close(e);
}

static void after_powercap_and_before_the_model(void **state)
{
	struct energy *e;

	fake_sockets("zenergy");
	e = fake_open(NULL);
	assert_string_equal(energy_source(e), "hwmon");
	energy_close(e);
	fake_zone("intel-rapl:0", "package-0", 0);
	e = fake_open(NULL);
	assert_string_equal(energy_source(e), "powercap");
	energy_close(e);
}

static void power_of_a_meter_is_integrated(void **state)
{
	struct energy *e = one_meter("0");
	struct energy_value v;

	assert_string_equal(energy_domain(e, 0)->name, "server-0");
	assert_int_equal(energy_domain(e, 0)->kind, ENERGY_SERVER);
	assert_true(energy_max_interval_ns(e) == NSEC_PER_SEC);
	/* 100 W, 200 W after 0.5 s, 200 W, 100 W after 0.1 s: 75 + 100 + 15 J by trapezoid;
	   50 + 100 + 10 J if it rose at the last and fell at once, 100 + 100 + 20 J at most */
	v = WINDOW(e, at(0, 100000000), at(0.5, 200000000), at(1, 200000000), at(1.1, 100000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 190);
	close_to(v.low_j, 160);
	close_to(v.high_j, 220);
	assert_string_equal(v.source, "hwmon");
	assert_non_null(strstr(v.reason, "integrated over 4 readings, not a counter"));
	energy_close(e);
}

static void what_the_meter_averages_and_how_right_it_is_widen_the_band(void **state)
{
	struct energy_value v;
	struct energy *e;

	fake_sensor("hwmon0/device", "power1_accuracy", "95.0%%\n");
	e = one_meter("1000");
	/* 100 W and 120 W, a step half a second long. 1 s * 20 W = 20 J of lag, and 5 %. */
	v = WINDOW(e, at(0, 100000000), at(1, 100000000), at(1.5, 120000000), at(2, 120000000));
	close_to(v.joules, 100 + 55 + 60);
	close_to(v.low_j, (100 + 50 + 60 - 20) * 0.95);
	close_to(v.high_j, (100 + 60 + 60 + 20) * 1.05);
	/* a second's mean says nothing of a second */
	v = WINDOW(e, at(0, 100000000), at(0.5, 100000000), at(1, 120000000));
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules) && isnan(v.low_j));
	assert_non_null(strstr(v.reason, "measure longer"));
	energy_close(e);
}

/* What a mean of the last second shows at @t of 100 W, and 1000 W more from @from to @to. */
static struct energy_reading mean_at(double t, double from, double to)
{
	double s = fmin(t, to) - fmax(t - 1, from);

	return at(t, 100000000 + lround(1000000000 * fmax(s, 0)));
}

/* 10 s of 100 W are 1000 J; a burst of 200 J more is told too late, or late and within. */
static void a_burst_at_either_edge_is_within_the_band(void **state)
{
	struct energy *e = one_meter("1000");
	struct energy_reading at_end[101], before[101];
	struct energy_value v;

	for (int i = 0; i <= 100; i++) {
		at_end[i] = mean_at(i * 0.1, 9.8, 10);
		before[i] = mean_at(i * 0.1, -0.2, 0);
	}
	v = window(e, at_end, ARRAY_SIZE(at_end));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	assert_true(v.joules < 1030 && v.low_j <= 1200 && v.high_j >= 1200);
	v = window(e, before, ARRAY_SIZE(before));
	assert_true(v.joules > 1170 && v.low_j <= 1000 && v.high_j >= 1000);
	energy_close(e);
}

static void power_that_was_not_read_is_a_gap(void **state)
{
	struct energy *e = one_meter("0");
	/* 10 J; 3 s of 20 kW at most; 10 J */
	struct energy_value v = WINDOW(e, at(0, 100000000), at(0.1, 100000000),
				       at(3.1, 100000000), at(3.2, 100000000));

	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_int_equal(v.gaps, 1);
	assert_true(isnan(v.joules));
	close_to(v.low_j, 20);
	close_to(v.high_j, 20 + 1.5 * 20000 * 3.01);
	energy_close(e);
}

static void more_watts_than_can_be_are_a_gap(void **state)
{
	struct energy *e = one_meter("0");
	struct energy_value v = WINDOW(e, at(0, 100000000), at(0.1, 30000000001), at(0.2, 1));

	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_int_equal(v.gaps, 2);
	energy_close(e);
}

static void a_server_with_accelerators_is_no_gap(void **state)
{
	struct energy *e = one_meter("0");
	struct energy_value v = WINDOW(e, at(0, 10000000000), at(1, 10000000000));

	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 10000);
	energy_close(e);
}

static void a_meter_of_0_watts_is_absent(void **state)
{
	struct energy *e = one_meter("0");
	struct energy_value v = WINDOW(e, at(0, 0), at(0.5, 0), at(1, 0));

	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_non_null(strstr(v.reason, "sensor read 0 W"));
	energy_close(e);
}

static void the_machines_meter_contains_the_packages(void **state)
{
	struct energy *e;

	fake_sockets("amd_energy");
	energy_close(one_meter("0"));
	e = fake_open("hwmon");
	assert_int_equal(energy_domain_count(e), 3);
	assert_false(energy_domain(e, fake_find(e, "server-0"))->in_total);
	assert_true(energy_domain(e, fake_find(e, "package-0"))->in_total);
	energy_close(e);
}

static void packages_that_cannot_be_read_leave_the_meter(void **state)
{
	struct energy *e;

	fake_sockets("amd_energy");
	fake_sensor("hwmon2", "energy10_input", "%s", "");
	energy_close(one_meter("0"));
	e = fake_open("hwmon");
	assert_int_equal(energy_domain_count(e), 1);
	assert_true(energy_domain(e, fake_find(e, "server-0"))->in_total);
	assert_true(fake_noted(e, "hwmon", "energy10_input: ENODATA"));
	energy_close(e);
}

static void an_average_over_an_unknown_time_is_no_number(void **state)
{
	struct energy *e;

	fake_chip("hwmon0/device", "power_meter");
	fake_sensor("hwmon0/device", "power1_average", "100000000\n");
	e = fake_open("hwmon");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "hwmon", "power1_average_interval does not tell over how long"));
	energy_close(e);
	e = fake_open("hwmon:power_meter/power1");
	assert_string_equal(energy_source(e), "none");
	energy_close(e);
}

static void two_meters_or_one_of_a_part_are_not_the_machine(void **state)
{
	struct energy *e;

	fake_chip("hwmon1", "power_meter");
	fake_sensor("hwmon1", "power1_average", "50000000\n");
	fake_sensor("hwmon1", "power1_average_interval", "1000\n");
	e = one_meter("0");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "hwmon", "several power meters"));
	energy_close(e);
	/* one of them measures a disk: then the other is the only one */
	fake_sensor("hwmon1", "measures/PNP0C32:00", "%s", "");
	e = fake_open("hwmon");
	assert_int_equal(energy_domain_count(e), 1);
	assert_true(fake_noted(e, "hwmon", "power_meter/power1 left out"));
	energy_close(e);
	fake_sensor("hwmon0/device", "measures/LNXSYBUS:00", "%s", "");
	e = fake_open("hwmon");
	assert_int_equal(energy_domain_count(e), 1);
	energy_close(e);
	fake_sensor("hwmon0/device", "power1_is_battery", "1\n");
	e = fake_open("hwmon");
	assert_string_equal(energy_source(e), "none");
	energy_close(e);
}

static void other_chips_are_named_and_never_added(void **state)
{
	struct energy *e;

	fake_chip("hwmon3", "xe");
	fake_sensor("hwmon3", "energy2_label", "pkg\n");	/* of the card */
	fake_sensor("hwmon3", "energy2_input", "1\n");
	fake_chip("hwmon4", "ina226");
	fake_sensor("hwmon4", "power1_input", "1\n");
	fake_sensor("hwmon4", "power1_average", "1\n");
	fake_chip("hwmon5", "BAT0");
	fake_sensor("hwmon5", "power1_input", "1\n");
	e = fake_open(NULL);
	assert_string_equal(energy_source(e), "model");
	assert_true(fake_noted(e, "hwmon", "xe/energy2 left out: a graphics card"));
	assert_true(fake_noted(e, "hwmon", "BAT0/power1 left out: a battery"));
	assert_true(fake_noted(e, "hwmon", "ask for the source hwmon:ina226/power1"));
	energy_close(e);
}

static void a_sensor_asked_for_is_all_there_is(void **state)
{
	struct energy_value v;
	struct energy *e;

	fake_sockets("amd_energy");
	fake_chip("hwmon4", "ina226");
	fake_sensor("hwmon4", "power1_input", "7000000\n");
	e = fake_open("hwmon:ina226/power1");
	assert_string_equal(energy_domain(e, 0)->name, "ina226/power1");
	assert_int_equal(energy_domain(e, 0)->kind, ENERGY_DEVICE);
	v = WINDOW(e, at(0, 7000000), at(1, 7000000));
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 7);
	energy_close(e);
	fake_chip("hwmon5", "ina226");		/* two of one name: which? */
	fake_sensor("hwmon5", "power1_input", "90000000\n");
	e = fake_open("hwmon:ina226/power1");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "hwmon", "2 chips have a sensor ina226/power1"));
	energy_close(e);
	e = fake_open("hwmon:hwmon5/power1");
	v = WINDOW(e, at(0, 90000000), at(1, 90000000));
	close_to(v.joules, 90);
	energy_close(e);
	e = fake_open("hwmon:ina22/power1");
	assert_string_equal(energy_source(e), "none");
	energy_close(e);
	e = fake_open("hwmon:ina226/power2");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "hwmon", "ina226/power2"));
	energy_close(e);
}

static void only_hwmon_has_sensors_to_ask_for(void **state)
{
	struct energy_config config = { .sysfs_root = fake_root(), .source = "powercap:x" };
	struct energy *e;

	assert_int_equal(energy_open(&e, &config), -EINVAL);
	config.source = "hwmonster";
	assert_int_equal(energy_open(&e, &config), -EINVAL);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(sockets_are_packages_and_cores_lie_within),
		fake_test(a_socket_sensor_per_numa_node_is_no_package),
		fake_test(two_drivers_of_one_socket_are_not_added),
		fake_test(after_powercap_and_before_the_model),
		fake_test(power_of_a_meter_is_integrated),
		fake_test(an_average_over_an_unknown_time_is_no_number),
		fake_test(what_the_meter_averages_and_how_right_it_is_widen_the_band),
		fake_test(a_burst_at_either_edge_is_within_the_band),
		fake_test(power_that_was_not_read_is_a_gap),
		fake_test(more_watts_than_can_be_are_a_gap),
		fake_test(a_server_with_accelerators_is_no_gap),
		fake_test(a_meter_of_0_watts_is_absent),
		fake_test(the_machines_meter_contains_the_packages),
		fake_test(packages_that_cannot_be_read_leave_the_meter),
		fake_test(two_meters_or_one_of_a_part_are_not_the_machine),
		fake_test(other_chips_are_named_and_never_added),
		fake_test(a_sensor_asked_for_is_all_there_is),
		fake_test(only_hwmon_has_sensors_to_ask_for),
	};

	return cmocka_run_group_tests_name("hwmon", tests, NULL, NULL);
}
