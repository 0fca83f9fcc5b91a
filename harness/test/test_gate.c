/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate's outcomes and exit codes, and that the committed thresholds make sense. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/analyse.h"
#include "harness/gate.h"
#include "harness/rows.h"
#include "harness/test/made_rows.h"
#include "harness/test/scratch.h"

static char *text;
static char err[512];

/* network_gain of memnet: @n blocks, the median and its interval (NAN: none). */
static struct summary_row summary(int64_t n, double ratio, double low, double high)
{
	struct summary_row s;

	summary_clear(&s);
	ROW_TEXT(s.scenario, "hybrid-saturate");
	ROW_TEXT(s.direction, "send");
	ROW_TEXT(s.arm, "spare-core");
	ROW_TEXT(s.topology, "one-vm");
	ROW_TEXT(s.path, "memnet");
	ROW_TEXT(s.baseline, "virtio-tap");
	ROW_TEXT(s.metric, "network_gain");
	ROW_TEXT(s.quality, "measured");
	ROW_TEXT(s.source, "workload");
	ROW_TEXT(s.accelerator, "tcg");
	s.n = n;
	s.n_failed = s.n_invalid = 0;
	s.ratio = s.median = ratio;
	s.ratio_ci_low = s.ci_low = low;
	s.ratio_ci_high = s.ci_high = high;
	return s;
}

static struct threshold_row threshold(const char *condition, double bound)
{
	struct threshold_row t;

	thresholds_clear(&t);
	ROW_TEXT(t.scenario, "hybrid-saturate");
	ROW_TEXT(t.direction, "send");
	ROW_TEXT(t.arm, "spare-core");
	ROW_TEXT(t.path, "memnet");
	ROW_TEXT(t.metric, "network_gain");
	ROW_TEXT(t.field, "ratio");
	ROW_TEXT(t.condition, "%s", condition);
	ROW_TEXT(t.accelerator, "tcg");
	t.bound = bound;
	return t;
}

static int check(const struct summary_row *s, size_t n_s, const struct threshold_row *t, size_t n_t)
{
	size_t len;
	FILE *f;
	int ret;

	free(text);
	f = open_memstream(&text, &len);
	ret = gate_check(s, n_s, t, n_t, f, false);
	fclose(f);
	return ret;
}

static int release(void **state)
{
	free(text);
	return scratch_remove(state);
}

static void expect(struct summary_row s, struct threshold_row t, int code, const char *line)
{
	int got = check(&s, 1, &t, 1);

	if (got != code || strncmp(text, line, strlen(line)))
		fail_msg("exit %d instead of %d, or not '%s':\n%s", got, code, line, text);
}

static void with_an_interval_all_of_it_decides(void **state)
{
	expect(summary(7, 8, 7, 9), threshold(">=", 7), GATE_OK, "PASS");
	expect(summary(7, 8, 7, 9), threshold(">=", 7.1), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(7, 8, 7, 9), threshold(">=", 9), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(7, 8, 7, 9), threshold(">=", 9.1), GATE_REGRESSION, "FAIL");
	expect(summary(7, 8, 7, 9), threshold("<=", 9), GATE_OK, "PASS");
	expect(summary(7, 8, 7, 9), threshold("<=", 8.9), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(7, 8, 7, 9), threshold("<=", 6.9), GATE_REGRESSION, "FAIL");
}

