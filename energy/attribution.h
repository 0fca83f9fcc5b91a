/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose energy it was: what a window cost above idle, divided over parts (thread
 * classes, VMs, or classes of VMs, which then add up to either).
 *
 * Every rule here is a convention, not a measurement. Dividing by CPU time cannot
 * tell compute-bound from bandwidth-bound work: a CPU that waits for memory counts
 * as one that multiplies, and what it costs in the memory controller goes by the
 * same share. Cycles see frequency, but not that either. What can tell is an
 * experiment, E_AB - E_A - E_B + E_idle. So the rule is part of every value.
 *
 * Arithmetic on plain structs; any thread. What is not a number makes the result
 * absent, with a reason, never 0.
 */
#ifndef MEMNET_ENERGY_ATTRIBUTION_H
#define MEMNET_ENERGY_ATTRIBUTION_H

#include "energy/energy.h"

enum attribution_rule {
	/* By CPU time of the parts; all that is above idle is theirs. */
	ATTRIBUTE_CPU_TIME,
	/* By CPU time over the busy time of the whole machine; the rest is others'. */
	ATTRIBUTE_BUSY_SHARE,
	/* By CPU cycles of the parts; all that is above idle is theirs. */
	ATTRIBUTE_CYCLES,
};
#define ATTRIBUTION_RULES	3

struct attribution_part {
	double cpu_s;			/* CPU time in the window */
	double cycles;			/* in the window; NaN where not counted */
	double joules;			/* result */
};

struct attribution_window {
	double total_j;			/* of the window */
	double idle_j;			/* of it, used anyway; 0: divide all, idle included */
	double busy_cpu_s;		/* of the whole machine; for ATTRIBUTE_BUSY_SHARE only */
};

struct attribution {
	enum attribution_rule rule;
	enum energy_quality quality;	/* ENERGY_ESTIMATED or ENERGY_ABSENT */
	double idle_j, other_j;		/* with the parts' joules they make total_j */
	char reason[160];		/* why it is absent, or "" */
};

/*
 * Divide @window over @n parts by @rule. If the parts' CPU time exceeds the busy
 * time, which is counted in ticks, they get all and others nothing. Absent: something
 * the rule needs is no number or negative; idle above the total; no part did anything
 * though all of it is the parts'.
 */
void attribute(const struct attribution_window *window, enum attribution_rule rule,
	       struct attribution_part *parts, size_t n, struct attribution *out);

/* "cpu-time", "busy-share", "cycles". */
const char *attribution_rule_name(enum attribution_rule rule);

/* --- idle, and what is above it --------------------------------------------------- */

/* How far the idle powers before and after may differ, as a share of their mean. */
#define IDLE_TOLERANCE	0.05
#define BUSY_IDLE	0.05	/* a share of its CPUs that no idle machine keeps busy */

struct energy_idle {
	enum energy_quality quality;
	double watts;			/* mean of before and after */
	double low_w, high_w;		/* from the lower end of either to the upper end of either */
	char reason[192];
};

/*
 * Idle power from an idle window before what is measured and one after, @before_s and
 * @after_s long. Absent if one of them is, or if they differ by more than @tolerance of
 * their mean: then something else ran, or the machine has warmed up.
 */
void energy_idle_power(const struct energy_value *before, double before_s,
		       const struct energy_value *after, double after_s, double tolerance,
		       struct energy_idle *idle);

/*
 * @total less idle power times @window_s. The bounds are those of both, added up: low is
 * the total's low less idle's high, and may be negative. As sure as the less sure of the two.
 */
void energy_net(const struct energy_value *total, double window_s, const struct energy_idle *idle,
		struct energy_value *net);

#endif
