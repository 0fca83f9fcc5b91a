/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy's CSV and JSON, read back strictly; intervals; repetitions. */
#include <csv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/read_report.h"
#include "energy/test/run_tool.h"

static struct tool t;

#define ENERGY_UJ	"%s/class/powercap/intel-rapl:0/energy_uj"
#define MAX_COLUMNS	32
#define MAX_ROWS	256

/* @words with the tree's directory for their one %s. */
static const char *with_root(const char *words)
{
	static char text[512];
	const char *at = strstr(words, "%s");

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - words), words, fake_root(), at + 2);
	return text;
}

/* A table of texts; NULL: an empty cell. */
static struct table {
	char *cell[MAX_ROWS][MAX_COLUMNS];
	size_t rows, columns, column;
} table;

static void on_field(void *text, size_t len, void *data)
{
	assert_true(table.rows < MAX_ROWS && table.column < MAX_COLUMNS);
	table.cell[table.rows][table.column++] = text ? strdup(text) : NULL;
}

static void on_row(int end, void *data)
{
	if (!table.rows)
		table.columns = table.column;
	assert_int_equal(table.column, table.columns);
	table.column = 0;
	table.rows++;
}

static void read_csv(const char *text)
{
	struct csv_parser parser;

	memset(&table, 0, sizeof(table));
	assert_int_equal(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL |
				  CSV_APPEND_NULL), 0);
	assert_int_equal(csv_parse(&parser, text, strlen(text), on_field, on_row, NULL),
			 strlen(text));
	assert_int_equal(csv_fini(&parser, on_field, on_row, NULL), 0);
	csv_free(&parser);
}

static void free_csv(void)
{
	for (size_t i = 0; i < table.rows; i++)
		for (size_t j = 0; j < table.columns; j++)
			free(table.cell[i][j]);
}

static const char *cell(size_t row, const char *column)
{
	for (size_t i = 0; i < table.columns; i++) {
		if (!strcmp(table.cell[0][i], column))
			return table.cell[row][i];
	}
	fail_msg("no column %s", column);
	return NULL;
}

/* The row of @record, @metric and @name. */
static size_t find_row(const char *record, const char *metric, const char *name)
{
	for (size_t i = 1; i < table.rows; i++) {
		const char *of = cell(i, "name");

		if (!strcmp(cell(i, "record"), record) && !strcmp(cell(i, "metric"), metric) &&
		    !strcmp(of ? of : "", name))
			return i;
	}
	fail_msg("no row %s %s %s", record, metric, name);
	return 0;
}

static void csv_has_every_number_with_its_source(void **state)
{
	size_t row;

	fake_write("mine", "task-clock\nno-such-event\n");
	do {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		tool_run(&t, "--csv -e @%s/mine -- sh -c 'echo 3500000 > " ENERGY_UJ
			 "; exit 3'", fake_root(), fake_root());
	} while (tool_was_late(&t));
	assert_int_equal(t.status, 3);
	read_csv(t.err);
	row = find_row("run", "energy_j", "package-0");
	assert_string_equal(cell(row, "schema_version"), "1");
	assert_string_equal(cell(row, "value"), "2.5");
	assert_string_equal(cell(row, "source"), "powercap");
	assert_string_equal(cell(row, "quality"), "measured");
	assert_string_equal(cell(row, "gaps"), "0");
	assert_string_equal(cell(row, "in_total"), "1");
	assert_string_equal(cell(row, "exit_status"), "3");
	assert_true(atof(cell(row, "low")) <= 2.5 && atof(cell(row, "high")) >= 2.5);
	row = find_row("run", "power_w", "total");
	close_to(atof(cell(row, "value")), 2.5 / atof(cell(row, "duration_s")), 1e-6);
	row = find_row("run", "time_ns", "task-clock");
	assert_true(atof(cell(row, "enabled_ns")) > 0);
	assert_string_equal(cell(row, "enabled_ns"), cell(row, "running_ns"));
	assert_string_equal(cell(row, "value"), cell(row, "counted"));
	assert_string_equal(cell(row, "threads"), "1");
	assert_string_equal(cell(row, "threads_absent"), "0");
	row = find_row("run", "count", "no-such-event");
	assert_null(cell(row, "value"));		/* absent is empty, never 0 */
	assert_null(cell(row, "counted"));
	assert_string_equal(cell(row, "threads"), "0");
	assert_string_equal(cell(row, "threads_absent"), "1");
	assert_string_equal(cell(row, "quality"), "absent");
	assert_non_null(strstr(cell(row, "reason"), "event not found"));
	free_csv();
}

