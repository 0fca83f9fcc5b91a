/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between analyse.c (paths compared), analyse_values.c, interference.c (scenarios) and
 * compare.c (folders).
 */
#ifndef MEMNET_HARNESS_ANALYSE_INTERNAL_H
#define MEMNET_HARNESS_ANALYSE_INTERNAL_H

#include "harness/analyse.h"
#include "harness/groups.h"
#include "harness/metrics.h"
#include "memnet-core/base/stats.h"

struct pair {
	int64_t block;
	double ratio;
};

struct work {
	struct analysis *out;
	const struct run_row *rows;	/* all there are */
	const struct net_row **net_of;	/* of each of them, NULL where there is none; or NULL */
	const struct run_row **row;	/* all measured rows, sorted: the groups point into it */
	struct group *group;
	size_t n_groups;
	double *a, *b;			/* room for the values of any group */
	struct pair *pair;		/* room for the blocks of any group */
};

/* The median of @m over the valid rows of one block of @g; NAN without any. Uses w->b. */
double analyse_block(struct work *w, const struct metric *m, const struct group *g, int64_t block);

/*
 * The text at @offset of the rows of @g if all valid ones agree, "mixed" if not, "" if there
 * are none. With @m only rows that have a value of it are asked.
 */
const char *analyse_common_text(const struct work *w, const struct group *g,
				const struct metric *m, size_t offset);

/* The values of @m in the valid rows, into @values; none where the sources are mixed. */
size_t analyse_values(const struct work *w, const struct metric *m, const struct group *g,
		      double *values);

/* Of @g over @base, or of the inverse, by blocks, which are left in w->pair. Uses w->a. */
struct estimate analyse_ratio(struct work *w, const struct metric *m, const struct group *g,
			      const struct group *base, bool inverse);

/* Where @g has @m from; "mixed" when its runs disagree. */
const char *analyse_source(const struct work *w, const struct metric *m, const struct group *g);

/* Of @m in @g, which has @n values of it. */
const char *analyse_quality(const struct work *w, const struct metric *m, const struct group *g,
			    size_t n);

/* A new row of the summary about @g; values are the caller's. */
struct summary_row *analyse_add_row(struct work *w, const struct group *g, const char *metric,
				    const char *unit, const char *source, const char *quality);

struct block_values {
	size_t n;			/* blocks with a valid run that has a value */
	const char *source, *quality;	/* as in summary.csv; a mixed source has no values */
};

/* A value per block, in the order of the blocks, into @values, which has room for g->n. */
struct block_values group_block_values(const struct metric *m, const struct group *g,
				       double *values);

#endif
