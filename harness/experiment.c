/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block by block, boot by boot, run by run. Whatever becomes of a run, it is a
 * row, and the row is on disk before the next run begins. A resumed folder makes
 * what is missing or failed. Calibration (calibrate.c) comes first.
 */
#include "harness/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/app.h"
#include "harness/experiment_internal.h"
#include "harness/interrupt.h"
#include "harness/link.h"
#include "harness/rows.h"
#include "memnet-core/base/clock.h"

#define ATTEMPTS		3	/* at a run that comes out invalid */
#define BOOTS_GIVEN_UP		2	/* failed boots in a row */
#define EXIT_BUSY		75	/* EX_TEMPFAIL: try later */
#define EXIT_INTERRUPTED	130

static int say(struct experiment *x, int status)
{
	progress_clear(&x->progress);
	fprintf(stderr, "memnet-lab: %s\n", x->err);
	return status;
}

/* --- rows -------------------------------------------------------------------- */

static void start_run_row(struct experiment *x, struct run_row *row, const struct plan_run *run,
			  unsigned int attempt)
{
	experiment_start_row(x, row, run->config, run->id);
	if (attempt > 1)
		ROW_TEXT(row->run_id, "%s.attempt%u", run->id, attempt);
	row->block = run->block;
	row->repetition = run->block;
	row->boot = run->boot;
}

static void count_row(struct experiment *x, const struct run_row *row)
{
	if (!strcmp(row->kind, "idle"))
		return;
	if (strcmp(row->status, "failed")) {
		x->good_runs += !strcmp(row->status, "ok") && !strcmp(row->kind, "measure");
		if (strcmp(row->status, "invalid"))
			return;
	}
	x->bad_runs++;
	snprintf(x->last_failure, sizeof(x->last_failure), "%s", row->reason);
}

/* 0, or -errno after a line that names the mend. */
static int write_row(struct experiment *x, const struct run_row *row)
{
	int ret = runs_append(x->folder.runs_fd, row, 1);

	count_row(x, row);
	if (!ret && row->order == 1 && !x->o->resume)
		folder_point_latest(&x->folder, x->o->results);
	if (ret)
		snprintf(x->err, sizeof(x->err), "cannot write a row of %s/runs.csv: %s; the rows "
			 "before it are whole. Mend that, then: memnet-lab resume %s",
			 x->folder.dir, strerror(-ret), x->folder.dir);
	return ret;
}

/* A run that could not be made, and why. */
static int write_unmade(struct experiment *x, const struct plan_run *run, const char *status,
			const char *reason)
{
	struct run_row row;

	start_run_row(x, &row, run, folder_attempts(&x->folder, run->id) + 1);
	ROW_TEXT(row.status, "%s", status);
	ROW_TEXT(row.reason, "%s", reason);
	return write_row(x, &row);
}

/* --- one run ----------------------------------------------------------------- */

/* They are kept at the first of those that share them. */
struct run_targets *experiment_targets(struct experiment *x, const struct plan_config *c)
{
	size_t i = 0;

	while (x->plan.configs[i].arm != c->arm || !plan_same_vms(&x->plan.configs[i], c))
		i++;
	return &x->targets[i];
}

int experiment_make_run(struct experiment *x, struct vm_set *vms, int64_t copy_bandwidth,
			const struct plan_config *config, struct run_row *row, int *vm_ret)
{
	const struct run_context ctx = {
		.vms = vms, .plan = &x->plan, .config = config, .build = x->o->build,
		.energy = x->energy,
		.targets = *experiment_targets(x, config), .seed = x->folder.seed,
		.copy_bandwidth_bytes_per_s = copy_bandwidth,
	};
	struct run_samples samples = { 0 };
	int ret = vm_set_ensure_peers(vms);

	if (ret) {
		ROW_TEXT(row->status, "failed");
		ROW_TEXT(row->reason, "cannot start the peer: %s", strerror(-ret));
		*vm_ret = 0;
		return write_row(x, row);
	}
	*vm_ret = run_execute(&ctx, row, &samples);
	ret = write_row(x, row);
	if (!ret && samples.n && !strcmp(row->kind, "measure"))
		ret = samples_append(x->folder.samples_fd, samples.rows, samples.n);
	if (ret && !x->err[0])
		snprintf(x->err, sizeof(x->err), "cannot write %s/samples.csv: %s; mend that, "
			 "then: memnet-lab resume %s", x->folder.dir, strerror(-ret),
			 x->folder.dir);
	run_samples_free(&samples);
	return ret;
}

