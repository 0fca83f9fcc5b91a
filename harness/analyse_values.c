/* SPDX-License-Identifier: BSD-2-Clause */
/* What a metric was in the runs of a configuration: its values, their source and quality. */
#include "harness/analyse_internal.h"

#include <math.h>
#include <string.h>

/* The value of one run for statistics: NAN when it is absent or the run is not valid. */
static double value_of(const struct work *w, const struct metric *m, const struct run_row *row)
{
	const struct net_row *net = w->net_of ? w->net_of[row - w->rows] : NULL;

	return run_is_ok(row) ? metric_value(m, row, net) : NAN;
}

const char *analyse_common_text(const struct work *w, const struct group *g,
				const struct metric *m, size_t offset)
{
	const char *common = "";

	for (size_t i = 0; i < g->n; i++) {
		const char *text = (const char *)g->row[i] + offset;

		if (!run_is_ok(g->row[i]) || (m && !isfinite(value_of(w, m, g->row[i]))))
			continue;
		if (*common && strcmp(common, text))
			return "mixed";
		common = text;
	}
	return common;
}

const char *analyse_source(const struct work *w, const struct metric *m, const struct group *g)
{
	const char *source;
	size_t column;

	if (m->source)
		return m->source;
	column = m->source_column ? columns_find(runs_columns(), m->source_column)->offset
				  : offsetof(struct run_row, energy_source);
	source = analyse_common_text(w, g, m, column);
	return *source ? source : analyse_common_text(w, g, NULL, column);
}

size_t analyse_values(const struct work *w, const struct metric *m, const struct group *g,
		      double *values)
{
	size_t n = 0;

	if (!strcmp(analyse_source(w, m, g), "mixed"))
		return 0;
	for (size_t i = 0; i < g->n; i++) {
		double v = value_of(w, m, g->row[i]);

		if (isfinite(v))
			values[n++] = v;
	}
	return n;
}

/* @n: how many values the group has. */
const char *analyse_quality(const struct work *w, const struct metric *m, const struct group *g,
			    size_t n)
{
	const char *quality;

	if (m->source)
		return n ? "measured" : "absent";
	if (!strcmp(analyse_source(w, m, g), "mixed"))
		return "invalid";
	if (m->source_column)
		return n ? "measured" : "absent";
	quality = analyse_common_text(w, g, n ? m : NULL, offsetof(struct run_row, energy_quality));
	if (n || !strcmp(quality, "invalid"))
		return quality;
	return "absent";
}

/*
 * The value of the block that begins at row *@i: the median of its valid rows.
 * *@i moves behind the block.
 */
static double next_block(const struct work *w, const struct metric *m, const struct group *g,
			 size_t *i, double *values, int64_t *block)
{
	size_t n = 0;

	*block = g->row[*i]->block;
	for (; *i < g->n && g->row[*i]->block == *block; (*i)++) {
		double v = value_of(w, m, g->row[*i]);

		if (isfinite(v))
			values[n++] = v;
	}
	return stats_median(values, n);
}

struct block_values group_block_values(const struct metric *m, const struct group *g,
				       double *values)
{
	const struct work w = { .net_of = NULL };
	struct block_values v = { .source = analyse_source(&w, m, g) };
	bool mixed = !strcmp(v.source, "mixed");
	int64_t block;

	for (size_t i = 0; i < g->n && !mixed;) {
		values[v.n] = next_block(&w, m, g, &i, values + v.n, &block);
		v.n += isfinite(values[v.n]);
	}
	v.quality = analyse_quality(&w, m, g, v.n);
	return v;
}

double analyse_block(struct work *w, const struct metric *m, const struct group *g, int64_t block)
{
	size_t i = 0;

	while (i < g->n && g->row[i]->block != block)
		i++;
	return i < g->n ? next_block(w, m, g, &i, w->b, &block) : NAN;
}

/*
 * Blockwise ratios of @g over @base, or the inverse. Blocks without either are left out; and
 * those where net energy is below 0, of which no multiple means anything.
 */
static size_t block_ratios(struct work *w, const struct metric *m, const struct group *g,
			   const struct group *base, bool inverse)
{
	size_t n = 0, i = 0, j = 0;

	if (!base || strcmp(analyse_source(w, m, g), analyse_source(w, m, base)) ||
	    !strcmp(analyse_source(w, m, g), "mixed"))
		return 0;
	while (i < g->n && j < base->n) {
		int64_t block_a, block_b;
		size_t i_next = i, j_next = j;
		double a = next_block(w, m, g, &i_next, w->a, &block_a);
		double b = next_block(w, m, base, &j_next, w->b, &block_b);
		double value = inverse ? b : a, on = inverse ? a : b;

		if (block_a <= block_b)
			i = i_next;
		if (block_b <= block_a)
			j = j_next;
		if (block_a == block_b && isfinite(value / on) && value >= 0 && on >= 0)
			w->pair[n++] = (struct pair){ block_a, value / on };
	}
	return n;
}

struct estimate analyse_ratio(struct work *w, const struct metric *m, const struct group *g,
			      const struct group *base, bool inverse)
{
	size_t n = block_ratios(w, m, g, base, inverse);

	for (size_t i = 0; i < n; i++)
		w->a[i] = w->pair[i].ratio;
	return stats_estimate(w->a, n);
}
