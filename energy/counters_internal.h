/* SPDX-License-Identifier: BSD-2-Clause */
/* For counters.c, counters_name.c and their test. */
#ifndef MEMNET_ENERGY_COUNTERS_INTERNAL_H
#define MEMNET_ENERGY_COUNTERS_INTERNAL_H

#include <linux/perf_event.h>

struct counter_code {
	struct perf_event_attr attr;
	char filter[256];		/* of a tracepoint, or "" */
	char why[160];			/* it could not be encoded, with the mend */
};

/* What @name stands for, guests included. 0; -ENOENT: nobody knows it; -errno. */
int counter_encode(const char *name, struct counter_code *code);

#endif
