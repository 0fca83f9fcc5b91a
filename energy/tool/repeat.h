/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of repeated runs, and what can be said of them. */
#ifndef ENERGY_TOOL_REPEAT_H
#define ENERGY_TOOL_REPEAT_H

#include "energy/tool/tool.h"
#include "memnet-core/base/stats.h"

struct repeat {
	const struct session *session;
	size_t n_values, n_runs, room;
	double *values;			/* [n_values][room]: of run i, NaN where absent */
	struct value *last;		/* [n_values]: names and sources */
	double *low, *high;		/* [n_values][room] */
};

struct summary {
	const struct value *value;	/* what it is of */
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
