/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of runs to rows of the summary, against results computed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/analyse.h"
#include "harness/test/made_rows.h"

static struct analysis result;

/* Analyse @rows into result, which the next call and the tear-down release. */
static void analyse_rows(const struct run_row *rows, size_t n)
{
	analysis_release(&result);
	assert_int_equal(analyse(rows, n, NULL, &result), 0);
}

static int release(void **state)
{
	analysis_release(&result);
	return 0;
}

static const struct summary_row *find(const char *scenario, const char *path, const char *metric)
{
	struct summary_row like;

	columns_clear(summary_columns(), &like);
	ROW_TEXT(like.scenario, "%s", scenario);
	ROW_TEXT(like.direction, "send");
	ROW_TEXT(like.arm, "spare-core");
	ROW_TEXT(like.topology, "one-vm");
	return summary_find(result.summary, result.n_summary, &like, path, metric);
}

static const struct summary_row *must_find(const char *scenario, const char *path,
					   const char *metric)
{
	const struct summary_row *s = find(scenario, path, metric);

	if (!s)
		fail_msg("no row for %s, %s, %s", scenario, path, metric);
	return s;
}

static void near(double got, double want)
{
	if (!(fabs(got - want) < 1e-9))
		fail_msg("got %.9g instead of %.9g", got, want);
}

/*
 * Six blocks whose level doubles from block to block while the ratio within a
 * block stays 2.0 .. 2.5: drift that any comparison across blocks would drown in.
 */
static size_t drifting(struct run_row *rows, const char *scenario)
{
	static const double ratio[] = { 2.0, 2.1, 2.2, 2.3, 2.4, 2.5 };

	for (int b = 0; b < 6; b++) {
		rows[2 * b] = made_run("virtio-tap", scenario, b);
		rows[2 * b].compute_ops_per_s = 1 << b;
		rows[2 * b + 1] = made_run("memnet", scenario, b);
		rows[2 * b + 1].compute_ops_per_s = ratio[b] * (1 << b);
		rows[2 * b].stream_bytes_per_s = rows[2 * b + 1].stream_bytes_per_s = 100;
	}
	return 12;
}

static void ratios_are_formed_within_blocks(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	analyse_rows(rows, drifting(rows, "hybrid-saturate"));
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	assert_int_equal(s->n, 6);
	near(s->median, (2.2 * 4 + 2.3 * 8) / 2);
	near(s->ci_low, 2.0);
	near(s->ci_high, 2.5 * 32);
	assert_string_equal(s->baseline, "virtio-tap");
	near(s->ratio, 2.25);
	near(s->ratio_ci_low, 2.0);
	near(s->ratio_ci_high, 2.5);
	assert_string_equal(s->verdict, VERDICT_BETTER);
	assert_string_equal(s->unit, "ops/s");
	assert_string_equal(s->quality, "measured");
}

static void the_baseline_has_no_ratio_to_itself(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	analyse_rows(rows, drifting(rows, "hybrid-saturate"));
	s = must_find("hybrid-saturate", "virtio-tap", "compute_rate");
	near(s->median, 6);
	assert_true(isnan(s->ratio) && isnan(s->p_value));
	assert_string_equal(s->verdict, "");
}

static void the_order_of_the_rows_does_not_matter(void **state)
{
	struct run_row rows[12], reversed[12];
	struct summary_row former;

	drifting(rows, "hybrid-saturate");
	for (int i = 0; i < 12; i++)
		reversed[i] = rows[11 - i];
	analyse_rows(rows, 12);
	former = *must_find("hybrid-saturate", "memnet", "compute_rate");
	analyse_rows(reversed, 12);
	assert_memory_equal(&former, must_find("hybrid-saturate", "memnet", "compute_rate"),
			    sizeof(former));
}