/* --- boots ------------------------------------------------------------------- */

int experiment_boot(struct experiment *x, struct vm_set *vms, const struct plan_config *c)
{
	struct vm_config config = x->vm_config;
	int ret;

	config.path = c->path;
	config.spin = c->spin;
	config.region = c->region;
	ret = vm_set_boot(vms, &config, c->vms, x->err, sizeof(x->err));
	x->bad_boots = ret ? x->bad_boots + 1 : 0;
	return ret;
}

/* The runs of one boot: which are still to be made, and how often each was tried. */
struct boot_state {
	bool wanted[PLAN_MAX_CONFIGS];
	unsigned int tries[PLAN_MAX_CONFIGS];
};

/* A run that was skipped is skipped again only by what has changed. */
static bool run_wanted(const struct experiment *x, const struct plan_run *run)
{
	struct path_reasons missing;

	if (config_missing(&x->plan, run->config, x->o->build, &missing) &&
	    folder_skipped(&x->folder, run->id))
		return false;
	return !folder_has(&x->folder, run->id);
}

/* Each of the @wanted runs of a boot gets a row that says why there is no more to it. */
static int write_all_unmade(struct experiment *x, const struct plan_run *runs, size_t n,
			    const bool *wanted, const char *status, const char *reason)
{
	size_t unmade = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		if (!wanted[i])
			continue;
		ret = write_unmade(x, &runs[i], status, reason);
		unmade++;
	}
	progress_unmade(&x->progress, runs, unmade, status, reason);
	return ret;
}

/* An app whose metric found nothing. */
static bool lacks_value(const struct run_row *row)
{
	return *row->app_better && isnan(row->app_value);
}

/*
 * A run that was disturbed is worth another attempt; one whose content was bad, or whose
 * metric found nothing, is a finding.
 */
static bool wants_more(const struct run_row *row, unsigned int tries)
{
	return !strcmp(row->status, "invalid") && strcmp(row->stream_content, "bad") &&
	       !lacks_value(row) && tries < ATTEMPTS;
}

/* One attempt at each run that still wants one. 0; -EINTR; -errno of a lost VM. */
static int pass_over(struct experiment *x, struct vm_set *vms, int64_t copy_bandwidth,
		     const struct plan_run *runs, size_t n, struct boot_state *state, int *error)
{
	int vm_ret = 0;

	for (size_t i = 0; i < n && !vm_ret && !*error; i++) {
		struct run_row row;

		if (!state->wanted[i])
			continue;
		state->tries[i]++;
		start_run_row(x, &row, &runs[i],
			      folder_attempts(&x->folder, runs[i].id) + state->tries[i]);
		progress_begin(&x->progress, &runs[i]);
		*error = experiment_make_run(x, vms, copy_bandwidth, runs[i].config, &row, &vm_ret);
		state->wanted[i] = wants_more(&row, state->tries[i]);
		progress_step(&x->progress, &runs[i], row.run_id, row.status, row.reason,
			      !state->wanted[i]);
	}
	return vm_ret;
}

/* The first that has the network's work. */
static struct vm *network_vm(struct vm_set *vms, const struct topology *t)
{
	unsigned int i = 0;

	while (!topology_does(t, i, WORK_NETWORK))
		i++;
	return &vms->vm[i];
}

static bool any(const bool *flags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (flags[i])
			return true;
	return false;
}

