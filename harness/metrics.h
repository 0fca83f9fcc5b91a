/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is measured per run (metrics) and what is derived from it by comparing
 * two paths (gains). Adding one is one line in metrics.c.
 */
#ifndef MEMNET_HARNESS_METRICS_H
#define MEMNET_HARNESS_METRICS_H

#include "harness/columns.h"

enum metric_sense {
	METRIC_MORE,		/* more is better */
	METRIC_LESS,		/* less is better */
	METRIC_LESS_FOR_SAME,	/* less is better, but only where both paths did the same work */
	METRIC_PLAIN,		/* describes; never judged */
};

#define SHA256_OP_BYTES 16384	/* as columns.def says of compute_kernel */

struct metric {
	const char *name, *unit;
	const char *source;	/* NULL: the row's own, energy's or that of source_column */
	enum metric_sense sense;
	const char *column;	/* of runs.csv, or NULL: then value() */
	double (*value)(const struct run_row *row);
	const char *doc;
	const char *source_column;	/* of runs.csv, of a metric that is measured or absent */
	bool deterministic;	/* under TCG it is the same on any host, but for a few percent */
	const char *net_column;		/* of net.csv, where column and value are NULL */
	/* app_value of an app that says so of app_better: the unit is its own, see metric_unit() */
	const char *app_better;
};

/* A gain holds only while the median ratio of another metric is within bounds. */
struct gain_check {
	const char *metric;	/* NULL: no check */
	double low, high;
};

struct gain {
	const char *name, *scenario, *metric;	/* scenario: see scenario_is() */
	bool inverse;		/* baseline over path: less is better */
	struct gain_check check[2];
	const char *held;	/* the checks in words */
	double paper;		/* the paper's figure as a ratio; NAN when it has none */
	const char *doc;
};

/* By index, NULL behind the last one; and by name, NULL when there is none. */
const struct metric *metrics_at(size_t index);
const struct metric *metrics_find(const char *name);
const struct gain *gains_at(size_t index);
const struct gain *gains_find(const char *name);

/*
 * The value of @metric in @row, NAN when absent. Status and kind are not looked at.
 * @net: the run's row of net.csv; NULL where there is none.
 */
double metric_value(const struct metric *metric, const struct run_row *row,
		    const struct net_row *net);

/*
 * What people read values of @metric in, the largest unit in which one as @like is not small:
 * a factor, and *@unit. @kernel: of sha256 operations are bytes hashed.
 */
double metric_scale(const struct metric *metric, double like, const char *kernel,
		    const char **unit);

/* Its unit in the configuration of @row. */
const char *metric_unit(const struct metric *metric, const struct run_row *row);

/* Is one value of @metric better than another in @row's configuration, or does it only describe? */
bool metric_is_judged(const struct metric *metric, const struct run_row *row);

/* Is @scenario the one called @name, or of "app" any app's: "app-openssl"? */
bool scenario_is(const char *scenario, const char *name);

/* Everything results/COLUMNS.md says: columns_reference(), then metrics, gains and interference. */
void results_reference(FILE *out);

#endif
