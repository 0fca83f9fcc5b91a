/* SPDX-License-Identifier: BSD-2-Clause */
/* The witness: read beside perf-power, compared, and added to nothing. */
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

/* perf-power with what the tree's powercap has beside it. */
static struct energy *open_both_of(const struct energy_cpu *cpu)
{
	struct energy *e;

	fake_power_pmu("0");
	e = fake_open_perf(NULL, cpu);
	assert_string_equal(energy_source(e), "perf-power");
	return e;
}

static struct energy *open_both(void)
{
	return open_both_of(NULL);
}

/* A window of 1 s in which perf counts @perf_j and, 1 ms later, powercap @powercap_j. */
static void window(const struct energy *e, double perf_j, double powercap_j,
		   struct energy_sum *sums)
{
	struct energy_reading r[MAX_DOMAINS] = { 0 };

	energy_sum_begin(e, sums, r);
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		bool witness = energy_domain(e, i)->witness;

		r[i].raw = witness ? powercap_j * 1e6 : perf_j * 1e9;
		r[i].t_ns = NSEC_PER_SEC + witness * NSEC_PER_MSEC;
	}
	energy_sum_add(e, sums, r);
}

static void what_powercap_says_is_compared_and_not_added(void **state)
{
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "dram", 0);
	e = open_both();
	assert_int_equal(energy_domain_count(e), 3);
	assert_false(energy_domain(e, 0)->witness);
	assert_true(energy_domain(e, 1)->witness && energy_domain(e, 2)->witness);
	assert_false(energy_domain(e, 1)->in_total || energy_domain(e, 2)->in_total);
	assert_string_equal(energy_domain(e, 1)->source, "powercap");
	assert_true(energy_max_interval_ns(e) < INT64_MAX);	/* the witness wraps */
	window(e, 50, 51, sums);
	assert_int_equal(energy_check(e, sums, 0, 1, &check), 0);
	assert_string_equal(check.source, "perf-power");
	assert_string_equal(check.witness, "powercap");
	close_to(check.joules, 50);
	close_to(check.witness_joules, 51);
	close_to(check.difference, 0.02);
	/* of the larger: 2 %, 1 ms between the readings, 4 updates of 1 ms; and 0.2 mJ */
	close_to(check.tolerance, (51 * (0.02 + 0.005) + 0.0002) / 50);
	assert_true(check.agree);
	energy_total(e, sums, 1, &total);
	assert_string_equal(total.source, "perf-power");
	close_to(total.joules, 50);
	close_to(total.high_j, 50.1 + 100e-6);
	assert_string_equal(total.reason, "");
	assert_int_equal(energy_check(e, sums, 1, 1, &check), -ENOENT);
	energy_close(e);
}

static void a_disagreement_is_said_and_the_band_takes_in_both(void **state)
{
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	e = open_both();
	window(e, 50, 47, sums);
	assert_int_equal(energy_check(e, sums, 0, 1, &check), 0);
	close_to(check.difference, -0.06);
	assert_false(check.agree);
	energy_total(e, sums, 1, &total);
	assert_int_equal(total.quality, ENERGY_MEASURED);
	close_to(total.joules, 50);
	close_to(total.low_j, 47);
	close_to(total.high_j, 50.1 + 100e-6);
	assert_string_equal(total.reason, "package-0: perf-power 50.000 J, powercap 47.000 J: "
			    "they disagree (-6.0 %, 2.5 % may be)");
	energy_close(e);
}

static void a_witness_that_saw_no_joules_changes_nothing(void **state)
{
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	e = open_both();
	window(e, 50, 0, sums);		/* stuck */
	assert_int_equal(energy_check(e, sums, 0, 1, &check), -ENODATA);
	assert_non_null(strstr(check.text, "not compared: powercap: package-0: the counter never"));
	energy_total(e, sums, 1, &total);
	close_to(total.joules, 50);
	close_to(total.low_j, 49.9 - 100e-6);
	assert_string_equal(total.reason, "");
	energy_close(e);
}

/* A share of nothing is no number, but the two were compared. */
static void both_may_say_that_nothing_was_used(void **state)
{
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy *e;
	size_t i;

	fake_write("bus/event_source/devices/power/events/energy-gpu", "event=0x00\n");
	fake_write("bus/event_source/devices/power/events/energy-gpu.unit", "Joules\n");
	fake_write("bus/event_source/devices/power/events/energy-gpu.scale", "1e-9\n");
	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "uncore", 0);
	e = open_both();
	i = fake_find(e, "uncore-0");
	window(e, 0, 0, sums);
	assert_int_equal(energy_check(e, sums, i, 1, &check), 0);
	assert_true(check.compared && check.agree);
	assert_string_equal(check.text, "uncore-0: perf-power 0.000 J, powercap 0.000 J: they agree");
	window(e, 0, 5, sums);
	assert_int_equal(energy_check(e, sums, i, 1, &check), 0);
	assert_true(check.compared && !check.agree && isnan(check.difference));
	assert_string_equal(check.text, "uncore-0: perf-power 0.000 J, powercap 5.000 J: they "
			    "disagree");
	energy_close(e);
}

static void an_amd_die_is_the_witness_of_its_socket(void **state)
{
	static const struct energy_cpu amd = { "AuthenticAMD", 0x17, 0x31, 0 };
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0-die-0", 0);
	fake_zone("intel-rapl:1", "package-0-die-1", 10);	/* mirrors it */
	e = open_both_of(&amd);
	assert_int_equal(energy_domain_count(e), 2);
	window(e, 50, 50, sums);
	assert_int_equal(energy_check(e, sums, 0, 1, &check), 0);
	energy_close(e);
	/* Two with counters of their own are no single witness. */
	fake_energy("intel-rapl:1", 99000000);
	e = open_both();
	assert_int_equal(energy_domain_count(e), 3);
	assert_int_equal(energy_check(e, sums, 0, 1, &check), -ENOENT);
	energy_close(e);
}

static void without_powercap_there_is_no_witness_and_a_note(void **state)
{
	struct energy_check check;
	struct energy *e = open_both();

	assert_int_equal(energy_domain_count(e), 1);
	assert_int_equal(energy_check(e, NULL, 0, 1, &check), -ENOENT);
	assert_true(fake_noted(e, "powercap", "modprobe intel_rapl_msr"));
	energy_close(e);
}

static void a_forced_source_has_no_witness(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	energy_close(open_both());
	e = fake_open("perf-power");
	assert_int_equal(energy_domain_count(e), 1);
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(what_powercap_says_is_compared_and_not_added),
		fake_test(a_disagreement_is_said_and_the_band_takes_in_both),
		fake_test(a_witness_that_saw_no_joules_changes_nothing),
		fake_test(both_may_say_that_nothing_was_used),
		fake_test(an_amd_die_is_the_witness_of_its_socket),
		fake_test(without_powercap_there_is_no_witness_and_a_note),
		fake_test(a_forced_source_has_no_witness),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