static void the_p_value_is_that_of_the_u_test(void **state)
{
	struct run_row rows[8];
	const struct summary_row *s;

	for (int i = 0; i < 8; i++) {	/* all of one path above all of the other: 2 / C(8,4) */
		rows[i] = made_run(i < 4 ? "virtio-tap" : "memnet", "compute", i % 4);
		rows[i].compute_ops_per_s = 10 + i;
	}
	analyse_rows(rows, 8);
	s = must_find("compute", "memnet", "compute_rate");
	near(s->p_value, 2 / 70.0);
	near(s->p_value_paired, 2 / 16.0);	/* four pairs, all one way */
	assert_string_equal(s->verdict, "inconclusive, need n = 6");
	assert_true(isnan(s->ci_low) && isnan(s->ratio_ci_low));
	near(s->ratio, (15 / 11.0 + 16 / 12.0) / 2);
}

static void only_valid_measured_runs_enter(void **state)
{
	static const char *const status[] = { "invalid", "failed", "skipped", "invalid" };
	struct run_row rows[12 + 5];
	const struct summary_row *s;
	size_t n = drifting(rows, "compute");

	for (int i = 0; i < 4; i++) {
		rows[n] = made_run("memnet", "compute", i);
		rows[n].compute_ops_per_s = 1e9;
		ROW_TEXT(rows[n++].status, "%s", status[i]);
	}
	rows[n] = made_run("memnet", "compute", 0);
	rows[n].compute_ops_per_s = 1e9;
	ROW_TEXT(rows[n++].kind, "calibrate");
	analyse_rows(rows, n);
	s = must_find("compute", "memnet", "compute_rate");
	assert_int_equal(s->n, 6);
	near(s->ratio_ci_high, 2.5);
	assert_int_equal(s->n_invalid, 2);
	assert_int_equal(s->n_failed, 1);
}

static void a_block_without_one_of_the_paths_gives_no_ratio(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	drifting(rows, "hybrid-saturate");
	ROW_TEXT(rows[0].status, "failed");	/* the baseline of block 0 */
	rows[11].compute_ops_per_s = NAN;	/* memnet in block 5 */
	analyse_rows(rows, 12);
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	assert_int_equal(s->n, 5);
	near(s->ratio, (2.2 + 2.3) / 2);
	assert_string_equal(s->verdict, "inconclusive, need n = 6");
}

static void runs_of_different_blocks_are_never_paired(void **state)
{
	struct run_row rows[12];

	drifting(rows, "hybrid-saturate");
	rows[0].block = 100;	/* block 0 of the baseline, block 5 of memnet: elsewhere */
	rows[11].block = 50;
	analyse_rows(rows, 12);
	near(must_find("hybrid-saturate", "memnet", "compute_rate")->ratio, (2.2 + 2.3) / 2);
	assert_int_equal(must_find("hybrid-saturate", "memnet", "compute_rate")->n, 6);
	assert_string_equal(must_find("hybrid-saturate", "memnet", "compute_rate")->verdict,
			    "inconclusive, need n = 6");
}

static void a_configuration_without_a_valid_run_is_still_a_row(void **state)
{
	struct run_row rows[2] = {
		made_run("virtio-tap", "idle", 0), made_run("memnet", "idle", 0),
	};
	const struct summary_row *s;

	rows[0].cpu_total_s = 1;
	ROW_TEXT(rows[1].status, "failed");
	analyse_rows(rows, 2);
	s = must_find("idle", "memnet", "cpu_total");
	assert_int_equal(s->n, 0);
	assert_int_equal(s->n_failed, 1);
	assert_true(isnan(s->median));
	assert_string_equal(s->quality, "absent");
	assert_null(find("idle", "memnet", "compute_rate"));
}

static void less_is_better_where_the_work_is_the_same(void **state)
{
	struct run_row rows[24];

	drifting(rows, "hybrid-fixed");
	drifting(rows + 12, "hybrid-saturate");
	for (int i = 0; i < 24; i++)
		rows[i].cpu_total_s = rows[i].compute_ops_per_s;
	analyse_rows(rows, 24);
	assert_string_equal(must_find("hybrid-fixed", "memnet", "cpu_total")->verdict,
			    VERDICT_WORSE);
	assert_string_equal(must_find("hybrid-saturate", "memnet", "cpu_total")->verdict, "");
}

