/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * Reading: the file is handed to libcsv line by line, so that an error can name
 * its line. libcsv calls field() and record(); the first error found sticks in
 * struct loader and ends the loop. A file whose last byte is no newline was
 * truncated, even when its last row has all its fields: a number may have lost
 * digits.
 *
 * A file of an older version lacks columns; that is known only when its rows say
 * which version they are of, so the first missing column is kept until then.
 */
#include "harness/rows.h"
#include "harness/rows_internal.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/explain.h"

#define MAX_COLUMNS 192

/* Per file: the count of its columns, 0 + 1 + 1 ..., fits. */
#define TABLE(name, row_type, doc) _Static_assert(0
#define TEXT(field, size, doc) + 1
#define INTEGER(field, unit, doc) + 1
#define REAL(field, unit, doc) + 1
#define END(name) <= MAX_COLUMNS, #name ".csv has too many columns");
#include "harness/columns.def"

struct loader {
	const struct columns *columns;
	const char *path;
	locale_t c;
	char *rows;
	size_t n, capacity;
	const struct column *in_file[MAX_COLUMNS];	/* the columns as the file has them */
	size_t n_in_file;
	bool have_header;
	const struct column *missing;	/* the first of them, or NULL */
	size_t field;		/* fields seen of the current row */
	size_t row_line;	/* where the current row begins */
	int ret;		/* the first error ends it all */
	char *err;
	size_t errlen;
};

PRINTF_LIKE(3, 4)
static void fail(struct loader *l, int ret, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	if (l->ret)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	l->ret = mn_explain(l->err, l->errlen, ret, "%s: line %zu: %s", l->path, l->row_line, what);
}

static void header_field(struct loader *l, const char *text)
{
	const struct column *column = columns_find(l->columns, text ? text : "");

	if (!column) {
		fail(l, -EBADMSG, "unknown column '%.64s'; a %s.csv of another version?",
		     text ? text : "", l->columns->name);
		return;
	}
	for (size_t i = 0; i < l->n_in_file; i++)
		if (l->in_file[i] == column)
			fail(l, -EBADMSG, "column '%s' is there twice", column->name);
	if (!l->ret)
		l->in_file[l->n_in_file++] = column;
}

static void fail_missing(struct loader *l, const struct column *column)
{
	fail(l, -EBADMSG, "column '%s' is missing; a %s.csv of another version?", column->name,
	     l->columns->name);
}

static void header_end(struct loader *l)
{
	const struct column *version = columns_find(l->columns, "schema_version");

	for (size_t i = 0; i < l->columns->count; i++) {
		const struct column *column = &l->columns->column[i];
		bool found = false;

		for (size_t j = 0; j < l->n_in_file; j++)
			found |= l->in_file[j] == column;
		if (!found && !l->missing)
			l->missing = column;
		if (!found && (!version || column == version))
			fail_missing(l, column);
	}
	l->have_header = true;
}

static int parse_number(struct loader *l, const struct column *column, const char *text,
			void *field)
{
	char *end;
	double real;
	long long integer;

	errno = 0;
	if (column->type == COLUMN_INTEGER) {
		integer = strtoll(text, &end, 10);
		if (errno || *end || integer == ABSENT_INTEGER)
			return -EBADMSG;
		memcpy(field, &(int64_t){ integer }, sizeof(int64_t));
		return 0;
	}
	real = strtod_l(text, &end, l->c);
	if (*end || !isfinite(real))
		return -EBADMSG;
	memcpy(field, &real, sizeof(real));
	return 0;
}

static void row_field(struct loader *l, const char *text, size_t len)
{
	const struct column *column;
	char *field;

	if (l->field >= l->n_in_file) {
		fail(l, -EBADMSG, "more fields than the %zu of the header", l->n_in_file);
		return;
	}
	if (!text || !len)
		return;
	column = l->in_file[l->field];
	field = l->rows + l->n * l->columns->row_size + column->offset;
	if (strlen(text) != len)
		fail(l, -EBADMSG, "column '%s' holds a NUL byte", column->name);
	else if (column->type != COLUMN_TEXT && parse_number(l, column, text, field))
		fail(l, -EBADMSG, "column '%s': '%.64s' is no %s number", column->name, text,
		     column->type == COLUMN_INTEGER ? "integer" : "finite");
	else if (column->type == COLUMN_TEXT && len >= column->size)
		fail(l, -EBADMSG, "column '%s': text of %zu bytes, at most %zu are allowed",
		     column->name, len, column->size - 1);
	else if (column->type == COLUMN_TEXT)
		memcpy(field, text, len + 1);
}