static void csv_of_a_lost_window_has_bounds_and_no_value(void **state)
{
	size_t row;

	fake_zone("intel-rapl:0", "package-0", 1000000);
	tool_run(&t, "--csv -- sh -c 'sleep 0.3; : > " ENERGY_UJ "; sleep 0.2'", fake_root());
	read_csv(t.err);
	row = find_row("run", "energy_j", "total");
	assert_null(cell(row, "value"));
	assert_string_equal(cell(row, "quality"), "invalid");
	assert_true(atof(cell(row, "high")) > atof(cell(row, "low")));
	assert_non_null(cell(row, "reason"));
	free_csv();
}

static void json_has_null_and_a_reason_for_what_is_absent(void **state)
{
	json_t *all, *run;

	fake_write("mine", "no-such-event\n");
	do {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		tool_run(&t, "--json -e @%s/mine -- sh -c 'echo 3500000 > " ENERGY_UJ "' "
			 "'a\"b' \"$(printf '\\377')\"", fake_root(), fake_root());
	} while (tool_was_late(&t));
	all = report_read(t.err);
	assert_int_equal(json_array_size(all), 1);
	run = json_array_get(all, 0);
	close_to(report_value(run, "energy_j", "total", "value"), 2.5, 1e-9);
	assert_true(isnan(report_value(run, "count", "no-such-event", "value")));
	assert_int_equal(json_integer_value(json_object_get(run, "exit_status")), 0);
	assert_int_equal(json_array_size(json_object_get(run, "command")), 5);
	assert_string_equal(json_string_value(json_array_get(json_object_get(run, "command"), 3)),
			    "a\"b");
	assert_true(json_array_size(json_object_get(run, "notes")) >= 1);
	json_decref(all);
}

static void json_has_names_that_are_not_utf_8(void **state)
{
	json_t *all;

	fake_write("mine", "no-such\377\n");
	tool_run(&t, "--json -e @%s/mine true", fake_root());
	all = report_read(t.err);
	assert_non_null(report_find(json_array_get(all, 0), "count", "no-such?"));
	json_decref(all);
	/* nor is a long word cut for the sake of one byte */
	tool_run(&t, "--json true $(printf '\\377%%0400d' 7)");
	all = report_read(t.err);
	assert_int_equal(strlen(json_string_value(json_array_get(
			 json_object_get(json_array_get(all, 0), "command"), 1))), 401);
	json_decref(all);
}

/* The PMU counts CPU clock, 1 J a second; powercap has 2.5 J of the same package. */
static void the_witness_and_its_difference_are_in_csv_and_json(void **state)
{
	static const char words[] = "-- sh -c 'sleep 0.05; echo 3500000 > " ENERGY_UJ
				    "; sleep 0.05'";
	json_t *all, *check;
	size_t row;

	fake_power_pmu("0");
	do {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		tool_run(&t, "--csv %s", with_root(words));
	} while (tool_was_late(&t));
	read_csv(t.err);
	row = find_row("run", "energy_j", "package-0");
	assert_string_equal(cell(row, "source"), "perf-power");
	assert_string_equal(cell(row, "witness"), "0");
	assert_string_equal(cell(row + 1, "source"), "powercap");
	assert_string_equal(cell(row + 1, "witness"), "1");
	row = find_row("run", "energy_check", "package-0");
	assert_string_equal(cell(row, "source"), "powercap");
	assert_string_equal(cell(row, "agree"), "0");
	assert_true(atof(cell(row, "value")) > atof(cell(row, "high")));
	assert_non_null(strstr(cell(row, "reason"), "they disagree"));
	free_csv();
	do {
		fake_energy("intel-rapl:0", 1000000);
		tool_run(&t, "--json %s", with_root(words));
	} while (tool_was_late(&t));
	all = report_read(t.err);
	check = json_array_get(json_object_get(json_array_get(all, 0), "checks"), 0);
	assert_string_equal(json_string_value(json_object_get(check, "name")), "package-0");
	assert_true(json_is_false(json_object_get(check, "agree")));
	close_to(json_number_value(json_object_get(check, "witness_joules")), 2.5, 1e-9);
	assert_true(json_number_value(json_object_get(check, "difference")) >
		    json_number_value(json_object_get(check, "tolerance")));
	json_decref(all);
}

