/* SPDX-License-Identifier: BSD-2-Clause */
/* power.csv: the power of one typical run per topology, arm and path over time, for the figure. */
#ifndef MEMNET_HARNESS_POWER_SERIES_H
#define MEMNET_HARNESS_POWER_SERIES_H

#include "harness/columns.h"

/*
 * Of each topology, and of the first of hybrid-fixed, hybrid-paced, hybrid-saturate that has
 * valid runs of both @baseline and @subject (memnet, or of A/A the other name), take per arm and
 * path the run of median energy, and its samples of the domain `total`: `power`, `power_low`,
 * `power_high`. Those of a topology are of one direction, number of flows, chunk and spin budget.
 * *out is for free(); no samples give no rows. 0 or -ENOMEM.
 */
int power_series(const struct run_row *runs, size_t n_runs, const struct sample_row *samples,
		 size_t n_samples, const char *baseline, const char *subject,
		 struct power_row **out, size_t *n_out);

#endif
