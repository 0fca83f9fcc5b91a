/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's own idle power and the power of its busy CPUs, from its counters:
 *
 *	P(u) = idle_w + slope_w f(u),  u the busy share of all CPUs, f a shape of shape.h
 *
 * Collecting loads the machine in steps and takes seconds; fitting is arithmetic.
 * The watts are those of what the counters see (packages and DRAM), not of the
 * server at the wall of which the model speaks.
 */
#ifndef MEMNET_ENERGY_CALIBRATE_H
#define MEMNET_ENERGY_CALIBRATE_H

#include "energy/energy.h"
#include "energy/shape.h"

#define CALIBRATE_STEPS		5	/* 0, 1/4, 1/2, 3/4, all CPUs; fewer where alike */
#define CALIBRATE_MIN_SPREAD	0.2	/* of the busy share, below which there is no slope */

struct calibrate_config {
	const struct energy *energy;
	const char *proc;		/* "/proc", or a tree like it in tests */
	int64_t settle_ns, hold_ns;	/* of each step; RAPL wants a hold of 2 s or more */
};

struct calibrate_point {
	unsigned cpus;			/* that were loaded by us */
	double busy_share;		/* of the whole machine, whoever loaded it */
	double watts;			/* mean */
};

struct calibrate_fit {
	double idle_w, slope_w;		/* at u = 0, and from there to u = 1 */
	double rms_w, max_w;		/* residuals; NaN where as many points as coefficients */
};

/*
 * Load the CPUs the caller may run on step by step, a spinning thread pinned to
 * each, and measure. Blocks; the other load of the machine should be steady.
 * Returns how many @points, or -errno with a sentence in @why: -ENOTSUP: a model
 * or nothing, so nothing to calibrate against; -ENODATA: a step without joules.
 */
int calibrate_collect(const struct calibrate_config *config,
		      struct calibrate_point points[CALIBRATE_STEPS], char *why, size_t size);

/*
 * Least squares of @n points for every shape, and the shape whose residual is clearly
 * smallest: linear where none is, or two points leave none. 0; -EINVAL: a value is no
 * number, or a share outside 0 to 1; -ENODATA: fewer than two points, or all loads alike.
 */
int calibrate_fit(const struct calibrate_point *points, size_t n,
		  struct calibrate_fit fits[POWER_SHAPES], enum power_shape *best);

#endif
