/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * Writing: rows are formatted into memory first, then go out by one write() on
 * an O_APPEND descriptor. If that ends short, the file is cut back to the size
 * it had. A process killed inside write() can still leave a part of a row; the
 * next rows_open() finds where the last whole row ends (a newline outside of
 * quotes) and cuts there.
 *
 * libcsv writes the fields, we write the commas and newlines; every value is
 * quoted, a missing one is nothing at all, so that a reader can tell "" from
 * absent although we never write "".
 *
 * Reading: the file is handed to libcsv line by line, so that an error can name
 * its line. libcsv calls field() and record(); the first error found sticks in
 * struct loader and ends the loop. A file whose last byte is no newline was
 * truncated, even when its last row has all its fields: a number may have lost
 * digits.
 */
#include "harness/rows.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/io.h"

#define MAX_COLUMNS 128

/* Per file: the count of its columns, 0 + 1 + 1 ..., fits. */
#define TABLE(name, row_type, doc) _Static_assert(0
#define TEXT(field, size, doc) + 1
#define INTEGER(field, unit, doc) + 1
#define REAL(field, unit, doc) + 1
#define END(name) <= MAX_COLUMNS, #name ".csv has too many columns");
#include "harness/columns.def"

PRINTF_LIKE(3, 4)
static void say(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
}

/* --- writing ----------------------------------------------------------------- */

static void format_field(FILE *out, const struct column *column, const char *row)
{
	const void *field = row + column->offset;
	char number[40];
	int len = 0;

	switch (column->type) {
	case COLUMN_TEXT:
		if (*(const char *)field)
			csv_fwrite(out, field, strlen(field));
		return;
	case COLUMN_INTEGER:
		if (*(const int64_t *)field != ABSENT_INTEGER)
			len = snprintf(number, sizeof(number), "%lld",
				       (long long)*(const int64_t *)field);
		break;
	case COLUMN_REAL:
		if (isfinite(*(const double *)field))
			len = snprintf(number, sizeof(number), "%.9g", *(const double *)field);
		break;
	}
	if (len)
		csv_fwrite(out, number, len);
}

static void format_rows(FILE *out, const struct columns *columns, const char *rows, size_t n)
{
	for (size_t r = 0; r < n; r++) {
		for (size_t i = 0; i < columns->count; i++) {
			if (i)
				putc(',', out);
			format_field(out, &columns->column[i], rows + r * columns->row_size);
		}
		putc('\n', out);
	}
}

/* Names need no quotes: letters, digits and underscores. */
static void format_header(FILE *out, const struct columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		fprintf(out, "%s%s", i ? "," : "", columns->column[i].name);
	putc('\n', out);
}

/* The header if @rows is NULL, else @n rows; *text is for free(). */
static int format_text(const struct columns *columns, const void *rows, size_t n,
		       char **text, size_t *len)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL), former;
	FILE *out;
	int bad;

	if (!c)
		return -ENOMEM;
	out = open_memstream(text, len);
	if (!out) {
		freelocale(c);
		return -ENOMEM;
	}
	former = uselocale(c);
	if (rows)
		format_rows(out, columns, rows, n);
	else
		format_header(out, columns);
	uselocale(former);
	freelocale(c);
	bad = ferror(out);
	if (fclose(out) || bad) {
		free(*text);
		return -ENOMEM;
	}
	return 0;
}

/* All of it or nothing: back to the former size on any error. */
static int append_text(int fd, const char *text, size_t len)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	ret = mn_write_all(fd, text, len);
	if (ret && S_ISREG(st.st_mode) && ftruncate(fd, st.st_size))
		return -EIO;
	return ret;
}

int rows_append(const struct columns *columns, int fd, const void *rows, size_t n)
{
	char *text;
	size_t len;
	int ret;

	if (!n)
		return 0;
	ret = format_text(columns, rows, n, &text, &len);
	if (ret)
		return ret;
	ret = append_text(fd, text, len);
	free(text);
	return ret;
}

static int append_header(const struct columns *columns, int fd)
{
	char *text;
	size_t len;
	int ret = format_text(columns, NULL, 0, &text, &len);

	if (ret)
		return ret;
	ret = append_text(fd, text, len);
	free(text);
	return ret;
}

/* --- opening ----------------------------------------------------------------- */

