/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows in CSV files: what goes in comes out, what is broken is refused by line. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/rows.h"
#include "harness/test/scratch.h"

static char err[512];

#define HEADER "run_id,schema_version,t_ns,phase,source,domain,quantity,unit,value\n"

static int load_samples(const char *text, struct sample_row **rows, size_t *n)
{
	return samples_load(scratch_write("samples.csv", text), rows, n, err, sizeof(err));
}

static void refused(const char *text, const char *line, const char *what)
{
	struct sample_row *rows;
	size_t n;

	if (load_samples(text, &rows, &n) != -EBADMSG)
		fail_msg("accepted: %s", text);
	assert_null(rows);
	assert_int_equal(n, 0);
	assert_non_null(strstr(err, "samples.csv: "));
	if (!strstr(err, line) || !strstr(err, what))
		fail_msg("'%s' does not say '%s' and '%s'", err, line, what);
}

static void awkward_text_and_numbers_come_back_as_they_went(void **state)
{
	struct run_row row, *rows;
	size_t n;
	int fd;

	runs_clear(&row);
	ROW_TEXT(row.reason, "%s", " a, \"b\"\nc\r\n;\xc3\xa4 ");
	ROW_TEXT(row.plan, "0");
	row.stream_bytes = 0;
	row.window_end_ns = INT64_MAX;
	row.cpu_total_s = 0.0;
	row.energy_j = 1234.56789e-7;
	fd = runs_open(scratch("runs.csv"), err, sizeof(err));
	assert_true(fd >= 0);
	assert_int_equal(runs_append(fd, &row, 1), 0);
	assert_int_equal(runs_append(fd, &row, 1), 0);
	close(fd);
	assert_int_equal(runs_load(scratch("runs.csv"), &rows, &n, err, sizeof(err)), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rows[1].reason, row.reason);
	assert_string_equal(rows[1].plan, "0");
	assert_string_equal(rows[1].git, "");
	assert_true(rows[1].stream_bytes == 0);
	assert_true(rows[1].window_end_ns == INT64_MAX);
	assert_true(rows[1].stream_verified_bytes == ABSENT_INTEGER);
	assert_true(rows[1].cpu_total_s == 0.0);
	assert_true(rows[1].energy_j == 1234.56789e-7);
	assert_true(isnan(rows[1].cpu_vcpu_s));
	free(rows);
}

static void values_are_quoted_and_missing_ones_are_nothing(void **state)
{
	struct sample_row row;
	char *text;

	samples_clear(&row);
	ROW_TEXT(row.run_id, "r\"1");
	row.t_ns = 5;
	assert_int_equal(samples_save(scratch("s.csv"), &row, 1, err, sizeof(err)), 0);
	text = scratch_read(scratch("s.csv"));
	assert_string_equal(text,
		"schema_version,run_id,t_ns,phase,source,domain,quantity,unit,value\n"
		"\"7\",\"r\"\"1\",\"5\",,,,,,\n");
	free(text);
}

static void values_that_are_not_finite_are_absent(void **state)
{
	struct sample_row row;
	char *text;

	samples_clear(&row);
	row.value = INFINITY;
	assert_int_equal(samples_save(scratch("s.csv"), &row, 1, err, sizeof(err)), 0);
	text = scratch_read(scratch("s.csv"));
	assert_non_null(strstr(text, "\n\"7\",,,,,,,,\n"));
	free(text);
}

static void columns_are_found_by_name_in_any_order(void **state)
{
	struct sample_row *rows;
	size_t n;

	assert_int_equal(load_samples(HEADER "r1,1,5,window,,,power,W,2.5\r\n\n"
				      "r2,1,,,,,,,\n", &rows, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].run_id, "r1");
	assert_string_equal(rows[0].unit, "W");
	assert_true(rows[0].t_ns == 5);
	assert_true(rows[0].value == 2.5);
	assert_true(isnan(rows[1].value));
	free(rows);
}

static void wrong_columns_are_named(void **state)
{
	refused("joules," HEADER, "line 1", "unknown column 'joules'");
	refused("run_id,t_ns\n", "line 1", "column 'schema_version' is missing");
	refused("t_ns," HEADER, "line 1", "column 't_ns' is there twice");
	refused("", "line 1", "no header");
}

static void broken_rows_are_named_by_line(void **state)
{
	refused(HEADER "r,1,,,,,,,\nr,1,5,window\n", "line 3", "4 fields instead of 9");
	refused(HEADER "r,1,,,,,,,,\n", "line 2", "more fields than the 9");
	refused(HEADER "r,1,five,,,,,,\n", "line 2", "'t_ns': 'five' is no integer");
	refused(HEADER "r,1,5.5,,,,,,\n", "line 2", "'t_ns': '5.5' is no integer");
	refused(HEADER "r,1,,,,,,,nan\n", "line 2", "'value': 'nan' is no finite");
	refused(HEADER "r,1,,,,,,,\"2,5\"\n", "line 2", "'value': '2,5' is no finite");
	refused(HEADER "r,1,99999999999999999999,,,,,,\n", "line 2", "is no integer");
	refused(HEADER "r,1,,a_phase_of_many_letters,,,,,\n", "line 2", "at most 15");
	refused(HEADER "r,1,,a\"b,,,,,\n", "line 2", "");
	refused(HEADER "r,8,,,,,,,\n", "line 2", "schema_version is not 1 to 7");
	refused(HEADER "r,0,,,,,,,\n", "line 2", "schema_version is not 1 to 7");
	refused(HEADER "r,,,,,,,,\n", "line 2", "schema_version is not 1 to 7");
}

