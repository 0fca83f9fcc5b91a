/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When there is no energy counter: CPU time restated as joules.
 *
 *	E = threads * T * (idle_w + (max_w - idle_w) * f(u)),  u = busy_cpu_s / (threads * T)
 *
 * idle_w and max_w are the watts of a whole server at the wall, power supply, fans
 * and DRAM included, per hardware thread: means over servers of one CPU family in
 * the SPECpower_ssj2008 results, as gathered by Cloud Carbon Footprint
 * (github.com/cloud-carbon-footprint/ccf-coefficients).
 *
 * The value is that of the linear shape, f(u) = u: it is the one the coefficients are
 * published for, and the only one that adds up (a window's joules are the sum of
 * its intervals', and busy CPU seconds of one cost what they cost in the other).
 * How power really goes from idle to busy is not known for this machine: servers
 * are mostly above the straight line in between. So the band goes from the linear
 * shape with both coefficients one standard deviation down to the logarithmic one
 * (shape.h) with both one up. The deviation is that between the servers of a
 * family, from ccf-coefficients' data/SPECpower-2026-03-09.csv (Skylake: 2022-03-01,
 * whose mean is nearest to the coefficient in use).
 *
 * Busy time comes from /proc/stat, which counts in ticks: up to one a thread is missing or
 * over at the edges, and the band is that of the least and the most busy time there may
 * have been. In a window of few ticks that is most of it, and the reason says so.
 *
 * It cannot tell compute-bound from memory-bound work, nor this machine from another
 * of its family. It is always labelled model and estimated; no gate may use it.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "energy/shape.h"
#include "memnet-core/base/clock.h"

struct model_family {
	const char *name, *vendor;
	unsigned family, model;
	unsigned stepping_low, stepping_high;
	double idle_w, max_w;			/* per hardware thread */
	double idle_spread, max_spread;		/* standard deviation over mean */
};

#define TICK_S		0.01	/* /proc/stat */
#define FEW_TICKS_S	0.2	/* in a shorter window a tick is over 5 % of a CPU */

#define AMD	"AuthenticAMD"
#define INTEL	"GenuineIntel"

/* The last row is for every other CPU: its spread covers all rows above. */
static const struct model_family families[] = {
	{ "EPYC Naples", AMD, 0x17, 0x01, 0, 15, 0.82, 2.55, 0.36, 0.26 },
	{ "EPYC Rome", AMD, 0x17, 0x31, 0, 15, 0.47, 1.69, 0.30, 0.09 },
	{ "EPYC Milan", AMD, 0x19, 0x01, 0, 15, 0.45, 2.02, 0.24, 0.11 },
	/* The mean of the 9654 only (spread 0.08): widened to the largest of the others. */
	{ "EPYC Genoa", AMD, 0x19, 0x11, 0, 15, 0.343, 1.879, 0.53, 0.26 },
	{ "Xeon Skylake", INTEL, 6, 85, 0, 4, 0.65, 4.26, 0.49, 0.18 },
	{ "Xeon Cascade Lake", INTEL, 6, 85, 5, 7, 0.64, 3.97, 0.53, 0.15 },
	{ "Xeon Ice Lake", INTEL, 6, 106, 0, 15, 0.767, 3.758, 0.09, 0.08 },
	{ "Xeon Sapphire Rapids", INTEL, 6, 143, 0, 15, 1.036, 4.160, 0.36, 0.22 },
	{ "an unknown CPU", "", 0, 0, 0, 0, 0.74, 3.5, 0.54, 0.52 },
};

static const struct model_family *family_of(const struct energy_cpu *cpu)
{
	const struct model_family *f = families, *unknown = &families[ARRAY_SIZE(families) - 1];

	for (; f < unknown; f++) {
		if (!strcmp(cpu->vendor, f->vendor) && cpu->family == f->family &&
		    cpu->model == f->model && cpu->stepping >= f->stepping_low &&
		    cpu->stepping <= f->stepping_high)
			break;
	}
	return f;
}

static int model_open(struct energy *e)
{
	struct energy_zone *zone = energy_add_zone(e, ENERGY_SERVER);

	if (!zone)
		return -ENOMEM;
	strcpy(zone->domain.name, "server");
	zone->domain.in_total = true;
	e->family = family_of(&e->cpu);
	energy_add_note(e, 0, "model of %s: %.3f W idle, %.3f W busy per hardware thread, "
			"%u threads: a whole server at the wall, from SPECpower by "
			"Cloud Carbon Footprint",
			e->family->name, e->family->idle_w, e->family->max_w, e->hw_threads);
	return 0;
}

static int model_read(const struct energy_zone *zone, uint64_t *raw)
{
	*raw = 0;
	return 0;
}

/* @sign: -1 and 1 for coefficients one deviation down and up. */
static double model_joules(const struct model_family *f, double thread_s, double busy_share,
			   enum power_shape shape, int sign)
{
	double idle_w = f->idle_w * (1 + sign * f->idle_spread);
	double max_w = f->max_w * (1 + sign * f->max_spread);

	return thread_s * (idle_w + (max_w - idle_w) * power_shape(shape, busy_share));
}

static double share_of(double busy_s, double thread_s)
{
	return MAX(0.0, MIN(busy_s / thread_s, 1.0));
}

static void model_value(const struct energy *e, const struct energy_sum *sum, double busy_cpu_s,
			struct energy_value *value)
{
	double window_s = (double)(sum->end_ns - sum->begin_ns) / NSEC_PER_SEC;
	double thread_s = e->hw_threads * window_s, ticks_s = TICK_S * e->hw_threads;

	value->gaps = sum->gaps;
	if (sum->gaps) {
		energy_no_value(value, ENERGY_INVALID, "model: %s", sum->gap_why);
		return;
	}
	if (window_s <= 0 || !(busy_cpu_s >= 0)) {
		energy_no_value(value, ENERGY_ABSENT, "model: no %s",
				window_s <= 0 ? "window" : "CPU time to go by");
		return;
	}
	/* The edges may add up to two ticks per thread. */
	if (busy_cpu_s > thread_s + 2 * ticks_s) {
		energy_no_value(value, ENERGY_INVALID, "model: %.2f s busy on %u threads in %.2f s",
				busy_cpu_s, e->hw_threads, window_s);
		return;
	}
	value->quality = ENERGY_ESTIMATED;
	value->joules = model_joules(e->family, thread_s, share_of(busy_cpu_s, thread_s),
				     SHAPE_LINEAR, 0);
	value->low_j = model_joules(e->family, thread_s, share_of(busy_cpu_s - ticks_s, thread_s),
				    SHAPE_LINEAR, -1);
	value->high_j = model_joules(e->family, thread_s, share_of(busy_cpu_s + ticks_s, thread_s),
				     SHAPE_LOGARITHMIC, 1);
	snprintf(value->reason, sizeof(value->reason),
		 "model of %s by CPU time, not a measurement%s", e->family->name,
		 window_s >= FEW_TICKS_S ? "" :
		 "; the window is few ticks of 10 ms long: rough");
}

const struct energy_source_ops energy_model = {
	.name = "model",
	.summary = "CPU time times published watts of the CPU family; an estimate",
	.open = model_open,
	.read = model_read,
	.value = model_value,
};
