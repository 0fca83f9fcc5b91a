/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/tool/repeat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int repeat_open(struct repeat *r, const struct session *session, size_t runs)
{
	size_t n = record_value_count(session);

	*r = (struct repeat){ .session = session, .n_values = n, .room = runs };
	r->values = calloc(n * runs, sizeof(*r->values));
	r->low = calloc(n * runs, sizeof(*r->low));
	r->high = calloc(n * runs, sizeof(*r->high));
	r->last = calloc(n, sizeof(*r->last));
	if (r->values && r->low && r->high && r->last)
		return 0;
	repeat_close(r);
	return -ENOMEM;
}

void repeat_close(struct repeat *r)
{
	free(r->values);
	free(r->low);
	free(r->high);
	free(r->last);
}

void repeat_add(struct repeat *r, const struct record *record)
{
	for (size_t i = 0; i < r->n_values; i++) {
		size_t at = i * r->room + r->n_runs;
		struct value *value = &r->last[i];

		record_value(r->session, record, i, value);
		r->values[at] = value->value;
		r->low[at] = value->low;
		r->high[at] = value->high;
		value->counter = NULL;		/* the record goes away */
		value->reason = "";
	}
	r->n_runs++;
}

/* Move what is a number to the front; how many those are. */
static size_t pack(double *values, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (isfinite(values[i]))
			values[kept++] = values[i];
	}
	return kept;
}

void repeat_summary(struct repeat *r, size_t i, struct summary *summary)
{
	double *values = r->values + i * r->room;
	double *low = r->low + i * r->room, *high = r->high + i * r->room;
	size_t n = pack(values, r->n_runs);

	*summary = (struct summary){
		.value = &r->last[i],
		.estimate = stats_estimate(values, n),
		.min = NAN, .max = NAN,
		.low = stats_median(low, pack(low, r->n_runs)),
		.high = stats_median(high, pack(high, r->n_runs)),
	};
	if (n) {			/* sorted by stats_estimate() */
		summary->min = values[0];
		summary->max = values[n - 1];
	}
}