static void intervals_add_up_to_the_window(void **state)
{
	double joules = 0, seconds = 0, clock_ns = 0;
	json_t *all = NULL, *record;
	int turns = 0;
	size_t n;

	/*
	 * Several steps an interval: one without any would be a counter that stands still, so
	 * a command that was kept from its CPU is run again.
	 * Written in place: a mark must not find the file empty.
	 */
	do {
		json_decref(all);
		fake_zone("intel-rapl:0", "package-0", 1000000);
		tool_run(&t, "--json -I 100 -- sh -c 'for i in $(seq 11 50); do sleep 0.01; "
			 "echo ${i}00000 1<> " ENERGY_UJ "; done'", fake_root());
		all = report_read(t.err);
		n = json_array_size(all);
		record = json_array_get(all, n - 1);
	} while (tool_was_late(&t) ||
		 (turns++ < 20 && report_value(record, "duration_s", "", "value") > 0.7));
	assert_true(n >= 4);
	for (size_t i = 0; i < n - 1; i++) {
		record = json_array_get(all, i);
		assert_string_equal(json_string_value(json_object_get(record, "record")),
				    "interval");
		close_to(report_value(record, "energy_j", "package-0", "value"), 2, 2);
		joules += report_value(record, "energy_j", "package-0", "value");
		seconds += report_value(record, "duration_s", "", "value");
		clock_ns += report_value(record, "time_ns", "task-clock", "counted");
	}
	record = json_array_get(all, n - 1);
	assert_string_equal(json_string_value(json_object_get(record, "record")), "run");
	close_to(report_value(record, "energy_j", "package-0", "value"), 4, 1e-9);
	close_to(report_value(record, "duration_s", "", "value"), seconds, 1e-6);
	close_to(report_value(record, "time_ns", "task-clock", "counted"), clock_ns, 0.5);
	close_to(joules, 4, 1e-9);
	json_decref(all);
}

/* Deadlines go by while it is stopped. */
static void samples_lost_are_those_of_the_interval(void **state)
{
	json_int_t lost = 0;
	json_t *all;
	size_t n;

	fake_zone("intel-rapl:0", "package-0", 1000);
	tool_run(&t, "--json -I 50 sh -c 'sleep 0.2; kill -STOP $PPID; sleep 0.4; "
		 "kill -CONT $PPID; sleep 0.2'");
	all = report_read(t.err);
	n = json_array_size(all);
	assert_true(n >= 3);
	for (size_t i = 0; i < n - 1; i++)
		lost += json_integer_value(json_object_get(json_array_get(all, i), "samples_lost"));
	assert_true(lost > 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(all, n - 1),
							    "samples_lost")), lost);
	json_decref(all);
}

static void an_interval_longer_than_the_command_is_its_only_one(void **state)
{
	json_t *all;

	tool_run(&t, "--json -I 5000 true");
	all = report_read(t.err);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "record")),
			    "interval");
	close_to(report_value(json_array_get(all, 0), "duration_s", "", "value"),
		 report_value(json_array_get(all, 1), "duration_s", "", "value"), 1e-6);
	json_decref(all);
}

/* A sensor of hwmon may be still for as long as a busy machine takes; a RAPL counter not. */
#define SOCKET_UJ	"%s/class/hwmon/hwmon0/energy1_input"

static void fake_socket(uint64_t uj)
{
	fake_chip("hwmon0", "amd_energy");
	fake_sensor("hwmon0", "energy1_label", "Esocket0\n");
	fake_sensor("hwmon0", "energy1_input", "%llu\n", (unsigned long long)uj);
}

/* Runs of 0.25, 0.5, ... J: the counter of run i moves on by i quarters, all at once. */
#define GROWING	"sh -c 'r=%s; i=$(cat $r/i); j=$(cat $r/j); i=$((i+1)); j=$((j+i)); " \
		"echo $i >$r/i; echo $j >$r/j; " \
		"echo $((j*250000)) >$r/class/hwmon/hwmon0/energy1_input'"

static void prepare_growing(void)
{
	fake_socket(250000);
	fake_write("i", "0\n");
	fake_write("j", "1\n");
}

static void seven_runs_give_a_median_and_its_interval(void **state)
{
	size_t row;

	prepare_growing();
	tool_run(&t, "--csv --repeat 7 -- " GROWING, fake_root());
	assert_int_equal(t.status, 0);
	read_csv(t.err);
	row = find_row("median", "energy_j", "total");
	assert_string_equal(cell(row, "n"), "7");
	assert_string_equal(cell(row, "value"), "1");
	assert_string_equal(cell(row, "ci95_low"), "0.25");	/* for 7: least and most */
	assert_string_equal(cell(row, "ci95_high"), "1.75");
	free_csv();
	prepare_growing();
	tool_run(&t, "--repeat 7 -- " GROWING, fake_root());
	tool_said(&t, "         1.000   energy_j total                   0.250 .. 1.750");
}

