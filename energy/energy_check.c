/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the witness say the same?
 *
 * perf-power and powercap read the same registers, each by its own driver with its
 * own units, wraps and lists of models (server DRAM counts in 15.3 uJ whatever the
 * unit register says, and a driver that does not know it is off by 4). Over one window
 * they may differ by
 *
 *	2 %, within which no conclusion of ours lies;
 *	what passed while one had been read and not yet the other, at either edge, while
 *	each of the four was read, and in the 1 ms or so that counters may be old, at the
 *	power of the busiest interval;
 *	two steps of the counter: 61 uJ mostly, 1 J for psys of some servers.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"

#define MARGIN		0.02

/* "package-0" is "package-0", and AMD's "package-0-die-0" where there is one die of it. */
static bool same_name(const char *name, const char *witness)
{
	size_t len = strlen(name);

	return !strncmp(name, witness, len) &&
	       (!witness[len] || !strncmp(witness + len, "-die-", 5));
}

/* The one witness of zone @i; n_zones if there is none, or more than one. */
static size_t find_witness(const struct energy *e, size_t i)
{
	size_t found = e->n_zones;

	for (size_t w = 0; w < e->n_zones; w++) {
		if (!e->zones[w].domain.witness ||
		    !same_name(e->zones[i].domain.name, e->zones[w].domain.name))
			continue;
		if (found < e->n_zones)
			return e->n_zones;
		found = w;
	}
	return found;
}

static double tolerance_j(const struct energy_zone *zone, const struct energy_sum *sum,
			  const struct energy_sum *witness, double joules)
{
	double skew_s = (double)(llabs(witness->begin_ns - sum->begin_ns) +
				 llabs(witness->end_ns - sum->end_ns) +
				 sum->begin_took_ns + sum->last.took_ns +
				 witness->begin_took_ns + witness->last.took_ns) / NSEC_PER_SEC;
	double watts = MAX(energy_edge_w(sum, joules), energy_edge_w(witness, joules));

	return MARGIN * joules + watts * (skew_s + 4 * ENERGY_UPDATE_S) +
	       2 * energy_step_j(zone);
}

static void compare(const struct energy_zone *zone, const struct energy_sum *sum,
		    const struct energy_sum *witness, struct energy_check *check)
{
	double most = MAX(check->joules, check->witness_joules);
	double difference_j = check->witness_joules - check->joules;
	double allowed_j = tolerance_j(zone, sum, witness, most);
	size_t len;

	check->difference = check->joules > 0 ? difference_j / check->joules :
			    difference_j > 0 ? NAN : 0;
	check->tolerance = check->joules > 0 ? allowed_j / check->joules : NAN;
	check->compared = true;
	check->agree = fabs(difference_j) <= allowed_j;
	len = snprintf(check->text, sizeof(check->text), "%s: %s %.3f J, %s %.3f J: %s",
		       zone->domain.name, check->source, check->joules, check->witness,
		       check->witness_joules, check->agree ? "they agree" : "they disagree");
	if (check->joules > 0)		/* a graphics unit at rest uses nothing */
		snprintf(check->text + len, sizeof(check->text) - len,
			 " (%+.1f %%, %.1f %% may be)", 100 * check->difference,
			 100 * check->tolerance);
}

int energy_check(const struct energy *e, const struct energy_sum *sums, size_t i,
		 double busy_cpu_s, struct energy_check *check)
{
	const struct energy_zone *zone = &e->zones[i];
	size_t w = zone->domain.witness ? e->n_zones : find_witness(e, i);
	struct energy_value own, other;
	const struct energy_value *lacks;

	if (w == e->n_zones)
		return -ENOENT;
	energy_zone_value(e, sums, i, busy_cpu_s, &own);
	energy_zone_value(e, sums, w, busy_cpu_s, &other);
	*check = (struct energy_check){
		.source = own.source, .witness = other.source,
		.joules = own.joules, .witness_joules = other.joules,
		.difference = NAN, .tolerance = NAN,
	};
	if (own.quality == ENERGY_MEASURED && other.quality == ENERGY_MEASURED) {
		compare(zone, &sums[i], &sums[w], check);
		return 0;
	}
	lacks = own.quality == ENERGY_MEASURED ? &other : &own;
	snprintf(check->text, sizeof(check->text), "not compared: %s: %.120s", lacks->source,
		 lacks->reason);
	return -ENODATA;
}
