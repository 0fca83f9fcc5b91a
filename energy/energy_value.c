/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From raw readings to joules.
 *
 * Each zone's counter is differenced by itself, in counter units, and only then
 * are zones added: a wrap of one is invisible in a sum. A difference is believed
 * only if the zone could have used that much energy in the time; what is not
 * believed is a gap, neither 0 nor a wrap (a Xen guest's counters jump backward).
 *
 *	cur >= prev ? cur - prev : cur + range - prev    <=  1.5 P_max (dt + slack)
 *
 * dt is from the first clock until the second counter had been read, for the thread may
 * be preempted between clock and counter. The slack is there because counters advance in
 * steps of about 1 ms: two readings 20 us apart may rightly differ by a step. An interval
 * in which 1.5 P_max could have gone once round the counter is a gap as well, whatever the
 * difference is.
 *
 * A reading that failed closes no interval; the next good one does, for both. If
 * there is none before the window's end, the rest of the window is a gap. A
 * window with a gap has no energy, but it has bounds: what was counted, and that
 * plus what jumped, and what would have been believed in all other lost time; and the
 * edges, as of any window.
 *
 * A counter that stands still for part of a window is a gap too. Of that a package's RAPL
 * counter alone is sure: it counts in units of 61 uJ or less, and no package, asleep or not,
 * uses so little as not to fill one in STILL_NS: 0.6 mW. Still for so long in a row it has
 * stopped; shorter stretches are edges close together, and believed. It may have stopped
 * within the interval before and gone on within the one behind, so both are lost with it;
 * and where it was still from the window's begin, its first step may be of the time before.
 * A counter that fell may have been read as 0 once: the step that takes it to where it had
 * been is no part of the lower bound.
 * DRAM, cores, psys (in steps of 1 J on some machines) and sensors of hwmon may rightly
 * show no change for longer. Still all the time, and no other gap: absent.
 *
 * An interval in which the machine slept is a gap too: CLOCK_MONOTONIC stood still
 * while energy was used, and counters may have been reset. It shows in the distance to
 * CLOCK_BOOTTIME. The set of zones is that of energy_open(): one that goes away
 * leaves a gap, one that comes, or comes back, is for the next to open.
 */
#include "energy/energy_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"

#define SLACK_NS	(10 * NSEC_PER_MSEC)
#define SLEPT_NS	(100 * NSEC_PER_MSEC)	/* more than a preemption between two clocks */
#define STILL_NS	(100 * NSEC_PER_MSEC)	/* no package's counter stands still so long */
#define STUCK_BUSY_S	0.05		/* CPU time after which a counter must have moved */
#define STUCK_WINDOW_S	1.0		/* no machine is that idle */

static double seconds(int64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

/* No more than this is believed to have been used in @ns, where the limit is @max_w. */
static double most_j(double max_w, int64_t ns)
{
	return 1.5 * max_w * seconds(ns + SLACK_NS);
}

/* From one clock to the other counter, which was read some time behind its own clock. */
static int64_t at_most_ns(const struct energy_reading *prev, const struct energy_reading *cur)
{
	return cur->t_ns + cur->took_ns - prev->t_ns;
}

/* From the reading to a later one at @t_ns, awake and asleep. */
static int64_t since(const struct energy_reading *r, int64_t t_ns, int64_t slept_ns)
{
	return t_ns - r->t_ns + llabs(slept_ns - r->slept_ns);
}

static const char fell[] = "counter went backward, and not by a wrap";

/*
 * The counter's advance between two good readings, 0 if there is none to be seen; NULL, or
 * why it is not believed.
 */
static const char *zone_delta(const struct energy_zone *z, const struct energy_reading *prev,
			      const struct energy_reading *cur, uint64_t *delta)
{
	int64_t ns = at_most_ns(prev, cur);

	*delta = 0;
	if (z->range && 1.5 * z->max_w * seconds(ns) >= z->range * z->j_per_raw)
		return "interval so long that the counter may have gone round: sample more often";
	if (cur->raw >= prev->raw)
		*delta = cur->raw - prev->raw;
	else if (z->range)
		*delta = cur->raw + z->range - prev->raw;
	else
		return "counter went backward";
	if (*delta * z->j_per_raw <= most_j(z->max_w, ns))
		return NULL;
	if (cur->raw >= prev->raw)
		return "counter jumped further than the power limit allows";
	*delta = 0;
	return fell;
}

static void count_gap(struct energy_sum *sum, int64_t ns, const char *why)
{
	if (!sum->gaps++)
		sum->gap_why = why;
	sum->gap_ns += ns;
}

/* A gap of which the counter says nothing. */
static void sum_gap(const struct energy_zone *zone, struct energy_sum *sum, int64_t ns,
		    const char *why)
{
	count_gap(sum, ns, why);
	sum->gap_j += most_j(zone->max_w, ns);
}

/* --- counters that stand still ------------------------------------------------- */

static bool never_still(const struct energy_zone *zone)
{
	return zone->ops->steady && zone->domain.kind == ENERGY_PACKAGE;
}

/* What was still is over: by a step of @raw in @ns; by a jump or the window's end, both 0. */
static void end_still(const struct energy_zone *zone, struct energy_sum *sum, uint64_t raw,
		      int64_t ns)
{
	bool stopped = sum->still_ns >= STILL_NS && never_still(zone);

	if (stopped)
		sum_gap(zone, sum, sum->moved_ns + sum->still_ns + ns,
			"the counter stood still");
	if (stopped && !sum->raw)
		sum->doubt = raw;
	sum->still_ns = 0;
	sum->moved_ns = stopped ? 0 : ns;	/* lost already */
}

static void sum_delta(const struct energy_zone *zone, struct energy_sum *sum, uint64_t delta,
		      int64_t ns)
{
	if (!delta && sum->fell_from) {		/* still there, however soon */
		sum_gap(zone, sum, ns, fell);
		return;
	}
	if (delta)
		end_still(zone, sum, delta, ns);
	else
		sum->still_ns += ns;
	sum->raw += delta;
	if (sum->fell_from && sum->last.raw + delta >= sum->fell_from) {
		sum->doubt += delta;
		sum->fell_from = 0;
	}
}

/* --- jumps --------------------------------------------------------------------- */

static void sum_jump(const struct energy_zone *zone, struct energy_sum *sum, uint64_t delta,
		     const struct energy_reading *r, const char *why)
{
	end_still(zone, sum, 0, 0);
	count_gap(sum, r->t_ns - sum->last.t_ns, why);
	sum->jumps++;
	sum->jump_raw += MIN(delta, UINT64_MAX - sum->jump_raw);
	sum->jump_w = MAX(sum->jump_w, delta * zone->j_per_raw /
			  most_j(1, at_most_ns(&sum->last, r)));
}

/* The zone's limit, or what it was raised to since energy_open(), as thermald does. */
static double limit_now_w(const struct energy_zone *zone)
{
	return zone->ops->limit_w ? MAX(zone->max_w, zone->ops->limit_w(zone)) : zone->max_w;
}

/* A raised limit explains jumps: where the window has no other gaps, it decides. */
static bool explains_jumps(const struct energy_zone *zone, const struct energy_sum *sum,
			   double limit_w)
{
	double round_j = zone->range * zone->j_per_raw;

	return sum->jumps && sum->jumps == sum->gaps && limit_w >= sum->jump_w &&
	       (!round_j || 1.5 * limit_w * seconds(sum->longest_ns) < round_j);
}

/* --- intervals ----------------------------------------------------------------- */

/*
 * The interval from the last good reading to @r; NULL, or why it is a gap. @delta is what
 * the counter shows of it; a gauge's is added here.
 */
static const char *judge_interval(const struct energy_zone *zone, struct energy_sum *sum,
				  const struct energy_reading *r, uint64_t *delta)
{
	*delta = 0;
	if (sum->last.error)
		return "the first reading failed";
	if (r->t_ns < sum->last.t_ns)
		return "readings out of order";
	if (llabs(r->slept_ns - sum->last.slept_ns) > SLEPT_NS)
		return "the machine was suspended";
	if (zone->gauge)
		return energy_gauge_add(zone, sum, r);
	sum->longest_ns = MAX(sum->longest_ns, at_most_ns(&sum->last, r));
	return zone_delta(zone, &sum->last, r, delta);
}

/* However soon it was read again: a step is of ENERGY_UPDATE_S, and of the time a read took. */
static double power_w(const struct energy_zone *zone, uint64_t delta, int64_t ns)
{
	return delta * zone->j_per_raw / (seconds(ns) + ENERGY_UPDATE_S);
}

static void sum_add(const struct energy_zone *zone, struct energy_sum *sum,
		    const struct energy_reading *r)
{
	int64_t ns = r->t_ns - sum->last.t_ns;
	const char *why;
	uint64_t delta;

	sum->end_ns = r->t_ns;
	sum->end_slept_ns = r->slept_ns;
	sum->end_error = r->error;
	if (r->error)
		return;
	sum->good++;
	why = judge_interval(zone, sum, r, &delta);
	if (!why)
		sum_delta(zone, sum, delta, ns);
	else if (delta)
		sum_jump(zone, sum, delta, r, why);
	else
		sum_gap(zone, sum, since(&sum->last, r->t_ns + r->took_ns, r->slept_ns), why);
	if (why && r->raw < sum->last.raw)
		sum->fell_from = sum->last.raw;
	sum->peak_w = MAX(sum->peak_w, power_w(zone, delta, at_most_ns(&sum->last, r)));
	sum->least = MIN(sum->least, r->raw);
	sum->most = MAX(sum->most, r->raw);
	sum->last = *r;
}

void energy_sum_begin(const struct energy *e, struct energy_sum *sums,
		      const struct energy_reading *readings)
{
	for (size_t i = 0; i < e->n_zones; i++) {
		sums[i] = (struct energy_sum){
			.last = readings[i],
			.begin_ns = readings[i].t_ns,
			.begin_took_ns = readings[i].took_ns,
			.end_ns = readings[i].t_ns,
			.end_slept_ns = readings[i].slept_ns,
			.least = readings[i].error ? UINT64_MAX : readings[i].raw,
			.most = readings[i].raw,
			.good = !readings[i].error,
			.end_error = readings[i].error,
		};
	}
}

void energy_sum_add(const struct energy *e, struct energy_sum *sums,
		    const struct energy_reading *readings)
{
	for (size_t i = 0; i < e->n_zones; i++)
		sum_add(&e->zones[i], &sums[i], &readings[i]);
}

/*
 * Nothing uses no energy but a GPU that idles (uncore) and, for a while, cores asleep. Whether
 * a counter that did not move is dead or the window too short is seen in a longer one.
 */
static bool looks_stuck(const struct energy_zone *zone, const struct energy_sum *sum,
			double busy_cpu_s)
{
	if (zone->gauge ? sum->most : sum->raw)
		return false;
	if (zone->domain.kind == ENERGY_UNCORE)
		return false;
	return zone->domain.kind != ENERGY_CORE || busy_cpu_s >= STUCK_BUSY_S ||
	       seconds(sum->end_ns - sum->begin_ns) >= STUCK_WINDOW_S;
}

static void stuck_value(const struct energy_zone *zone, const struct energy_sum *sum,
			struct energy_value *value)
{
	double window_s = seconds(sum->end_ns - sum->begin_ns);

	energy_no_value(value, ENERGY_ABSENT, "%s: the %s in %.3f s (%s)", zone->domain.name,
			zone->gauge ? "sensor read 0 W" : "counter never moved", window_s,
			window_s < STUCK_WINDOW_S ? "a virtual machine's? or measure longer"
						  : "a virtual machine's?");
}

/*
 * At either edge the counter is up to one update old, and was read some time after the clock:
 * that long at @watts, which is that of the busiest interval: an edge is where work begins
 * or ends, and the mean of a long window that mostly waits is far below. And it counts
 * in steps.
 */
static void counter_band(const struct energy_zone *zone, const struct energy_sum *sum,
			 double watts, double low_j, double high_j, struct energy_value *value)
{
	double edges_s = 2 * ENERGY_UPDATE_S + seconds(sum->begin_took_ns + sum->last.took_ns);
	double edges_j = watts * edges_s + energy_step_j(zone);

	value->low_j = MAX(0.0, low_j - edges_j);
	value->high_j = high_j + edges_j;
}

static void invalid_value(const struct energy_zone *zone, const struct energy_sum *sum,
			  double limit_w, struct energy_value *value)
{
	double gap_j = sum->gap_j * limit_w / zone->max_w;

	value->gaps = sum->gaps;
	energy_no_value(value, ENERGY_INVALID, "%s: %u gap%s, %.3f s: %s (its limit: %g W)",
			zone->domain.name, sum->gaps, sum->gaps == 1 ? "" : "s",
			seconds(sum->gap_ns), sum->gap_why, limit_w);
	if (zone->gauge)
		energy_gauge_band(zone, sum, value);
	else
		counter_band(zone, sum, 1.5 * limit_w, (sum->raw - sum->doubt) * zone->j_per_raw,
			     ((double)sum->raw + sum->jump_raw) * zone->j_per_raw + gap_j, value);
}

static void measured_value(const struct energy_zone *zone, const struct energy_sum *sum,
			   struct energy_value *value)
{
	value->quality = ENERGY_MEASURED;
	value->joules = sum->raw * zone->j_per_raw;
	counter_band(zone, sum, energy_edge_w(sum, value->joules), value->joules, value->joules,
		     value);
}

double energy_edge_w(const struct energy_sum *sum, double joules)
{
	return MAX(sum->peak_w, joules / seconds(sum->end_ns - sum->begin_ns));
}

double energy_step_j(const struct energy_zone *zone)
{
	return zone->domain.kind == ENERGY_PSYS ? 1.0 : 100e-6;
}

static void counter_value(const struct energy_zone *zone, struct energy_sum sum,
			  double busy_cpu_s, struct energy_value *value)
{
	double limit_w;
	char lost[64];

	if (!sum.good) {
		energy_no_value(value, ENERGY_ABSENT, "%s: cannot be read (%s)",
				zone->domain.name, energy_errno_name(sum.end_error));
		return;
	}
	if (sum.end_ns <= sum.begin_ns) {
		energy_no_value(value, ENERGY_ABSENT, "%s: the window has no length",
				zone->domain.name);
		return;
	}
	if (sum.end_error) {
		snprintf(lost, sizeof(lost), "lost in the window (%s)",
			 energy_errno_name(sum.end_error));
		sum_gap(zone, &sum, since(&sum.last, sum.end_ns, sum.end_slept_ns), lost);
	}
	if (sum.raw || sum.gaps)
		end_still(zone, &sum, 0, 0);
	limit_w = sum.gaps ? limit_now_w(zone) : zone->max_w;
	if (explains_jumps(zone, &sum, limit_w)) {
		sum.raw += sum.jump_raw;
		sum.gaps = 0;
	}
	if (sum.gaps)
		invalid_value(zone, &sum, limit_w, value);
	else if (looks_stuck(zone, &sum, busy_cpu_s))
		stuck_value(zone, &sum, value);
	else if (zone->gauge)
		energy_gauge_value(zone, &sum, value);
	else
		measured_value(zone, &sum, value);
}

void energy_zone_value(const struct energy *e, const struct energy_sum *sums, size_t i,
		       double busy_cpu_s, struct energy_value *value)
{
	const struct energy_zone *zone = &e->zones[i];

	*value = (struct energy_value){ .source = zone->domain.source };
	if (zone->ops->value)
		zone->ops->value(e, &sums[i], busy_cpu_s, value);
	else
		counter_value(zone, sums[i], busy_cpu_s, value);
}

void energy_value(const struct energy *e, const struct energy_sum *sums, size_t i,
		  double busy_cpu_s, struct energy_value *value)
{
	struct energy_check check;

	energy_zone_value(e, sums, i, busy_cpu_s, value);
	if (energy_check(e, sums, i, busy_cpu_s, &check) || check.agree)
		return;
	value->low_j = MIN(value->low_j, check.witness_joules);
	value->high_j = MAX(value->high_j, check.witness_joules);
	memcpy(value->reason, check.text, sizeof(check.text));
}

static void add_reason(struct energy_value *total, const char *before, const char *reason)
{
	size_t len = strlen(total->reason);

	snprintf(total->reason + len, sizeof(total->reason) - len, "%s%s%s", len ? "; " : "",
		 before, reason);
}

/*
 * DRAM that never was to be had narrows the total's scope, in every window alike, and the
 * reason says so. Whatever else has no joules, the total has none.
 */
static void total_add(struct energy_value *total, const struct energy_zone *zone,
		      const struct energy_sum *sum, const struct energy_value *part)
{
	total->gaps += part->gaps;
	if (part->quality == ENERGY_ABSENT && zone->domain.kind == ENERGY_DRAM &&
	    (zone->error || !sum->last.raw)) {
		add_reason(total, "without ", part->reason);
		return;
	}
	total->quality = MAX(total->quality, part->quality);
	total->joules += part->joules;
	total->low_j += part->low_j;
	total->high_j += part->high_j;
	if (part->reason[0])
		add_reason(total, "", part->reason);
}

static void no_source_total(const struct energy *e, struct energy_value *total)
{
	const struct energy_note *note, *refusal = NULL;

	/* The last error is the source's own; others are remarks, or zones it can do without. */
	for (size_t i = 0; (note = energy_note(e, i)); i++)
		refusal = note->error ? note : refusal;
	energy_no_value(total, ENERGY_ABSENT, "no energy source%s%.160s", refusal ? ": " : "",
			refusal ? refusal->text : "");
}

void energy_total(const struct energy *e, const struct energy_sum *sums,
		  double busy_cpu_s, struct energy_value *value)
{
	*value = (struct energy_value){ .source = e->ops->name, .quality = ENERGY_MEASURED };
	if (!e->n_zones)
		no_source_total(e, value);
	for (size_t i = 0; i < e->n_zones; i++) {
		struct energy_value part;

		if (!e->zones[i].domain.in_total)
			continue;
		energy_value(e, sums, i, busy_cpu_s, &part);
		total_add(value, &e->zones[i], &sums[i], &part);
	}
}