static void columns_may_be_missing_in_an_older_version_only(void **state)
{
	struct sample_row *rows;
	size_t n;

	assert_int_equal(load_samples("run_id,schema_version,value\nr,1,2.5\n", &rows, &n), 0);
	assert_int_equal(n, 1);
	assert_true(rows[0].value == 2.5);
	assert_true(rows[0].t_ns == ABSENT_INTEGER);
	free(rows);
	refused("run_id,schema_version,value\nr,7,2.5\n", "line 2", "'t_ns' is missing");
	refused("run_id,schema_version,value\nr,1,2\nr,7,2\n", "line 3", "'t_ns' is missing");
	refused("run_id,schema_version,value\n", "line 1", "'t_ns' is missing");
}

static void runs_of_the_first_version_load(void **state)
{
	struct run_row *rows;
	size_t n;

	if (runs_load("harness/test/data/runs-schema-1.csv", &rows, &n, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(n, 5);
	assert_int_equal(rows[0].schema_version, 1);
	assert_true(rows[0].flows == ABSENT_INTEGER);
	assert_string_equal(rows[0].spin, "");
	assert_true(rows[0].latency_p99_ns == ABSENT_INTEGER);
	free(rows);
}

static void a_truncated_file_is_refused_wherever_it_was_cut(void **state)
{
	static const char whole[] = HEADER "\"r,\"\"1\"\"\n\",1,5,window,,,power,W,\"2.5\"\n";
	struct sample_row *rows;
	char cut[sizeof(whole)];
	size_t n;

	assert_int_equal(load_samples(whole, &rows, &n), 0);
	assert_string_equal(rows[0].run_id, "r,\"1\"\n");
	free(rows);
	for (size_t len = strlen(HEADER) + 1; len < strlen(whole); len++) {
		memcpy(cut, whole, len);
		cut[len] = '\0';
		refused(cut, "line 2", "truncated");
	}
	refused("run_id,schema_ver", "line 1", "truncated");
}

static void a_torn_last_row_is_cut_off_when_appending_again(void **state)
{
	struct sample_row row, *rows;
	size_t n;
	int fd;

	samples_clear(&row);
	ROW_TEXT(row.run_id, "two\nlines");
	assert_int_equal(samples_save(scratch("torn.csv"), &row, 1, err, sizeof(err)), 0);
	fd = open(scratch("torn.csv"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "\"1\",\"torn\n", 10), 10);
	close(fd);
	fd = samples_open(scratch("torn.csv"), err, sizeof(err));
	assert_true(fd >= 0);
	assert_non_null(strstr(err, "torn last row of 10 bytes"));
	assert_int_equal(samples_append(fd, &row, 1), 0);
	close(fd);
	assert_int_equal(samples_load(scratch("torn.csv"), &rows, &n, err, sizeof(err)), 0);
	assert_int_equal(n, 2);
	free(rows);
}

static void a_torn_header_is_written_again(void **state)
{
	struct sample_row *rows;
	size_t n;
	int fd = samples_open(scratch_write("h.csv", "schema_ver"), err, sizeof(err));

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(samples_load(scratch("h.csv"), &rows, &n, err, sizeof(err)), 0);
	assert_int_equal(n, 0);
}

static void a_file_of_another_version_is_not_appended_to(void **state)
{
	const char *path = scratch_write("old.csv", "schema_version,run_id\n1,r\n");
	char *text;

	assert_int_equal(samples_open(path, err, sizeof(err)), -EPROTO);
	assert_non_null(strstr(err, "use a new results folder"));
	text = scratch_read(path);
	assert_string_equal(text, "schema_version,run_id\n1,r\n");
	free(text);
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
	struct run_row *rows;
	size_t n;

	assert_int_equal(runs_load("/nowhere/runs.csv", &rows, &n, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nowhere/runs.csv: cannot be read"));
	assert_int_equal(runs_open("/nowhere/runs.csv", err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nowhere/runs.csv: cannot be opened"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(awkward_text_and_numbers_come_back_as_they_went),
		cmocka_unit_test(values_are_quoted_and_missing_ones_are_nothing),
		cmocka_unit_test(values_that_are_not_finite_are_absent),
		cmocka_unit_test(columns_are_found_by_name_in_any_order),
		cmocka_unit_test(wrong_columns_are_named),
		cmocka_unit_test(broken_rows_are_named_by_line),
		cmocka_unit_test(columns_may_be_missing_in_an_older_version_only),
		cmocka_unit_test(runs_of_the_first_version_load),
		cmocka_unit_test(a_truncated_file_is_refused_wherever_it_was_cut),
		cmocka_unit_test(a_torn_last_row_is_cut_off_when_appending_again),
		cmocka_unit_test(a_torn_header_is_written_again),
		cmocka_unit_test(a_file_of_another_version_is_not_appended_to),
		cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
	};

	return cmocka_run_group_tests_name("rows", tests, scratch_make, scratch_remove);
}
