/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/power_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/groups.h"

static const char *const scenarios[] = { "hybrid-fixed", "hybrid-paced", "hybrid-saturate" };
static const char *const arms[] = { "spare-core", "equal-core" };

/* Which runs of a topology the figure takes: of one number of flows, chunk and spin budget. */
struct choice {
	const char *topology, *scenario, *direction;
	const struct run_row *subject;	/* whose flows, chunk and spin; NULL: any */
};

static bool fits(const struct run_row *r, const struct choice *c, const char *arm,
		 const char *path)
{
	return !strcmp(r->kind, "measure") && run_is_ok(r) &&
	       !strcmp(r->topology, c->topology) && !strcmp(r->scenario, c->scenario) &&
	       (!c->direction || !strcmp(r->direction, c->direction)) &&
	       (!arm || !strcmp(r->arm, arm)) && !strcmp(r->path, path) &&
	       (!c->subject || (r->flows == c->subject->flows &&
				r->chunk_bytes == c->subject->chunk_bytes &&
				spins_agree(r->spin, c->subject->spin)));
}

/* Of those that fit, the first of the fewest flows. */
static const struct run_row *first_fit(const struct run_row *runs, size_t n,
				       const struct choice *c, const char *path)
{
	const struct run_row *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (fits(&runs[i], c, NULL, path) &&
		    (!best || runs[i].flows < best->flows))
			best = &runs[i];
	return best;
}

/* Has the choice, with the flows, chunk, ... of its first run of @subject, also the baseline? */
static bool is_complete(const struct run_row *runs, size_t n, const char *baseline,
			const char *subject, struct choice *c)
{
	c->subject = NULL;
	c->subject = first_fit(runs, n, c, subject);
	return c->subject && first_fit(runs, n, c, baseline);
}

/* One scenario and direction for all panels of @topology, so that they can be compared. */
static bool choose(const struct run_row *runs, size_t n, const char *topology,
		   const char *baseline, const char *subject, struct choice *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		const struct run_row *r;

		*c = (struct choice){ topology, scenarios[i], "send" };
		if (is_complete(runs, n, baseline, subject, c))
			return true;
		*c = (struct choice){ topology, scenarios[i] };
		r = first_fit(runs, n, c, baseline);
		if (!r)
			continue;
		c->direction = r->direction;
		if (is_complete(runs, n, baseline, subject, c))
			return true;
	}
	return false;
}

static int compare_energy(const void *p, const void *q)
{
	const struct run_row *a = *(const struct run_row *const *)p;
	const struct run_row *b = *(const struct run_row *const *)q;

	if (isnan(a->energy_j) || isnan(b->energy_j))
		return isnan(a->energy_j) - isnan(b->energy_j);
	return (a->energy_j > b->energy_j) - (a->energy_j < b->energy_j);
}

static const struct run_row *typical(const struct run_row *runs, size_t n, const struct choice *c,
				     const char *arm, const char *path, const struct run_row **room)
{
	size_t fitting = 0, with_energy = 0;

	for (size_t i = 0; i < n; i++) {
		if (!fits(&runs[i], c, arm, path))
			continue;
		room[fitting++] = &runs[i];
		with_energy += !isnan(runs[i].energy_j);
	}
	if (!fitting)
		return NULL;
	qsort(room, fitting, sizeof(*room), compare_energy);
	return room[with_energy ? (with_energy - 1) / 2 : 0];
}

/* The row of the moment of @s among the @n of @rows; made behind them if it is new. */
static struct power_row *row_at(struct power_row *rows, size_t *n, const struct run_row *run,
				const char *role, const struct sample_row *s)
{
	double t_s = (s->t_ns - run->window_begin_ns) / 1e9;
	struct power_row *p;

	for (size_t i = 0; i < *n; i++)
		if (rows[i].t_s == t_s)
			return &rows[i];
	p = &rows[(*n)++];
	columns_clear(power_columns(), p);
	ROW_TEXT(p->run_id, "%s", run->run_id);
	ROW_TEXT(p->scenario, "%s", run->scenario);
	ROW_TEXT(p->direction, "%s", run->direction);
	p->flows = run->flows;
	ROW_TEXT(p->spin, "%s", run->spin);
	ROW_TEXT(p->arm, "%s", run->arm);
	ROW_TEXT(p->topology, "%s", run->topology);
	ROW_TEXT(p->path, "%s", run->path);
	ROW_TEXT(p->role, "%s", role);
	ROW_TEXT(p->accelerator, "%s", run->accelerator);
	ROW_TEXT(p->phase, "%s", s->phase);
	ROW_TEXT(p->source, "%s", s->source);
	p->t_s = t_s;
	return p;
}

static bool is_power(const struct sample_row *s)
{
	return !strcmp(s->domain, "total") &&
	       (!strcmp(s->quantity, "power") || !strcmp(s->quantity, "power_low") ||
		!strcmp(s->quantity, "power_high"));
}

static double *quantity_of(struct power_row *p, const char *quantity)
{
	if (!strcmp(quantity, "power"))
		return &p->power_w;
	return !strcmp(quantity, "power_low") ? &p->power_low_w : &p->power_high_w;
}

static int compare_time(const void *p, const void *q)
{
	const struct power_row *a = p, *b = q;

	return (a->t_s > b->t_s) - (a->t_s < b->t_s);
}

/* Append the samples of @run, by time. */
static size_t add_run(struct power_row *rows, const struct run_row *run, const char *role,
		      const struct sample_row *samples, size_t n_samples)
{
	size_t n = 0;

	for (size_t i = 0; i < n_samples; i++) {
		const struct sample_row *s = &samples[i];

		if (is_power(s) && !strcmp(s->run_id, run->run_id))
			*quantity_of(row_at(rows, &n, run, role, s), s->quantity) = s->value;
	}
	if (n)
		qsort(rows, n, sizeof(*rows), compare_time);
	return n;
}

static bool is_new_topology(const struct run_row *runs, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(runs[j].topology, runs[i].topology))
			return false;
	return true;
}

int power_series(const struct run_row *runs, size_t n_runs, const struct sample_row *samples,
		 size_t n_samples, const char *baseline, const char *subject,
		 struct power_row **out, size_t *n_out)
{
	const char *const path[] = { baseline, subject }, *const role[] = { "baseline", "memnet" };
	const struct run_row **room, *run;
	struct choice c;

	*n_out = 0;
	*out = calloc(n_samples + 1, sizeof(**out));
	room = calloc(n_runs + 1, sizeof(*room));
	if (!*out || !room) {
		free(*out);
		free(room);
		*out = NULL;
		return -ENOMEM;
	}
	for (size_t t = 0; t < n_runs; t++) {
		if (!is_new_topology(runs, t) ||
		    !choose(runs, n_runs, runs[t].topology, baseline, subject, &c))
			continue;
		for (size_t i = 0; i < 2 * ARRAY_SIZE(arms); i++) {
			run = typical(runs, n_runs, &c, arms[i / 2], path[i % 2], room);
			if (run)
				*n_out += add_run(*out + *n_out, run, role[i % 2], samples,
						  n_samples);
		}
	}
	free(room);
	return 0;
}
