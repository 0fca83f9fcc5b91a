/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by analyse.c and compare.c: what a metric was in the blocks of one configuration. */
#ifndef MEMNET_HARNESS_ANALYSE_INTERNAL_H
#define MEMNET_HARNESS_ANALYSE_INTERNAL_H

#include "harness/groups.h"
#include "harness/metrics.h"

struct block_values {
	size_t n;			/* blocks with a valid run that has a value */
	const char *source, *quality;	/* as in summary.csv; of a mixed source there are no values */
};

/* A value per block, in the order of the blocks, into @values, which has room for g->n. */
struct block_values group_block_values(const struct metric *m, const struct group *g,
				       double *values);

#endif
