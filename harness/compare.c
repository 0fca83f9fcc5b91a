/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * The values compared are one per block: the median of a block's valid runs. OLD's blocks
 * and NEW's are different blocks, so the samples are independent; what is compared is the
 * ratio of their medians, NEW / OLD, turned round where more is better, so that above 1 is
 * worse.
 *
 * A gate that cries wolf is switched off. So a regression has to be both:
 *
 *	significant	p < COMPARE_LEVEL by the U test, which is exact for so few values,
 *			after Holm's correction over all that is tested here: of a hundred
 *			comparisons in which nothing changed at most one raises any alarm
 *	beyond the	all of the ratio's 95 % bootstrap interval is above 1 + margin; the
 *	margin		margin is the larger of a floor and some times (results/margins.csv)
 *			the A/A noise
 *
 * It is inconclusive when there are too few blocks for an interval, or when the interval
 * reaches beyond the margin but not all of it, or not significantly; and when the margin
 * itself is above COMPARE_MARGIN_MAX: "not twice as slow" is no all-clear. All else shows
 * that nothing became worse by more than the margin.
 *
 * A/A noise is how far two measurements of the same thing are apart, as a ratio. A folder
 * holds such measurements: its own halves. Two kinds of halves are taken of both OLD and
 * NEW and the largest distance of their medians counts: many random ones (what blocks
 * scatter), and the first half against the second (drift). With another folder of OLD's
 * (--aa) its distance to OLD takes the place of drift: only that tells what changes between
 * two sittings. Half a folder scatters sqrt(2) times as much as a whole one, so
 * the halves overstate the noise; that is the side to err on.
 *
 * Margins are of ratios: 1 + 5 % is as far as 1 / (1 + 5 %).
 *
 * How many blocks are needed: for the interval to end before it reaches the margin from
 * where the ratio is now (stats.c), and for the U test to reach the level at all. An
 * estimate: it takes the noise and the margin as they are.
 */
#include "harness/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analyse_internal.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/resample.h"
#include "memnet-core/base/stats.h"

/* Paces that differ by less are one. */
#define PACE_TOLERANCE 0.02

struct side {
	struct group *group;
	size_t n_groups;
};

struct comparing {
	const struct compare_input *in;
	struct comparison *out;
	struct side old, new, aa;
	double *values[3];	/* room for any group's, old, new and aa */
};

/* --- one metric of one configuration ------------------------------------------- */

static const struct margin_row *margin_of(const struct compare_input *in, const char *metric)
{
	const struct margin_row *any = NULL;

	for (size_t i = 0; i < in->n_margins; i++) {
		if (!strcmp(in->margins[i].metric, metric))
			return &in->margins[i];
		if (!strcmp(in->margins[i].metric, "any"))
			any = &in->margins[i];
	}
	return any;
}

static const struct group *find_group(const struct side *s, const struct group *like)
{
	for (size_t i = 0; i < s->n_groups; i++)
		if (group_same(&s->group[i], like))
			return &s->group[i];
	return NULL;
}

/* Median of @n values, which keep their order: @room has room for them. */
static double median_of(const double *values, size_t n, double *room)
{
	memcpy(room, values, n * sizeof(*room));
	return stats_median(room, n);
}

/* How far apart the medians of two samples are, as a logarithm; 0 where one is empty. */
static double apart(const double *a, size_t n_a, const double *b, size_t n_b, double *room)
{
	double distance = fabs(log(median_of(a, n_a, room) / median_of(b, n_b, room)));

	return isnan(distance) ? 0 : distance;
}

static double drift(const double *values, size_t n, double *room)
{
	return apart(values, n / 2, values + n / 2, n - n / 2, room);
}

/* The A/A noise, as a fraction. The room of the third sample is used up. */
static double noise_of(struct comparing *w, const struct finding *f)
{
	const double *old = w->values[0], *new = w->values[1];
	const struct group *aa = find_group(&w->aa, f->old);
	double *room = w->values[2], aa_median = NAN, between;

	if (aa) {
		size_t n = group_block_values(f->metric, aa, room).n;

		aa_median = stats_median(room, n);
	}
	if (aa_median > 0)
		between = fabs(log(aa_median / f->median_old));
	else
		between = fmax(drift(old, f->n_old, room), drift(new, f->n_new, room));
	/* fmax() passes over a NAN: too few for halves */
	return expm1(fmax(between, fmax(halves_apart(old, f->n_old, 1),
					halves_apart(new, f->n_new, 1))));
}

static bool has_no_ratio(const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(values[i] > 0))
			return true;
	return false;
}

/*
 * What the streams of a configuration are paced to is its folder's: a part of what they
 * reached alone. At another rate beside it the compute does something else.
 */
static bool is_of_one_pace(const struct group *old, const struct group *new)
{
	double a = old->row[0]->stream_target_bytes_per_s;
	double b = new->row[0]->stream_target_bytes_per_s;

	return !(a > 0 && b > 0) || fabs(log(a / b)) <= log(1 + PACE_TOLERANCE);
}

