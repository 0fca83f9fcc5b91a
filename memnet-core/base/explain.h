/* SPDX-License-Identifier: BSD-2-Clause */
/* For people: a result with a line that says why; results of a `doctor`; help of a table. */
#ifndef MEMNET_BASE_EXPLAIN_H
#define MEMNET_BASE_EXPLAIN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/util.h"

static inline int mn_explain(char *why, size_t size, int ret, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Print the line into @why, cut at @size. Returns @ret. */
static inline int mn_explain(char *why, size_t size, int ret, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, size, format, ap);
	va_end(ap);
	return ret;
}

/*
 * PASS: as good as it gets. DEGRADED: it works, but tells less. ABSENT: an optional thing is
 * not there. BROKEN: nothing works before it is mended.
 */
enum outcome { PASS, DEGRADED, ABSENT, BROKEN };

static inline const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[PASS] = "PASS", [DEGRADED] = "DEGRADED", [ABSENT] = "ABSENT", [BROKEN] = "BROKEN",
	};

	return names[outcome];
}

/*
 * For an argp help filter: @text, and under it what @rows writes, of a table of commands. NULL
 * without memory; argp frees it.
 */
static inline char *mn_help_above(const char *text, void (*rows)(FILE *f))
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	fprintf(f, "%s\n\n", text);
	rows(f);
	fclose(f);
	return out;
}

/* Does @fd go to a terminal that rewrites lines? */
static inline bool mn_is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && strcmp(term, "dumb");
}

/* May what goes to @fd be coloured? (https://no-color.org) */
static inline bool mn_has_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	return mn_is_terminal(fd) && !(no_color && *no_color);
}

#endif
