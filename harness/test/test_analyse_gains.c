/* SPDX-License-Identifier: BSD-2-Clause */
/* Gains with what they hold equal, and costs: of energy, CPU time and instructions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/test/analysed.h"

static void a_compute_gain_needs_equal_bytes(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	drifting(rows, "hybrid-paced");
	analyse_rows(rows, 12);
	s = must_find("hybrid-paced", "memnet", "compute_gain");
	assert_int_equal(s->n, 6);
	near(s->median, 2.25);
	near(s->ratio, 2.25);
	assert_string_equal(s->verdict, VERDICT_BETTER);
	assert_null(find("hybrid-paced", "virtio-tap", "compute_gain"));
	assert_int_equal(result.n_gains, 6);
	for (int i = 1; i < 12; i += 2)
		rows[i].stream_bytes_per_s = 94;
	analyse_rows(rows, 12);
	s = must_find("hybrid-paced", "memnet", "compute_gain");
	assert_string_equal(s->verdict, VERDICT_UNEQUAL);
	near(s->median, 2.25);
}

static void points_of_gains_tell_their_link(void **state)
{
	struct run_row rows[12];

	drifting(rows, "hybrid-paced");
	for (int i = 0; i < 12; i++) {
		rows[i].link_rate_bits_per_s = 40000000;
		rows[i].link_delay_ns = 5000000;
	}
	analyse_rows(rows, 12);
	assert_int_equal(result.n_gains, 6);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(result.gains[i].link_rate_bits_per_s, 40000000);
		assert_int_equal(result.gains[i].link_delay_ns, 5000000);
	}
}

static void a_network_gain_must_not_cost_compute(void **state)
{
	const struct summary_row *s;
	struct run_row rows[12];

	drifting(rows, "hybrid-saturate");
	for (int i = 1; i < 12; i += 2)
		rows[i].stream_bytes_per_s = 800;
	analyse_rows(rows, 12);
	near(must_find("hybrid-saturate", "memnet", "network_gain")->median, 8);
	assert_string_equal(must_find("hybrid-saturate", "memnet", "network_gain")->verdict,
			    VERDICT_BETTER);
	for (int i = 1; i < 12; i += 2)
		rows[i].compute_ops_per_s = 0.9 * rows[i - 1].compute_ops_per_s;
	analyse_rows(rows, 12);
	assert_string_equal(must_find("hybrid-saturate", "memnet", "network_gain")->verdict,
			    VERDICT_UNEQUAL);
	analyse_rows(rows, 8);		/* more blocks would not mend that */
	s = must_find("hybrid-saturate", "memnet", "network_gain");
	assert_string_equal(s->verdict, VERDICT_UNEQUAL);
	assert_true(s->need_n == ABSENT_INTEGER);
}

static size_t fixed_work(struct run_row *rows)
{
	for (int i = 0; i < 12; i++) {
		rows[i] = made_run(i % 2 ? "memnet" : "virtio-tap", "hybrid-fixed", i / 2);
		rows[i].compute_ops = 1000;
		rows[i].stream_bytes = 5000;
		rows[i].cpu_total_s = i % 2 ? 2 : 3;
		rows[i].energy_j = i % 2 ? 8 : 10;
	}
	return 12;
}

static void efficiency_is_the_baselines_cost_over_memnets(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	analyse_rows(rows, fixed_work(rows));
	near(must_find("hybrid-fixed", "memnet", "cpu_efficiency_gain")->median, 1.5);
	near(must_find("hybrid-fixed", "memnet", "cpu_total")->ratio, 2 / 3.0);
	s = must_find("hybrid-fixed", "memnet", "energy_efficiency_gain");
	near(s->median, 1.25);
	assert_string_equal(s->source, "model");
	assert_string_equal(s->quality, "estimated");
	assert_string_equal(s->verdict, VERDICT_BETTER);
	rows[3].compute_ops = rows[5].compute_ops = rows[7].compute_ops = rows[9].compute_ops = 980;
	analyse_rows(rows, 12);
	assert_string_equal(must_find("hybrid-fixed", "memnet", "cpu_efficiency_gain")->verdict,
			    VERDICT_UNEQUAL);
}

