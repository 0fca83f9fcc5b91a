/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/gate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analyse.h"
#include "harness/interference.h"
#include "harness/metrics.h"
#include "harness/rows.h"

enum outcome { PASS, FAIL, INCONCLUSIVE, NOT_APPLICABLE, OUTCOMES };

static const char *const outcome_name[] = { "PASS", "FAIL", "INCONCLUSIVE", "n.a." };
static const char *const outcome_colour[] = { "\033[32m", "\033[31m", "\033[33m", "" };
_Static_assert(ARRAY_SIZE(outcome_name) == OUTCOMES, "a name for every outcome");
_Static_assert(ARRAY_SIZE(outcome_colour) == OUTCOMES, "a colour for every outcome");

struct gate {
	const struct summary_row *summary;
	size_t n_summary;
	FILE *out;
	bool colour;
	size_t count[OUTCOMES];
};

/* --- one value ----------------------------------------------------------------- */

struct value {
	double median, low, high;
	double least, most;	/* of one block; NAN: not known */
};

static struct value value_of(const struct threshold_row *t, const struct summary_row *s)
{
	if (!strcmp(t->field, "ratio"))
		return (struct value){ s->ratio, s->ratio_ci_low, s->ratio_ci_high,
				       s->ratio_least, s->ratio_most };
	return (struct value){ s->median, s->ci_low, s->ci_high, NAN, NAN };
}

/* "value >= bound", as gate.h has it. */
static enum outcome judge(struct value v, double bound)
{
	if (!isnan(v.low))
		return v.low >= bound ? PASS : v.high < bound ? FAIL : INCONCLUSIVE;
	if (v.median >= bound * GATE_FEW_RUNS_FACTOR && !(v.least < bound))
		return PASS;
	return v.median <= bound / GATE_FEW_RUNS_FACTOR && !(v.most >= bound) ? FAIL :
									       INCONCLUSIVE;
}

/* "<=" is ">=" of the inverse; all values and bounds are positive. */
static enum outcome judge_condition(const struct threshold_row *t, struct value v)
{
	if (!strcmp(t->condition, "<="))
		return judge((struct value){ 1 / v.median, 1 / v.high, 1 / v.low, 1 / v.most,
					     1 / v.least }, 1 / t->bound);
	return judge(v, t->bound);
}

/* --- one threshold ------------------------------------------------------------- */

static bool accelerator_matches(const struct threshold_row *t, const struct summary_row *s)
{
	return !strcmp(t->accelerator, "any") || !strcmp(t->accelerator, s->accelerator);
}

/* A threshold without flows is for one, and for where nothing connects. */
static bool has_flows(const struct summary_row *s, int64_t flows)
{
	if (flows == ABSENT_INTEGER)
		return s->flows == ABSENT_INTEGER || s->flows == 1;
	return s->flows == flows;
}

/* All thresholds are for one VM, and for no link but the host's own. */
static bool is_row_of(const struct summary_row *s, const struct threshold_row *t)
{
	return !strcmp(s->topology, "one-vm") &&
	       !strcmp(s->scenario, t->scenario) && !strcmp(s->arm, t->arm) &&
	       !strcmp(s->path, t->path) && !strcmp(s->metric, t->metric) &&
	       !strcmp(s->spin, t->spin) && has_flows(s, t->flows) &&
	       s->link_rate_bits_per_s == ABSENT_INTEGER && s->link_delay_ns == ABSENT_INTEGER &&
	       s->chunk_bytes == ABSENT_INTEGER &&	/* no threshold is for one of several */
	       (!*t->direction || !strcmp(s->direction, t->direction));
}

/*
 * Every run of the path was lost, while the baseline's were not. By cpu_total, which every
 * valid run has: where only the value of @s is absent, no run was lost.
 */
static bool lost_every_run(const struct gate *g, const struct summary_row *s)
{
	const struct summary_row *own =
		summary_find(g->summary, g->n_summary, s, s->path, "cpu_total");
	const struct summary_row *base =
		summary_find(g->summary, g->n_summary, s, s->baseline, "cpu_total");

	return own && own->n == 0 && own->n_failed + own->n_invalid >= 2 && base && base->n > 0;
}

