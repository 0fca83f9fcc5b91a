/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of repeated runs, and what can be said of them. */
#ifndef ENERGY_TOOL_REPEAT_H
#define ENERGY_TOOL_REPEAT_H

#include "energy/tool/tool.h"
#include "memnet-core/base/stats.h"

struct repeat {
	const struct session *session;
	size_t n_values, n_runs, room;
	double *values;			/* [n_values][room]: of the runs that have it */
	double *low, *high;		/* the same; NaN where there is no band */
	struct kept *kept;		/* [n_values] */
};

/* What is known of one value beside its numbers. */
struct kept {
	struct value value;		/* name, source; quality and reason as in struct summary */
	struct counter_sum counter;
	size_t n;			/* runs that have it */
};

struct summary {
	/*
	 * What it is of. Its quality is the worst of the runs that have it; if none has, of
	 * all. Its reason is that of the last run which lacks it, else of the last. A counter
	 * has the times of all runs, and threads of the run that lacked most.
	 */
	const struct value *value;
	struct estimate estimate;	/* n: runs that have it */
	double min, max;
	double low, high;		/* band of the source: medians, NaN if none */
};

/* Room for @runs; 0 or -ENOMEM. */
int repeat_open(struct repeat *r, const struct session *session, size_t runs);
void repeat_close(struct repeat *r);
void repeat_add(struct repeat *r, const struct record *record);
/* Of value @i; sorts. */
void repeat_summary(struct repeat *r, size_t i, struct summary *summary);

#endif
