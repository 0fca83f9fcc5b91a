/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * The runs of one configuration are a group (groups.h). Each is compared with the
 * group that differs from it in nothing but the path, which is the baseline's; a spin
 * budget belongs to the path: most baselines have none, and of A/A both have the same.
 *
 * A ratio is formed block by block, from runs made within minutes of each other
 * (stats.c says why), and of the blocks in which both paths have a valid run. A
 * block with several valid runs of one configuration counts once, by their median.
 *
 * A gain must not be bought with what it does not show: compute with less network,
 * for example. So each gain names metrics whose own median ratio has to be within
 * bounds; otherwise its verdict is "not comparable", whatever its value.
 */
#include "harness/analyse_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/interference.h"
#include "harness/net_energy.h"
#include "memnet-core/base/resample.h"

/* --- the baseline -------------------------------------------------------------- */

/* The group that differs from @g in the path only, which is the baseline. */
static const struct group *baseline_of(const struct work *w, const struct group *g)
{
	for (size_t i = 0; i < w->n_groups; i++)
		if (!strcmp(w->group[i].row[0]->path, w->out->baseline) &&
		    group_same_but_path(&w->group[i], g))
			return &w->group[i];
	return NULL;
}

static bool has_valid_run(const struct work *w, const char *path)
{
	for (size_t g = 0; g < w->n_groups; g++)
		if (!strcmp(w->group[g].row[0]->path, path) && group_count(&w->group[g], "ok"))
			return true;
	return false;
}

/* Is a path once more there under another name, "PATH@LABEL"? The plain one is in @path. */
static bool find_twin(const struct work *w, char path[32])
{
	for (size_t g = 0; g < w->n_groups; g++) {
		const char *name = w->group[g].row[0]->path;

		snprintf(path, 32, "%.*s", (int)strcspn(name, "@"), name);
		if (strchr(name, '@') && has_valid_run(w, path))
			return true;
	}
	return false;
}

static void choose_baseline(struct work *w, const char *wanted)
{
	static const char *const candidates[] = {
		"virtio-vhost", "virtio-tap", "virtio-user", "passt", "vsock", "e1000",
		"memnet:ivshmem",	/* of its regions */
	};
	char path[32];

	if (!wanted)
		for (size_t c = 0; c < ARRAY_SIZE(candidates) && !wanted; c++)
			if (has_valid_run(w, candidates[c]))
				wanted = candidates[c];
	if (!wanted && find_twin(w, path))
		wanted = path;
	if (wanted)
		ROW_TEXT(w->out->baseline, "%s", wanted);
}

/* --- rows ---------------------------------------------------------------------- */

/* Blocks until the interval has left 1, if the ratio is what it looks like, or shows none. */
static size_t blocks_needed(struct work *w, struct estimate ratio)
{
	double seen = expm1(fabs(log(ratio.median)));
	size_t n;

	for (size_t i = 0; i < ratio.n; i++)
		w->a[i] = w->pair[i].ratio;
	n = stats_blocks_needed(stats_log_sd(w->a, ratio.n), fmax(seen, VERDICT_MARGIN));
	return n ? MAX(n, ratio.n + 1) : 0;
}

static void say_inconclusive(struct work *w, struct summary_row *s, struct estimate ratio)
{
	size_t n = blocks_needed(w, ratio);

	ROW_TEXT(s->verdict, VERDICT_INCONCLUSIVE);
	if (!n)
		return;
	s->need_n = n;
	ROW_TEXT(s->verdict, VERDICT_INCONCLUSIVE ", need n = %zu", n);
}

static void set_verdict(struct work *w, struct summary_row *s, struct estimate ratio,
			bool more_is_better)
{
	if (ratio.low > 1)
		ROW_TEXT(s->verdict, "%s", more_is_better ? VERDICT_BETTER : VERDICT_WORSE);
	else if (ratio.high < 1)
		ROW_TEXT(s->verdict, "%s", more_is_better ? VERDICT_WORSE : VERDICT_BETTER);
	else if (ratio.low >= 1 / (1 + VERDICT_MARGIN) && ratio.high <= 1 + VERDICT_MARGIN)
		ROW_TEXT(s->verdict, VERDICT_SAME);
	else
		say_inconclusive(w, s, ratio);
}