/*
 * All runs of one boot, and those that came out invalid again, after the others:
 * what disturbed them may have passed. A VM that is lost on the way is booted
 * again for the rest. 0, or -errno with a line in x->err: the experiment cannot go on.
 */
static int make_wanted(struct experiment *x, const struct plan_run *runs, size_t n,
		       struct boot_state *state)
{
	int ret = 0;

	while (!ret && any(state->wanted, n) && !interrupted()) {
		int64_t copy_bandwidth;
		int vm_ret = 0;
		struct vm_set vms;

		progress_boot(&x->progress, runs);
		ret = experiment_boot(x, &vms, runs[0].config);
		if (ret == -EINTR)
			return 0;
		if (ret)
			return write_all_unmade(x, runs, n, state->wanted, "failed", x->err) ?:
			       (x->bad_boots < BOOTS_GIVEN_UP ? 0 : ret);
		x->err[0] = '\0';
		copy_bandwidth = run_copy_bandwidth(network_vm(&vms, runs[0].config->topology));
		while (!ret && !vm_ret && any(state->wanted, n))
			vm_ret = pass_over(x, &vms, copy_bandwidth, runs, n, state, &ret);
		vm_set_stop(&vms);
	}
	return ret;
}

/* One attempt. 0; -EINTR; -errno with a line in x->err: nothing can be written. */
static int try_idle(struct experiment *x, const struct plan_run *run, bool behind,
		    struct run_row *row)
{
	int ret;

	experiment_begin_row(x, row, "idle");
	ROW_TEXT(row->run_id, "idle.%lld", (long long)row->order);
	row->block = run->block;
	if (behind)
		row->boot = run->boot;
	ret = run_idle(&x->plan, x->energy, row);
	if (ret == -EINTR)
		return ret;
	if (ret) {
		ROW_TEXT(row->status, "failed");
		ROW_TEXT(row->reason, "cannot measure the idle machine: %s", strerror(-ret));
	}
	return write_row(x, row);
}

/*
 * The machine without a VM, before the first boot of a sitting and behind every one: the
 * window behind one boot is the one before the next. Again where it was disturbed.
 * 0, or -errno with a line in x->err.
 */
static int take_idle(struct experiment *x, const struct plan_run *run, bool behind)
{
	struct run_row row = { .status = "invalid" };
	int ret = 0;

	x->idle_taken = true;
	if (!x->plan.idle_ns)
		return 0;
	for (int i = 0; i < ATTEMPTS && !ret && !strcmp(row.status, "invalid"); i++)
		ret = try_idle(x, run, behind, &row);
	return ret == -EINTR ? 0 : ret;
}

/* The runs of a boot, between two idle windows. */
static int make_between_idles(struct experiment *x, const struct plan_run *runs, size_t n,
			      struct boot_state *state)
{
	int ret = x->idle_taken ? 0 : take_idle(x, runs, false);

	if (!ret)
		ret = make_wanted(x, runs, n, state);
	return ret ? ret : take_idle(x, runs, true);
}

/* Those of the wanted runs whose app cannot run here. 0, or -errno with a line in x->err. */
static int skip_apps(struct experiment *x, const struct plan_run *runs, size_t n, bool *wanted)
{
	struct path_reasons missing;
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		if (!wanted[i] || !config_missing(&x->plan, runs[i].config, x->o->build, &missing))
			continue;
		ret = write_unmade(x, &runs[i], "skipped", missing.text);
		wanted[i] = false;
		progress_step(&x->progress, &runs[i], runs[i].id, "skipped", missing.text, true);
	}
	return ret;
}

static int make_boot(struct experiment *x, const struct plan_run *runs, size_t n)
{
	struct path_reasons missing;
	struct boot_state state = { 0 };
	int ret;

	for (size_t i = 0; i < n; i++)
		state.wanted[i] = run_wanted(x, &runs[i]);
	if (!any(state.wanted, n))
		return 0;
	if (plan_path_missing(&x->plan, runs[0].config->path, x->o->build, &missing))
		return write_all_unmade(x, runs, n, state.wanted, "skipped", missing.text);
	ret = skip_apps(x, runs, n, state.wanted);
	if (ret || !any(state.wanted, n))
		return ret;
	return make_between_idles(x, runs, n, &state);
}