static void energy_of_mixed_sources_has_no_value(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	fixed_work(rows);
	ROW_TEXT(rows[1].energy_source, "powercap");
	analyse_rows(rows, 12);
	s = must_find("hybrid-fixed", "memnet", "energy");
	assert_int_equal(s->n, 0);
	assert_true(isnan(s->median));
	assert_string_equal(s->source, "mixed");
	assert_string_equal(s->quality, "invalid");
	assert_int_equal(must_find("hybrid-fixed", "memnet", "energy_efficiency_gain")->n, 0);
}

static void energy_of_different_sources_is_not_compared(void **state)
{
	struct run_row rows[12];

	fixed_work(rows);
	for (int i = 1; i < 12; i += 2)
		ROW_TEXT(rows[i].energy_source, "powercap");
	analyse_rows(rows, 12);
	near(must_find("hybrid-fixed", "memnet", "energy")->median, 8);
	assert_true(isnan(must_find("hybrid-fixed", "memnet", "energy")->ratio));
}

static void energy_that_is_invalid_or_absent_is_left_out(void **state)
{
	struct run_row rows[12];

	fixed_work(rows);
	ROW_TEXT(rows[1].energy_quality, "invalid");
	for (int i = 0; i < 12; i += 2)
		ROW_TEXT(rows[i].energy_quality, "absent");
	analyse_rows(rows, 12);
	assert_int_equal(must_find("hybrid-fixed", "memnet", "energy")->n, 5);
	assert_string_equal(must_find("hybrid-fixed", "memnet", "energy")->quality, "estimated");
	assert_int_equal(must_find("hybrid-fixed", "virtio-tap", "energy")->n, 0);
	assert_string_equal(must_find("hybrid-fixed", "virtio-tap", "energy")->quality, "absent");
}

static void costs_are_per_request_and_per_gigabyte_of_what_ran_alone(void **state)
{
	struct run_row rows[3] = {
		made_run("memnet", "rr", 0), made_run("memnet", "network-paced", 0),
		made_run("memnet", "hybrid-paced", 0),
	};

	for (int i = 0; i < 3; i++) {
		rows[i].cpu_total_s = 2;
		rows[i].energy_j = 6;
		rows[i].stream_bytes = i ? 4000000000 : ABSENT_INTEGER;
	}
	rows[0].requests = 5000;
	analyse_rows(rows, 3);
	near(must_find("rr", "memnet", "cpu_per_1000_requests")->median, 0.4);
	near(must_find("rr", "memnet", "energy_per_1000_requests")->median, 1.2);
	near(must_find("network-paced", "memnet", "cpu_per_gb")->median, 0.5);
	near(must_find("network-paced", "memnet", "energy_per_gb")->median, 1.5);
	assert_string_equal(must_find("network-paced", "memnet", "energy_per_gb")->quality,
			    "estimated");
	assert_null(find("rr", "memnet", "cpu_per_gb"));
	assert_null(find("hybrid-paced", "memnet", "cpu_per_gb"));
	assert_null(find("hybrid-paced", "memnet", "energy_per_gb"));
}