struct summary_row *analyse_add_row(struct work *w, const struct group *g, const char *metric,
				    const char *unit, const char *source, const char *quality)
{
	struct summary_row *s = &w->out->summary[w->out->n_summary++];
	const char *git = analyse_common_text(w, g, NULL, offsetof(struct run_row, git));
	const struct run_row *r = g->row[0];

	columns_clear(summary_columns(), s);
	ROW_TEXT(s->scenario, "%s", r->scenario);
	ROW_TEXT(s->direction, "%s", r->direction);
	s->flows = r->flows;
	ROW_TEXT(s->spin, "%s", r->spin);
	s->chunk_bytes = r->chunk_bytes;
	s->link_rate_bits_per_s = r->link_rate_bits_per_s;
	s->link_delay_ns = r->link_delay_ns;
	ROW_TEXT(s->arm, "%s", r->arm);
	ROW_TEXT(s->topology, "%s", r->topology);
	ROW_TEXT(s->path, "%s", r->path);
	ROW_TEXT(s->accelerator, "%s", r->accelerator);
	ROW_TEXT(s->plan, "%s", r->plan);
	ROW_TEXT(s->git, "%s", *git ? git : r->git);
	ROW_TEXT(s->baseline, "%s", w->out->baseline);
	ROW_TEXT(s->metric, "%s", metric);
	ROW_TEXT(s->unit, "%s", unit);
	ROW_TEXT(s->source, "%s", source);
	ROW_TEXT(s->quality, "%s", quality);
	s->n_invalid = group_count(g, "invalid");
	s->n_failed = g->n - group_count(g, "ok") - group_count(g, "skipped") - s->n_invalid;
	s->n_corrupt = group_corrupt(g);
	return s;
}

/* Of the pairs estimated last. */
static void set_ratio(const struct work *w, struct summary_row *s, struct estimate ratio)
{
	s->ratio = ratio.median;
	s->ratio_ci_low = ratio.low;
	s->ratio_ci_high = ratio.high;
	for (size_t i = 0; i < ratio.n; i++) {
		s->ratio_least = fmin(s->ratio_least, w->pair[i].ratio);	/* of NAN: the other */
		s->ratio_most = fmax(s->ratio_most, w->pair[i].ratio);
	}
}

/* By the @n pairs of the ratio estimated last. */
static double p_value_paired(struct work *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w->a[i] = log(w->pair[i].ratio);
	return permutation_test_paired(w->a, n, 1);
}

static double p_value(struct work *w, const struct metric *m, const struct group *g,
		      const struct group *base)
{
	size_t n_a = analyse_values(w, m, g, w->a);
	size_t n_b = base ? analyse_values(w, m, base, w->b) : 0;

	return stats_mann_whitney(w->a, n_a, w->b, n_b);
}

/* Metrics that are a row without a value too. */
static bool is_always_there(const struct work *w, const struct metric *m)
{
	return !strcmp(m->name, "cpu_total") || !strcmp(m->name, "energy") ||
	       (m->net_column && w->out->n_net);
}

/*
 * A row per metric the group has; and always one of cpu_total, so that a
 * configuration without a valid run is seen, and of energy, whose absence has a
 * source and a quality; of net energy where idle windows were measured.
 */
static void summarise_metric(struct work *w, const struct metric *m, const struct group *g)
{
	const struct group *base = baseline_of(w, g);
	size_t n = analyse_values(w, m, g, w->a);
	struct estimate e = stats_estimate(w->a, n);
	struct summary_row *s;

	if (!n && !is_always_there(w, m))
		return;
	s = analyse_add_row(w, g, m->name, metric_unit(m, g->row[0]), analyse_source(w, m, g),
			    analyse_quality(w, m, g, n));
	s->n = n;
	s->median = e.median;
	s->ci_low = e.low;
	s->ci_high = e.high;
	if (g == base || !base)
		return;
	e = analyse_ratio(w, m, g, base, false);
	set_ratio(w, s, e);
	s->p_value = p_value(w, m, g, base);
	if (!metric_is_judged(m, g->row[0]))
		return;
	s->p_value_paired = p_value_paired(w, e.n);
	set_verdict(w, s, e, m->sense == METRIC_MORE);
}

