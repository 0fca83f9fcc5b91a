/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From readings of power to joules, for sensors that tell watts and not joules.
 *
 *	E = sum over the intervals of (P_i + P_i+1) / 2 * dt	(trapezoid)
 *
 * What was measured is measured, but not between two readings, so the band says how
 * far the integral may be off, the sum of three parts:
 *
 *	between readings	min(P_i, P_i+1) dt .. max(P_i, P_i+1) dt
 *	the sensor's own mean	of the last T: T * (P_most - P_least) either way. What is used
 *				just before the window is told nearly all within it, and
 *				what is used just before its end hardly at all: up to T
 *				times the step by which a mean can have shown it
 *	its accuracy		a fraction of all, where it tells one
 *
 * The first takes it that power has no peak between two readings that are both off it, the
 * second that it was never below P_least. An
 * interval over twice ENERGY_GAUGE_S says too little and is a gap; in a window
 * under two T most of what the sensor says is of another time: absent.
 */
#include "energy/energy_internal.h"

#include <stdio.h>

#include "memnet-core/base/clock.h"

const char *energy_gauge_add(const struct energy_zone *zone, struct energy_sum *sum,
			     const struct energy_reading *r)
{
	double dt_s = (double)(r->t_ns - sum->last.t_ns) / NSEC_PER_SEC;
	double low_w = MIN(sum->last.raw, r->raw) * zone->j_per_raw;
	double high_w = MAX(sum->last.raw, r->raw) * zone->j_per_raw;

	if (dt_s > 2 * ENERGY_GAUGE_S)
		return "power was not read for so long: sample more often";
	if (high_w > 1.5 * zone->max_w)
		return "more power than can be";
	sum->joules += (low_w + high_w) / 2 * dt_s;
	sum->low_j += low_w * dt_s;
	sum->high_j += high_w * dt_s;
	return NULL;
}

void energy_gauge_band(const struct energy_zone *zone, const struct energy_sum *sum,
		       struct energy_value *value)
{
	double lag_j = zone->averaged_s * (sum->most - sum->least) * zone->j_per_raw;

	value->low_j = MAX(0.0, (sum->low_j - lag_j) * (1 - zone->accuracy));
	value->high_j = (sum->high_j + lag_j) * (1 + zone->accuracy) + sum->gap_j;
}

void energy_gauge_value(const struct energy_zone *zone, const struct energy_sum *sum,
			struct energy_value *value)
{
	double window_s = (double)(sum->end_ns - sum->begin_ns) / NSEC_PER_SEC;

	if (window_s < 2 * zone->averaged_s) {
		energy_no_value(value, ENERGY_ABSENT, "%s: the sensor's mean of %.1f s says "
				"nothing of %.2f s: measure longer", zone->domain.name,
				zone->averaged_s, window_s);
		return;
	}
	value->quality = ENERGY_MEASURED;
	value->joules = sum->joules;
	energy_gauge_band(zone, sum, value);
	snprintf(value->reason, sizeof(value->reason),
		 "%s: power integrated over %u readings, not a counter", zone->domain.name,
		 sum->good);
}
