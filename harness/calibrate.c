/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calibration: per arm the median of three hybrid-saturate runs of the baseline,
 * the guest sending, gives the paced rate and the fixed amount of work that all
 * paths then get. Single runs differ by a factor of two on a shared machine.
 * Each attempt is a row of kind `calibrate`; a resumed folder takes its own over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/experiment_internal.h"
#include "harness/rows.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"

#define CALIBRATION_ATTEMPTS	6
#define CALIBRATION_BOOTS	2

/*
 * What the paths are compared with: the best kernel path of the plan that can run, as
 * its first configuration, whose spin budget counts where there is no kernel path.
 */
static const struct plan_config *baseline_of(const struct plan *plan)
{
	const struct plan_config *best = NULL;

	for (size_t i = 0; i < plan->n_configs; i++) {
		const struct plan_config *c = &plan->configs[i];

		if (c->path->missing())
			continue;
		if (!best || (c->path->vhost && !best->path->vhost) ||
		    (!strcmp(best->path->transport, "memnet") &&
		     strcmp(c->path->transport, "memnet")))
			best = c;
	}
	return best;
}

static bool is_calibration(const struct experiment *x, const struct run_row *row,
			   const struct arm *arm)
{
	return !strcmp(row->kind, "calibrate") && !strcmp(row->arm, arm->name) &&
	       !strcmp(row->path, baseline_of(&x->plan)->name) &&
	       !strcmp(row->status, "ok") && row->stream_bytes_per_s > 0;
}

/* Targets from the median of an arm's valid calibrations. True: there are enough of them. */
static bool set_targets(struct experiment *x, const struct arm *arm)
{
	double rates[PLAN_CALIBRATIONS], ops[PLAN_CALIBRATIONS];
	double seconds = (double)x->plan.fixed_ns / NSEC_PER_SEC;
	struct run_targets *t = experiment_targets(x, arm);
	size_t n = 0;

	for (size_t i = 0; i < x->n_calibrations && n < PLAN_CALIBRATIONS; i++) {
		if (!is_calibration(x, &x->calibrations[i], arm))
			continue;
		rates[n] = x->calibrations[i].stream_bytes_per_s;
		ops[n++] = x->calibrations[i].compute_ops_per_s;
	}
	if (n < PLAN_CALIBRATIONS)
		return false;
	t->stream_bytes_per_s = stats_median(rates, n) * x->plan.pace_percent / 100;
	t->fixed_ops = stats_median(ops, n) * seconds + 1;
	t->fixed_bytes = stats_median(rates, n) * seconds;
	t->fixed_bytes += x->plan.chunk_bytes - t->fixed_bytes % x->plan.chunk_bytes;
	return true;
}

/* One attempt; its row is kept with the others. 0, or -errno: there is no point in more. */
static int try_calibration(struct experiment *x, struct vm *vm, const struct plan_config *config)
{
	struct run_row row;
	int vm_ret, ret;
	char id[96];

	snprintf(id, sizeof(id), "calibrate.%s.%zu", config->arm->name, x->n_calibrations + 1);
	experiment_start_row(x, &row, config, id);
	ROW_TEXT(row.kind, "calibrate");
	row.block = 0;
	ret = experiment_make_run(x, vm, 0, config, &row, &vm_ret);
	if (ret)
		return ret;
	x->calibrations[x->n_calibrations++] = row;
	snprintf(x->err, sizeof(x->err), "calibration of %s with %s is %s: %s; see %s/logs",
		 config->arm->name, config->name, row.status, row.reason, x->folder.dir);
	return vm_ret;
}

static int calibrate_arm(struct experiment *x, struct vm *vm, const struct arm *arm)
{
	struct plan_config config = *baseline_of(&x->plan);
	int ret = 0;

	config.scenario = scenario_find("hybrid-saturate");
	config.arm = arm;
	config.direction = "send";
	config.flows = 1;
	config.chunk_bytes = 0;

	for (int i = 0; i < CALIBRATION_ATTEMPTS && !ret && !set_targets(x, arm); i++)
		ret = try_calibration(x, vm, &config);
	if (ret || !set_targets(x, arm))
		return ret ? ret : -ECANCELED;
	x->err[0] = '\0';
	return 0;
}

/* What an earlier sitting of a resumed folder found; room for what this one may find. */
static int recall_calibrations(struct experiment *x)
{
	x->calibrations = calloc(x->folder.n_done + MAX_ARMS * CALIBRATION_ATTEMPTS * CALIBRATION_BOOTS,
				 sizeof(*x->calibrations));
	if (!x->calibrations)
		return -ENOMEM;
	for (size_t i = 0; i < x->folder.n_done; i++)
		if (!strcmp(x->folder.done[i].kind, "calibrate"))
			x->calibrations[x->n_calibrations++] = x->folder.done[i];
	return 0;
}

int experiment_calibrate(struct experiment *x)
{
	const struct plan_config *baseline = baseline_of(&x->plan);
	const struct arm *wanted[MAX_ARMS], *arm;
	struct vm vm;
	size_t n = 0;
	int ret = recall_calibrations(x);

	if (ret)
		return ret;
	for (size_t i = 0; (arm = arm_at(i)); i++)
		if (plan_needs_targets(&x->plan, arm) && !set_targets(x, arm))
			wanted[n++] = arm;
	if (!n || !baseline)
		return 0;
	for (int boots = 0; boots < CALIBRATION_BOOTS; boots++) {
		progress_boot(&x->progress, NULL);
		ret = experiment_boot(x, &vm, baseline);
		if (ret)
			return ret;
		for (size_t i = 0; !ret && i < n; i++)
			ret = calibrate_arm(x, &vm, wanted[i]);
		vm_stop(&vm);
		if (ret != -ECHILD && ret != -EPIPE)	/* else the VM was lost: once more */
			break;
	}
	return ret;
}