/* Why the two have no comparison; NOT_COMPARED_REASONS: they have one. */
static enum not_compared obstacle(const struct comparing *w, const struct metric *m,
				  const struct group *g_old, const struct group *g_new,
				  const struct block_values *old, const struct block_values *new)
{
	if (w->in->deterministic_only && !m->deterministic)
		return NOT_DETERMINISTIC;
	if (!m->deterministic && !is_of_one_pace(g_old, g_new))
		return NOT_OF_ONE_PACE;
	if (strcmp(old->source, new->source) || !strcmp(old->source, "mixed"))
		return NOT_ONE_SOURCE;
	if (!old->n || !new->n)
		return NOT_IN_BOTH;
	if (strcmp(old->quality, "measured") || strcmp(new->quality, "measured"))
		return NOT_MEASURED;
	if (has_no_ratio(w->values[0], old->n) || has_no_ratio(w->values[1], new->n))
		return NOT_A_RATIO;
	return NOT_COMPARED_REASONS;
}

/* The numbers; the U test comes last, for it sorts the values. */
static void measure(struct comparing *w, struct finding *f)
{
	double *old = w->values[0], *new = w->values[1];
	const struct margin_row *margin = margin_of(w->in, f->metric->name);
	struct resampled_ratio r = bootstrap_ratio(new, f->n_new, old, f->n_old, 1);

	f->median_old = median_of(old, f->n_old, w->values[2]);
	f->median_new = median_of(new, f->n_new, w->values[2]);
	f->ratio = r.ratio;
	f->low = r.low;
	f->high = r.high;
	f->worse = f->metric->sense == METRIC_MORE ? 1 / r.ratio : r.ratio;
	f->log_sd = hypot(stats_log_sd(old, f->n_old), stats_log_sd(new, f->n_new));
	f->noise = noise_of(w, f);
	f->margin = fmax(margin->floor_percent / 100, margin->noise_factor * f->noise);
	f->p = isnan(r.low) ? NAN : stats_mann_whitney(old, f->n_old, new, f->n_new);
}

static struct finding *add_finding(struct comparing *w, const struct group *old,
				   const struct group *new, const struct metric *m)
{
	struct finding *f = &w->out->finding[w->out->n++];

	*f = (struct finding){ .old = old, .new = new, .metric = m, .p = NAN };
	return f;
}

static void compare_metric(struct comparing *w, const struct metric *m, const struct group *old,
			   const struct group *new)
{
	struct block_values v_old, v_new;
	enum not_compared why;
	struct finding *f;

	if (!metric_is_judged(m, new->row[0]))
		return;
	v_old = group_block_values(m, old, w->values[0]);
	v_new = group_block_values(m, new, w->values[1]);
	if (!v_old.n && !v_new.n)
		return;
	why = obstacle(w, m, old, new, &v_old, &v_new);
	if (why != NOT_COMPARED_REASONS) {
		w->out->not_compared[why]++;
		return;
	}
	f = add_finding(w, old, new, m);
	f->n_old = v_old.n;
	f->n_new = v_new.n;
	measure(w, f);
}

/* --- one configuration --------------------------------------------------------- */

/* Every run was lost, at least two, of what OLD has valid ones of; or bytes were wrong. */
static bool is_broken(const struct group *old, const struct group *new)
{
	size_t lost = new->n - group_count(new, "ok") - group_count(new, "skipped");

	return group_corrupt(new) ||
	       (group_count(old, "ok") && !group_count(new, "ok") && lost >= 2);
}

static void compare_group(struct comparing *w, const struct group *new)
{
	const struct group *old = find_group(&w->old, new);
	const struct metric *m;

	if (!old || !group_count(old, "ok") || !group_count(new, "ok"))
		w->out->not_compared[NOT_IN_BOTH]++;
	if (!old)
		return;
	if (is_broken(old, new))
		add_finding(w, old, new, NULL)->worse = INFINITY;
	for (size_t i = 0; (m = metrics_at(i)); i++)
		compare_metric(w, m, old, new);
}

/* --- judgement ----------------------------------------------------------------- */

/* 0 also where no number of blocks would help: the margin is too wide. */
static size_t blocks_needed(const struct finding *f, size_t tests)
{
	size_t have = MIN(f->n_old, f->n_new);
	double to_bound = fabs(log(f->worse / (1 + f->margin)));
	size_t n = stats_blocks_needed(f->log_sd, expm1(to_bound));

	if (f->margin > COMPARE_MARGIN_MAX)
		return 0;
	if (n && f->worse > 1 + f->margin)
		n = MAX(n, stats_mann_whitney_min_n(COMPARE_LEVEL / tests));
	return n && !isnan(f->low) ? MAX(n, have + 1) : n;
}

