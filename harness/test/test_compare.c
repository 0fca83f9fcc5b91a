/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate between two folders: what is a regression and what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/rows.h"
#include "harness/test/compared.h"

#define BLOCKS 8

/* The exit code, and what the first line begins with and has in it. */
static void expect(int code, const char *head, const char *part)
{
	int got = compare();

	if (got != code || strncmp(text, head, strlen(head)) || !strstr(text, part))
		fail_msg("exit %d instead of %d, or no '%s ... %s':\n%s", got, code, head, part,
			 text);
}

/* Values that scatter a little around @level, the same for the same @seed. */
static double around(double level, uint64_t *seed, double scatter)
{
	return level * (1 + scatter * ((mn_splitmix64(seed) >> 11) / (double)(1ULL << 52) - 1));
}

/* Runs in the scenario compute, of a rate around @level, to the rows of one folder. */
static void add_rates(struct run_row *rows, size_t *n, int blocks, double level, double scatter,
		      uint64_t seed)
{
	for (int b = 0; b < blocks; b++) {
		rows[*n] = made_run("memnet", "compute", b);
		rows[(*n)++].compute_ops_per_s = around(level, &seed, scatter);
	}
}

static void rates(double old_level, double new_level, double scatter)
{
	add_rates(old, &n_old, BLOCKS, old_level, scatter, 1);
	add_rates(new, &n_new, BLOCKS, new_level, scatter, 2);
}

/* --- one metric ---------------------------------------------------------------- */

static void a_rate_that_fell_is_a_regression(void **state)
{
	rates(1000, 800, 0.01);
	expect(COMPARE_WORSE, "REGRESSION    memnet, spare-core, compute send: compute_rate ",
	       "0.8");
	assert_non_null(strstr(text, "1 worse, 0 inconclusive, 0 unchanged within their margins, "
			       "0 better: a regression\n"));
	assert_true(result.finding[0].worse > 1.2);
	assert_true(result.finding[0].low < 0.8 && result.finding[0].high > 0.8);
}

static void a_rate_that_rose_is_better(void **state)
{
	rates(1000, 1200, 0.01);
	expect(COMPARE_OK, "better        memnet, spare-core, compute send: compute_rate ", "1.2");
}

static void what_was_paced_otherwise_is_not_compared(void **state)
{
	rates(1000, 800, 0.01);
	for (size_t i = 0; i < n_old; i++)
		old[i].stream_target_bytes_per_s = 40000000;
	for (size_t i = 0; i < n_new; i++)
		new[i].stream_target_bytes_per_s = 40500000;	/* as one */
	expect(COMPARE_WORSE, "REGRESSION", "0.8");
	for (size_t i = 0; i < n_new; i++)
		new[i].stream_target_bytes_per_s = 50000000;
	expect(COMPARE_NOTHING, "not compared", "1 paced to another rate");
}

static void values_are_in_the_units_of_the_table(void **state)
{
	static const struct { double value; const char *metric, *kernel, *unit; double shown; } of[] = {
		{ 7.487e8, "network_rate", "sha256", "Gb/s", 5.9896 },
		{ 1e8, "network_rate", "sha256", "Mb/s", 800 },
		{ 1000, "compute_rate", "sha256", "MB/s", 16.384 },
		{ 1000, "compute_rate", "matmul", "ops/s", 1000 },
		{ 2e7, "latency_p99", "", "ms", 20 },
		{ 0.2, "guest_insns_per_byte", "", "insns/B", 0.2 },
	};
	const char *unit;

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		double scale = metric_scale(metrics_find(of[i].metric), of[i].value, of[i].kernel, &unit);

		assert_string_equal(unit, of[i].unit);
		assert_float_equal(scale * of[i].value, of[i].shown, 1e-9);
	}
}

static void of_a_cost_less_is_better(void **state)
{
	rates(1000, 1000, 0.01);
	for (int b = 0; b < BLOCKS; b++) {
		ROW_TEXT(old[b].scenario, "rr");
		ROW_TEXT(new[b].scenario, "rr");
		old[b].compute_ops_per_s = new[b].compute_ops_per_s = NAN;
		old[b].latency_p50_ns = 1000 + b;
		new[b].latency_p50_ns = 1300 + b;
	}
	expect(COMPARE_WORSE,
	       "REGRESSION    memnet, spare-core, rr send: latency_p50 1.004 -> 1.304 us, ",
	       "1.299x");
	for (int b = 0; b < BLOCKS; b++)
		new[b].latency_p50_ns = 700 + b;
	expect(COMPARE_OK, "better ", "latency_p50");
}

