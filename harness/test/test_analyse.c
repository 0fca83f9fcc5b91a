/* SPDX-License-Identifier: BSD-2-Clause */
/* From runs to medians, ratios by block and verdicts, against results computed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/groups.h"
#include "harness/test/analysed.h"

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

static void what_has_no_vm_is_compared_with_nothing(void **state)
{
	struct run_row rows[18];
	const struct summary_row *s;
	size_t n;

	drifting(rows, "compute");
	n = made_bound(rows, 12);
	assert_int_equal(n, 18);
	analyse_rows(rows, n);
	s = must_find("compute", "native", "compute_rate");
	assert_int_equal(s->n, 6);
	assert_string_equal(s->accelerator, "none");
	assert_true(isnan(s->ratio) && isnan(s->p_value));
	assert_string_equal(s->verdict, "");
	assert_string_equal(runs_accelerator(&rows[12], 6), "");
	assert_string_equal(runs_accelerator(rows, n), "tcg");
	ROW_TEXT(rows[0].status, "failed");
	assert_string_equal(runs_bound(rows, n), "native");
	assert_null(runs_bound(rows, 12));
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
		rows[2 * b + 1].compute_ops_per_s = rows[2 * b].compute_ops_per_s *
						    (0.985 + 0.006 * b);
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
	/* again: deviation 0.1613, median 1.0614 (0.0596): (1.96 0.1613 / 0.0596)^2 pi / 2 */
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

static void nothing_gives_nothing(void **state)
{
	analyse_rows(NULL, 0);
	assert_int_equal(result.n_summary, 0);
	assert_int_equal(result.n_gains, 0);
	assert_string_equal(result.baseline, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_are_formed_within_blocks),
		cmocka_unit_test(the_baseline_has_no_ratio_to_itself),
		cmocka_unit_test(the_order_of_the_rows_does_not_matter),
		cmocka_unit_test(the_p_value_is_that_of_the_u_test),
		cmocka_unit_test(only_valid_measured_runs_enter),
		cmocka_unit_test(what_has_no_vm_is_compared_with_nothing),
		cmocka_unit_test(a_block_without_one_of_the_paths_gives_no_ratio),
		cmocka_unit_test(runs_of_different_blocks_are_never_paired),
		cmocka_unit_test(a_configuration_without_a_valid_run_is_still_a_row),
		cmocka_unit_test(less_is_better_where_the_work_is_the_same),
		cmocka_unit_test(an_interval_near_one_shows_no_difference),
		cmocka_unit_test(a_wide_interval_around_one_is_inconclusive),
		cmocka_unit_test(one_block_does_not_say_how_many_are_needed),
		cmocka_unit_test(pairs_are_tested_as_pairs),
		cmocka_unit_test(several_runs_in_one_block_count_once),
		cmocka_unit_test(nothing_gives_nothing),
	};

	return cmocka_run_group_tests_name("analyse", tests, NULL, release);
}