static void an_interval_near_one_shows_no_difference(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	drifting(rows, "hybrid-saturate");
	for (int b = 0; b < 6; b++)
		rows[2 * b + 1].compute_ops_per_s = rows[2 * b].compute_ops_per_s * (0.985 + 0.006 * b);
	analyse_rows(rows, 12);
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	assert_string_equal(s->verdict, VERDICT_SAME);
	assert_true(s->need_n == ABSENT_INTEGER);
}

/*
 * By hand: the logarithms of 0.9, 2.1, 2.2 .. 2.5 deviate by 0.387, and the median, 2.25, is
 * 0.811 from 1: (1.96 0.387 / 0.811)^2 pi / 2 is 1.4, but six have not done.
 */
static void a_wide_interval_around_one_is_inconclusive(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	drifting(rows, "hybrid-saturate");
	rows[1].compute_ops_per_s = 0.9;
	analyse_rows(rows, 12);
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	assert_string_equal(s->verdict, "inconclusive, need n = 7");
	assert_int_equal(s->need_n, 7);
	/* by hand again: deviation 0.1613, median 1.0614 (0.0596): (1.96 0.1613 / 0.0596)^2 pi / 2 */
	for (int b = 0; b < 6; b++)
		rows[2 * b + 1].compute_ops_per_s = rows[2 * b].compute_ops_per_s * 1.05 *
						    (b % 2 ? exp(0.1472) : exp(-0.1472));
	analyse_rows(rows, 12);
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	near(s->ratio, 1.05 * cosh(0.1472));
	assert_int_equal(s->need_n, 45);
}

static void one_block_does_not_say_how_many_are_needed(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	drifting(rows, "hybrid-saturate");
	analyse_rows(rows, 2);
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	assert_string_equal(s->verdict, VERDICT_INCONCLUSIVE);
	assert_true(s->need_n == ABSENT_INTEGER);
}

/* Drift doubles the level from block to block: pairs do not see it, the U test does. */
static void pairs_are_tested_as_pairs(void **state)
{
	struct run_row rows[12];
	const struct summary_row *s;

	analyse_rows(rows, drifting(rows, "hybrid-saturate"));
	s = must_find("hybrid-saturate", "memnet", "compute_rate");
	near(s->p_value_paired, 2 / 64.0);
	assert_true(s->p_value > 0.2);
}

static void vhost_is_the_baseline_when_it_has_a_valid_run(void **state)
{
	struct run_row rows[13];

	drifting(rows, "hybrid-saturate");
	rows[12] = made_run("virtio-vhost", "idle", 0);
	ROW_TEXT(rows[12].status, "failed");
	analyse_rows(rows, 13);
	assert_string_equal(result.baseline, "virtio-tap");
	ROW_TEXT(rows[12].status, "ok");
	analyse_rows(rows, 13);
	assert_string_equal(result.baseline, "virtio-vhost");
	analysis_release(&result);
	assert_int_equal(analyse(rows, 13, "memnet", &result), 0);
	near(must_find("hybrid-saturate", "virtio-tap", "compute_rate")->ratio,
	     (1 / 2.2 + 1 / 2.3) / 2);
}

/* A/A: of two names of one path the plain one is the baseline, unless there is a better. */
static void a_path_is_held_against_itself(void **state)
{
	struct run_row rows[12];
	size_t n = drifting(rows, "hybrid-saturate");

	for (size_t i = 0; i < n; i++)
		ROW_TEXT(rows[i].path, i & 1 ? "memnet@b" : "memnet");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "memnet");
	assert_string_equal(result.subject, "memnet@b");
	near(must_find("hybrid-saturate", "memnet@b", "compute_rate")->ratio, 2.25);
	for (size_t i = 0; i < n; i += 2)
		ROW_TEXT(rows[i].path, "virtio-tap");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
	assert_string_equal(result.subject, "memnet");	/* which was not measured */
	for (size_t i = 1; i < n; i += 2)
		ROW_TEXT(rows[i].path, "virtio-tap@again");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
	assert_string_equal(result.subject, "virtio-tap@again");
}