/* 1.5 % of difference that nothing scatters: significant, and nobody should be told. */
static void within_the_margin_nothing_is_a_regression(void **state)
{
	rates(1000, 985, 0.0001);
	expect(COMPARE_OK, "0 worse, 0 inconclusive, 1 unchanged", "no regression");
	assert_true(result.finding[0].p < 0.001);
	begin(NULL);
	rates(1000, 970, 0.0001);
	expect(COMPARE_WORSE, "REGRESSION", "margin 2.0 %");
}

static void noise_makes_the_margin_wider(void **state)
{
	rates(1000, 900, 0.15);
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE  ", ": need n = ");
	assert_true(result.finding[0].margin > 0.1);
	assert_true(result.finding[0].need_n > BLOCKS);
	assert_non_null(strstr(text, ", have 8 and 8\n"));
}

/* OLD's second half is a tenth faster than its first: the same again proves nothing. */
/* The first half against the second is 1.25: three times that noise is a margin of 75 %. */
static void a_margin_too_wide_is_no_all_clear(void **state)
{
	rates(1000, 1000, 0.001);
	for (int b = BLOCKS / 2; b < BLOCKS; b++) {
		old[b].compute_ops_per_s *= 1.25;
		new[b].compute_ops_per_s *= 1.25;
	}
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE", "a margin above 50 % decides nothing\n");
	assert_true(result.finding[0].margin > 0.7 && result.finding[0].low > 1 / 1.7);
	for (int b = 0; b < BLOCKS; b++)
		new[b].compute_ops_per_s /= 4;
	expect(COMPARE_WORSE, "REGRESSION", "compute_rate");	/* what is beyond it is beyond it */
}

static void a_configuration_is_named_in_full(void **state)
{
	rates(1000, 800, 0.01);
	for (int b = 0; b < BLOCKS; b++) {
		old[b].chunk_bytes = new[b].chunk_bytes = 4096;
		old[b].flows = new[b].flows = 8;
		old[b].link_rate_bits_per_s = new[b].link_rate_bits_per_s = 40000000;
		old[b].link_delay_ns = new[b].link_delay_ns = 500000;
		ROW_TEXT(old[b].topology, "two-vm");
		ROW_TEXT(new[b].topology, "two-vm");
		ROW_TEXT(old[b].path, "memnet@b");
		ROW_TEXT(new[b].path, "memnet@b");
		ROW_TEXT(old[b].spin, "50us");
		ROW_TEXT(new[b].spin, "50us");
	}
	expect(COMPARE_WORSE, "REGRESSION    memnet@b spin 50us, spare-core, compute send, "
	       "8 flows, 4 KiB a call, over a link of 40 Mbit/s with 0.5 ms each way, two-vm: "
	       "compute_rate", "");
}

/* One that differs in any of these is another one. */
static void another_configuration_is_not_compared(void **state)
{
	static const struct { size_t at; const char *other; } field[] = {
		{ offsetof(struct run_row, path), "memnet@b" },
		{ offsetof(struct run_row, arm), "equal-core" },
		{ offsetof(struct run_row, topology), "n-vm-2" },
		{ offsetof(struct run_row, direction), "recv" },
		{ offsetof(struct run_row, spin), "50us" },
	};

	rates(1000, 800, 0.01);
	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		struct run_row kept[BLOCKS];

		memcpy(kept, new, sizeof(kept));
		for (int b = 0; b < BLOCKS; b++)
			strcpy((char *)&new[b] + field[i].at, field[i].other);
		assert_int_equal(compare(), COMPARE_NOTHING);
		assert_int_equal(result.not_compared[NOT_IN_BOTH], 2);
		memcpy(new, kept, sizeof(kept));
	}
	for (int b = 0; b < BLOCKS; b++)
		new[b].chunk_bytes = 4096;
	assert_int_equal(compare(), COMPARE_NOTHING);
	for (int b = 0; b < BLOCKS; b++) {
		new[b].chunk_bytes = ABSENT_INTEGER;
		new[b].link_delay_ns = 1;
	}
	assert_int_equal(compare(), COMPARE_NOTHING);
	for (int b = 0; b < BLOCKS; b++) {
		new[b].link_delay_ns = ABSENT_INTEGER;
		new[b].link_rate_bits_per_s = 40000000;
	}
	assert_int_equal(compare(), COMPARE_NOTHING);
}