PRINTF_LIKE(4, 5)
static void report(struct gate *g, enum outcome outcome, const struct threshold_row *t,
		   const char *fmt, ...)
{
	va_list ap;

	g->count[outcome]++;
	fprintf(g->out, "%s%-12s%s  %s, %s%s%s, %s%s%s",
		g->colour ? outcome_colour[outcome] : "", outcome_name[outcome],
		g->colour ? "\033[0m" : "", t->scenario, t->arm, *t->direction ? ", " : "",
		t->direction, t->path, *t->spin ? " spin " : "", t->spin);
	if (t->flows > 1)
		fprintf(g->out, ", %lld flows", (long long)t->flows);
	fprintf(g->out, ": %s %s %s %g: ", t->metric, t->field, t->condition, t->bound);
	va_start(ap, fmt);
	vfprintf(g->out, fmt, ap);
	va_end(ap);
	fputc('\n', g->out);
}

static void check_value(struct gate *g, const struct threshold_row *t,
			const struct summary_row *s)
{
	struct value v = value_of(t, s);
	enum outcome outcome = judge_condition(t, v);

	if (!isnan(v.low))
		report(g, outcome, t, "%.3g, 95 %% interval %.3g .. %.3g%s", v.median, v.low,
		       v.high, outcome == INCONCLUSIVE ? ", contains the bound" : "");
	else if (outcome == INCONCLUSIVE && v.least < t->bound && v.most > t->bound)
		report(g, outcome, t, "%.3g from %lld runs, %.3g .. %.3g: on both sides of the bound",
		       v.median, (long long)s->n, v.least, v.most);
	else
		report(g, outcome, t, "%.3g from %lld runs%s", v.median, (long long)s->n,
		       outcome == INCONCLUSIVE ? ", too near to the bound for so few" : "");
}

static void check_row(struct gate *g, const struct threshold_row *t, const struct summary_row *s)
{
	const struct gain *gain = gains_find(s->metric);

	if (!accelerator_matches(t, s))
		report(g, NOT_APPLICABLE, t, "is for %s, the summary is of %s", t->accelerator,
		       s->accelerator);
	else if (lost_every_run(g, s))
		report(g, FAIL, t, "no valid run: %lld failed, %lld invalid; %s has valid ones",
		       (long long)s->n_failed, (long long)s->n_invalid, s->baseline);
	else if (!strcmp(s->quality, "estimated"))
		report(g, NOT_APPLICABLE, t, "the value is a model's; a model gates nothing");
	else if (!(value_of(t, s).median > 0))
		report(g, INCONCLUSIVE, t, "the value is absent (%lld failed, %lld invalid)",
		       (long long)s->n_failed, (long long)s->n_invalid);
	else if (gain && !strcmp(s->verdict, VERDICT_UNEQUAL))
		report(g, INCONCLUSIVE, t, "%.3g, but not comparable: not held: %s",
		       value_of(t, s).median, gain->held);
	else
		check_value(g, t, s);
}

/* A metric without a value may have no row at all: was its configuration lost? */
static const struct summary_row *stand_in(const struct gate *g, struct threshold_row t)
{
	ROW_TEXT(t.metric, "cpu_total");
	for (size_t i = 0; i < g->n_summary; i++)
		if (is_row_of(&g->summary[i], &t) && lost_every_run(g, &g->summary[i]))
			return &g->summary[i];
	return NULL;
}

static void check_without_row(struct gate *g, const struct threshold_row *t)
{
	const struct summary_row *lost = stand_in(g, *t);
	const char *of = ACCELERATOR_NONE;
	bool applicable = false;

	for (size_t i = 0; i < g->n_summary; i++) {
		applicable |= accelerator_matches(t, &g->summary[i]);
		if (strcmp(g->summary[i].accelerator, ACCELERATOR_NONE))
			of = g->summary[i].accelerator;
	}
	if (lost)
		check_row(g, t, lost);
	else if (g->n_summary && !applicable)
		report(g, NOT_APPLICABLE, t, "is for %s, the summary is of %s", t->accelerator,
		       of);
	else
		report(g, INCONCLUSIVE, t, "not in the summary: was it measured?");
}

static void check_threshold(struct gate *g, const struct threshold_row *t)
{
	bool found = false;

	for (size_t i = 0; i < g->n_summary; i++) {
		if (!is_row_of(&g->summary[i], t))
			continue;
		found = true;
		check_row(g, t, &g->summary[i]);
	}
	if (!found)
		check_without_row(g, t);
}