/* Each budget against the same one under the other name: not all against the first. */
static void a_path_is_held_against_itself_budget_by_budget(void **state)
{
	struct run_row rows[24];
	size_t n = drifting(rows, "hybrid-saturate"), seen = 0;

	n += drifting(rows + n, "hybrid-saturate");
	for (size_t i = 0; i < n; i++) {
		ROW_TEXT(rows[i].path, i & 1 ? "memnet@b" : "memnet");
		ROW_TEXT(rows[i].spin, i < n / 2 ? "0" : "50us");
		if (i >= n / 2)
			rows[i].compute_ops_per_s *= i & 1 ? 6 : 3;
	}
	analyse_rows(rows, n);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "compute_rate") || strcmp(s->path, "memnet@b"))
			continue;
		seen++;
		near(s->ratio, strcmp(s->spin, "0") ? 4.5 : 2.25);
		assert_string_equal(summary_find(result.summary, result.n_summary, s, "memnet",
						 "compute_rate")->spin, s->spin);
	}
	assert_int_equal(seen, 2);
}

static void chunks_are_configurations(void **state)
{
	struct run_row rows[24];
	size_t n = drifting(rows, "network"), seen = 0;

	n += drifting(rows + n, "network");
	for (size_t i = 0; i < n; i++) {
		rows[i].chunk_bytes = i < n / 2 ? 4096 : 65536;
		if (i >= n / 2 && i & 1)
			rows[i].stream_bytes_per_s = 300;
	}
	analyse_rows(rows, n);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "network_rate") || strcmp(s->path, "memnet"))
			continue;
		assert_int_equal(s->n, 6);
		near(s->ratio, s->chunk_bytes == 4096 ? 1 : 3);
		seen++;
	}
	assert_int_equal(seen, 2);
}

static void accelerators_are_never_compared(void **state)
{
	struct run_row rows[12];

	drifting(rows, "hybrid-saturate");
	for (int i = 1; i < 12; i += 2)
		ROW_TEXT(rows[i].accelerator, "kvm");
	analyse_rows(rows, 12);
	assert_true(isnan(must_find("hybrid-saturate", "memnet", "compute_rate")->ratio));
}

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

static void a_network_gain_must_not_cost_compute(void **state)
{
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
	assert_string_equal(must_find("hybrid-saturate", "memnet", "network_gain")->verdict,
			    VERDICT_UNEQUAL);
	assert_true(must_find("hybrid-saturate", "memnet", "network_gain")->need_n == ABSENT_INTEGER);
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

static void several_runs_in_one_block_count_once(void **state)
{
	struct run_row rows[4] = {
		made_run("virtio-tap", "compute", 0), made_run("memnet", "compute", 0),
		made_run("memnet", "compute", 0), made_run("memnet", "compute", 0),
	};

	rows[0].compute_ops_per_s = 10;
	rows[1].compute_ops_per_s = 20;
	rows[2].compute_ops_per_s = 30;
	rows[3].compute_ops_per_s = 90;
	analyse_rows(rows, 4);
	near(must_find("compute", "memnet", "compute_rate")->ratio, 3);
}

static void flows_are_configurations_of_their_own(void **state)
{
	struct run_row rows[24];
	size_t found = 0;

	drifting(rows, "network");
	drifting(rows + 12, "network");
	for (int i = 0; i < 24; i++)
		rows[i].flows = i < 12 ? 1 : 8;
	for (int i = 13; i < 24; i += 2)
		rows[i].compute_ops_per_s *= 10;
	analyse_rows(rows, 24);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "compute_rate") || strcmp(s->path, "memnet"))
			continue;
		found++;
		assert_int_equal(s->n, 6);
		near(s->ratio, s->flows == 8 ? 22.5 : 2.25);
		assert_ptr_equal(summary_find(result.summary, result.n_summary, s, "memnet",
					      "compute_rate"), s);
	}
	assert_int_equal(found, 2);
}