static enum finding_kind judge(const struct finding *f)
{
	bool more = f->metric && f->metric->sense == METRIC_MORE;
	bool significant = f->p_family < COMPARE_LEVEL;
	double low = more ? 1 / f->high : f->low, high = more ? 1 / f->low : f->high;
	double bound = 1 + f->margin;

	if (!f->metric || (low > bound && significant))
		return FINDING_REGRESSION;
	if (high < 1 / bound && significant)
		return FINDING_BETTER;
	return high <= bound && f->margin <= COMPARE_MARGIN_MAX ? FINDING_UNCHANGED :
								   FINDING_INCONCLUSIVE;
}

/* Worst first; what cannot be told apart stands as the plan has it. */
static int compare_findings(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->worse != y->worse)
		return x->worse > y->worse ? -1 : 1;
	return x->new != y->new ? (x->new > y->new) - (x->new < y->new) :
				  (x->metric > y->metric) - (x->metric < y->metric);
}

static int judge_all(struct comparison *c)
{
	double *p = calloc(2 * c->n + 1, sizeof(*p)), *adjusted = p + c->n;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++)
		p[i] = c->finding[i].p;
	stats_holm(p, c->n, adjusted);
	for (size_t i = 0; i < c->n; i++) {
		struct finding *f = &c->finding[i];

		f->p_family = adjusted[i];
		f->kind = judge(f);
		c->count[f->kind]++;
		if (f->kind == FINDING_INCONCLUSIVE)
			f->need_n = blocks_needed(f, c->n);
	}
	free(p);
	qsort(c->finding, c->n, sizeof(*c->finding), compare_findings);
	return 0;
}

/* --- the whole ----------------------------------------------------------------- */

static int allocate(struct comparing *w, size_t n_rows)
{
	struct comparison *c = w->out;
	size_t n_metrics = 0;

	while (metrics_at(n_metrics))
		n_metrics++;
	c->row = calloc(n_rows + 1, sizeof(*c->row));
	c->group = calloc(n_rows + 1, sizeof(*c->group));
	c->finding = calloc(w->in->n_new * (n_metrics + 1) + 1, sizeof(*c->finding));
	w->values[0] = calloc(3 * n_rows + 1, sizeof(*w->values[0]));
	w->values[1] = w->values[0] + n_rows;
	w->values[2] = w->values[1] + n_rows;
	return c->row && c->group && c->finding && w->values[0] ? 0 : -ENOMEM;
}

/* Sort rows of one folder behind those of the @at before. */
static struct side make_side(struct comparison *c, const struct run_row *rows, size_t n, size_t at)
{
	struct side s = { .group = c->group + at };

	s.n_groups = groups_make(rows, n, c->row + at, s.group);
	return s;
}

int compare_rows(const struct compare_input *in, struct comparison *out)
{
	struct comparing w = { .in = in, .out = out };
	int ret;

	*out = (struct comparison){ 0 };
	ret = allocate(&w, in->n_old + in->n_new + in->n_aa);
	if (!ret) {
		w.old = make_side(out, in->old, in->n_old, 0);
		w.new = make_side(out, in->new, in->n_new, in->n_old);
		w.aa = make_side(out, in->aa, in->n_aa, in->n_old + in->n_new);
		for (size_t i = 0; i < w.new.n_groups; i++)
			compare_group(&w, &w.new.group[i]);
		for (size_t i = 0; i < w.old.n_groups; i++)
			out->not_compared[NOT_IN_BOTH] += !find_group(&w.new, &w.old.group[i]);
		ret = judge_all(out);
	}
	free(w.values[0]);
	if (ret)
		comparison_release(out);
	return ret;
}

void comparison_release(struct comparison *c)
{
	free(c->row);
	free(c->group);
	free(c->finding);
	*c = (struct comparison){ 0 };
}

/* --- margins ------------------------------------------------------------------- */

static const char *fault_of(const struct margin_row *m)
{
	if (!metrics_find(m->metric) && strcmp(m->metric, "any"))
		return "there is no such metric";
	if (!(m->floor_percent > 0))
		return "floor_percent is no positive number";
	if (m->floor_percent > 100 * COMPARE_MARGIN_MAX)
		return "floor_percent is so wide that nothing could be called unchanged";
	if (!(m->noise_factor >= 0))
		return "noise_factor is neither 0 nor a positive number";
	return NULL;
}

int compare_check_margins(const struct margin_row *margins, size_t n, char *err, size_t errlen)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const char *fault = fault_of(&margins[i]);

		if (fault)
			return mn_explain(err, errlen, -EINVAL, "margin %zu (%s): %s", i + 1,
					  margins[i].metric, fault);
		any |= !strcmp(margins[i].metric, "any");
	}
	return any ? 0 : mn_explain(err, errlen, -EINVAL, "margins: there is no row 'any', for the "
				    "metrics without one of their own");
}
