/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU-time model: its arithmetic, worked by hand, its families, its labels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/energy.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

static struct energy *open_model(const char *vendor, unsigned family, unsigned model,
				 unsigned stepping, unsigned threads)
{
	struct energy_cpu cpu = { .family = family, .model = model, .stepping = stepping };
	struct energy_config config = { .source = "model", .hw_threads = threads, .cpu = &cpu };
	struct energy *e;

	strcpy(cpu.vendor, vendor);
	assert_int_equal(energy_open(&e, &config), 0);
	return e;
}

static struct energy_value window(const struct energy *e, double window_s, double busy_cpu_s)
{
	struct energy_reading r;
	struct energy_value v;
	struct energy_sum sum;

	energy_read(e, &r);
	assert_int_equal(r.error, 0);
	energy_sum_begin(e, &sum, &r);
	r.t_ns += window_s * NSEC_PER_SEC;
	energy_sum_add(e, &sum, &r);
	energy_total(e, &sum, busy_cpu_s, &v);
	return v;
}

static void idle_and_busy_time_cost_what_the_table_says(void **state)
{
	struct energy *e = open_model("AuthenticAMD", 0x19, 0x11, 1, 2);
	/*
	 * Genoa, 2 threads, 10 s, 5 s busy: 2 * 0.343 * 10 + (1.879 - 0.343) * 5 = 14.54 J.
	 * Low, linear, 15 thread seconds idle and 5 busy: 15 * 0.343 * 0.47 + 5 * 1.879 * 0.74
	 * = 9.37045. High, logarithmic, a quarter busy: ln(1 + 0.25 / 0.368953) /
	 * ln(1 + 1 / 0.368953) = 0.517360 / 1.311132 = 0.394590 of the way from
	 * 0.343 * 1.53 = 0.52479 W to 1.879 * 1.26 = 2.36754 W: 20 * 1.251921 = 25.038426.
	 * But 2 ticks, 0.02 s, of the busy time may be over or missing: low
	 * 15.02 * 0.16121 + 4.98 * 1.39046 = 9.345865; high, 0.251 busy: ln(1 + 0.251 / 0.368953)
	 * / 1.311132 = 0.395822 of the way: 20 * 1.254190 = 25.083804.
	 */
	struct energy_value v = window(e, 10, 5);

	close_to(v.joules, 14.54);
	close_to(v.low_j, 9.345865);
	assert_true(fabs(v.high_j - 25.083804) < 1e-6);
	/* Idle: at most 0.02 s busy, 0.002064403 of the way from 20 * 0.52479 to 47.3508. */
	v = window(e, 10, 0);
	close_to(v.joules, 6.86);
	assert_true(fabs(v.high_j - (10.4958 + 0.002064403 * 36.855)) < 1e-6);
	v = window(e, 10, 20);
	close_to(v.joules, 37.58);
	close_to(v.high_j, 47.3508);
	energy_close(e);
}

/* What the harness relies on when it compares windows: no shape but the linear one does it. */
static void the_value_adds_up_over_intervals(void **state)
{
	struct energy *e = open_model("AuthenticAMD", 0x19, 0x11, 1, 2);

	close_to(window(e, 2, 0.5).joules + window(e, 3, 5.5).joules, window(e, 5, 6).joules);
	energy_close(e);
}

/* 20 ms on 2 threads, a tick of each busy: nothing is known but that it was idle to busy. */
static void a_window_of_few_ticks_has_the_whole_band_and_says_so(void **state)
{
	struct energy *e = open_model("AuthenticAMD", 0x19, 0x11, 1, 2);
	struct energy_value v = window(e, 0.02, 0.02);

	close_to(v.joules, 0.04 * (0.343 + 1.879) / 2);
	close_to(v.low_j, 0.04 * 0.343 * 0.47);
	close_to(v.high_j, 0.04 * 1.879 * 1.26);
	assert_non_null(strstr(v.reason, "few ticks of 10 ms"));
	assert_null(strstr(window(e, 1, 0.02).reason, "ticks"));
	energy_close(e);
}

