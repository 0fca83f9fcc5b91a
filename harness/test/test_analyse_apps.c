/* SPDX-License-Identifier: BSD-2-Clause */
/* Apps in the statistics and in the table: whose unit, which way is better, what is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "harness/metrics.h"
#include "harness/table.h"
#include "harness/test/analysed.h"

#define BLOCKS 6

static struct run_row rows[2 * BLOCKS];

/* Of an app whose value is @factor times as much over memnet, as are duration and CPU time. */
static void make_app(const char *better, const char *unit, double factor)
{
	for (int i = 0; i < 2 * BLOCKS; i++) {
		struct run_row *r = &rows[i];
		double level = (i % 2 ? factor : 1) * (1 + i / 2 * 0.01);

		*r = made_run(i % 2 ? "memnet" : "virtio-tap", "app-speed", i / 2);
		ROW_TEXT(r->app, "speed");
		ROW_TEXT(r->app_better, "%s", better);
		ROW_TEXT(r->app_unit, "%s", unit);
		if (*better)
			r->app_value = 5000 * level;
		r->window_s = r->cpu_total_s = 3 * level;
	}
	analyse_rows(rows, 2 * BLOCKS);
}

static void is_judged(const char *metric, const char *unit, const char *verdict)
{
	const struct summary_row *s = must_find("app-speed", "memnet", metric);

	assert_string_equal(s->unit, unit);
	assert_string_equal(s->verdict, verdict);
}

static void the_higher_is_better_where_the_plan_says_so(void **state)
{
	make_app("higher", "kB/s", 2);
	is_judged("app_score", "kB/s", VERDICT_BETTER);
	is_judged("app_score_gain", "1", VERDICT_BETTER);
	near(must_find("app-speed", "virtio-tap", "app_score")->median, 5125);
	near(must_find("app-speed", "memnet", "app_score_gain")->median, 2);
	assert_null(find("app-speed", "memnet", "app_cost"));
	assert_null(find("app-speed", "memnet", "app_cost_gain"));
	make_app("higher", "kB/s", 0.5);
	is_judged("app_score", "kB/s", VERDICT_WORSE);
}

static void the_lower_is_better_where_the_plan_says_so(void **state)
{
	make_app("lower", "ms", 0.5);
	is_judged("app_cost", "ms", VERDICT_BETTER);
	is_judged("app_cost_gain", "1", VERDICT_BETTER);
	near(must_find("app-speed", "memnet", "app_cost_gain")->median, 2);
	assert_null(find("app-speed", "memnet", "app_score"));
}

/* It may do as much as it can in a time of its own: its CPU time and duration say nothing. */
static void an_app_with_a_metric_is_not_the_same_work(void **state)
{
	make_app("higher", "kB/s", 0.5);
	is_judged("duration", "s", "");
	is_judged("cpu_total", "s", "");
	assert_null(find("app-speed", "memnet", "app_duration_gain"));
}

static void an_app_without_one_is(void **state)
{
	make_app("", "", 0.5);
	is_judged("duration", "s", VERDICT_BETTER);
	is_judged("cpu_total", "s", VERDICT_BETTER);
	is_judged("app_duration_gain", "1", VERDICT_BETTER);
	near(must_find("app-speed", "memnet", "app_duration_gain")->median, 2);
	assert_null(find("app-speed", "memnet", "app_score"));
}

static void an_invalid_run_has_no_say(void **state)
{
	make_app("higher", "kB/s", 2);
	ROW_TEXT(rows[1].status, "invalid");
	rows[1].app_value = NAN;
	analyse_rows(rows, 2 * BLOCKS);
	assert_int_equal(must_find("app-speed", "memnet", "app_score")->n, BLOCKS - 1);
	assert_int_equal(must_find("app-speed", "memnet", "app_score")->n_invalid, 1);
}

/* The table has these words in one line. */
static void tells(const char *words, const char *value)
{
	char *text = NULL, *line;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	table_print(f, &result, rows, 2 * BLOCKS, false);
	fclose(f);
	line = strstr(text, words);
	if (!line)
		fail_msg("does not say '%s':\n%s", words, text);
	line[strcspn(line, "\n")] = '\0';
	if (!strstr(line, value))
		fail_msg("'%s' lacks '%s'", line, value);
	free(text);
}

static void the_table_has_its_unit_and_the_better_end(void **state)
{
	make_app("higher", "kB/s", 2);
	tells("  app-speed", ": a command of the plan");
	tells("value, higher is better", "5125 kB/s   10250 kB/s     2.00x  2.00 .. 2.00");
	tells("    CPU time", "3.08 s       6.15 s");
	make_app("lower", "ms", 0.5);
	tells("value, lower is better", "5125 ms      2562 ms     2.00x");
	make_app("higher", "ops/s", 2);		/* nobody's but the app's */
	tells("value, higher is better", "5125 ops/s  10250 ops/s");
	make_app("", "", 0.5);
	tells("    duration", "3.08 s       1.54 s     2.00x");
	tells("    CPU time", "3.08 s       1.54 s     2.00x");
}

static void only_gains_that_hold_something_equal_are_checked(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	make_app("higher", "kB/s", 2);
	table_print(f, &result, rows, 2 * BLOCKS, false);
	fclose(f);
	assert_null(strstr(text, "the same command"));
	free(text);
}

static void only_app_is_every_app(void **state)
{
	assert_true(scenario_is("app-speed", "app") && scenario_is("idle", "idle"));
	assert_false(scenario_is("network-paced", "network") || scenario_is("apps", "app"));
}

#define TEST(f) cmocka_unit_test_teardown(f, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_higher_is_better_where_the_plan_says_so),
		TEST(the_lower_is_better_where_the_plan_says_so),
		TEST(an_app_with_a_metric_is_not_the_same_work),
		TEST(an_app_without_one_is),
		TEST(an_invalid_run_has_no_say),
		TEST(the_table_has_its_unit_and_the_better_end),
		TEST(only_gains_that_hold_something_equal_are_checked),
		TEST(only_app_is_every_app),
	};

	return cmocka_run_group_tests_name("apps analysed", tests, NULL, NULL);
}
