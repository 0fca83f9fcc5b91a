/* SPDX-License-Identifier: BSD-2-Clause */
/* The perf power PMU: a fake description whose events the real kernel counts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

#define PMU		"bus/event_source/devices/power/"
#define MAX_DOMAINS	16

static struct energy *open_perf(const struct energy_cpu *cpu)
{
	return fake_open_perf("perf-power", cpu);
}

static const struct energy_cpu intel = { "GenuineIntel", 6, 85, 7 };
static const struct energy_cpu amd = { "AuthenticAMD", 0x17, 0x31, 0 };

static void need_cpus(long n)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < n) {
		print_message("skipped: needs %ld CPUs online\n", n);
		skip();
	}
}

static void a_known_event_counts_known_joules(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value v;
	struct energy *e;
	int64_t begin_ns, end_ns;
	double least, most;

	fake_power_pmu("0");
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "perf-power");
	assert_int_equal(energy_domain_count(e), 1);
	assert_string_equal(energy_domain(e, 0)->name, "package-0");
	begin_ns = mn_now_ns();
	energy_read(e, r);
	energy_sum_begin(e, sums, r);
	least = mn_now_ns();
	usleep(50000);
	least = mn_now_ns() - least;
	energy_read(e, r);
	energy_sum_add(e, sums, r);
	end_ns = mn_now_ns();
	most = end_ns - begin_ns;
	energy_total(e, sums, 0.05, &v);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	assert_true(v.joules > 0.99 * least / NSEC_PER_SEC);
	assert_true(v.joules < 1.01 * most / NSEC_PER_SEC);
	assert_true(energy_max_interval_ns(e) == INT64_MAX);	/* 64 bits: no wrap */
	energy_close(e);
}

static void each_cpu_of_a_range_is_a_package(void **state)
{
	struct energy *e;

	need_cpus(2);
	fake_power_pmu("0-1");
	fake_cpu(0, 0, 0);
	fake_cpu(1, 1, 0);
	e = open_perf(&intel);
	assert_int_equal(energy_domain_count(e), 2);
	assert_string_equal(energy_domain(e, 0)->name, "package-0");
	assert_string_equal(energy_domain(e, 1)->name, "package-1");
	energy_close(e);
}

static void dies_of_intel_are_all_counted(void **state)
{
	struct energy *e;

	need_cpus(2);
	fake_power_pmu("0,1");
	fake_cpu(0, 0, 0);
	fake_cpu(1, 0, 1);
	e = open_perf(&intel);
	assert_int_equal(energy_domain_count(e), 2);
	assert_string_equal(energy_domain(e, 0)->name, "package-0-die-0");
	assert_string_equal(energy_domain(e, 1)->name, "package-0-die-1");
	energy_close(e);
}

static void a_package_the_pmu_does_not_list_refuses_the_source(void **state)
{
	struct energy *e;

	fake_power_pmu("0");
	fake_cpu(0, 0, 0);
	fake_cpu(1, 1, 0);
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "perf-power", "package-1 of this machine has no counter"));
	energy_close(e);
}

static void dies_of_amd_mirror_their_socket(void **state)
{
	struct energy *e;

	fake_power_pmu("0,32");
	fake_cpu(0, 0, 0);
	fake_cpu(32, 0, 1);
	e = open_perf(&amd);
	assert_int_equal(energy_domain_count(e), 1);
	assert_string_equal(energy_domain(e, 0)->name, "package-0");
	assert_true(fake_noted(e, "perf-power", "cpu 32 left out"));
	energy_close(e);
}

static void a_cpu_that_cannot_be_opened_refuses_the_source(void **state)
{
	struct energy *e;

	if (sysconf(_SC_NPROCESSORS_CONF) > 1000) {
		print_message("skipped: there is a CPU 1000 here\n");
		skip();
	}
	fake_power_pmu("0,1000");
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "perf-power", "on cpu 1000"));
	energy_close(e);
}

static void a_bad_cpumask_refuses_the_source(void **state)
{
	struct energy *e;

	fake_power_pmu("0-");
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "perf-power", "cpumask cannot be read: EINVAL"));
	energy_close(e);
}

static void without_a_scale_there_is_no_number(void **state)
{
	struct energy *e;

	fake_power_pmu("0");
	fake_remove(PMU "events/energy-pkg.scale");
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "perf-power", "energy-pkg left out"));
	energy_close(e);
}

static void only_joules_are_joules(void **state)
{
	struct energy *e;

	fake_power_pmu("0");
	fake_write(PMU "events/energy-ram", "event=0x00\n");
	fake_write(PMU "events/energy-ram.scale", "1e-9\n");
	fake_write(PMU "events/energy-ram.unit", "Kelvin\n");
	e = open_perf(&intel);
	assert_int_equal(energy_domain_count(e), 1);
	assert_true(fake_noted(e, "perf-power", "energy-ram left out"));
	energy_close(e);
}

static void an_event_the_kernel_does_not_have_is_refused_with_its_errno(void **state)
{
	struct energy *e;

	fake_power_pmu("0");
	fake_write(PMU "type", "4999\n");
	e = open_perf(&intel);
	assert_string_equal(energy_source(e), "none");
	assert_int_equal(energy_note(e, 0)->error, -ENOENT);
	assert_true(fake_noted(e, "perf-power", "ENOENT"));
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_known_event_counts_known_joules),
		fake_test(each_cpu_of_a_range_is_a_package),
		fake_test(dies_of_intel_are_all_counted),
		fake_test(a_package_the_pmu_does_not_list_refuses_the_source),
		fake_test(dies_of_amd_mirror_their_socket),
		fake_test(a_cpu_that_cannot_be_opened_refuses_the_source),
		fake_test(a_bad_cpumask_refuses_the_source),
		fake_test(without_a_scale_there_is_no_number),
		fake_test(only_joules_are_joules),
		fake_test(an_event_the_kernel_does_not_have_is_refused_with_its_errno),
	};

	return cmocka_run_group_tests_name("perf_power", tests, NULL, NULL);
}
