/* SPDX-License-Identifier: BSD-2-Clause */
/* Which source is chosen, and that every refusal keeps its reason and mend. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/io.h"

/* What a user without privileges gets; a root test drops its effective user. */
static struct energy *open_unprivileged(const char *source)
{
	bool root = geteuid() == 0;
	struct energy *e;

	if (root)
		assert_int_equal(seteuid(65534), 0);
	e = fake_open(source);
	if (root)
		assert_int_equal(seteuid(0), 0);
	return e;
}

static void perf_is_preferred_to_powercap(void **state)
{
	struct energy *e;

	fake_power_pmu("0");
	fake_zone("intel-rapl:0", "package-0", 0);
	e = fake_open_perf(NULL, NULL);
	assert_string_equal(energy_source(e), "perf-power");
	assert_string_equal(energy_domain(e, 0)->source, "perf-power");
	assert_null(energy_note(e, 0));
	energy_close(e);
}

static void powercap_is_next_and_says_why_not_perf(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	e = fake_open(NULL);
	assert_string_equal(energy_source(e), "powercap");
	assert_string_equal(energy_note(e, 0)->source, "perf-power");
	assert_int_equal(energy_note(e, 0)->error, -ENOENT);
	assert_true(fake_noted(e, "perf-power", "modprobe rapl"));
	energy_close(e);
}

static void zones_of_a_refused_source_are_gone(void **state)
{
	struct energy *e;

	/* A second package that cannot be opened: the first must not stay behind. */
	fake_power_pmu("0,1000");
	fake_zone("intel-rapl:0", "package-0", 0);
	e = fake_open(NULL);
	assert_string_equal(energy_source(e), "powercap");
	assert_int_equal(energy_domain_count(e), 1);
	assert_string_equal(energy_domain(e, 0)->source, "powercap");
	energy_close(e);
}

static void the_model_is_last_and_all_refusals_are_kept(void **state)
{
	struct energy *e = fake_open(NULL);

	assert_string_equal(energy_source(e), "model");
	assert_true(fake_noted(e, "perf-power", "no power PMU"));
	assert_true(fake_noted(e, "powercap", "modprobe intel_rapl_msr"));
	assert_int_equal(energy_note(e, 0)->error, -ENOENT);
	assert_int_equal(energy_note(e, 1)->error, -ENODEV);
	assert_true(fake_noted(e, "hwmon", "no sensor of a package or of the machine"));
	assert_int_equal(energy_note(e, 2)->error, -ENODEV);
	assert_int_equal(energy_note(e, 3)->error, 0);		/* what the model assumes */
	assert_null(energy_note(e, 4));
	energy_close(e);
}

static void a_forced_source_is_not_replaced_by_another(void **state)
{
	struct energy_value v;
	struct energy *e = fake_open("powercap");

	assert_string_equal(energy_source(e), "none");
	assert_false(fake_noted(e, "perf-power", ""));
	energy_total(e, NULL, 1, &v);
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules));
	assert_string_equal(v.source, "none");
	assert_non_null(strstr(v.reason, "no package zone"));
	energy_close(e);
}

static void a_source_of_no_such_name_is_an_error(void **state)
{
	struct energy_config config = { .sysfs_root = fake_root(), .source = "rapl" };
	struct energy *e = NULL;

	assert_int_equal(energy_open(&e, &config), -EINVAL);
	assert_null(e);
}

static void sources_are_named_in_the_order_they_are_tried(void **state)
{
	size_t n = 0;

	assert_string_equal(energy_source_name(0), "perf-power");
	while (energy_source_name(n))
		n++;
	assert_string_equal(energy_source_name(n - 1), "model");
}

static void lack_of_permission_on_powercap_names_the_mend(void **state)
{
	char path[128];
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	snprintf(path, sizeof(path), "%s/class/powercap/intel-rapl:0/energy_uj", fake_root());
	assert_int_equal(chmod(path, 0), 0);
	e = open_unprivileged("powercap");
	assert_string_equal(energy_source(e), "none");
	assert_int_equal(energy_note(e, 0)->error, -EACCES);
	assert_true(fake_noted(e, "powercap", "run as root, or: chmod a+r"));
	assert_true(fake_noted(e, "powercap", path));
	energy_close(e);
}

static void lack_of_permission_on_perf_names_the_mend(void **state)
{
	uint64_t paranoid;
	struct energy *e;

	/* The file may hold -1, which is no such number and allows everything. */
	if (mn_read_u64("/proc/sys/kernel/perf_event_paranoid", &paranoid) || paranoid < 1) {
		print_message("skipped: perf_event_paranoid below 1 allows everybody\n");
		skip();
	}
	fake_power_pmu("0");
	e = open_unprivileged("perf-power");
	assert_string_equal(energy_source(e), "none");
	assert_int_equal(energy_note(e, 0)->error, -EACCES);
	assert_true(fake_noted(e, "perf-power", "sysctl kernel.perf_event_paranoid=0"));
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(perf_is_preferred_to_powercap),
		fake_test(powercap_is_next_and_says_why_not_perf),
		fake_test(zones_of_a_refused_source_are_gone),
		fake_test(the_model_is_last_and_all_refusals_are_kept),
		fake_test(a_forced_source_is_not_replaced_by_another),
		fake_test(a_source_of_no_such_name_is_an_error),
		cmocka_unit_test(sources_are_named_in_the_order_they_are_tried),
		fake_test(lack_of_permission_on_powercap_names_the_mend),
		fake_test(lack_of_permission_on_perf_names_the_mend),
	};

	return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