static void drift_within_a_folder_is_noise(void **state)
{
	rates(1000, 950, 0.001);
	assert_int_equal(compare(), COMPARE_WORSE);
	for (int b = BLOCKS / 2; b < BLOCKS; b++)
		old[b].compute_ops_per_s *= 1.1;
	assert_int_equal(compare(), COMPARE_OK);
	assert_true(result.finding[0].noise > 0.09 && result.finding[0].margin > 0.27);
}

/* Every other block is a tenth faster: no drift, and yet halves that differ. */
static void scatter_within_a_folder_is_noise(void **state)
{
	rates(1000, 950, 0.001);
	for (int b = 0; b < BLOCKS; b += 2)
		old[b].compute_ops_per_s *= 1.1;
	compare();
	assert_true(result.finding[0].noise > 0.03 && result.finding[0].noise < 0.1);
	assert_int_equal(result.count[FINDING_REGRESSION], 0);
}

/* A second sitting of OLD that differs by 5 % makes differences of that size no news. */
static void another_sitting_of_old_says_how_far_sittings_are_apart(void **state)
{
	rates(1000, 950, 0.001);
	add_rates(aa, &n_aa, BLOCKS, 1050, 0.001, 3);
	expect(COMPARE_OK, "0 worse", "1 unchanged");
	assert_true(result.finding[0].margin > 0.14 && result.finding[0].margin < 0.16);
	ROW_TEXT(aa[0].status, "failed");	/* the others are there still */
	assert_int_equal(compare(), COMPARE_OK);
}

static void a_metric_may_have_a_margin_of_its_own(void **state)
{
	rates(1000, 1000, 0.01);
	for (int b = 0; b < BLOCKS; b++) {
		old[b].latency_p99_ns = old[b].latency_p50_ns = 10000 + b;
		new[b].latency_p99_ns = new[b].latency_p50_ns = 10900 + b;
	}
	expect(COMPARE_WORSE, "REGRESSION", "latency_p50");
	assert_null(strstr(text, "latency_p99"));
	assert_int_equal(result.count[FINDING_REGRESSION], 1);
}

static void few_blocks_are_inconclusive_whatever_they_say(void **state)
{
	add_rates(old, &n_old, 5, 1000, 0.001, 1);
	add_rates(new, &n_new, BLOCKS, 10, 0.001, 2);
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE", "(n < 6: no interval)");
	assert_non_null(strstr(text, "need n = 6, have 5 and 8"));
	n_old = 1;
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE", "too few to say how many it needs");
}

/* Six blocks against six reach p = 2/924, which stands alone and not among many. */
static void among_many_comparisons_one_needs_more(void **state)
{
	add_rates(old, &n_old, 6, 1000, 0.001, 1);
	add_rates(new, &n_new, 6, 800, 0.001, 2);
	assert_int_equal(compare(), COMPARE_WORSE);
	for (int i = 0; i < 4; i++) {
		add_rates(old, &n_old, 6, 1000, 0.001, 3 + i);
		add_rates(new, &n_new, 6, 1000, 0.001, 8 + i);
		for (int b = 0; b < 6; b++) {
			ROW_TEXT(old[n_old - 1 - b].spin, "%dus", i + 1);
			ROW_TEXT(new[n_new - 1 - b].spin, "%dus", i + 1);
		}
	}
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE", "need n = 7, have 6 and 6");
	assert_int_equal(result.count[FINDING_UNCHANGED], 4);
	assert_true(fabs(result.finding[0].p_family - 5 * 2 / 924.0) < 1e-9);
}

