/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The regression gate: summary.csv against thresholds.csv.
 *
 * Rule for one threshold "value >= bound" ("<=" is its mirror image):
 *
 *	with a 95 % interval (n >= 6)	PASS when all of it is at or above the bound,
 *					FAIL when all of it is below,
 *					INCONCLUSIVE when it straddles the bound
 *	without one (n < 6)		the median decides, and only when it is beyond the
 *					bound by GATE_FEW_RUNS_FACTOR and no block lies on
 *					the other side: PASS at >= bound * factor, FAIL at
 *					<= bound / factor, else INCONCLUSIVE
 *
 * So few runs can pass or fail only what is far from the bound: on a shared
 * runner noise raises no alarm, and luck gives no all-clear. Further:
 *
 *	FAIL		every run of the path was lost, at least two, while the
 *			baseline has valid ones: what broke is not a number
 *	FAIL		a content check found wrong bytes, in any run of any path
 *	INCONCLUSIVE	the row or its value is not there; or the verdict of a gain
 *			is "not comparable"
 *	n.a.		the threshold is for another accelerator; or the value is a
 *			model's, for a model gates nothing
 *
 * The exit code is 1 when anything failed; else 2 when anything was inconclusive; else
 * 77 when nothing was comparable at all; else 0.
 */
#ifndef MEMNET_HARNESS_GATE_H
#define MEMNET_HARNESS_GATE_H

#include "harness/columns.h"

#define GATE_FEW_RUNS_FACTOR 1.25

enum gate_exit {
	GATE_OK = 0, GATE_REGRESSION = 1, GATE_INCONCLUSIVE = 2, GATE_NOTHING = 77,
};

/*
 * Print a line per threshold and a last one with the outcome to @out; returns an
 * enum gate_exit. The thresholds have been checked by gate_check_thresholds().
 */
int gate_check(const struct summary_row *summary, size_t n_summary,
	       const struct threshold_row *thresholds, size_t n_thresholds,
	       FILE *out, bool colour);

/* 0, or -EINVAL with the first threshold that means nothing, and why, in @err. */
int gate_check_thresholds(const struct threshold_row *thresholds, size_t n,
			  char *err, size_t errlen);

/* All of it, from files. An enum gate_exit, or -errno with one line in @err. */
int gate_run(const char *summary_path, const char *thresholds_path, FILE *out, bool colour,
	     char *err, size_t errlen);

#endif
