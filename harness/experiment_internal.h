/* SPDX-License-Identifier: BSD-2-Clause */
/* Between experiment.c (the course of an experiment) and experiment_*.c, calibrate.c. */
#ifndef HARNESS_EXPERIMENT_INTERNAL_H
#define HARNESS_EXPERIMENT_INTERNAL_H

#include "harness/accel.h"
#include "harness/experiment.h"
#include "harness/folder.h"
#include "harness/progress.h"
#include "harness/run.h"

struct experiment {
	const struct experiment_options *o;
	struct plan plan;
	struct folder folder;
	struct accel accel;
	int lock_fd;
	struct energy *energy;
	struct link link;		/* of the plan, where it has one */
	struct vm_config vm_config;
	char paths[8][600];		/* what vm_config points into, and the packages */
	char no_insns[256];		/* why guest instructions are not counted; or "" */
	struct plan_run *runs;
	size_t n_runs;
	struct run_targets targets[PLAN_MAX_CONFIGS];	/* experiment_targets() says whose */
	struct run_row *calibrations;	/* of this sitting and those before */
	size_t n_calibrations;
	struct progress progress;
	unsigned int order;		/* of the next row */
	bool idle_taken;		/* in this sitting: the next boot has one before it */
	unsigned int bad_boots;		/* in a row */
	size_t good_runs, bad_runs;	/* measured in this sitting: valid; not */
	char last_failure[512];
	char err[2048];
};

/*
 * Take the machine's lock, or with o->wait wait for it. 0; -EBUSY: another experiment has it;
 * -EINTR; -errno; with a line in x->err.
 */
int experiment_take_lock(struct experiment *x);

/*
 * What can be known before the machine is free: the plan, or that of the folder to be
 * resumed; which part of it; that programs and image are there. Nothing is made. 0, or -errno
 * with a line in x->err.
 */
int experiment_check(struct experiment *x);

/* Make the folder of the plan, or open the old one. 0, or -errno with a line in x->err. */
int experiment_open_folder(struct experiment *x);

/*
 * All that the runs need, from the plan and the options; the process is in a sandbox
 * afterwards, x->runs are those of this sitting, and its environment is written. 0, or
 * -errno with a line in x->err; then there is no new folder.
 */
int experiment_set_up(struct experiment *x);

/*
 * Write the environment of this sitting; what it is told of is known. 0, or -errno with a
 * line in x->err: also where the folder was begun on another kind of host.
 */
int experiment_write_environment(struct experiment *x);

/*
 * Find the targets of every arm and topology that needs them, those of an earlier sitting
 * first. 0, or -errno with a line in x->err.
 */
int experiment_calibrate(struct experiment *x);

/* The targets of all configurations with the arm and the VMs of @c, for writing and reading. */
struct run_targets *experiment_targets(struct experiment *x, const struct plan_config *c);

/* Boot VMs as @c wants them. 0, or -errno with a line in x->err. */
int experiment_boot(struct experiment *x, struct vm_set *vms, const struct plan_config *c);

/* Begin a row of this kind with what all rows of the experiment have. */
void experiment_begin_row(struct experiment *x, struct run_row *row, const char *kind);

/* Begin a row of configuration @c under the name @id. */
void experiment_start_row(struct experiment *x, struct run_row *row,
			  const struct plan_config *c, const char *id);

/*
 * Make one run in booted VMs, fill @row and write it. *vm_ret: can they serve
 * the next (run_execute())? 0, or -errno with a line in x->err: nothing can be written.
 */
int experiment_make_run(struct experiment *x, struct vm_set *vms, int64_t copy_bandwidth,
			const struct plan_config *config, struct run_row *row, int *vm_ret);

#endif
