/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Energy of runs above idle: each valid run's joules less what the machine without a VM
 * used in the idle windows before and behind the run's boot (energy/attribution.h).
 */
#ifndef MEMNET_HARNESS_NET_ENERGY_H
#define MEMNET_HARNESS_NET_ENERGY_H

#include "harness/columns.h"

/*
 * The row of net.csv for @run, one of @rows, which may be in any order. Its idle windows are
 * the last ones tried before and behind its boot, of its own sitting.
 */
void net_of_run(const struct run_row *rows, size_t n, const struct run_row *run,
		struct net_row *net);

#endif
