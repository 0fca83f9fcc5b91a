/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * A block has one run of every scenario, made within minutes of each other. What both
 * workloads did together in a block is held against what each did alone in that same
 * block, and the median and its interval are over the blocks: drift from block to block
 * cancels out. A block that lacks a part is left out; it is never filled from another.
 *
 * Energies are those of a whole window, idle power included, so they can only be added
 * and subtracted for equal windows. Windows that are to be equal differ by how late the
 * harness woke up: a part's energy is brought to the window of both together by the
 * ratio of the two, and a block whose windows are further apart than that explains is
 * left out.
 */
#include "harness/interference.h"

#include <math.h>
#include <string.h>

#include "harness/analyse_internal.h"
#include "memnet-core/base/util.h"

/* Windows further apart than this share of the hybrid's were not meant to be equal. */
#define WINDOW_TOLERANCE	0.05

static double share_of_alone(double both, const double *part)
{
	return both / part[0];
}

static double beyond_sum(double both, const double *part)
{
	return both - part[0] - part[1] + part[2];
}

static const struct interference measures[] = {
	{ "self_interference_compute", "1", "compute_rate", { "compute" }, share_of_alone, false,
	  "compute rate beside the stream / compute rate alone",
	  "100 %: nothing is lost to the stream; 50 %: half of it" },
	{ "self_interference_network", "1", "network_rate", { "network" }, share_of_alone, false,
	  "byte rate beside the computing / byte rate alone",
	  "100 %: nothing is lost to the computing; 50 %: half of it" },
	{ "interaction_energy", "J", "energy", { "compute", "network", "idle" }, beyond_sum, true,
	  "E(both) - E(compute) - E(network) + E(idle VM), equal windows",
	  "0: above idle, together costs what each costs alone; below: less, also because "
	  "workloads that share a CPU each do less" },
};

const struct interference *interference_at(size_t index)
{
	return index < ARRAY_SIZE(measures) ? &measures[index] : NULL;
}

const struct interference *interference_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		if (!strcmp(measures[i].name, name))
			return &measures[i];
	return NULL;
}

static double window(const struct run_row *row)
{
	return row->window_s;
}

static const struct metric window_metric = { .value = window };

/* The value of a part in @block, for the window of both together; NAN if there is none. */
static double part_value(struct work *w, const struct interference *i, const struct metric *m,
			 const struct group *both, const struct group *part, int64_t block)
{
	double value = analyse_block(w, m, part, block), scale;

	if (!i->of_window)
		return value;
	scale = analyse_block(w, &window_metric, both, block) /
		analyse_block(w, &window_metric, part, block);
	return fabs(scale - 1) <= WINDOW_TOLERANCE ? value * scale : NAN;
}

/* One value for each block that has everything, into w->a. */
static size_t block_values(struct work *w, const struct interference *i, const struct group *both,
			   const struct group *const *part)
{
	const struct metric *m = metrics_find(i->metric);
	double parts[INTERFERENCE_PARTS], value;
	size_t n = 0;

	for (size_t r = 0; r < both->n; r++) {
		int64_t block = both->row[r]->block;

		if (r && both->row[r - 1]->block == block)
			continue;
		for (size_t p = 0; i->part[p]; p++)
			parts[p] = part_value(w, i, m, both, part[p], block);
		value = i->value(analyse_block(w, m, both, block), parts);
		if (isfinite(value))
			w->a[n++] = value;
	}
	return n;
}

static const struct group *find_part(const struct work *w, const struct group *both,
				     const char *scenario)
{
	for (size_t i = 0; i < w->n_groups; i++)
		if (group_is_part(&w->group[i], both, scenario))
			return &w->group[i];
	return NULL;
}

/* Energies of two sources are never added. */
static bool same_source(const struct work *w, const struct metric *m, const struct group *both,
			const struct group *const *part, size_t n)
{
	const char *source = analyse_source(w, m, both);

	for (size_t p = 0; p < n; p++)
		if (strcmp(analyse_source(w, m, part[p]), source))
			return false;
	return strcmp(source, "mixed");
}

static void summarise(struct work *w, const struct interference *i, const struct group *both)
{
	const struct metric *m = metrics_find(i->metric);
	const struct group *part[INTERFERENCE_PARTS];
	struct estimate e;
	struct summary_row *s;
	size_t n = 0;

	for (; i->part[n]; n++) {
		part[n] = find_part(w, both, i->part[n]);
		if (!part[n])
			return;
	}
	n = same_source(w, m, both, part, n) ? block_values(w, i, both, part) : 0;
	e = stats_estimate(w->a, n);
	s = analyse_add_row(w, both, i->name, i->unit, analyse_source(w, m, both),
			    n ? analyse_quality(w, m, both, n) : "absent");
	ROW_TEXT(s->baseline, "%s", "");	/* held against itself alone */
	s->n = n;
	s->median = e.median;
	s->ci_low = e.low;
	s->ci_high = e.high;
}

void interference_summarise(struct work *w, const struct group *g)
{
	if (strcmp(g->row[0]->scenario, INTERFERENCE_SCENARIO))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		summarise(w, &measures[i], g);
}

void interference_reference(FILE *out)
{
	fprintf(out, "\n## Interference\n\n"
		"What `" INTERFERENCE_SCENARIO "` is held against its parts alone, of the same\n"
		"path, arm and topology, block by block; the median and its interval are over the\n"
		"blocks that have every part. `baseline` is empty: a path is held against itself.\n"
		"Joules of a model (`quality` is `estimated`) say no more than CPU time does.\n\n"
		"| measure | unit | definition | meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		fprintf(out, "| `%s` | %s | %s | %s |\n", measures[i].name, measures[i].unit,
			measures[i].definition, measures[i].meaning);
}
