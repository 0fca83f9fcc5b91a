/* SPDX-License-Identifier: BSD-2-Clause */
/* The column tables: what absent is, what fits, and that the reference is current. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/columns.h"
#include "harness/rows.h"
#include "harness/test/scratch.h"

static void a_cleared_row_has_nothing_but_its_version(void **state)
{
	struct run_row row;

	memset(&row, 0x5a, sizeof(row));
	runs_clear(&row);
	assert_int_equal(row.schema_version, SCHEMA_VERSION);
	assert_string_equal(row.reason, "");
	assert_true(row.stream_bytes == ABSENT_INTEGER);
	assert_true(isnan(row.cpu_total_s));
	assert_true(isnan(column_number(columns_find(runs_columns(), "stream_bytes"), &row)));
}

static void numbers_are_read_by_column_name(void **state)
{
	struct run_row row;

	runs_clear(&row);
	row.stream_bytes = 7;
	row.energy_j = 0.5;
	assert_true(column_number(columns_find(runs_columns(), "stream_bytes"), &row) == 7);
	assert_true(column_number(columns_find(runs_columns(), "energy_j"), &row) == 0.5);
	assert_true(isnan(column_number(columns_find(runs_columns(), "path"), &row)));
	assert_null(columns_find(runs_columns(), "joules"));
}

static void names_are_unique_and_need_no_quotes(void **state)
{
	const struct columns *columns;

	for (size_t t = 0; (columns = columns_table(t)); t++) {
		for (size_t i = 0; i < columns->count; i++) {
			const struct column *c = &columns->column[i];

			assert_ptr_equal(columns_find(columns, c->name), c);
			assert_int_equal(strspn(c->name, "abcdefghijklmnopqrstuvwxyz_0123456789"),
					 strlen(c->name));
			assert_true(*c->doc);
			assert_null(strchr(c->doc, '|'));
		}
	}
}

static void the_summary_begins_with_the_agreed_columns(void **state)
{
	static const char *const agreed[] = {
		"scenario", "arm", "topology", "path", "metric", "unit", "source", "quality",
		"n", "median", "ci_low", "ci_high", "baseline", "ratio", "ratio_ci_low",
		"ratio_ci_high", "p_value", "verdict",
	};

	for (size_t i = 0; i < ARRAY_SIZE(agreed); i++)
		assert_string_equal(summary_columns()->column[i].name, agreed[i]);
}

static void text_is_cut_between_characters(void **state)
{
	char field[8];

	ROW_TEXT(field, "%s", "1234567");
	assert_string_equal(field, "1234567");
	ROW_TEXT(field, "%s", "12345678");
	assert_string_equal(field, "1234567");
	ROW_TEXT(field, "%s", "12345\xc3\xa4" "8");	/* the umlaut ends the field exactly */
	assert_string_equal(field, "12345\xc3\xa4");
	ROW_TEXT(field, "%s", "123456\xc3\xa4");	/* and here it does not fit */
	assert_string_equal(field, "123456");
	ROW_TEXT(field, "%s", "1234\xf0\x9f\x98\x80");
	assert_string_equal(field, "1234");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cleared_row_has_nothing_but_its_version),
		cmocka_unit_test(numbers_are_read_by_column_name),
		cmocka_unit_test(names_are_unique_and_need_no_quotes),
		cmocka_unit_test(the_summary_begins_with_the_agreed_columns),
		cmocka_unit_test(text_is_cut_between_characters),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
