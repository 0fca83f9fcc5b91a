/* SPDX-License-Identifier: BSD-2-Clause */
/* The counters of a whole target: a set per thread or per CPU, read and added up. */
#ifndef ENERGY_TOOL_COUNT_H
#define ENERGY_TOOL_COUNT_H

#include "energy/tool/tool.h"

struct count {
	struct counters **sets;
	size_t n, n_events;
	unsigned missed_threads;
};

/*
 * Open the session's events on the command @child (from its exec() on), on the
 * processes of -p, or on all CPUs. Fills session->event_notes. 0 or -errno.
 */
int count_open(struct count *c, const struct session *session, pid_t child);
void count_close(struct count *c);

/* Room for one reading of all. */
struct counter_value *count_values(const struct count *c);
/* No allocation. */
void count_read(const struct count *c, struct counter_value *values);
/* What happened between two readings into @sums[n_events]. */
void count_sum(const struct count *c, const struct counter_value *begin,
	       const struct counter_value *end, struct counter_sum *sums);

#endif