static void each_spin_budget_is_held_against_the_same_baseline(void **state)
{
	static const char *const spins[] = { "0", "50us", "200us", "adaptive:50us" };
	struct run_row rows[6 + 24];
	size_t found = 0;

	for (int b = 0; b < 6; b++) {
		rows[b] = made_run("virtio-tap", "rr", b);
		rows[b].latency_p99_ns = 100;
		for (int s = 0; s < 4; s++) {
			struct run_row *r = &rows[6 + 4 * b + 3 - s];

			*r = made_run("memnet", "rr", b);
			r->latency_p99_ns = 10 * (s + 1);
			ROW_TEXT(r->spin, "%s", spins[s]);
		}
	}
	analyse_rows(rows, ARRAY_SIZE(rows));
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "latency_p99") || strcmp(s->path, "memnet"))
			continue;
		assert_string_equal(s->spin, spins[found]);	/* by time, not by letter */
		found++;
		assert_int_equal(s->n, 6);
		near(s->median, 10 * found);
		near(s->ratio, found / 10.0);
		assert_string_equal(s->verdict, VERDICT_BETTER);
		assert_string_equal(summary_find(result.summary, result.n_summary, s, "virtio-tap",
						 "latency_p99")->spin, "");
	}
	assert_int_equal(found, 4);
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

static void nothing_gives_nothing(void **state)
{
	analyse_rows(NULL, 0);
	assert_int_equal(result.n_summary, 0);
	assert_int_equal(result.n_gains, 0);
	assert_string_equal(result.baseline, "");
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
		cmocka_unit_test(ratios_are_formed_within_blocks),
		cmocka_unit_test(the_baseline_has_no_ratio_to_itself),
		cmocka_unit_test(the_order_of_the_rows_does_not_matter),
		cmocka_unit_test(the_p_value_is_that_of_the_u_test),
		cmocka_unit_test(only_valid_measured_runs_enter),
		cmocka_unit_test(a_block_without_one_of_the_paths_gives_no_ratio),
		cmocka_unit_test(runs_of_different_blocks_are_never_paired),
		cmocka_unit_test(a_configuration_without_a_valid_run_is_still_a_row),
		cmocka_unit_test(less_is_better_where_the_work_is_the_same),
		cmocka_unit_test(an_interval_near_one_shows_no_difference),
		cmocka_unit_test(a_wide_interval_around_one_is_inconclusive),
		cmocka_unit_test(one_block_does_not_say_how_many_are_needed),
		cmocka_unit_test(pairs_are_tested_as_pairs),
		cmocka_unit_test(vhost_is_the_baseline_when_it_has_a_valid_run),
		cmocka_unit_test(a_path_is_held_against_itself),
		cmocka_unit_test(a_path_is_held_against_itself_budget_by_budget),
		cmocka_unit_test(chunks_are_configurations),
		cmocka_unit_test(accelerators_are_never_compared),
		cmocka_unit_test(a_compute_gain_needs_equal_bytes),
		cmocka_unit_test(a_network_gain_must_not_cost_compute),
		cmocka_unit_test(efficiency_is_the_baselines_cost_over_memnets),
		cmocka_unit_test(energy_of_mixed_sources_has_no_value),
		cmocka_unit_test(energy_of_different_sources_is_not_compared),
		cmocka_unit_test(energy_that_is_invalid_or_absent_is_left_out),
		cmocka_unit_test(several_runs_in_one_block_count_once),
		cmocka_unit_test(flows_are_configurations_of_their_own),
		cmocka_unit_test(each_spin_budget_is_held_against_the_same_baseline),
		cmocka_unit_test(costs_are_per_request_and_per_gigabyte_of_what_ran_alone),
		cmocka_unit_test(guest_instructions_are_per_byte_of_streams_alone),
		cmocka_unit_test(nothing_gives_nothing),
		cmocka_unit_test(a_whole_experiment_gives_every_gain),
	};

	return cmocka_run_group_tests_name("analyse", tests, NULL, release);
}