static void under_six_runs_give_a_range_and_say_so(void **state)
{
	size_t row;

	prepare_growing();
	tool_run(&t, "--csv --repeat 3 -- " GROWING, fake_root());
	read_csv(t.err);
	row = find_row("median", "energy_j", "total");
	assert_null(cell(row, "ci95_low"));
	assert_string_equal(cell(row, "min"), "0.25");
	assert_string_equal(cell(row, "max"), "0.75");
	free_csv();
	tool_run(&t, "--source model --repeat 3 true");
	tool_said(&t, "3 runs give no 95 % interval of a median; 6 do.");
	tool_said(&t, "MODEL, band");
}

/* Of the runs from @first on the counter cannot be read at the end, and then it is back. */
static void run_losing(unsigned first)
{
	fake_write("lose", "i=$(cat $1/i); echo $((i + 1)) >$1/i; sleep 0.1\n"
		   "[ $i -ge %u ] && : >$2 || echo $(((i + 1) * 1000000)) >$2; sleep 0.1\n", first);
	fake_socket(1000000);
	fake_write("i", "1\n");
	tool_run(&t, "--csv --repeat 3 -- sh %s/lose %s " SOCKET_UJ, fake_root(), fake_root(),
		 fake_root());
	assert_int_equal(t.status, 0);
	read_csv(t.err);
}

static void a_median_is_of_the_runs_that_have_it(void **state)
{
	size_t row;

	run_losing(3);
	row = find_row("median", "energy_j", "total");
	assert_string_equal(cell(row, "n"), "2");
	assert_string_equal(cell(row, "value"), "1");
	assert_string_equal(cell(row, "quality"), "measured");
	assert_true(atof(cell(row, "low")) > 0.9 && atof(cell(row, "high")) < 1.1);
	assert_non_null(strstr(cell(row, "reason"), "lost in the window"));
	row = find_row("median", "time_ns", "task-clock");
	assert_string_equal(cell(row, "user_only"), "0");
	assert_string_equal(cell(row, "threads_absent"), "0");
	assert_true(atof(cell(row, "enabled_ns")) >= 3 * atof(cell(row, "min")));
	free_csv();
}

static void without_a_run_that_has_it_there_is_no_median_and_no_band(void **state)
{
	size_t row;

	run_losing(1);
	row = find_row("median", "energy_j", "package-0");
	assert_string_equal(cell(row, "n"), "0");
	assert_null(cell(row, "value"));
	assert_null(cell(row, "low"));
	assert_null(cell(row, "high"));
	assert_string_equal(cell(row, "quality"), "invalid");
	assert_non_null(cell(row, "reason"));
	free_csv();
}

static void a_run_that_fails_ends_the_repetition(void **state)
{
	fake_write("i", "0\n");
	tool_run(&t, "--repeat 9 -- sh -c 'i=$(cat %s/i); echo $((i+1)) >%s/i; exit $((i/2))'",
		 fake_root(), fake_root());
	assert_int_equal(t.status, 1);
	tool_said(&t, "a run ended with status 1: stopped");
	tool_said(&t, "(exit status 1)");		/* its line is there */
	tool_said(&t, " 2 runs of");			/* without it */
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(csv_has_every_number_with_its_source),
		fake_test(csv_of_a_lost_window_has_bounds_and_no_value),
		fake_test(json_has_null_and_a_reason_for_what_is_absent),
		fake_test(json_has_names_that_are_not_utf_8),
		fake_test(the_witness_and_its_difference_are_in_csv_and_json),
		fake_test(intervals_add_up_to_the_window),
		fake_test(samples_lost_are_those_of_the_interval),
		fake_test(an_interval_longer_than_the_command_is_its_only_one),
		fake_test(seven_runs_give_a_median_and_its_interval),
		fake_test(under_six_runs_give_a_range_and_say_so),
		fake_test(a_median_is_of_the_runs_that_have_it),
		fake_test(without_a_run_that_has_it_there_is_no_median_and_no_band),
		fake_test(a_run_that_fails_ends_the_repetition),
	};

	return cmocka_run_group_tests_name("tool output", tests, NULL, NULL);
}
