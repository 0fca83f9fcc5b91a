/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Did this change make it worse? The runs of two results folders, configuration by
 * configuration and metric by metric. compare.c has the rule and what it stands on.
 */
#ifndef MEMNET_HARNESS_COMPARE_H
#define MEMNET_HARNESS_COMPARE_H

#include "harness/columns.h"
#include "harness/groups.h"
#include "harness/metrics.h"

#define COMPARE_LEVEL 0.01	/* of all metrics and configurations compared together */
#define COMPARE_MARGIN_MAX 0.5	/* within a wider one nothing is called unchanged */

enum compare_exit {
	COMPARE_OK = 0, COMPARE_WORSE = 1, COMPARE_UNDECIDED = 2, COMPARE_NOTHING = 77,
};

/* From worst to best; what is in no finding is counted by its reason. */
enum finding_kind { FINDING_REGRESSION, FINDING_INCONCLUSIVE, FINDING_UNCHANGED, FINDING_BETTER,
		    FINDING_KINDS };

enum not_compared {
	NOT_IN_BOTH,		/* the configuration, or a value of the metric */
	NOT_DETERMINISTIC,	/* and only such were wanted */
	NOT_MEASURED,		/* a model's, or invalid: gates nothing */
	NOT_ONE_SOURCE,
	NOT_A_RATIO,		/* a value of 0 */
	NOT_OF_ONE_PACE,	/* streams paced to rates that differ: each folder's calibration */
	NOT_COMPARED_REASONS,
};

struct finding {
	enum finding_kind kind;
	const struct group *new, *old;	/* the configuration's runs */
	const struct metric *metric;	/* NULL: runs were lost or their bytes were wrong */
	size_t n_old, n_new;		/* blocks */
	double median_old, median_new;
	double ratio, low, high;	/* new / old, 95 % interval */
	double worse;			/* the ratio, or its inverse where more is better */
	double log_sd;			/* of both together */
	double noise, margin;		/* as fractions: 0.02 is 2 % */
	double p, p_family;		/* of the U test; the same after Holm */
	size_t need_n;			/* blocks on each side, if inconclusive; 0: cannot say */
};

struct comparison {
	struct finding *finding;	/* worst first */
	size_t n;
	size_t count[FINDING_KINDS];
	size_t not_compared[NOT_COMPARED_REASONS];
	const struct run_row **row;	/* what the groups point into */
	struct group *group;
};

struct compare_input {
	const struct run_row *old, *new, *aa;	/* aa: another measurement of old, or NULL */
	size_t n_old, n_new, n_aa;
	const struct margin_row *margins;	/* checked by compare_check_margins() */
	size_t n_margins;
	bool deterministic_only;
};

/* 0 or -ENOMEM; release with comparison_release(). The rows have to outlive @out. */
int compare_rows(const struct compare_input *in, struct comparison *out);
void comparison_release(struct comparison *c);

/* 0, or -EINVAL with the first margin that means nothing, and why, in @err. */
int compare_check_margins(const struct margin_row *margins, size_t n, char *err, size_t errlen);

/* A line per finding and a last one with the outcome; returns an enum compare_exit. */
int comparison_print(const struct comparison *c, FILE *out, bool colour);

struct compare_options {
	const char *old_dir, *new_dir;
	const char *aa_dir;		/* another measurement of OLD, or NULL */
	const char *margins;		/* the file */
	bool deterministic_only;
};

/*
 * All of it, from folders. Those that are not of one experiment are refused, with what differs;
 * of those of two hosts only what is deterministic is compared (provenance.h). An enum
 * compare_exit, or -errno with one line in @err.
 */
int compare_folders(const struct compare_options *o, FILE *out, bool colour,
		    char *err, size_t errlen);

#endif