/* Within bounds; a ratio that is not there is not. */
static bool check_holds(struct work *w, const struct gain_check *check, const struct group *g,
			const struct group *base)
{
	double ratio;

	if (!check->metric)
		return true;
	ratio = analyse_ratio(w, metrics_find(check->metric), g, base, false).median;
	return ratio >= check->low && ratio <= check->high;
}

static void add_gain_points(struct work *w, const struct summary_row *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gain_row *p = &w->out->gains[w->out->n_gains++];

		columns_clear(gains_columns(), p);
		ROW_TEXT(p->scenario, "%s", s->scenario);
		ROW_TEXT(p->direction, "%s", s->direction);
		p->flows = s->flows;
		ROW_TEXT(p->spin, "%s", s->spin);
		p->chunk_bytes = s->chunk_bytes;
		p->link_rate_bits_per_s = s->link_rate_bits_per_s;
		p->link_delay_ns = s->link_delay_ns;
		ROW_TEXT(p->arm, "%s", s->arm);
		ROW_TEXT(p->topology, "%s", s->topology);
		ROW_TEXT(p->path, "%s", s->path);
		ROW_TEXT(p->baseline, "%s", s->baseline);
		ROW_TEXT(p->accelerator, "%s", s->accelerator);
		ROW_TEXT(p->metric, "%s", s->metric);
		ROW_TEXT(p->source, "%s", s->source);
		ROW_TEXT(p->quality, "%s", s->quality);
		p->block = w->pair[i].block;
		p->gain = w->pair[i].ratio;
	}
}

/* More blocks would not help. */
static void set_unequal(struct summary_row *s)
{
	ROW_TEXT(s->verdict, VERDICT_UNEQUAL);
	s->need_n = ABSENT_INTEGER;
}

static void summarise_gain(struct work *w, const struct gain *gain, const struct group *g)
{
	const struct group *base = baseline_of(w, g);
	const struct metric *m = metrics_find(gain->metric);
	struct estimate e;
	struct summary_row *s;

	if (!base || g == base || !scenario_is(g->row[0]->scenario, gain->scenario) ||
	    !metric_is_judged(m, g->row[0]) || (m->net_column && !w->out->n_net))
		return;
	e = analyse_ratio(w, m, g, base, gain->inverse);
	s = analyse_add_row(w, g, gain->name, "1", analyse_source(w, m, g),
			    e.n ? analyse_quality(w, m, g, e.n) : "absent");
	add_gain_points(w, s, e.n);
	s->n = e.n;
	s->median = e.median;
	s->ci_low = e.low;
	s->ci_high = e.high;
	set_ratio(w, s, e);
	s->p_value = p_value(w, m, g, base);
	s->p_value_paired = p_value_paired(w, e.n);
	set_verdict(w, s, e, true);
	if (e.n && !(check_holds(w, &gain->check[0], g, base) &&
		     check_holds(w, &gain->check[1], g, base)))
		set_unequal(s);
}

static void summarise(struct work *w)
{
	const struct metric *metric;
	const struct gain *gain;

	for (size_t i = 0; i < w->n_groups; i++) {
		for (size_t m = 0; (metric = metrics_at(m)); m++)
			summarise_metric(w, metric, &w->group[i]);
		for (size_t m = 0; (gain = gains_at(m)); m++)
			summarise_gain(w, gain, &w->group[i]);
		interference_summarise(w, &w->group[i]);
	}
}

/* --- the whole ----------------------------------------------------------------- */

/* net.csv: a row for each valid run, if there was an idle window at all. */
static void make_net(struct work *w, size_t n)
{
	bool any_idle = false;

	for (size_t i = 0; i < n; i++)
		any_idle |= run_is_idle(&w->rows[i]);
	for (size_t i = 0; any_idle && i < n; i++) {
		struct net_row *net = &w->out->net[w->out->n_net];

		if (strcmp(w->rows[i].kind, "measure") || !run_is_ok(&w->rows[i]))
			continue;
		net_of_run(w->rows, n, &w->rows[i], net);
		w->net_of[i] = net;
		w->out->n_net++;
	}
}

static size_t rows_per_group(void)
{
	size_t n = 0;

	for (size_t m = 0; metrics_at(m); m++)
		n++;
	for (size_t m = 0; gains_at(m); m++)
		n++;
	for (size_t m = 0; interference_at(m); m++)
		n++;
	return n;
}

