/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CSV files of an experiment: their rows as C structs and their columns as
 * tables, both made from columns.def. Rows are flat: copy them with `=`, free
 * an array of them with one free().
 *
 * A value that is not there is ABSENT_INTEGER, NAN or "", never 0.
 */
#ifndef MEMNET_HARNESS_COLUMNS_H
#define MEMNET_HARNESS_COLUMNS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "memnet-core/base/util.h"

#define SCHEMA_VERSION 7
#define SCHEMA_OLDEST 1	/* that is still read; 2 to 6 only added columns */
#define ABSENT_INTEGER INT64_MIN
#define ACCELERATOR_NONE "none"	/* of a run without a VM */

#define TABLE(name, row_type, doc) struct row_type {
#define TEXT(field, size, doc) char field[size];
#define INTEGER(field, unit, doc) int64_t field;
#define REAL(field, unit, doc) double field;
#define END(name) };
#include "harness/columns.def"

enum column_type { COLUMN_TEXT, COLUMN_INTEGER, COLUMN_REAL };

struct column {
	const char *name;
	enum column_type type;
	const char *unit;	/* "" when it has none */
	const char *doc;	/* one line, markdown */
	size_t offset;		/* of the field in the row */
	size_t size;		/* of the field */
};

struct columns {
	const char *name;	/* the file is <name>.csv */
	const char *doc;
	size_t row_size;
	size_t count;
	const struct column *column;
};

/* The tables: runs_columns(), samples_columns(), ... live as long as the program. */
#define TABLE(name, row_type, doc) const struct columns *name##_columns(void);
#include "harness/columns.def"

/* All tables, in the order of columns.def; NULL behind the last one. */
const struct columns *columns_table(size_t index);

/* The column called @name, or NULL. */
const struct column *columns_find(const struct columns *columns, const char *name);

/* Make every field of @row absent; schema_version, where there is one, is set. */
void columns_clear(const struct columns *columns, void *row);

/* Do two rows say the same, column by column? */
bool columns_equal(const struct columns *columns, const void *a, const void *b);

/* The number in an integer or real field; NAN when absent or text. */
double column_number(const struct column *column, const void *row);

/*
 * Store formatted text in a text field; what does not fit is cut off between
 * two UTF-8 characters. ROW_TEXT(row.reason, "%s", why).
 */
#define ROW_TEXT(field, ...) columns_text(field, sizeof(field), __VA_ARGS__)
void columns_text(char *field, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Write the reference of all files and columns, as markdown. */
void columns_reference(FILE *out);

#endif
