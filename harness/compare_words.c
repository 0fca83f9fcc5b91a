/* SPDX-License-Identifier: BSD-2-Clause */
/* A comparison as a person reads it: the worst first, one line each, the outcome last. */
#include <string.h>

#include "harness/compare.h"
#include "memnet-core/base/stats.h"

#define INCONCLUSIVE_SHOWN 10	/* of the worst; the rest is counted */

static const struct { const char *name, *colour; } kinds[] = {
	[FINDING_REGRESSION] = { "REGRESSION", "\033[31m" },
	[FINDING_INCONCLUSIVE] = { "INCONCLUSIVE", "\033[33m" },
	[FINDING_UNCHANGED] = { "unchanged", "" },
	[FINDING_BETTER] = { "better", "\033[32m" },
};
_Static_assert(ARRAY_SIZE(kinds) == FINDING_KINDS, "words for every kind");

static const char *const reasons[] = {
	[NOT_IN_BOTH] = "without a valid run or value in both folders",
	[NOT_DETERMINISTIC] = "not deterministic",
	[NOT_MEASURED] = "not measured (a model gates nothing)",
	[NOT_OF_ONE_PACE] = "paced to another rate (by each folder's calibration; a plan's 'pace' is one for all)",
	[NOT_ONE_SOURCE] = "of different sources",
	[NOT_A_RATIO] = "with a value of 0, which has no ratio",
};
_Static_assert(ARRAY_SIZE(reasons) == NOT_COMPARED_REASONS, "words for every reason");

static void print_head(FILE *out, enum finding_kind kind, bool colour)
{
	fprintf(out, "%s%-12s%s  ", colour ? kinds[kind].colour : "", kinds[kind].name,
		colour && *kinds[kind].colour ? "\033[0m" : "");
}

static void print_configuration(FILE *out, const struct run_row *r)
{
	char link[LINK_TEXT_SIZE];

	fprintf(out, "%s%s%s, %s, %s", r->path, *r->spin ? " spin " : "", r->spin, r->arm,
		r->scenario);
	if (*r->direction && strcmp(r->direction, "none"))
		fprintf(out, " %s", r->direction);
	if (r->flows > 1)
		fprintf(out, ", %lld flows", (long long)r->flows);
	if (r->chunk_bytes > 0)
		fprintf(out, ", %g KiB a call", r->chunk_bytes / 1024.0);
	if (*runs_link(r, 1, link))
		fprintf(out, ", over %s", link);
	if (strcmp(r->topology, "one-vm"))
		fprintf(out, ", %s", r->topology);
}

static void print_broken(FILE *out, const struct finding *f)
{
	if (group_corrupt(f->new))
		fprintf(out, ": content check found wrong bytes in %zu runs\n",
			group_corrupt(f->new));
	else
		fprintf(out, ": no valid run: %zu failed, %zu invalid; OLD has %zu valid ones\n",
			group_count(f->new, "failed"), group_count(f->new, "invalid"),
			group_count(f->old, "ok"));
}

static void print_need(FILE *out, const struct finding *f)
{
	if (f->margin > COMPARE_MARGIN_MAX)
		fprintf(out, ": too noisy: a margin above %g %% decides nothing",
			100 * COMPARE_MARGIN_MAX);
	else if (f->need_n)
		fprintf(out, ": need n = %zu, have %zu and %zu", f->need_n, f->n_old, f->n_new);
	else
		fprintf(out, ": have %zu and %zu, too few to say how many it needs", f->n_old,
			f->n_new);
}

static void print_finding(FILE *out, const struct finding *f, bool colour)
{
	const char *unit;
	double scale;

	print_head(out, f->kind, colour);
	print_configuration(out, f->new->row[0]);
	if (!f->metric) {
		print_broken(out, f);
		return;
	}
	scale = metric_scale(f->metric, f->median_old, f->new->row[0]->compute_kernel, &unit);
	if (f->metric->app_better)
		unit = metric_unit(f->metric, f->new->row[0]);
	fprintf(out, ": %s %.4g -> %.4g %s, %.3fx", f->metric->name, scale * f->median_old,
		scale * f->median_new, unit, f->ratio);
	if (isnan(f->low))
		fprintf(out, " (n < %d: no interval)", STATS_INTERVAL_MIN_N);
	else
		fprintf(out, ", 95 %% interval %.3f .. %.3f, p %.2g", f->low, f->high, f->p_family);
	fprintf(out, ", margin %.1f %%", 100 * f->margin);
	if (f->kind == FINDING_INCONCLUSIVE)
		print_need(out, f);
	fputc('\n', out);
}

static void print_findings(const struct comparison *c, FILE *out, bool colour)
{
	size_t shown = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct finding *f = &c->finding[i];

		if (f->kind == FINDING_UNCHANGED ||
		    (f->kind == FINDING_INCONCLUSIVE && shown == INCONCLUSIVE_SHOWN))
			continue;
		shown += f->kind == FINDING_INCONCLUSIVE;
		print_finding(out, f, colour);
	}
	if (c->count[FINDING_INCONCLUSIVE] > shown)
		fprintf(out, "%-12s  and %zu more\n", kinds[FINDING_INCONCLUSIVE].name,
			c->count[FINDING_INCONCLUSIVE] - shown);
}

static void print_not_compared(const struct comparison *c, FILE *out)
{
	size_t total = 0;
	const char *between = ": ";

	for (size_t i = 0; i < NOT_COMPARED_REASONS; i++)
		total += c->not_compared[i];
	if (!total)
		return;
	fprintf(out, "%-12s  %zu", "not compared", total);
	for (size_t i = 0; i < NOT_COMPARED_REASONS; i++) {
		if (!c->not_compared[i])
			continue;
		fprintf(out, "%s%zu %s", between, c->not_compared[i], reasons[i]);
		between = ", ";
	}
	fputc('\n', out);
	if (!c->n && c->not_compared[NOT_DETERMINISTIC] && !c->not_compared[NOT_ONE_SOURCE])
		fprintf(out, "note          only guest instructions per byte are deterministic: of "
			"scenarios network and network-paced, where the plan has guest_insns = yes\n");
}

/* How much may have changed all the same: "unchanged" within 95 % is not much of an all-clear. */
static void print_margins(const struct comparison *c, FILE *out)
{
	double least = INFINITY, most = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->finding[i].kind != FINDING_UNCHANGED)
			continue;
		least = fmin(least, 100 * c->finding[i].margin);
		most = fmax(most, 100 * c->finding[i].margin);
	}
	if (most > 0)
		fprintf(out, " (%.3g .. %.3g %%)", least, most);
}

int comparison_print(const struct comparison *c, FILE *out, bool colour)
{
	enum compare_exit code = COMPARE_OK;

	if (c->count[FINDING_REGRESSION])
		code = COMPARE_WORSE;
	else if (!c->n)
		code = COMPARE_NOTHING;
	else if (c->count[FINDING_INCONCLUSIVE])
		code = COMPARE_UNDECIDED;
	print_findings(c, out, colour);
	print_not_compared(c, out);
	fprintf(out, "%zu worse, %zu inconclusive, %zu unchanged within their margins",
		c->count[FINDING_REGRESSION], c->count[FINDING_INCONCLUSIVE],
		c->count[FINDING_UNCHANGED]);
	print_margins(c, out);
	fprintf(out, ", %zu better: %s\n", c->count[FINDING_BETTER],
		code == COMPARE_WORSE ? "a regression" :
		code == COMPARE_NOTHING ? "nothing was comparable" :
		code == COMPARE_UNDECIDED ? "inconclusive" : "no regression");
	return code;
}