static void the_worst_comes_first(void **state)
{
	rates(1000, 900, 0.001);
	for (int b = 0; b < BLOCKS; b++) {
		old[b].request_rate_per_s = 100 + 0.01 * b;
		new[b].request_rate_per_s = 50 + 0.01 * b;
		old[b].latency_p50_ns = 1000;
		new[b].latency_p50_ns = 500;
	}
	expect(COMPARE_WORSE, "REGRESSION    memnet, spare-core, compute send: request_rate",
	       "better");
	assert_string_equal(result.finding[1].metric->name, "compute_rate");
	assert_int_equal(result.finding[2].kind, FINDING_BETTER);
}

static void only_so_many_inconclusive_ones_are_shown(void **state)
{
	for (int i = 0; i < 14; i++) {
		add_rates(old, &n_old, 3, 1000, 0.01, i);
		add_rates(new, &n_new, 3, 990, 0.01, i + 20);
		for (int b = 0; b < 3; b++)
			old[n_old - 1 - b].flows = new[n_new - 1 - b].flows = i + 2;
	}
	expect(COMPARE_UNDECIDED, "INCONCLUSIVE", "INCONCLUSIVE  and 4 more\n");
}

/* --- what is not compared ------------------------------------------------------ */

static void what_is_not_compared_is_counted_with_its_reason(void **state)
{
	rates(1000, 1000, 0.01);
	for (int b = 0; b < BLOCKS; b++) {
		old[b].cpu_total_s = new[b].cpu_total_s = 1;	/* judged in idle only */
		old[b].latency_p50_ns = 1000;			/* not in NEW */
		old[b].request_rate_per_s = new[b].request_rate_per_s = b;	/* one is 0 */
		ROW_TEXT(old[b].scenario, "idle");
		ROW_TEXT(new[b].scenario, "idle");
		old[b].energy_j = new[b].energy_j = 1;		/* a model's */
	}
	add_rates(old, &n_old, BLOCKS, 1000, 0.01, 5);		/* a configuration of its own */
	expect(COMPARE_OK, "not compared  4: ", "2 without a valid run or value in both folders, "
	       "1 not measured (a model gates nothing), 1 with a value of 0, which has no ratio\n");
	assert_int_equal(result.n, 2);
}

static void made_insns(struct run_row *rows, int64_t insns, const char *source)
{
	for (int b = 0; b < BLOCKS; b++) {
		ROW_TEXT(rows[b].scenario, "network");
		rows[b].stream_bytes = 1000000;
		rows[b].guest_insns_user = insns + b;
		rows[b].guest_insns_kernel = 1000;
		ROW_TEXT(rows[b].guest_insns_source, "%s", source);
	}
}

static void between_hosts_only_the_deterministic_is_compared(void **state)
{
	rates(1000, 500, 0.001);
	made_insns(old, 100000, "tcg-plugin");
	made_insns(new, 100010, "tcg-plugin");
	assert_int_equal(compare(), COMPARE_WORSE);
	assert_int_equal(compare_with(true), COMPARE_OK);
	assert_int_equal(result.n, 1);
	assert_string_equal(result.finding[0].metric->name, "guest_insns_per_byte");
	assert_int_equal(result.not_compared[NOT_DETERMINISTIC], 1);
	made_insns(new, 150000, "tcg-plugin");
	assert_int_equal(compare_with(true), COMPARE_WORSE);
	made_insns(new, 150000, "perf-hw");
	assert_int_equal(compare_with(true), COMPARE_NOTHING);
	assert_int_equal(result.not_compared[NOT_ONE_SOURCE], 1);
	assert_null(strstr(text, "note "));
	for (int b = 0; b < BLOCKS; b++)
		ROW_TEXT(new[b].scenario, "hybrid-saturate");
	memcpy(old, new, sizeof(old));
	assert_int_equal(compare_with(true), COMPARE_NOTHING);
	assert_non_null(strstr(text, "note          only guest instructions per byte are"));
}

static void nothing_to_compare_is_no_success(void **state)
{
	expect(COMPARE_NOTHING, "0 worse", "nothing was comparable");
	add_rates(old, &n_old, BLOCKS, 1000, 0.01, 1);
	expect(COMPARE_NOTHING, "not compared  1", "nothing was comparable");
}

/* --- what is no number --------------------------------------------------------- */