/* Counted per megabyte of a stream alone; where none were counted there is no 0. */
static void system_calls_are_per_megabyte_of_streams_alone(void **state)
{
	struct run_row rows[4] = {
		made_run("virtio-tap", "network", 0), made_run("memnet", "network", 0),
		made_run("memnet", "network", 1), made_run("memnet", "hybrid-paced", 0),
	};

	for (int i = 0; i < 4; i++) {
		rows[i].stream_bytes = 2000000;
		if (i != 2)
			rows[i].syscalls = i ? 100 : 400;
	}
	rows[1].kvm_exits = 30;
	analyse_rows(rows, 4);
	near(must_find("network", "virtio-tap", "syscalls_per_mb")->median, 200);
	near(must_find("network", "memnet", "syscalls_per_mb")->median, 50);
	near(must_find("network", "memnet", "syscalls_per_mb")->ratio, 0.25);
	near(must_find("network", "memnet", "syscalls_per_mb")->ratio_least, 0.25);
	near(must_find("network", "memnet", "syscalls_per_mb")->ratio_most, 0.25);
	assert_int_equal(must_find("network", "memnet", "syscalls_per_mb")->n, 1);
	near(must_find("network", "memnet", "kvm_exits_per_mb")->median, 15);
	assert_null(find("network", "virtio-tap", "kvm_exits_per_mb"));
	assert_null(find("hybrid-paced", "memnet", "syscalls_per_mb"));
}

/* Counted whatever the accelerator is; the source is the run's, and none is no 0. */
static void guest_instructions_are_per_byte_of_streams_alone(void **state)
{
	struct run_row rows[4] = {
		made_run("virtio-tap", "network", 0), made_run("memnet", "network", 0),
		made_run("memnet", "network", 1), made_run("memnet", "hybrid-paced", 0),
	};
	const struct summary_row *s;

	for (int i = 0; i < 4; i++) {
		rows[i].stream_bytes = 1000000;
		if (i == 2)
			continue;
		rows[i].guest_insns_user = 100000;
		rows[i].guest_insns_kernel = i ? 50000 : 500000;
		ROW_TEXT(rows[i].guest_insns_source, "tcg-plugin");
	}
	analyse_rows(rows, 4);
	s = must_find("network", "memnet", "guest_insns_per_byte");
	near(s->median, 0.15);
	near(s->ratio, 0.25);
	assert_int_equal(s->n, 1);
	assert_string_equal(s->source, "tcg-plugin");
	assert_string_equal(s->quality, "measured");
	near(must_find("network", "memnet", "guest_insns_user_per_byte")->median, 0.1);
	near(must_find("network", "virtio-tap", "guest_insns_kernel_per_byte")->median, 0.5);
	assert_null(find("hybrid-paced", "memnet", "guest_insns_per_byte"));
	ROW_TEXT(rows[1].guest_insns_source, "perf-hw");
	analyse_rows(rows, 4);
	s = must_find("network", "memnet", "guest_insns_per_byte");
	near(s->median, 0.15);
	assert_true(isnan(s->ratio));
}

static void a_whole_experiment_gives_every_gain(void **state)
{
	static const char *const gains[][2] = {
		{ "hybrid-saturate", "network_gain" }, { "hybrid-paced", "compute_gain" },
		{ "hybrid-fixed", "cpu_efficiency_gain" },
		{ "hybrid-fixed", "energy_efficiency_gain" },
	};
	struct run_row rows[MADE_RUNS(7)];

	made_experiment(rows, 7);
	analyse_rows(rows, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(gains); i++)
		assert_string_equal(must_find(gains[i][0], "memnet", gains[i][1])->verdict,
				    VERDICT_BETTER);
	assert_int_equal(result.n_gains, 4 * 2 * 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compute_gain_needs_equal_bytes),
		cmocka_unit_test(points_of_gains_tell_their_link),
		cmocka_unit_test(a_network_gain_must_not_cost_compute),
		cmocka_unit_test(efficiency_is_the_baselines_cost_over_memnets),
		cmocka_unit_test(energy_of_mixed_sources_has_no_value),
		cmocka_unit_test(energy_of_different_sources_is_not_compared),
		cmocka_unit_test(energy_that_is_invalid_or_absent_is_left_out),
		cmocka_unit_test(costs_are_per_request_and_per_gigabyte_of_what_ran_alone),
		cmocka_unit_test(system_calls_are_per_megabyte_of_streams_alone),
		cmocka_unit_test(guest_instructions_are_per_byte_of_streams_alone),
		cmocka_unit_test(a_whole_experiment_gives_every_gain),
	};

	return cmocka_run_group_tests_name("gains", tests, NULL, release);
}
