/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal table of made-up rows as a text, and what it says; for its tests. */
#ifndef MEMNET_HARNESS_TEST_PRINTED_H
#define MEMNET_HARNESS_TEST_PRINTED_H

#include "harness/table.h"
#include "harness/test/made_rows.h"

static struct run_row rows[MADE_RUNS(7)];
static char *text;

static inline int make_rows(void **state)
{
	made_experiment(rows, 7);
	return 0;
}

static inline int release(void **state)
{
	free(text);
	text = NULL;
	return 0;
}

static inline void print_all(const struct run_row *rows, size_t n, bool colour)
{
	struct analysis a;
	size_t len;
	FILE *f;

	free(text);
	f = open_memstream(&text, &len);
	assert_int_equal(analyse(rows, n, NULL, &a), 0);
	table_print(f, &a, rows, n, colour);
	fclose(f);
	analysis_release(&a);
}

static inline void print(size_t n, bool colour)
{
	print_all(rows, n, colour);
}

static inline void says(const char *words)
{
	if (!strstr(text, words))
		fail_msg("does not say '%s':\n%s", words, text);
}

static inline void says_not(const char *words)
{
	if (strstr(text, words))
		fail_msg("says '%s':\n%s", words, text);
}

static inline size_t count(const char *words)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

static inline void says_once(const char *words)
{
	assert_int_equal(count(words), 1);
}

/* Paragraphs as they were composed: a line's end and what is indented behind it, a space. */
static inline void unwrap(void)
{
	char *to = text;

	for (const char *from = text; *from; ) {
		size_t gap = *from == '\n' || *from == ' ' ? strspn(from, "\n ") : 0;

		*to++ = gap ? ' ' : *from;
		from += gap ? gap : 1;
	}
	*to = '\0';
}

#endif
