/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the rows of runs.csv to those of summary.csv, gains.csv and net.csv.
 *
 * Only rows of kind `measure` and status `ok` enter a median; the others are
 * counted. Runs of different accelerators are never put together.
 */
#ifndef MEMNET_HARNESS_ANALYSE_H
#define MEMNET_HARNESS_ANALYSE_H

#include "harness/columns.h"

#define VERDICT_BETTER		"better"
#define VERDICT_WORSE		"worse"
#define VERDICT_SAME		"no difference shown"	/* interval within 1 +- VERDICT_MARGIN */
#define VERDICT_INCONCLUSIVE	"inconclusive"		/* often: "inconclusive, need n = 14" */
#define VERDICT_UNEQUAL		"not comparable"	/* what a gain has to hold equal was not */

/* A difference as small as this is called none. */
#define VERDICT_MARGIN 0.02

struct analysis {
	char baseline[32];		/* the path all ratios are against; "" when there is none */
	/* What is held against it: memnet, or of A/A the other; without them the first measured. */
	char subject[32];
	/* sorted by scenario, direction, arm, topology, flows, chunk, link, path, spin */
	struct summary_row *summary;
	size_t n_summary;
	struct gain_row *gains;
	size_t n_gains;
	struct net_row *net;		/* of each valid run; none where no idle was measured */
	size_t n_net;
};

/*
 * Analyse @n rows, in any order. @baseline names the path to compare with; NULL
 * takes the first with a valid run of virtio-vhost, virtio-tap, virtio-user, passt, vsock,
 * e1000, else of one path under two names ("memnet", "memnet@b": A/A) the plain one.
 * 0 or -ENOMEM; release with analysis_release().
 */
int analyse(const struct run_row *rows, size_t n, const char *baseline, struct analysis *out);
void analysis_release(struct analysis *a);

/* Of an analysis whose baseline and summary were read from a file: set its subject. */
void analysis_choose_subject(struct analysis *a);

/*
 * The row of @metric and @path, of the configuration of @like otherwise; of another
 * path's spin budgets the same, or else, where either path has none, the first. Or NULL.
 */
const struct summary_row *summary_find(const struct summary_row *rows, size_t n,
				       const struct summary_row *like, const char *path,
				       const char *metric);

#endif
