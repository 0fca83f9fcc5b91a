/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "harness/app.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"

/* Of a small VM of ours, powering off included; of a run, beside its phases. */
#define BOOT_TCG_S	4.0
#define BOOT_KVM_S	1.5
#define EXTRA_S		0.05
#define LONGEST_GAP_S	600	/* between two rows of one sitting */

static double seconds(int64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

void forecast_init(struct forecast *f, const struct plan *plan, const char *accel,
		   const char *build)
{
	*f = (struct forecast){
		.plan = plan, .build = build, .assumed_boot_s = strcmp(accel, "kvm") ? BOOT_TCG_S : BOOT_KVM_S,
	};
}

void forecast_free(struct forecast *f)
{
	free(f->boots.s);
	free(f->extra.s);
	for (size_t i = 0; i < PLAN_MAX_CONFIGS; i++)
		free(f->runs[i].s);
	*f = (struct forecast){ 0 };
}

/* Without memory the forecast is the worse for it, and that is all. */
static void add(struct forecast_series *series, double value)
{
	double *s = reallocarray(series->s, series->n + 1, sizeof(*s));

	if (!s)
		return;
	series->s = s;
	s[series->n++] = value;
}

static double median(const struct forecast_series *series, double otherwise)
{
	return series->n ? stats_median(series->s, series->n) : otherwise;
}

static double planned_s(const struct forecast *f, const struct plan_config *c)
{
	const struct plan *p = f->plan;
	bool fixed = c->scenario->stream == LOAD_FIXED || c->scenario->compute == LOAD_FIXED;

	return seconds(p->settle_ns + p->warmup_ns + (fixed ? p->fixed_ns : p->window_ns));
}

void forecast_saw_boot(struct forecast *f, double s)
{
	add(&f->boots, s);
}

void forecast_saw_run(struct forecast *f, const struct plan_config *config, double s)
{
	add(&f->runs[config - f->plan->configs], s);
	if (config->scenario->stream != LOAD_FIXED && !*config->app)
		add(&f->extra, s - planned_s(f, config));
}

void forecast_learn(struct forecast *f, const struct plan *of, const struct run_row *rows, size_t n)
{
	const struct run_row *before = NULL;
	double lead = seconds(of->settle_ns + of->warmup_ns), gap;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].kind, "measure") || rows[i].window_begin_ns == ABSENT_INTEGER)
			continue;
		gap = before ? seconds(rows[i].window_begin_ns - before->window_end_ns) - lead : -1;
		if (gap >= 0 && gap < LONGEST_GAP_S)
			add(rows[i].boot == before->boot ? &f->extra : &f->boots, gap);
		before = &rows[i];
	}
}

double forecast_boot_s(const struct forecast *f)
{
	return median(&f->boots, f->assumed_boot_s);
}

double forecast_extra_s(const struct forecast *f)
{
	return median(&f->extra, EXTRA_S);
}

double forecast_run_s(const struct forecast *f, const struct plan_config *config)
{
	return median(&f->runs[config - f->plan->configs],
		      planned_s(f, config) + forecast_extra_s(f));
}

/* The first configuration with its targets, or in its VMs, is where they are counted. */
static bool is_first(const struct plan *p, size_t i,
		     bool (*same)(const struct plan_config *a, const struct plan_config *b))
{
	for (size_t j = 0; j < i; j++)
		if (same(&p->configs[j], &p->configs[i]) &&
		    plan_needs_targets(p, &p->configs[j]))
			return false;
	return plan_needs_targets(p, &p->configs[i]);
}

double forecast_calibration_s(const struct forecast *f)
{
	const struct plan *p = f->plan;
	double run = seconds(p->settle_ns + p->warmup_ns + p->window_ns) + forecast_extra_s(f);
	double sum = 0;

	for (size_t i = 0; i < p->n_configs; i++) {
		if (is_first(p, i, plan_same_targets))
			sum += PLAN_CALIBRATIONS * run;
		if (is_first(p, i, plan_same_vms))
			sum += forecast_boot_s(f);
	}
	return sum;
}

double forecast_left_s(const struct forecast *f, const struct plan_run *runs, size_t n,
		       const bool *left, unsigned int booted)
{
	struct path_reasons missing;
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		if ((left && !left[i]) ||
		    config_missing(f->plan, runs[i].config, f->build, &missing))
			continue;
		if (runs[i].boot != booted) {
			booted = runs[i].boot;
			sum += forecast_boot_s(f);
		}
		sum += forecast_run_s(f, runs[i].config);
	}
	return sum;
}
