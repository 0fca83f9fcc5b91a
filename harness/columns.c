/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * columns.def is read three times: columns.h makes a struct per file of it, and
 * here each file becomes a function that returns its table. The function gives
 * the entries a scope of their own, in which `row` names the struct that
 * offsetof() needs.
 */
#include "harness/columns.h"

#include <stdarg.h>
#include <string.h>

#define TABLE(name_, row_type, doc_)						\
const struct columns *name_##_columns(void)					\
{										\
	typedef struct row_type row;						\
	static const char doc[] = doc_;						\
	static const struct column column[] = {
#define TEXT(field, size_, doc_)						\
		{ #field, COLUMN_TEXT, "", doc_, offsetof(row, field), size_ },
#define INTEGER(field, unit_, doc_)						\
		{ #field, COLUMN_INTEGER, unit_, doc_, offsetof(row, field), sizeof(int64_t) },
#define REAL(field, unit_, doc_)						\
		{ #field, COLUMN_REAL, unit_, doc_, offsetof(row, field), sizeof(double) },
#define END(name_)								\
	};									\
	static const struct columns columns = {					\
		#name_, doc, sizeof(row), ARRAY_SIZE(column), column		\
	};									\
	return &columns;							\
}
#include "harness/columns.def"

const struct columns *columns_table(size_t index)
{
	static const struct columns *(*const table[])(void) = {
#define TABLE(name, row_type, doc) name##_columns,
#include "harness/columns.def"
	};

	return index < ARRAY_SIZE(table) ? table[index]() : NULL;
}

const struct column *columns_find(const struct columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (!strcmp(columns->column[i].name, name))
			return &columns->column[i];
	return NULL;
}

static void clear_field(const struct column *column, void *row)
{
	static const int64_t absent_integer = ABSENT_INTEGER;
	static const double absent_real = NAN;
	char *field = (char *)row + column->offset;

	switch (column->type) {
	case COLUMN_TEXT:
		memset(field, 0, column->size);
		break;
	case COLUMN_INTEGER:
		memcpy(field, &absent_integer, sizeof(absent_integer));
		break;
	case COLUMN_REAL:
		memcpy(field, &absent_real, sizeof(absent_real));
		break;
	}
}

void columns_clear(const struct columns *columns, void *row)
{
	const struct column *version = columns_find(columns, "schema_version");

	memset(row, 0, columns->row_size);
	for (size_t i = 0; i < columns->count; i++)
		clear_field(&columns->column[i], row);
	if (version)
		*(int64_t *)((char *)row + version->offset) = SCHEMA_VERSION;
}

double column_number(const struct column *column, const void *row)
{
	const char *field = (const char *)row + column->offset;

	switch (column->type) {
	case COLUMN_INTEGER:
		if (*(const int64_t *)field == ABSENT_INTEGER)
			return NAN;
		return *(const int64_t *)field;
	case COLUMN_REAL:
		return *(const double *)field;
	default:
		return NAN;
	}
}

static bool same_value(const struct column *c, const char *a, const char *b)
{
	if (c->type == COLUMN_TEXT)
		return !strcmp(a + c->offset, b + c->offset);
	return !memcmp(a + c->offset, b + c->offset, c->size) ||
	       (isnan(column_number(c, a)) && isnan(column_number(c, b)));
}

bool columns_equal(const struct columns *columns, const void *a, const void *b)
{
	for (size_t i = 0; i < columns->count; i++)
		if (!same_value(&columns->column[i], a, b))
			return false;
	return true;
}

/* The last character of the @len bytes of UTF-8 in @text goes if it is not whole. */
static void cut_partial_character(char *text, size_t len)
{
	size_t start = len, whole = 1;
	unsigned char lead;

	while (start && (text[start - 1] & 0xc0) == 0x80)
		start--;
	if (!start--)
		return;
	lead = text[start];
	if (lead >= 0xc0)
		whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (start + whole > len)
		text[start] = '\0';
}

void columns_text(char *field, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(field, size, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len < size)
		return;
	cut_partial_character(field, size - 1);
}

static void reference_of(FILE *out, const struct columns *columns)
{
	static const char *const type[] = { "text", "integer", "real" };

	fprintf(out, "\n## %s.csv\n\n%s\n\n", columns->name, columns->doc);
	fprintf(out, "| column | type | unit | meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < columns->count; i++) {
		const struct column *c = &columns->column[i];

		fprintf(out, "| `%s` | %s | %s | %s |\n", c->name, type[c->type], c->unit, c->doc);
	}
}

void columns_reference(FILE *out)
{
	const struct columns *columns;

	fprintf(out,
		"# Columns of the CSV files\n\n"
		"<!-- Made by `memnet-lab columns` from harness/columns.def. -->\n\n"
		"RFC 4180 with LF, UTF-8, C locale, one header line. Values are quoted; a value\n"
		"that is not there is an empty cell, never 0. Units are in the names of the\n"
		"columns or in a column `unit` beside the value. Schema version %d; files from "
		"version\n%d on are read, what they did not have is absent.\n", SCHEMA_VERSION,
		SCHEMA_OLDEST);
	for (size_t i = 0; (columns = columns_table(i)); i++)
		reference_of(out, columns);
}
