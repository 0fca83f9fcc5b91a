/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an experiment takes. A run takes what the plan says (settle, warm-up, window or
 * fixed work) and a little beside; a VM boots first. What a boot and that little take is
 * assumed until some were seen, then it is their median; and so is a configuration that
 * was run before.
 */
#ifndef HARNESS_FORECAST_H
#define HARNESS_FORECAST_H

#include "harness/columns.h"
#include "harness/plan.h"

struct forecast_series {
	double *s;
	size_t n;
};

struct forecast {
	const struct plan *plan;
	const char *build;	/* where the guest image is */
	double assumed_boot_s;
	struct forecast_series boots, extra, runs[PLAN_MAX_CONFIGS];
};

/*
 * A forecast of @plan under "tcg" or "kvm", with the guest image under @build;
 * forecast_free() ends it.
 */
void forecast_init(struct forecast *f, const struct plan *plan, const char *accel,
		   const char *build);
void forecast_free(struct forecast *f);

/* A boot took so long; a run of @config, one of the plan's, did. */
void forecast_saw_boot(struct forecast *f, double seconds);
void forecast_saw_run(struct forecast *f, const struct plan_config *config, double seconds);

/* Take what a boot takes, and a run beside its window, from rows made by plan @of. */
void forecast_learn(struct forecast *f, const struct plan *of, const struct run_row *rows,
		    size_t n);

/* Seconds of a boot; of a run beside what the plan says; of a run of @config. */
double forecast_boot_s(const struct forecast *f);
double forecast_extra_s(const struct forecast *f);
double forecast_run_s(const struct forecast *f, const struct plan_config *config);

/* Seconds of the calibration that comes first; 0 where none is needed. */
double forecast_calibration_s(const struct forecast *f);

/*
 * Seconds of those of the @n runs that are @left (NULL: all) and whose path can run here,
 * with their boots but for boot number @booted.
 */
double forecast_left_s(const struct forecast *f, const struct plan_run *runs, size_t n,
		       const bool *left, unsigned int booted);

#endif
