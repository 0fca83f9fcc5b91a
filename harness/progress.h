/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Progress on standard error: how much is done, how long it took, how long the rest will
 * take (forecast.h), what runs now. On a terminal one line, rewritten; in a log plain lines.
 * Colours on a terminal only, and not with NO_COLOR.
 */
#ifndef HARNESS_PROGRESS_H
#define HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/forecast.h"

struct progress {
	const struct plan_run *runs;	/* the caller's */
	size_t n_runs;
	bool *left;			/* of them: still to be made */
	size_t total, done;
	unsigned int booted;		/* number of the boot that has begun; 0: calibration */
	double calibration_s;		/* still to come */
	struct forecast forecast;
	int64_t start_ns, boot_ns, run_ns;
	bool terminal, colour;
};

/*
 * @left is for free() and becomes the progress'; progress_free() frees it. @plan, @accel and
 * @build as of forecast_init(); @calibrate: there is a calibration before the runs.
 */
void progress_init(struct progress *p, const struct plan *plan, const char *accel,
		   const char *build, const struct plan_run *runs, size_t n, bool *left,
		   bool calibrate);
void progress_free(struct progress *p);

/* The VM of this run, and those that follow it, boots; NULL: that of the calibration. */
void progress_boot(struct progress *p, const struct plan_run *run);

/* A run of the calibration, @id, has ended: a line where there is a @reason or remark. */
void progress_calibrated(const struct progress *p, const char *id, const char *status,
			 const char *reason);

/*
 * The run begins; an attempt at it, @id, has ended with @status, and @reason if that is
 * not "ok". @final: there will be no other.
 */
void progress_begin(struct progress *p, const struct plan_run *run);
void progress_step(struct progress *p, const struct plan_run *run, const char *id,
		   const char *status, const char *reason, bool final);

/* @n of the runs of a boot that begins with @run could not be made: @status, @reason. */
void progress_unmade(struct progress *p, const struct plan_run *run, size_t n, const char *status,
		     const char *reason);

/* Leave the terminal's line empty for what is printed next. */
void progress_clear(struct progress *p);

#endif