/* Wrong bytes fail whatever the thresholds: one line per configuration. */
static void check_content(struct gate *g)
{
	for (size_t i = 0; i < g->n_summary; i++) {
		const struct summary_row *s = &g->summary[i];

		if (strcmp(s->metric, "cpu_total") || s->n_corrupt <= 0)
			continue;
		g->count[FAIL]++;
		fprintf(g->out, "%-12s %s %s %s %s%s%s", "FAIL", s->path, s->arm, s->scenario,
			s->direction, *s->spin ? " spin " : "", s->spin);
		if (s->flows > 1)
			fprintf(g->out, " %lld flows", (long long)s->flows);
		if (s->chunk_bytes > 0)
			fprintf(g->out, " %g KiB a call", s->chunk_bytes / 1024.0);
		if (strcmp(s->topology, "one-vm"))
			fprintf(g->out, " %s", s->topology);
		fprintf(g->out, ": content check found wrong bytes in %lld runs\n",
			(long long)s->n_corrupt);
	}
}

int gate_check(const struct summary_row *summary, size_t n_summary,
	       const struct threshold_row *thresholds, size_t n_thresholds,
	       FILE *out, bool colour)
{
	struct gate g = { summary, n_summary, out, colour, { 0 } };
	bool compared;

	for (size_t i = 0; i < n_thresholds; i++)
		check_threshold(&g, &thresholds[i]);
	check_content(&g);
	compared = g.count[PASS] + g.count[FAIL] > 0;
	fprintf(out, "%zu passed, %zu failed, %zu inconclusive, %zu n.a.: %s\n", g.count[PASS],
		g.count[FAIL], g.count[INCONCLUSIVE], g.count[NOT_APPLICABLE],
		g.count[FAIL] ? "a regression" : !compared ? "nothing was comparable" :
		g.count[INCONCLUSIVE] ? "inconclusive" : "no regression");
	if (g.count[FAIL])
		return GATE_REGRESSION;
	if (g.count[INCONCLUSIVE])
		return GATE_INCONCLUSIVE;
	return compared ? GATE_OK : GATE_NOTHING;
}

/* --- files --------------------------------------------------------------------- */

static const char *fault_of(const struct threshold_row *t)
{
	if (!metrics_find(t->metric) && !gains_find(t->metric) && !interference_find(t->metric))
		return "there is no such metric";
	if (strcmp(t->field, "median") && strcmp(t->field, "ratio"))
		return "field is neither median nor ratio";
	if (strcmp(t->condition, ">=") && strcmp(t->condition, "<="))
		return "condition is neither >= nor <=";
	if (!(t->bound > 0))
		return "bound is no positive number";
	if (strcmp(t->accelerator, "tcg") && strcmp(t->accelerator, "kvm") &&
	    strcmp(t->accelerator, "any"))
		return "accelerator is none of tcg, kvm, any";
	return NULL;
}

int gate_check_thresholds(const struct threshold_row *thresholds, size_t n,
			  char *err, size_t errlen)
{
	for (size_t i = 0; i < n; i++) {
		const char *fault = fault_of(&thresholds[i]);

		if (!fault)
			continue;
		snprintf(err, errlen, "threshold %zu (%s %s %s): %s", i + 1,
			 thresholds[i].scenario, thresholds[i].arm, thresholds[i].metric, fault);
		return -EINVAL;
	}
	return 0;
}

int gate_run(const char *summary_path, const char *thresholds_path, FILE *out, bool colour,
	     char *err, size_t errlen)
{
	struct threshold_row *thresholds = NULL;
	struct summary_row *summary = NULL;
	size_t n_thresholds, n_summary;
	int ret;

	ret = thresholds_load(thresholds_path, &thresholds, &n_thresholds, err, errlen);
	if (!ret)
		ret = gate_check_thresholds(thresholds, n_thresholds, err, errlen);
	if (!ret)
		ret = summary_load(summary_path, &summary, &n_summary, err, errlen);
	if (!ret)
		ret = gate_check(summary, n_summary, thresholds, n_thresholds, out, colour);
	free(thresholds);
	free(summary);
	return ret;
}