static void a_threshold_is_for_one_number_of_flows_and_one_spin_budget(void **state)
{
	static const struct {
		int64_t flows;
		const char *spin;
		bool plain, of_8, of_50us;
	} cases[] = {
		{ ABSENT_INTEGER, "", true, false, false },
		{ 1, "", true, false, false },
		{ 8, "", false, true, false },
		{ 1, "50us", false, false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct threshold_row plain = threshold(">=", 7), of_8 = plain, of_50us = plain;
		struct summary_row s = summary(7, 8, 7, 9);

		s.flows = cases[i].flows;
		ROW_TEXT(s.spin, "%s", cases[i].spin);
		of_8.flows = 8;
		ROW_TEXT(of_50us.spin, "50us");
		expect(s, plain, cases[i].plain ? GATE_OK : GATE_INCONCLUSIVE, "");
		expect(s, of_8, cases[i].of_8 ? GATE_OK : GATE_INCONCLUSIVE, "");
		assert_non_null(strstr(text, "8 flows"));
		expect(s, of_50us, cases[i].of_50us ? GATE_OK : GATE_INCONCLUSIVE, "");
		assert_non_null(strstr(text, "memnet spin 50us"));
	}
}

static void a_threshold_is_for_one_vm(void **state)
{
	struct summary_row s = summary(7, 8, 7, 9);

	ROW_TEXT(s.topology, "two-vm");
	expect(s, threshold(">=", 7), GATE_INCONCLUSIVE, "");
	assert_non_null(strstr(text, "not in the summary"));
}

static void few_runs_decide_only_far_from_the_bound(void **state)
{
	expect(summary(2, 5, NAN, NAN), threshold(">=", 4), GATE_OK, "PASS");
	expect(summary(2, 4.99, NAN, NAN), threshold(">=", 4), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(2, 3.21, NAN, NAN), threshold(">=", 4), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(2, 3.2, NAN, NAN), threshold(">=", 4), GATE_REGRESSION, "FAIL");
	expect(summary(2, 0.8, NAN, NAN), threshold("<=", 1), GATE_OK, "PASS");
	expect(summary(2, 1.0, NAN, NAN), threshold("<=", 1), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	expect(summary(2, 1.25, NAN, NAN), threshold("<=", 1), GATE_REGRESSION, "FAIL");
}

static void blocks_on_both_sides_of_the_bound_decide_nothing(void **state)
{
	struct summary_row s = summary(3, 0.78, NAN, NAN);
	struct threshold_row t = threshold(">=", 1.15);

	s.ratio_least = 0.74;
	s.ratio_most = 1.39;
	expect(s, t, GATE_INCONCLUSIVE, "INCONCLUSIVE");
	assert_non_null(strstr(text, "0.74 .. 1.39: on both sides of the bound"));
	s.ratio_most = 1.14;
	expect(s, t, GATE_REGRESSION, "FAIL");
	s.ratio = 1.5;
	s.ratio_most = 1.6;
	expect(s, t, GATE_INCONCLUSIVE, "INCONCLUSIVE");
	s.ratio_least = 1.15;
	expect(s, t, GATE_OK, "PASS");
	t = threshold("<=", 1.25);		/* in the mirror */
	s.ratio = 1.6;
	s.ratio_least = 1.2;
	s.ratio_most = 2;
	expect(s, t, GATE_INCONCLUSIVE, "INCONCLUSIVE");
	s.ratio_least = 1.26;
	expect(s, t, GATE_REGRESSION, "FAIL");
}

static void the_field_says_which_value_is_held_against_the_bound(void **state)
{
	struct summary_row s = summary(7, 8, 7, 9);
	struct threshold_row t = threshold(">=", 7);

	s.ratio = s.ratio_ci_low = s.ratio_ci_high = 1;
	ROW_TEXT(t.field, "median");
	expect(s, t, GATE_OK, "PASS");
	ROW_TEXT(t.field, "ratio");
	expect(s, t, GATE_REGRESSION, "FAIL");
}

static void another_accelerator_is_not_applicable_and_then_nothing_compares(void **state)
{
	struct summary_row s = summary(7, 1, 1, 1);
	struct threshold_row t = threshold(">=", 7);

	ROW_TEXT(s.accelerator, "kvm");
	expect(s, t, GATE_NOTHING, "n.a.");
	assert_non_null(strstr(text, "nothing was comparable"));
	ROW_TEXT(t.metric, "compute_gain");	/* also when the row is not there */
	expect(s, t, GATE_NOTHING, "n.a.");
	ROW_TEXT(t.metric, "network_gain");
	ROW_TEXT(t.accelerator, "any");
	expect(s, t, GATE_REGRESSION, "FAIL");
}

static void rows_without_a_vm_do_not_say_what_a_summary_is_of(void **state)
{
	struct summary_row s[2] = { summary(7, 8, 7, 9), summary(7, 8, 7, 9) };
	struct threshold_row t = threshold(">=", 7);

	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		ROW_TEXT(s[i].metric, "network_rate");	/* the threshold's is not there */
	ROW_TEXT(s[0].path, "native");
	ROW_TEXT(s[0].accelerator, ACCELERATOR_NONE);
	ROW_TEXT(s[1].accelerator, "kvm");
	assert_int_equal(check(s, 2, &t, 1), GATE_NOTHING);
	assert_non_null(strstr(text, "is for tcg, the summary is of kvm"));
}

static void what_is_not_applicable_does_not_spoil_a_pass(void **state)
{
	struct summary_row s = summary(7, 8, 7, 9);
	struct threshold_row t[2] = { threshold(">=", 4), threshold(">=", 4) };

	ROW_TEXT(t[1].accelerator, "kvm");
	assert_int_equal(check(&s, 1, t, 2), GATE_OK);
	assert_non_null(strstr(text, "1 passed, 0 failed, 0 inconclusive, 1 n.a.: no regression"));
}

static void a_model_gates_nothing(void **state)
{
	struct summary_row s = summary(7, 1, 1, 1);

	ROW_TEXT(s.source, "model");
	ROW_TEXT(s.quality, "estimated");
	expect(s, threshold(">=", 7), GATE_NOTHING, "n.a.");
}

static void an_absent_value_is_inconclusive(void **state)
{
	struct threshold_row t = threshold(">=", 7);

	expect(summary(0, NAN, NAN, NAN), t, GATE_INCONCLUSIVE, "INCONCLUSIVE");
	ROW_TEXT(t.arm, "equal-core");
	expect(summary(7, 8, 7, 9), t, GATE_INCONCLUSIVE, "INCONCLUSIVE");
	assert_int_equal(check(NULL, 0, &t, 1), GATE_INCONCLUSIVE);
	assert_int_equal(check(NULL, 0, NULL, 0), GATE_NOTHING);
}

static void a_gain_that_is_not_comparable_is_inconclusive(void **state)
{
	struct summary_row s = summary(7, 8, 7, 9);

	ROW_TEXT(s.verdict, VERDICT_UNEQUAL);
	expect(s, threshold(">=", 7), GATE_INCONCLUSIVE, "INCONCLUSIVE");
	assert_non_null(strstr(text, "compute no lower"));
}

static void a_path_that_lost_every_run_fails(void **state)
{
	struct summary_row s[3] = {
		summary(0, NAN, NAN, NAN), summary(3, NAN, NAN, NAN), summary(0, NAN, NAN, NAN),
	};
	struct threshold_row t = threshold(">=", 7);

	ROW_TEXT(s[0].metric, "cpu_total");
	ROW_TEXT(s[1].path, "virtio-tap");
	ROW_TEXT(s[1].metric, "cpu_total");
	s[0].n_failed = s[0].n_invalid = s[2].n_failed = s[2].n_invalid = 1;
	assert_int_equal(check(s, 3, &t, 1), GATE_REGRESSION);
	assert_non_null(strstr(text, "1 failed, 1 invalid"));
	s[0].n = 4;				/* it is the value that is not there */
	assert_int_equal(check(s, 3, &t, 1), GATE_INCONCLUSIVE);
	assert_non_null(strstr(text, "the value is absent"));
	s[0].n = 0;				/* the metric itself has no row */
	assert_int_equal(check(s, 2, &t, 1), GATE_REGRESSION);
	s[0].n_failed = 0;			/* a single lost run proves nothing */
	assert_int_equal(check(s, 2, &t, 1), GATE_INCONCLUSIVE);
	s[0].n_failed = 3;
	s[1].n = 0;				/* nor does it when the baseline has none */
	assert_int_equal(check(s, 2, &t, 1), GATE_INCONCLUSIVE);
}

static void wrong_bytes_fail_whatever_the_figures_say(void **state)
{
	struct summary_row s[2] = { summary(7, 8, 7, 9), summary(7, 8, 7, 9) };
	struct threshold_row t = threshold(">=", 4);

	ROW_TEXT(s[1].metric, "cpu_total");
	s[1].n_corrupt = 0;
	assert_int_equal(check(s, 2, &t, 1), GATE_OK);
	s[1].n_corrupt = 1;
	assert_int_equal(check(s, 2, &t, 1), GATE_REGRESSION);
	assert_non_null(strstr(text, "wrong bytes"));
	s[1].chunk_bytes = 4096;
	ROW_TEXT(s[1].topology, "two-vm");
	assert_int_equal(check(s, 2, &t, 1), GATE_REGRESSION);
	assert_non_null(strstr(text, "send 4 KiB a call two-vm: content"));
}

static void no_threshold_is_for_a_link(void **state)
{
	struct summary_row s = summary(7, 1, 1, 1);
	struct threshold_row t = threshold(">=", 4);

	assert_int_equal(check(&s, 1, &t, 1), GATE_REGRESSION);
	s.link_rate_bits_per_s = 200000000;
	assert_int_not_equal(check(&s, 1, &t, 1), GATE_REGRESSION);
	s.link_rate_bits_per_s = ABSENT_INTEGER;
	s.link_delay_ns = 1000000;
	assert_int_not_equal(check(&s, 1, &t, 1), GATE_REGRESSION);
}

static void without_a_direction_every_direction_counts(void **state)
{
	struct summary_row s[2] = { summary(7, 8, 7, 9), summary(7, 1, 1, 1) };
	struct threshold_row t = threshold(">=", 4);

	ROW_TEXT(s[1].direction, "recv");
	assert_int_equal(check(s, 2, &t, 1), GATE_OK);
	ROW_TEXT(t.direction, "%s", "");
	assert_int_equal(check(s, 2, &t, 1), GATE_REGRESSION);
	assert_non_null(strstr(text, "1 passed, 1 failed"));
}

static void thresholds_that_mean_nothing_are_refused(void **state)
{
	struct threshold_row good = threshold(">=", 4), t;

	assert_int_equal(gate_check_thresholds(&good, 1, err, sizeof(err)), 0);
	t = good;
	ROW_TEXT(t.metric, "joules");
	assert_int_equal(gate_check_thresholds(&t, 1, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "no such metric"));
	t = good;
	ROW_TEXT(t.condition, ">");
	assert_int_equal(gate_check_thresholds(&t, 1, err, sizeof(err)), -EINVAL);
	t = good;
	ROW_TEXT(t.field, "mean");
	assert_int_equal(gate_check_thresholds(&t, 1, err, sizeof(err)), -EINVAL);
	t = good;
	t.bound = NAN;
	assert_int_equal(gate_check_thresholds(&t, 1, err, sizeof(err)), -EINVAL);
	t = good;
	ROW_TEXT(t.accelerator, "TCG");
	assert_int_equal(gate_check_thresholds(&t, 1, err, sizeof(err)), -EINVAL);
}

/* Write the summary of a made-up experiment whose memnet streams are slowed by @slowdown. */
static int gate_experiment(int blocks, double slowdown)
{
	struct run_row *rows = calloc(MADE_RUNS(blocks), sizeof(*rows));
	struct analysis a;
	FILE *null = fopen("/dev/null", "w");
	int ret;

	made_experiment(rows, blocks);
	for (size_t i = 0; i < MADE_RUNS(blocks); i++)
		if (!strcmp(rows[i].path, "memnet") && !strcmp(rows[i].scenario, "hybrid-saturate"))
			rows[i].stream_bytes_per_s /= slowdown;
	assert_int_equal(analyse(rows, MADE_RUNS(blocks), NULL, &a), 0);
	assert_int_equal(summary_save(scratch("summary.csv"), a.summary, a.n_summary,
				      err, sizeof(err)), 0);
	ret = gate_run(scratch("summary.csv"), "results/thresholds.csv", null, true,
		       err, sizeof(err));
	analysis_release(&a);
	free(rows);
	fclose(null);
	return ret;
}

static void the_committed_thresholds_pass_the_expected_and_catch_a_slowdown(void **state)
{
	assert_int_equal(gate_experiment(7, 1), GATE_OK);
	assert_int_equal(gate_experiment(2, 1), GATE_OK);
	assert_int_equal(gate_experiment(7, 4), GATE_REGRESSION);
	assert_int_equal(gate_experiment(2, 4), GATE_REGRESSION);
	assert_int_equal(gate_experiment(2, 2), GATE_INCONCLUSIVE);
}

static void missing_files_are_named(void **state)
{
	assert_int_equal(gate_run("/nowhere/summary.csv", "results/thresholds.csv", stdout, false,
				  err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nowhere/summary.csv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_an_interval_all_of_it_decides),
		cmocka_unit_test(a_threshold_is_for_one_number_of_flows_and_one_spin_budget),
		cmocka_unit_test(a_threshold_is_for_one_vm),
		cmocka_unit_test(few_runs_decide_only_far_from_the_bound),
		cmocka_unit_test(blocks_on_both_sides_of_the_bound_decide_nothing),
		cmocka_unit_test(the_field_says_which_value_is_held_against_the_bound),
		cmocka_unit_test(another_accelerator_is_not_applicable_and_then_nothing_compares),
		cmocka_unit_test(rows_without_a_vm_do_not_say_what_a_summary_is_of),
		cmocka_unit_test(what_is_not_applicable_does_not_spoil_a_pass),
		cmocka_unit_test(a_model_gates_nothing),
		cmocka_unit_test(an_absent_value_is_inconclusive),
		cmocka_unit_test(a_gain_that_is_not_comparable_is_inconclusive),
		cmocka_unit_test(a_path_that_lost_every_run_fails),
		cmocka_unit_test(wrong_bytes_fail_whatever_the_figures_say),
		cmocka_unit_test(no_threshold_is_for_a_link),
		cmocka_unit_test(without_a_direction_every_direction_counts),
		cmocka_unit_test(thresholds_that_mean_nothing_are_refused),
		cmocka_unit_test(the_committed_thresholds_pass_the_expected_and_catch_a_slowdown),
		cmocka_unit_test(missing_files_are_named),
	};

	return cmocka_run_group_tests_name("gate", tests, scratch_make, release);
}
