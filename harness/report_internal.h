/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of a report. Each writes itself, heading and all, to r->out. */
#ifndef MEMNET_HARNESS_REPORT_INTERNAL_H
#define MEMNET_HARNESS_REPORT_INTERNAL_H

#include <stdio.h>

#include "harness/analyse.h"

struct report {
	FILE *out;
	const char *dir;
	struct run_row *runs;
	size_t n_runs;
	struct analysis a;	/* without the blocks' gains */
};

/* report_words.c: what came out, how far it goes, and what was left out of it. */
void report_verdict(const struct report *r);
void report_ratios(const struct report *r);
void report_validity(const struct report *r);

/* report_figures.c: the drawings of @dir/figures with what they show. */
void report_figures(const struct report *r);

/* The text of the file @name in the folder, for free(); NULL if there is none. */
char *report_read(const struct report *r, const char *name);

#endif