static void row_end(struct loader *l)
{
	char *row = l->rows + l->n * l->columns->row_size;
	const struct column *version = columns_find(l->columns, "schema_version");

	if (l->field < l->n_in_file)
		fail(l, -EBADMSG, "%zu fields instead of %zu; a truncated row?", l->field,
		     l->n_in_file);
	else if (version && !(column_number(version, row) >= SCHEMA_OLDEST &&
			      column_number(version, row) <= SCHEMA_VERSION))
		fail(l, -EBADMSG, "schema_version is not %d to %d: written by another version, "
		     "analyse it with that one", SCHEMA_OLDEST, SCHEMA_VERSION);
	else if (l->missing && column_number(version, row) == SCHEMA_VERSION)
		fail_missing(l, l->missing);
	if (!l->ret)
		l->n++;
}

static void begin_row(struct loader *l)
{
	const struct column *version = columns_find(l->columns, "schema_version");
	char *row;

	if (l->n == l->capacity) {
		size_t capacity = l->capacity ? 2 * l->capacity : 64;
		char *rows = reallocarray(l->rows, capacity, l->columns->row_size);

		if (!rows) {
			fail(l, -ENOMEM, "out of memory");
			return;
		}
		l->rows = rows;
		l->capacity = capacity;
	}
	row = l->rows + l->n * l->columns->row_size;
	columns_clear(l->columns, row);
	if (version)	/* only what the file says */
		memcpy(row + version->offset, &(int64_t){ ABSENT_INTEGER }, sizeof(int64_t));
}

static void on_field(void *text, size_t len, void *loader)
{
	struct loader *l = loader;

	if (l->ret)
		return;
	if (!l->have_header) {
		header_field(l, text);
		return;
	}
	if (l->field == 0)
		begin_row(l);
	if (!l->ret)
		row_field(l, text, len);
	l->field++;
}

static void on_record(int end, void *loader)
{
	struct loader *l = loader;

	if (l->ret)
		return;
	if (!l->have_header)
		header_end(l);
	else
		row_end(l);
	l->field = 0;
}

static void parse_lines(struct loader *l, struct csv_parser *parser, const char *text, size_t len)
{
	size_t line = 0, size;

	for (const char *end = text + len; text < end && !l->ret; text += size) {
		const char *newline = memchr(text, '\n', end - text);

		line++;
		if (l->field == 0 && !parser->quoted)
			l->row_line = line;
		if (!newline) {
			fail(l, -EBADMSG, "the file ends within this row: it was truncated");
			return;
		}
		size = newline + 1 - text;
		if (csv_parse(parser, text, size, on_field, on_record, l) != size)
			fail(l, -EBADMSG, "%s", csv_strerror(csv_error(parser)));
	}
	if (csv_fini(parser, on_field, on_record, l))
		fail(l, -EBADMSG, "a quote opened in this row is never closed: truncated?");
	if (!l->have_header)
		fail(l, -EBADMSG, "the file is empty: it has no header");
	if (l->missing && !l->n)	/* no row says that it may be */
		fail_missing(l, l->missing);
}

static int load_text(struct loader *l, const char *text, size_t len)
{
	struct csv_parser parser;

	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL | CSV_APPEND_NULL))
		return -ENOMEM;
	parse_lines(l, &parser, text, len);
	csv_free(&parser);
	return l->ret;
}

int rows_load(const struct columns *columns, const char *path, void **rows, size_t *n,
	      char *err, size_t errlen)
{
	struct loader l = { .columns = columns, .path = path, .err = err, .errlen = errlen,
			    .row_line = 1 };
	int ret, fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len;
	char *text;

	*rows = NULL;
	*n = 0;
	mn_explain(err, errlen, 0, "%s", "");
	ret = fd < 0 ? -errno : rows_slurp(fd, &text, &len);
	if (fd >= 0)
		close(fd);
	if (ret)
		return mn_explain(err, errlen, ret, "%s: cannot be read: %s", path, strerror(-ret));
	l.c = newlocale(LC_ALL_MASK, "C", NULL);
	ret = l.c ? load_text(&l, text, len) : -ENOMEM;
	if (l.c)
		freelocale(l.c);
	free(text);
	if (ret) {
		free(l.rows);
		return ret;
	}
	*rows = l.rows;
	*n = l.n;
	return 0;
}
