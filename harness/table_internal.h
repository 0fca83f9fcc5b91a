/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by table.c (the figures), table_words.c (what they are worth) and table_lists.c. */
#ifndef MEMNET_HARNESS_TABLE_INTERNAL_H
#define MEMNET_HARNESS_TABLE_INTERNAL_H

#include "harness/analyse.h"

#define TABLE_WIDTH 100

struct table {
	FILE *out;
	const struct analysis *a;
	const struct run_row *rows;
	size_t n;
	bool colour;
};

/* Is there any topology but one-vm, which goes without saying? */
bool table_has_topologies(const struct table *t);

/* "What kind of result this is", below the figures. */
void table_words(const struct table *t);

/* What each gain has to hold equal, subject / baseline; once for gains of one scenario. */
void table_checks(const struct table *t);

/* What both workloads together are held against, what it came to and how sure that is. */
void table_interference(const struct table *t);

/* A paragraph: @head and, wrapped and indented behind it, the text. */
void say(FILE *out, const char *head, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Is there a reason or a remark to be told of the run? Of a calibration only the remark on
 * a valid one: one that was disturbed has been replaced.
 */
bool has_remark(const struct run_row *r);

/* Two reasons are the same when they differ in numbers only. */
bool same_reason(const char *a, const char *b);

#endif
