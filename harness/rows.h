/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows in and out of CSV files (columns.h says which). RFC 4180 by libcsv, LF,
 * C locale whatever the program's is; a file may be read by any CSV reader.
 *
 * Functions return 0 (or a file descriptor) or -errno, and then leave one line
 * in @err that names the file, the line and the mend. A file has one writer.
 */
#ifndef MEMNET_HARNESS_ROWS_H
#define MEMNET_HARNESS_ROWS_H

#include "harness/columns.h"

/*
 * Open @path to append rows; made with its header if it is not there or empty.
 * A last row torn by a crash is cut off and kept in @path.torn: then, and only then,
 * @err says so although the descriptor is returned; else it is "". -EPROTO: the file's
 * header is another one (another version of the software wrote it).
 */
int rows_open(const struct columns *columns, const char *path, char *err, size_t errlen);

/*
 * Append @n rows in one write(). All of them are in the file or none is: when
 * the disk fills up in the middle, the file gets its former size again.
 * -ENOSPC, -EFBIG, ... as write() says it.
 */
int rows_append(const struct columns *columns, int fd, const void *rows, size_t n);

/* Write a whole file anew: into a file beside it, then renamed over @path. */
int rows_save(const struct columns *columns, const char *path, const void *rows, size_t n,
	      char *err, size_t errlen);

/*
 * Load all rows; *rows is for free(). Columns are found by name, in any order;
 * an unknown, a missing or a double column, a wrong count of fields, a number
 * that is none, a text that is too long, an unknown schema_version and a file
 * that ends within a row are refused with -EBADMSG. In rows of an older version
 * (columns.h) the columns it did not have are absent.
 */
int rows_load(const struct columns *columns, const char *path, void **rows, size_t *n,
	      char *err, size_t errlen);

/* The same, typed: runs_clear(), runs_open(), runs_append(), runs_save(), runs_load(), ... */
#define TABLE(name, row_type, doc)							\
static inline void name##_clear(struct row_type *row)					\
{											\
	columns_clear(name##_columns(), row);						\
}											\
static inline int name##_open(const char *path, char *err, size_t errlen)		\
{											\
	return rows_open(name##_columns(), path, err, errlen);				\
}											\
static inline int name##_append(int fd, const struct row_type *rows, size_t n)		\
{											\
	return rows_append(name##_columns(), fd, rows, n);				\
}											\
static inline int name##_save(const char *path, const struct row_type *rows, size_t n,	\
			      char *err, size_t errlen)					\
{											\
	return rows_save(name##_columns(), path, rows, n, err, errlen);			\
}											\
static inline int name##_load(const char *path, struct row_type **rows, size_t *n,	\
			      char *err, size_t errlen)					\
{											\
	void *loaded = NULL;								\
	int ret = rows_load(name##_columns(), path, &loaded, n, err, errlen);		\
											\
	*rows = loaded;									\
	return ret;									\
}
#include "harness/columns.def"

#endif