static void lost_runs_are_a_regression(void **state)
{
	rates(1000, 1000, 0.01);
	for (int b = 0; b < BLOCKS; b++)
		ROW_TEXT(new[b].status, "%s", b % 2 ? "failed" : "invalid");
	expect(COMPARE_WORSE, "REGRESSION    memnet, spare-core, compute send: no valid run: "
	       "4 failed, 4 invalid; OLD has 8 valid ones\n", "");
	for (int b = 0; b < BLOCKS; b++)
		ROW_TEXT(new[b].status, "skipped");
	assert_int_equal(compare(), COMPARE_NOTHING);
	for (int b = 0; b < BLOCKS; b++) {	/* OLD had none either */
		ROW_TEXT(new[b].status, "failed");
		ROW_TEXT(old[b].status, "failed");
	}
	assert_int_equal(compare(), COMPARE_NOTHING);
}

static void wrong_bytes_are_a_regression(void **state)
{
	rates(1000, 1000, 0.01);
	ROW_TEXT(new[3].status, "invalid");
	ROW_TEXT(new[3].stream_content, "bad");
	expect(COMPARE_WORSE, "REGRESSION", "content check found wrong bytes in 1 runs\n");
}

static void several_runs_of_a_block_count_once(void **state)
{
	rates(1000, 800, 0.01);
	for (int b = 0; b < BLOCKS; b++)
		new[b].block = b / 2;
	assert_int_equal(compare(), COMPARE_UNDECIDED);
	assert_int_equal(result.finding[0].n_new, BLOCKS / 2);
}

/* --- margins ------------------------------------------------------------------- */

static void margins_that_mean_nothing_are_refused(void **state)
{
	static const struct { struct margin_row row; const char *why; } bad[] = {
		{ { "nonsense", 2, 3, "" }, "no such metric" },
		{ { "any", 0, 3, "" }, "floor_percent" },
		{ { "any", NAN, 3, "" }, "floor_percent" },
		{ { "any", 51, 3, "" }, "nothing could be called unchanged" },
		{ { "any", 2, -1, "" }, "noise_factor" },
		{ { "any", 2, NAN, "" }, "noise_factor" },
		{ { "compute_rate", 2, 3, "" }, "no row 'any'" },
	};
	char err[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(compare_check_margins(&bad[i].row, 1, err, sizeof(err)), -EINVAL);
		if (!strstr(err, bad[i].why))
			fail_msg("'%s' does not say '%s'", err, bad[i].why);
	}
	assert_int_equal(compare_check_margins(margins, ARRAY_SIZE(margins), err, sizeof(err)), 0);
}

static void the_committed_margins_make_sense(void **state)
{
	struct margin_row *rows;
	char err[256] = "";
	size_t n;

	assert_int_equal(margins_load("results/margins.csv", &rows, &n, err, sizeof(err)), 0);
	if (compare_check_margins(rows, n, err, sizeof(err)))
		fail_msg("%s", err);
	free(rows);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, release)
	const struct CMUnitTest tests[] = {
		TEST(a_rate_that_fell_is_a_regression),
		TEST(a_rate_that_rose_is_better),
		TEST(what_was_paced_otherwise_is_not_compared),
		TEST(values_are_in_the_units_of_the_table),
		TEST(of_a_cost_less_is_better),
		TEST(within_the_margin_nothing_is_a_regression),
		TEST(noise_makes_the_margin_wider),
		TEST(a_margin_too_wide_is_no_all_clear),
		TEST(a_configuration_is_named_in_full),
		TEST(another_configuration_is_not_compared),
		TEST(drift_within_a_folder_is_noise),
		TEST(scatter_within_a_folder_is_noise),
		TEST(another_sitting_of_old_says_how_far_sittings_are_apart),
		TEST(a_metric_may_have_a_margin_of_its_own),
		TEST(few_blocks_are_inconclusive_whatever_they_say),
		TEST(among_many_comparisons_one_needs_more),
		TEST(the_worst_comes_first),
		TEST(only_so_many_inconclusive_ones_are_shown),
		TEST(what_is_not_compared_is_counted_with_its_reason),
		TEST(between_hosts_only_the_deterministic_is_compared),
		TEST(nothing_to_compare_is_no_success),
		TEST(lost_runs_are_a_regression),
		TEST(wrong_bytes_are_a_regression),
		TEST(several_runs_of_a_block_count_once),
		TEST(margins_that_mean_nothing_are_refused),
		TEST(the_committed_margins_make_sense),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
