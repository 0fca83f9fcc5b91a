/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each rule is a weight per part and a whole:
 *
 *	part = (total - idle) * weight / whole,  other = (total - idle) - sum of parts
 *
 * so that parts, other and idle are the total by construction.
 */
#include "energy/attribution.h"
#include "energy/energy_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static double cpu_time(const struct attribution_part *part)
{
	return part->cpu_s;
}

static double cycles(const struct attribution_part *part)
{
	return part->cycles;
}

static const struct rule {
	const char *name, *weight_name;
	double (*weight)(const struct attribution_part *part);
	bool of_busy_time;		/* the whole is the machine's, not the parts' sum */
} rules[] = {
	[ATTRIBUTE_CPU_TIME] = { "cpu-time", "CPU time", cpu_time, false },
	[ATTRIBUTE_BUSY_SHARE] = { "busy-share", "CPU time", cpu_time, true },
	[ATTRIBUTE_CYCLES] = { "cycles", "cycles", cycles, false },
};

_Static_assert(ARRAY_SIZE(rules) == ATTRIBUTION_RULES, "a row per rule");

const char *attribution_rule_name(enum attribution_rule rule)
{
	return rules[rule].name;
}

static bool is_amount(double v)
{
	return isfinite(v) && v >= 0;
}

static void absent(struct attribution *out, struct attribution_part *parts, size_t n,
		   const char *fmt, ...) PRINTF_LIKE(4, 5);

static void absent(struct attribution *out, struct attribution_part *parts, size_t n,
		   const char *fmt, ...)
{
	va_list ap;

	out->quality = ENERGY_ABSENT;
	out->idle_j = out->other_j = NAN;
	for (size_t i = 0; i < n; i++)
		parts[i].joules = NAN;
	va_start(ap, fmt);
	vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
	va_end(ap);
}

static double sum_of_weights(const struct rule *rule, const struct attribution_part *parts, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = is_amount(rule->weight(&parts[i])) ? sum + rule->weight(&parts[i]) : NAN;
	return sum;
}

/* What is above idle; others' is what rounding or the parts leave of it. */
static void divide(const struct attribution_window *w, const struct rule *rule, double whole,
		   struct attribution_part *parts, size_t n, struct attribution *out)
{
	double above_j = w->total_j - w->idle_j, left_j = above_j;

	for (size_t i = 0; i < n; i++) {
		parts[i].joules = whole > 0 ? above_j * rule->weight(&parts[i]) / whole : 0;
		left_j -= parts[i].joules;
	}
	out->quality = ENERGY_ESTIMATED;
	out->idle_j = w->idle_j;
	out->other_j = rule->of_busy_time ? fmax(left_j, 0) : 0;
}

void attribute(const struct attribution_window *window, enum attribution_rule rule_id,
	       struct attribution_part *parts, size_t n, struct attribution *out)
{
	const struct rule *rule = &rules[rule_id];
	double sum = sum_of_weights(rule, parts, n), whole = sum;

	*out = (struct attribution){ .rule = rule_id };
	if (rule->of_busy_time)
		whole = fmax(sum, window->busy_cpu_s);
	if (!is_amount(window->total_j))
		absent(out, parts, n, "no energy of the window");
	else if (!is_amount(window->idle_j))
		absent(out, parts, n, "no idle energy of the window");
	else if (window->idle_j > window->total_j)
		absent(out, parts, n, "idle, %.3f J, is above the window's %.3f J",
		       window->idle_j, window->total_j);
	else if (!is_amount(sum))
		absent(out, parts, n, "%s of a part is not known", rule->weight_name);
	else if (rule->of_busy_time && !is_amount(window->busy_cpu_s))
		absent(out, parts, n, "the machine's busy time is not known");
	else if (!rule->of_busy_time && sum == 0)
		absent(out, parts, n, "no part used any %s", rule->weight_name);
	else
		divide(window, rule, whole, parts, n, out);
}

/* --- idle, and what is above it --------------------------------------------------- */

static bool has_joules(const struct energy_value *v)
{
	return (v->quality == ENERGY_MEASURED || v->quality == ENERGY_ESTIMATED) &&
	       isfinite(v->joules) && isfinite(v->low_j) && isfinite(v->high_j);
}

static void no_idle(struct energy_idle *idle, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void no_idle(struct energy_idle *idle, const char *fmt, ...)
{
	va_list ap;

	*idle = (struct energy_idle){ .quality = ENERGY_ABSENT, .watts = NAN, .low_w = NAN,
				      .high_w = NAN };
	va_start(ap, fmt);
	vsnprintf(idle->reason, sizeof(idle->reason), fmt, ap);
	va_end(ap);
}

void energy_idle_power(const struct energy_value *before, double before_s,
		       const struct energy_value *after, double after_s, double tolerance,
		       struct energy_idle *idle)
{
	double b = before->joules / before_s, a = after->joules / after_s, mean = (a + b) / 2;

	if (!has_joules(before) || !(before_s > 0)) {
		no_idle(idle, "no energy of the idle window before: %.140s", before->reason);
		return;
	}
	if (!has_joules(after) || !(after_s > 0)) {
		no_idle(idle, "no energy of the idle window after: %.140s", after->reason);
		return;
	}
	if (!(fabs(a - b) <= tolerance * mean)) {
		no_idle(idle, "idle was %.3f W before and %.3f W after: more than %.1f %% apart",
			b, a, tolerance * 100);
		return;
	}
	*idle = (struct energy_idle){
		.quality = MAX(before->quality, after->quality), .watts = mean,
		.low_w = fmin(before->low_j / before_s, after->low_j / after_s),
		.high_w = fmax(before->high_j / before_s, after->high_j / after_s),
	};
}

void energy_net(const struct energy_value *total, double window_s, const struct energy_idle *idle,
		struct energy_value *net)
{
	*net = (struct energy_value){ .source = total->source, .gaps = total->gaps };
	if (!has_joules(total) || !(window_s > 0)) {
		energy_no_value(net, ENERGY_ABSENT, "no energy of the window: %.150s", total->reason);
		return;
	}
	if (idle->quality == ENERGY_ABSENT || !isfinite(idle->watts)) {
		energy_no_value(net, ENERGY_ABSENT, "no idle power: %.160s", idle->reason);
		return;
	}
	net->quality = MAX(total->quality, idle->quality);
	net->joules = total->joules - idle->watts * window_s;
	net->low_j = total->low_j - idle->high_w * window_s;
	net->high_j = total->high_j - idle->low_w * window_s;
	memcpy(net->reason, total->reason, sizeof(net->reason));
}
