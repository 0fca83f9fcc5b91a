/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An experiment: a plan carried out into a results folder, resumable at any
 * point. What it leaves there:
 *
 *   plan.ini          the plan in full, as it was run
 *   manifest          what was started when, append-only: seed, resumptions, ends
 *   environment.json  the machine; environment-2.json that of the second sitting
 *   runs.csv          a row for every attempted run, as soon as it has ended
 *   samples.csv       time series
 *   logs/             console, QEMU, memnetd, peer; all boots, appended; RUN_ID.log and
 *                     RUN_ID.server.log: what an app wrote, and its server
 */
#ifndef HARNESS_EXPERIMENT_H
#define HARNESS_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/plan.h"

struct experiment_options {
	const char *plan;	/* plan file; with @resume: ignored, the folder has its own */
	const char *resume;	/* results folder to finish; NULL: make a new one */
	const char *results;	/* parent of new results folders */
	const char *accel;	/* "auto", "kvm", "tcg" */
	const char *build;	/* build folder: programs, guest image, cache */
	uint64_t seed;		/* in place of the plan's; 0: the plan's */
	struct plan_range part;	/* of the plan's runs: plan_part() */
	const char *lock;	/* file of the machine's lock */
	bool wait;		/* for another experiment to end; else it is refused */
	const char *fault;	/* memnet.fault= of the guest, for the harness's tests; or NULL */
	int ready_timeout_ms;	/* 0: what suits the accelerator */
};

/*
 * Carry it out, with progress on standard error. The folder's path is left in
 * @dir, also on failure; "" if it did not come to a first run: then an old one is as
 * it was. Exit status: 0 every run was made (what
 * became of each is in its row); 1 a clear line was printed; 75 another experiment runs;
 * 130 interrupted. The process is in a sandbox afterwards.
 */
int experiment_run(const struct experiment_options *o, char *dir, size_t dirlen);

#endif
