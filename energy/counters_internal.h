/* SPDX-License-Identifier: BSD-2-Clause */
/* For counters.c and its test. */
#ifndef MEMNET_ENERGY_COUNTERS_INTERNAL_H
#define MEMNET_ENERGY_COUNTERS_INTERNAL_H

#include <linux/perf_event.h>

/* @name as libpfm4 encodes it, guests included. 0, or -errno and *@why (static). */
int counter_encode(const char *name, struct perf_event_attr *attr, const char **why);

#endif