/* The whole file, NUL-terminated behind its *len bytes; for free(). */
static int slurp(int fd, char **text, size_t *len)
{
	struct stat st;
	char *buf;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	buf = malloc(st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	ret = mn_read_all(fd, buf, st.st_size);
	if (ret) {
		free(buf);
		return ret;
	}
	buf[st.st_size] = '\0';
	*text = buf;
	*len = st.st_size;
	return 0;
}

/* Where the last whole row ends: behind the last newline outside of quotes. */
static size_t whole_rows(const char *text, size_t len)
{
	bool quoted = false;
	size_t end = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\n' && !quoted)
			end = i + 1;
	}
	return end;
}

static int check_header(const struct columns *columns, const char *path, const char *text,
			char *err, size_t errlen)
{
	char *header;
	size_t len;
	int ret = format_text(columns, NULL, 0, &header, &len);

	if (ret)
		return ret;
	if (strncmp(text, header, len)) {
		say(err, errlen, "%s: line 1: not the header this version writes; "
		    "use a new results folder", path);
		ret = -EPROTO;
	}
	free(header);
	return ret;
}

/* Leave @fd with a header and whole rows only. */
static int make_whole(const struct columns *columns, int fd, const char *path,
		      char *err, size_t errlen)
{
	size_t len, end;
	char *text;
	int ret = slurp(fd, &text, &len);

	if (ret)
		return ret;
	end = whole_rows(text, len);
	if (end)
		ret = check_header(columns, path, text, err, errlen);
	free(text);
	if (ret)
		return ret;
	if (end < len) {
		if (ftruncate(fd, end))
			return -errno;
		say(err, errlen, "%s: cut off a torn last row of %zu bytes", path, len - end);
	}
	return end ? 0 : append_header(columns, fd);
}

int rows_open(const struct columns *columns, const char *path, char *err, size_t errlen)
{
	int ret, fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	say(err, errlen, "%s", "");
	if (fd < 0) {
		ret = -errno;
		say(err, errlen, "%s: cannot be opened: %s", path, strerror(-ret));
		return ret;
	}
	ret = make_whole(columns, fd, path, err, errlen);
	if (!ret)
		return fd;
	close(fd);
	if (!*err)
		say(err, errlen, "%s: cannot be prepared: %s", path, strerror(-ret));
	return ret;
}

int rows_save(const struct columns *columns, const char *path, const void *rows, size_t n,
	      char *err, size_t errlen)
{
	char temporary[4096];
	int fd, ret;

	say(err, errlen, "%s", "");
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ret = fd < 0 ? -errno : append_header(columns, fd);
	if (!ret)
		ret = rows_append(columns, fd, rows, n);
	if (fd >= 0)
		close(fd);
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret) {
		say(err, errlen, "%s: cannot be written: %s", path, strerror(-ret));
		if (fd >= 0)
			unlink(temporary);
	}
	return ret;
}

/* --- reading ----------------------------------------------------------------- */

struct loader {
	const struct columns *columns;
	const char *path;
	locale_t c;
	char *rows;
	size_t n, capacity;
	const struct column *in_file[MAX_COLUMNS];	/* the columns as the file has them */
	size_t n_in_file;
	bool have_header;
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
	say(l->err, l->errlen, "%s: line %zu: %s", l->path, l->row_line, what);
	l->ret = ret;
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

static void header_end(struct loader *l)
{
	for (size_t i = 0; i < l->columns->count; i++) {
		const struct column *column = &l->columns->column[i];
		bool found = false;

		for (size_t j = 0; j < l->n_in_file; j++)
			found |= l->in_file[j] == column;
		if (!found)
			fail(l, -EBADMSG, "column '%s' is missing; a %s.csv of another version?",
			     column->name, l->columns->name);
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
	else if (version && column_number(version, row) != SCHEMA_VERSION)
		fail(l, -EBADMSG, "schema_version is not %d: written by another version, "
		     "analyse it with that one", SCHEMA_VERSION);
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
	say(err, errlen, "%s", "");
	ret = fd < 0 ? -errno : slurp(fd, &text, &len);
	if (fd >= 0)
		close(fd);
	if (ret) {
		say(err, errlen, "%s: cannot be read: %s", path, strerror(-ret));
		return ret;
	}
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
