/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run in booted VMs: spawn, arm, pin, barrier, window, stop, check; and
 * the row that tells it.
 */
#ifndef HARNESS_RUN_H
#define HARNESS_RUN_H

#include <stdint.h>

#include "energy/energy.h"
#include "energy/sampler.h"
#include "harness/columns.h"
#include "harness/plan.h"
#include "harness/vm_set.h"

/* What calibration found for one arm in one topology, for each VM: the same for every path. */
struct run_targets {
	uint64_t stream_bytes_per_s;	/* of hybrid-paced */
	uint64_t fixed_bytes;		/* of hybrid-fixed */
	uint64_t fixed_ops;
};

struct run_context {
	struct vm_set *vms;
	const struct plan *plan;
	const struct plan_config *config;
	const char *build;		/* folder */
	struct run_targets targets;
	const struct energy *energy;
	uint64_t seed;
	int64_t copy_bandwidth_bytes_per_s;	/* of this boot's guests; 0: not measured */
};

/* Time series of a run, for samples.csv; rows belong to it. */
struct run_samples {
	struct sample_row *rows;
	size_t n;
};

/*
 * Make the run and fill the measured columns of @row, status and reason included; its
 * identity is the caller's, its kind as well. Returns 0 when the VMs can serve the
 * next run, whatever became of this one; -errno when they cannot (one died, does
 * not answer, or ctrl-C came: -EINTR).
 */
int run_execute(const struct run_context *ctx, struct run_row *row, struct run_samples *samples);

void run_samples_free(struct run_samples *s);

/*
 * Measure the machine with no VM for as long as the plan says, and fill @row, status
 * included; its identity is the caller's. 0; -EINTR: ctrl-C came; -errno.
 */
int run_idle(const struct plan *plan, const struct energy *energy, struct run_row *row);

/* memcpy bandwidth in the guest, bytes/s; 0 when it could not be had. */
int64_t run_copy_bandwidth(struct vm *vm);

#endif
