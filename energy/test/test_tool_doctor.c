/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy doctor: an outcome for each, and why it is no better. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"

static struct tool t;

static void said(const char *line)
{
	if (!strstr(t.out, line))
		fail_msg("not said: %s\n%s", line, t.out);
}

static void the_doctor_has_an_outcome_and_a_mend_for_each(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000000);
	tool_run(&t, "doctor");
	assert_int_equal(t.status, 0);
	said("ABSENT    perf-power     no power PMU");
	said("modprobe rapl");
	/* There, but it stands still. */
	said("ABSENT    powercap       package-0: the counter never moved");
	said("ABSENT    joules         joules would be powercap's: package-0: the counter never moved");
	said("DEGRADED  model ");
	said("PASS      event sets");
}

static void the_doctor_wants_windows_as_long_as_the_sensor_does(void **state)
{
	fake_chip("hwmon0", "power_meter");
	fake_sensor("hwmon0", "power1_average", "20000000\n");
	fake_sensor("hwmon0", "power1_average_interval", "1000\n");
	tool_run(&t, "doctor");
	said("DEGRADED  hwmon          needs windows of over 2.0 s");
	said("DEGRADED  joules         joules would be hwmon's: needs windows of over 2.0 s");
	fake_sensor("hwmon0", "power1_average_interval", "100\n");
	tool_run(&t, "doctor");
	said("PASS      hwmon          1 domains; 20.00 W while one CPU was");
	said("PASS      joules ");
}

static void the_doctor_tries_any_number_of_domains(void **state)
{
	for (int i = 0; i < 70; i++) {
		char dir[32], name[32];

		snprintf(dir, sizeof(dir), "intel-rapl:%d", i);
		snprintf(name, sizeof(name), "package-%d", i);
		fake_zone(dir, name, 1000000);
	}
	tool_run(&t, "doctor");
	said("ABSENT    powercap       package-");
	said(": the counter never moved");
}

/* What was passed over is a note, too, and comes first. */
static void a_refusal_is_an_error_and_not_the_first_remark(void **state)
{
	fake_chip("hwmon0", "amdgpu");
	fake_sensor("hwmon0", "power1_input", "20000000\n");
	tool_run(&t, "doctor");
	said("ABSENT    hwmon          no sensor of a package or of the machine");
	tool_run(&t, "--source hwmon true");
	assert_int_equal(t.status, 125);
	tool_said(&t, "--source hwmon: no sensor of a package or of the machine");
}

static void a_path_too_long_is_no_lack_of_memory(void **state)
{
	char dots[300] = "";

	for (size_t i = 0; i + 2 < sizeof(dots); i += 2)
		strcat(dots, "/.");
	tool_run(&t, "--sysfs %s%s doctor", fake_root(), dots);
	said("ABSENT    powercap       File name too long");
	said("ABSENT    joules         File name too long");
	assert_null(strstr(t.out, "memory"));
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(the_doctor_has_an_outcome_and_a_mend_for_each),
		fake_test(the_doctor_wants_windows_as_long_as_the_sensor_does),
		fake_test(the_doctor_tries_any_number_of_domains),
		fake_test(a_refusal_is_an_error_and_not_the_first_remark),
		fake_test(a_path_too_long_is_no_lack_of_memory),
	};

	return cmocka_run_group_tests_name("tool doctor", tests, NULL, NULL);
}
