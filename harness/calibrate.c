/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calibration: per arm and topology the median of three hybrid-saturate runs of the
 * baseline, the guest sending, gives the paced rate and the fixed amount of work that
 * all paths then get; of several VMs that do the same, each gets its share. Single
 * runs differ by a factor of two on a shared machine.
 * Each attempt is a row of kind `calibrate`; a resumed folder takes its own over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/experiment_internal.h"
#include "harness/link.h"
#include "harness/rows.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"

#define CALIBRATION_ATTEMPTS	6
#define CALIBRATION_BOOTS	2

/*
 * What the paths are compared with: the best baseline of the plan that can run, as its
 * first configuration, whose spin budget counts where there is none.
 */
static const struct plan_config *baseline_of(const struct experiment *x)
{
	const struct plan *plan = &x->plan;
	const struct plan_config *best = NULL;
	struct path_reasons missing;

	for (size_t i = 0; i < plan->n_configs; i++) {
		const struct plan_config *c = &plan->configs[i];

		if (plan_path_missing(plan, c->path, x->o->build, &missing))
			continue;
		if (!best || c->path->baseline > best->path->baseline)
			best = c;
	}
	return best;
}

static bool is_calibration(const struct experiment *x, const struct run_row *row,
			   const struct plan_config *c)
{
	char topology[PLAN_TOPOLOGY_SIZE];

	plan_topology_name(c, topology);
	return !strcmp(row->kind, "calibrate") && !strcmp(row->arm, c->arm->name) &&
	       !strcmp(row->topology, topology) &&
	       !strcmp(row->path, baseline_of(x)->name) &&
	       !strcmp(row->status, "ok") && row->stream_bytes_per_s > 0;
}

static unsigned int vms_that(const struct plan_config *c, enum vm_work work)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->vms; i++)
		n += topology_does(c->topology, i, work);
	return n;
}

/*
 * Targets from the median of the valid calibrations of @c's arm and topology. True:
 * there are enough of them.
 */
static bool set_targets(struct experiment *x, const struct plan_config *c)
{
	double rates[PLAN_CALIBRATIONS], ops[PLAN_CALIBRATIONS];
	double seconds = (double)x->plan.fixed_ns / NSEC_PER_SEC;
	struct run_targets *t = experiment_targets(x, c);
	size_t n = 0;

	for (size_t i = 0; i < x->n_calibrations && n < PLAN_CALIBRATIONS; i++) {
		if (!is_calibration(x, &x->calibrations[i], c))
			continue;
		rates[n] = x->calibrations[i].stream_bytes_per_s / vms_that(c, WORK_NETWORK);
		ops[n++] = x->calibrations[i].compute_ops_per_s / vms_that(c, WORK_COMPUTE);
	}
	if (n < PLAN_CALIBRATIONS)
		return false;
	t->stream_bytes_per_s = x->plan.pace_bits_per_s ? x->plan.pace_bits_per_s / 8 :
				stats_median(rates, n) * x->plan.pace_percent / 100;
	t->fixed_ops = stats_median(ops, n) * seconds + 1;
	t->fixed_bytes = stats_median(rates, n) * seconds;
	t->fixed_bytes += x->plan.chunk_bytes - t->fixed_bytes % x->plan.chunk_bytes;
	return true;
}

/* One attempt; its row is kept with the others. 0, or -errno: there is no point in more. */
static int try_calibration(struct experiment *x, struct vm_set *vms,
			   const struct plan_config *config)
{
	struct run_row row;
	int vm_ret, ret;
	char id[96];

	snprintf(id, sizeof(id), "calibrate.%s.%zu", config->arm->name, x->n_calibrations + 1);
	experiment_start_row(x, &row, config, id);
	ROW_TEXT(row.kind, "calibrate");
	row.block = 0;
	ret = experiment_make_run(x, vms, 0, config, &row, &vm_ret);
	if (ret)
		return ret;
	x->calibrations[x->n_calibrations++] = row;
	progress_calibrated(&x->progress, row.run_id, row.status, row.reason);
	snprintf(x->err, sizeof(x->err), "calibration of %s with %s is %s: %s; see %s/logs",
		 config->arm->name, config->name, row.status, row.reason, x->folder.dir);
	return vm_ret;
}

/* For the arm and in the VMs of @like, which are booted. */
static int calibrate_arm(struct experiment *x, struct vm_set *vms, const struct plan_config *like)
{
	struct plan_config config = *baseline_of(x);
	int ret = 0;

	config.scenario = scenario_find("hybrid-saturate");
	config.arm = like->arm;
	config.topology = like->topology;
	config.vms = like->vms;
	config.direction = "send";
	config.flows = 1;
	config.chunk_bytes = 0;

	for (int i = 0; i < CALIBRATION_ATTEMPTS && !ret && !set_targets(x, like); i++)
		ret = try_calibration(x, vms, &config);
	if (ret || !set_targets(x, like))
		return ret ? ret : -ECANCELED;
	x->err[0] = '\0';
	return 0;
}

/* The configurations without targets, one for each pair of arm and topology. */
struct wanted {
	const struct plan_config *list[PLAN_MAX_CONFIGS];
	size_t n;
};

static void list_wanted(struct experiment *x, struct wanted *w)
{
	for (size_t i = 0; i < x->plan.n_configs; i++) {
		const struct plan_config *c = &x->plan.configs[i];
		bool first = experiment_targets(x, c) == &x->targets[i];

		if (first && plan_needs_targets(&x->plan, c) && !set_targets(x, c))
			w->list[w->n++] = c;
	}
}

/* One boot of the baseline in the VMs of @like, for every arm that wants it. */
static int calibrate_boot(struct experiment *x, const struct wanted *w,
			  const struct plan_config *like)
{
	struct plan_config config = *baseline_of(x);
	struct vm_set vms;
	int ret;

	config.topology = like->topology;
	config.vms = like->vms;
	progress_boot(&x->progress, NULL);
	ret = experiment_boot(x, &vms, &config);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < w->n; i++)
		if (plan_same_vms(w->list[i], like))
			ret = calibrate_arm(x, &vms, w->list[i]);
	vm_set_stop(&vms);
	return ret;
}

static int calibrate_vms(struct experiment *x, const struct wanted *w,
			 const struct plan_config *like)
{
	int ret = -ECHILD;

	/* A VM that was lost is booted once more. */
	for (int boots = 0; boots < CALIBRATION_BOOTS && (ret == -ECHILD || ret == -EPIPE); boots++)
		ret = calibrate_boot(x, w, like);
	return ret;
}

/* What an earlier sitting of a resumed folder found; room for what this one may find. */
static int recall_calibrations(struct experiment *x)
{
	size_t room = x->plan.n_configs * CALIBRATION_ATTEMPTS * CALIBRATION_BOOTS;

	x->calibrations = calloc(x->folder.n_done + room, sizeof(*x->calibrations));
	if (!x->calibrations)
		return -ENOMEM;
	for (size_t i = 0; i < x->folder.n_done; i++)
		if (!strcmp(x->folder.done[i].kind, "calibrate"))
			x->calibrations[x->n_calibrations++] = x->folder.done[i];
	return 0;
}

int experiment_calibrate(struct experiment *x)
{
	struct wanted w = { .n = 0 };
	int ret = recall_calibrations(x);

	if (ret)
		return ret;
	if (baseline_of(x))
		list_wanted(x, &w);
	for (size_t i = 0; !ret && i < w.n; i++)
		if (!set_targets(x, w.list[i]))
			ret = calibrate_vms(x, &w, w.list[i]);
	return ret;
}
