/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What two workloads in one guest do to each other: hybrid-saturate held against its
 * parts alone, of the same path, arm and topology, block by block. Adding a measure of
 * it is one line in interference.c.
 */
#ifndef MEMNET_HARNESS_INTERFERENCE_H
#define MEMNET_HARNESS_INTERFERENCE_H

#include "harness/metrics.h"

#define INTERFERENCE_SCENARIO	"hybrid-saturate"	/* both unpaced: nothing is held back */
#define INTERFERENCE_PARTS	3

struct interference {
	const char *name, *unit;
	const char *metric;	/* of both together and of each part */
	/* Scenarios it is held against; NULL behind the last one. */
	const char *part[INTERFERENCE_PARTS + 1];
	double (*value)(double both, const double *part);
	bool of_window;		/* grows with the window: brought to that of both together */
	const char *definition;	/* the formula */
	const char *meaning;
};

/* By index, NULL behind the last one; and by name, NULL when there is none. */
const struct interference *interference_at(size_t index);
const struct interference *interference_find(const char *name);

struct work;
struct group;

/*
 * Add to the summary what can be said of @g: a row for each measure whose parts were
 * measured at all; absent when no block has a value of every part. None for a group of
 * another scenario.
 */
void interference_summarise(struct work *w, const struct group *g);

/* The section of results/COLUMNS.md. */
void interference_reference(FILE *out);

#endif
