/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/tool/repeat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int repeat_open(struct repeat *r, const struct session *session, size_t runs)
{
	size_t n = record_value_count(session);

	*r = (struct repeat){ .session = session, .n_values = n, .room = runs };
	r->values = calloc(n * runs, sizeof(*r->values));
	r->low = calloc(n * runs, sizeof(*r->low));
	r->high = calloc(n * runs, sizeof(*r->high));
	r->kept = calloc(n, sizeof(*r->kept));
	if (r->values && r->low && r->high && r->kept)
		return 0;
	repeat_close(r);
	return -ENOMEM;
}

void repeat_close(struct repeat *r)
{
	free(r->values);
	free(r->low);
	free(r->high);
	free(r->kept);
}

/* The record goes away, and its counter with it. */
static void keep_counter(struct kept *kept, const struct counter_sum *sum)
{
	struct counter_sum *all = &kept->counter;

	if (!all->threads || (sum->threads && sum->absent > all->absent)) {
		all->threads = sum->threads;
		all->absent = sum->absent;
	}
	all->enabled_ns += sum->enabled_ns;
	all->running_ns += sum->running_ns;
	all->user_only |= sum->user_only;
	if (!all->error)
		all->error = sum->error;
}

/* Runs that lack it have no part in the quality, once there is one that does not. */
static void keep(struct kept *kept, const struct value *value, size_t n_runs)
{
	bool has = isfinite(value->value), complete = kept->n == n_runs, first = !n_runs;
	enum energy_quality worst = kept->value.quality;
	char reason[sizeof(value->reason)];

	memcpy(reason, kept->value.reason, sizeof(reason));
	if (has && !kept->n)
		worst = value->quality;
	else if (has == !!kept->n)
		worst = first ? value->quality : MAX(worst, value->quality);
	kept->value = *value;
	kept->value.quality = worst;
	if (has && !complete)
		memcpy(kept->value.reason, reason, sizeof(reason));
	if (value->counter)
		keep_counter(kept, value->counter);
	kept->value.counter = value->counter ? &kept->counter : NULL;
}

void repeat_add(struct repeat *r, const struct record *record)
{
	for (size_t i = 0; i < r->n_values; i++) {
		struct kept *kept = &r->kept[i];
		size_t at = i * r->room + kept->n;
		struct value value;

		record_value(r->session, record, i, &value);
		keep(kept, &value, r->n_runs);
		if (!isfinite(value.value))
			continue;
		r->values[at] = value.value;
		r->low[at] = value.low;
		r->high[at] = value.high;
		kept->n++;
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
	size_t n = r->kept[i].n;

	*summary = (struct summary){
		.value = &r->kept[i].value,
		.estimate = stats_estimate(values, n),
		.min = NAN, .max = NAN,
		.low = stats_median(low, pack(low, n)),
		.high = stats_median(high, pack(high, n)),
	};
	if (n) {			/* sorted by stats_estimate() */
		summary->min = values[0];
		summary->max = values[n - 1];
	}
}
