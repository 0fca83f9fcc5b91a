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
 */
#include "harness/rows.h"
#include "harness/rows_internal.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

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
	ret = mn_append_all(fd, text, len);
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
	ret = mn_append_all(fd, text, len);
	free(text);
	return ret;
}

/* --- opening ----------------------------------------------------------------- */

int rows_slurp(int fd, char **text, size_t *len)
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
	if (strncmp(text, header, len))
		ret = mn_explain(err, errlen, -EPROTO, "%s: line 1: not the header this version "
				 "writes; use a new results folder", path);
	free(header);
	return ret;
}

/* What is cut off may be more than a row where a quote went wrong: nothing is thrown away. */
static int keep_torn(const char *path, const char *text, size_t len)
{
	char name[4096];

	if (snprintf(name, sizeof(name), "%s.torn", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	return mn_append_file(name, text, len);
}

/* Leave @fd with a header and whole rows only. */
static int make_whole(const struct columns *columns, int fd, const char *path,
		      char *err, size_t errlen)
{
	size_t len, end;
	char *text;
	int ret = rows_slurp(fd, &text, &len);

	if (ret)
		return ret;
	end = whole_rows(text, len);
	if (end)
		ret = check_header(columns, path, text, err, errlen);
	if (!ret && end < len)
		ret = keep_torn(path, text + end, len - end);
	free(text);
	if (ret)
		return ret;
	if (end < len) {
		if (ftruncate(fd, end))
			return -errno;
		mn_explain(err, errlen, 0, "%s: cut off a torn last row of %zu bytes, kept in "
			   "%s.torn", path, len - end, path);
	}
	return end ? 0 : append_header(columns, fd);
}

int rows_open(const struct columns *columns, const char *path, char *err, size_t errlen)
{
	int ret, fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return mn_explain(err, errlen, -errno, "%s: cannot be opened: %m", path);
	mn_explain(err, errlen, 0, "%s", "");
	ret = make_whole(columns, fd, path, err, errlen);
	if (!ret)
		return fd;
	close(fd);
	if (!*err)
		mn_explain(err, errlen, ret, "%s: cannot be prepared: %s", path, strerror(-ret));
	return ret;
}

int rows_save(const struct columns *columns, const char *path, const void *rows, size_t n,
	      char *err, size_t errlen)
{
	char temporary[4096];
	int fd, ret;

	mn_explain(err, errlen, 0, "%s", "");
	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return mn_explain(err, errlen, -ENAMETOOLONG, "%s: cannot be written: %s", path,
				  strerror(ENAMETOOLONG));
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ret = fd < 0 ? -errno : append_header(columns, fd);
	if (!ret)
		ret = rows_append(columns, fd, rows, n);
	if (fd >= 0)
		close(fd);
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret) {
		mn_explain(err, errlen, ret, "%s: cannot be written: %s", path, strerror(-ret));
		if (fd >= 0)
			unlink(temporary);
	}
	return ret;
}