static void it_is_always_labelled(void **state)
{
	struct energy *e = open_model("GenuineIntel", 6, 106, 6, 4);
	struct energy_value v = window(e, 1, 1);

	assert_string_equal(energy_source(e), "model");
	assert_int_equal(energy_domain_count(e), 1);
	assert_int_equal(energy_domain(e, 0)->kind, ENERGY_SERVER);
	assert_string_equal(v.source, "model");
	assert_int_equal(v.quality, ENERGY_ESTIMATED);
	assert_string_equal(energy_quality_name(v.quality), "estimated");
	assert_non_null(strstr(v.reason, "not a measurement"));
	assert_non_null(strstr(energy_note(e, 0)->text, "Ice Lake"));
	assert_non_null(strstr(energy_note(e, 0)->text, "SPECpower"));
	energy_close(e);
}

static void families_are_told_apart_by_cpuid(void **state)
{
	static const struct {
		const char *vendor;
		unsigned family, model, stepping;
		const char *name;
	} cpus[] = {
		{ "AuthenticAMD", 0x17, 0x01, 2, "Naples" },
		{ "AuthenticAMD", 0x17, 0x31, 0, "Rome" },
		{ "AuthenticAMD", 0x19, 0x01, 1, "Milan" },
		{ "AuthenticAMD", 0x19, 0x11, 1, "Genoa" },
		{ "GenuineIntel", 6, 85, 4, "Skylake" },
		{ "GenuineIntel", 6, 85, 7, "Cascade Lake" },
		{ "GenuineIntel", 6, 85, 11, "unknown" },	/* Cooper Lake */
		{ "GenuineIntel", 6, 143, 8, "Sapphire Rapids" },
		{ "AuthenticAMD", 6, 85, 4, "unknown" },
		{ "AuthenticAMD", 0x1a, 0x02, 1, "unknown" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		struct energy *e = open_model(cpus[i].vendor, cpus[i].family, cpus[i].model,
					      cpus[i].stepping, 1);

		assert_non_null(strstr(energy_note(e, 0)->text, cpus[i].name));
		energy_close(e);
	}
}

static void the_band_holds_the_value_at_any_load(void **state)
{
	struct energy *e = open_model("SomethingElse", 1, 1, 1, 8);

	for (double busy = 0; busy <= 8; busy += 0.5) {
		struct energy_value v = window(e, 1, busy);

		assert_true(0 < v.low_j && v.low_j < v.joules && v.joules < v.high_j);
	}
	energy_close(e);
}

static void without_cpu_time_there_is_no_estimate(void **state)
{
	struct energy *e = open_model("AuthenticAMD", 0x19, 0x11, 1, 2);
	struct energy_value v = window(e, 10, -1);

	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules));
	v = window(e, 10, NAN);			/* as a column that is empty has it */
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules) && isnan(v.low_j));
	v = window(e, 0, 0);
	assert_int_equal(v.quality, ENERGY_ABSENT);
	energy_close(e);
}

static void more_cpu_time_than_there_was_is_invalid(void **state)
{
	struct energy *e = open_model("AuthenticAMD", 0x19, 0x11, 1, 2);
	struct energy_value v = window(e, 10, 21);

	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_true(isnan(v.joules));
	v = window(e, 10, 20.01);		/* ticks at the edges */
	assert_int_equal(v.quality, ENERGY_ESTIMATED);
	close_to(v.joules, 37.58);
	energy_close(e);
}

static void this_machine_has_a_model(void **state)
{
	struct energy_config config = { .source = "model" };
	struct energy_value v;
	struct energy *e;

	assert_int_equal(energy_open(&e, &config), 0);
	v = window(e, 1, 0.5);
	assert_true(v.joules > 0);
	print_message("%s\n", energy_note(e, 0)->text);
	energy_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_and_busy_time_cost_what_the_table_says),
		cmocka_unit_test(the_value_adds_up_over_intervals),
		cmocka_unit_test(a_window_of_few_ticks_has_the_whole_band_and_says_so),
		cmocka_unit_test(it_is_always_labelled),
		cmocka_unit_test(families_are_told_apart_by_cpuid),
		cmocka_unit_test(the_band_holds_the_value_at_any_load),
		cmocka_unit_test(without_cpu_time_there_is_no_estimate),
		cmocka_unit_test(more_cpu_time_than_there_was_is_invalid),
		cmocka_unit_test(this_machine_has_a_model),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