static int make_all_boots(struct experiment *x)
{
	size_t n;
	int ret = 0;

	for (size_t i = 0; !ret && i < x->n_runs && !interrupted(); i += n) {
		n = plan_boot_length(&x->runs[i], x->n_runs - i);
		ret = make_boot(x, &x->runs[i], n);
	}
	return ret;
}

/* --- the whole ---------------------------------------------------------------- */

/* Progress over the runs that are missing. 0 or -ENOMEM. */
static int begin_progress(struct experiment *x)
{
	bool *left = calloc(x->n_runs, sizeof(*left));

	if (!left) {
		snprintf(x->err, sizeof(x->err), "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < x->n_runs; i++)
		left[i] = run_wanted(x, &x->runs[i]);
	progress_init(&x->progress, &x->plan, x->accel.name, x->o->build, x->runs,
		      x->n_runs, left, !x->folder.n_done);
	return 0;
}

static void announce(const struct experiment *x)
{
	fprintf(stderr, "plan %s, %zu runs", x->plan.name, x->n_runs);
	if (x->progress.total != x->n_runs)
		fprintf(stderr, ", %zu of them missing", x->progress.total);
	fprintf(stderr, "; results in %s\n", x->folder.dir);
	if (x->folder.repaired[0])
		fprintf(stderr, "%s\n", x->folder.repaired);
	fprintf(stderr, "accelerator %s: %s\n", x->accel.name, x->accel.reason);
	fprintf(stderr, "energy source %s\n", energy_source(x->energy));
	if (x->no_insns[0])
		fprintf(stderr, "guest instructions are not counted: %s\n", x->no_insns);
}

static void tear_down(struct experiment *x)
{
	energy_close(x->energy);
	link_close(&x->link);
	folder_close(&x->folder);
	free(x->calibrations);
	progress_free(&x->progress);
	free(x->runs);
	if (x->lock_fd >= 0)
		close(x->lock_fd);
	free(x);
}

int experiment_run(const struct experiment_options *o, char *dir, size_t dirlen)
{
	struct experiment *x = calloc(1, sizeof(*x));
	bool begun = false;
	int ret, status = 0;

	dir[0] = '\0';
	if (!x)
		return 1;
	x->o = o;
	x->folder.runs_fd = x->folder.samples_fd = x->lock_fd = -1;
	x->link = (struct link){ -1, -1 };
	interrupt_catch();
	ret = experiment_check(x);
	if (!ret)
		ret = experiment_take_lock(x);
	if (ret == -EBUSY) {
		status = say(x, EXIT_BUSY);
		tear_down(x);
		return status;
	}
	if (!ret)
		ret = experiment_set_up(x);
	if (!ret) {
		begun = true;
		snprintf(dir, dirlen, "%s", x->folder.dir);
		ret = begin_progress(x);
	}
	if (!ret) {
		announce(x);
		ret = experiment_calibrate(x);
		if (!ret)
			ret = make_all_boots(x);
		progress_clear(&x->progress);
	}
	if (!ret && x->bad_runs && !x->good_runs) {
		snprintf(x->err, sizeof(x->err), "no run was valid, the last one because: %s",
			 x->last_failure);
		ret = -ECANCELED;
	}
	if (interrupted()) {
		snprintf(x->err, sizeof(x->err), x->folder.dir[0] ?
			 "interrupted; finish it with: memnet-lab resume %s" : "interrupted%s",
			 x->folder.dir);
		status = say(x, EXIT_INTERRUPTED);
	} else if (ret) {
		status = say(x, 1);
	}
	if (begun)
		folder_note(&x->folder, status ? "stopped status=%d" : "finished status=%d",
			    status);
	tear_down(x);
	return status;
}