static int allocate(struct work *w, size_t n)
{
	size_t n_gains = 0;

	while (gains_at(n_gains))
		n_gains++;
	n += !n;	/* calloc(0) may be NULL */
	w->row = calloc(n, sizeof(*w->row));
	w->group = calloc(n, sizeof(*w->group));
	w->a = calloc(n, sizeof(*w->a));
	w->b = calloc(n, sizeof(*w->b));
	w->pair = calloc(n, sizeof(*w->pair));
	w->net_of = calloc(n, sizeof(*w->net_of));
	w->out->net = calloc(n, sizeof(*w->out->net));
	w->out->gains = calloc(n * n_gains, sizeof(*w->out->gains));
	if (w->row && w->group && w->a && w->b && w->pair && w->net_of && w->out->net &&
	    w->out->gains)
		return 0;
	return -ENOMEM;
}

static void release_work(struct work *w)
{
	free(w->row);
	free(w->group);
	free(w->a);
	free(w->b);
	free(w->pair);
	free(w->net_of);
}

int analyse(const struct run_row *rows, size_t n, const char *baseline, struct analysis *out)
{
	struct work w = { .out = out, .rows = rows };
	int ret;

	*out = (struct analysis){ 0 };
	ret = allocate(&w, n);
	if (!ret) {
		make_net(&w, n);
		w.n_groups = groups_make(rows, n, w.row, w.group);
		choose_baseline(&w, baseline);
		out->summary = calloc(w.n_groups * rows_per_group() + 1, sizeof(*out->summary));
		if (out->summary) {
			summarise(&w);
			analysis_choose_subject(out);
		} else {
			ret = -ENOMEM;
		}
	}
	release_work(&w);
	if (ret)
		analysis_release(out);
	return ret;
}

static bool was_measured(const struct analysis *a, const char *path)
{
	for (size_t i = 0; i < a->n_summary; i++)
		if (!strcmp(a->summary[i].path, path) && a->summary[i].n > 0)
			return true;
	return false;
}

/* Of a plan without memnet: the first other path that was measured. */
static void choose_first(struct analysis *a)
{
	const char *first = NULL;

	for (size_t i = 0; i < a->n_summary; i++) {
		const char *path = a->summary[i].path;

		if (!strcmp(path, "memnet"))
			return;
		if (!first && a->summary[i].n > 0 && !strchr(path, '@') &&
		    strcmp(path, a->baseline))
			first = path;
	}
	if (first)
		ROW_TEXT(a->subject, "%s", first);
}

void analysis_choose_subject(struct analysis *a)
{
	size_t len = strlen(a->baseline);

	ROW_TEXT(a->subject, "memnet");
	if (!len || (was_measured(a, "memnet") && strcmp(a->baseline, "memnet")))
		return;
	choose_first(a);
	for (size_t i = 0; i < a->n_summary; i++) {
		const char *path = a->summary[i].path;

		if (!strncmp(path, a->baseline, len) && path[len] == '@') {
			ROW_TEXT(a->subject, "%s", path);
			return;
		}
	}
}

void analysis_release(struct analysis *a)
{
	free(a->summary);
	free(a->gains);
	free(a->net);
	*a = (struct analysis){ 0 };
}

const struct summary_row *summary_find(const struct summary_row *rows, size_t n,
				       const struct summary_row *like, const char *path,
				       const char *metric)
{
	bool same_path = !strcmp(like->path, path);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].scenario, like->scenario) &&
		    !strcmp(rows[i].direction, like->direction) &&
		    !strcmp(rows[i].arm, like->arm) && rows[i].flows == like->flows &&
		    !strcmp(rows[i].topology, like->topology) &&
		    rows[i].chunk_bytes == like->chunk_bytes &&
		    rows[i].link_rate_bits_per_s == like->link_rate_bits_per_s &&
		    rows[i].link_delay_ns == like->link_delay_ns &&
		    !strcmp(rows[i].path, path) && !strcmp(rows[i].metric, metric) &&
		    (same_path ? !strcmp(rows[i].spin, like->spin) :
				 spins_agree(rows[i].spin, like->spin)))
			return &rows[i];
	return NULL;
}
