/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The course of a run:
 *
 *   spawn, armed    workloads set up; streams are connected, buffers warm
 *   settle          threads pinned, sampler started
 *   go              the barrier: all workloads start, in every VM
 *   warm-up         (not for a fixed amount of work: its window begins at go)
 *   window          begins and ends on the host's clock
 *   stop, result    the stream ends in order and gives its verdict on content
 *
 * Edges. The host reads its threads and energy, then asks the guest for its
 * counts. What the guest counted is divided by the guest's own clock, so the
 * milliseconds between the two readings do not enter a rate. Bytes are counted
 * where they arrive: at the peer when the guest sends, in the guest when it
 * receives. Latencies cannot be read at an edge: the guest keeps those of requests
 * begun after the warm-up, until it is stopped.
 *
 * Several VMs (the plan's topology) are told to go before any of them is waited for,
 * and asked for their counts in the same way. How far apart they started is in the row.
 *
 * An app (run_app.c) is armed by a program of ours and runs from `go` until it has ended: its
 * window is as that of a fixed amount of work.
 *
 * Nothing is written, printed or allocated between the edges.
 */
#include "harness/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run_internal.h"
#include "memnet-core/base/clock.h"

#define STOP_TIMEOUT_MS		20000
/* An app that is still there did not end in its time; what it wrote is worth some. */
#define APP_STOP_TIMEOUT_MS	3000
/* A fixed amount of work may take this many times what it was sized for. */
#define FIXED_PATIENCE		20

/* --- the window -------------------------------------------------------------- */

static int ask_guests(struct run *r, struct edge *e)
{
	return run_command_all(r, "mark edge", "mark", e->guest, "reading its counts");
}

static void read_host(struct run *r, struct edge *e, int phase)
{
	run_mark(r, e, phase);
	threads_read(&r->threads, &e->threads);
	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		const struct guest_insns *insns = r->ctx->vms->vm[i].insns;

		e->peer_bytes[i] = run_peer_bytes(r->vm[i].peer);
		if (insns)
			guest_insns_read(insns, &e->insns[i]);
	}
	run_read_machine(r, e);
}

static int go(struct run *r)
{
	return run_command_all(r, "go", "went", r->went, "starting the workloads");
}

static bool has_result(const struct guest_slot *s)
{
	return s->result[0];
}

/* Rates over a window of the plan's length, after a warm-up. */
static int window_by_time(struct run *r)
{
	const struct plan *p = r->ctx->plan;
	int ret = go(r);

	sampler_mark(r->sampler, PHASE_WARMUP);
	if (!ret)
		ret = run_pass_time(r, mn_now_ns() + p->warmup_ns, "warming up");
	if (ret)
		return ret;
	run_read_state(r, &r->begin);
	read_host(r, &r->begin, PHASE_WINDOW);
	ret = ask_guests(r, &r->begin);
	if (!ret)
		ret = run_pass_time(r, r->begin.t_ns + p->window_ns, "measuring");
	if (ret)
		return ret;
	read_host(r, &r->end, PHASE_DRAIN);
	ret = ask_guests(r, &r->end);
	run_read_state(r, &r->end);
	return ret ? ret : run_check_slots(r, false);
}

static int wait_for_work(struct run *r)
{
	int64_t patience_ms = FIXED_PATIENCE * r->ctx->plan->fixed_ns / NSEC_PER_MSEC;

	return r->app ? run_app_wait(r) :
	       run_wait_slots(r, has_result, patience_ms, "doing its fixed work");
}

/* The window is what a fixed amount of work takes, or an app. */
static int window_by_work(struct run *r)
{
	int ret = ask_guests(r, &r->begin);

	if (ret)
		return ret;
	run_read_state(r, &r->begin);
	read_host(r, &r->begin, PHASE_WINDOW);
	ret = go(r);
	if (!ret) {
		ret = wait_for_work(r);
		if (ret)
			return ret;
	}
	read_host(r, &r->end, PHASE_DRAIN);
	if (!ret)
		ret = ask_guests(r, &r->end);
	run_read_state(r, &r->end);
	return ret ? ret : run_check_slots(r, true);
}

static bool has_ended(const struct guest_slot *s)
{
	return s->exited;
}

/* Let the workloads of one VM end in order; by force when they do not. */
static int stop_in(struct run *r, struct vm *vm)
{
	struct guest_link *g = &vm->link;
	char line[GUEST_LINE];
	int ret = guest_command(g, "stop", "stopped", line, sizeof(line), ANSWER_TIMEOUT_MS);

	if (!ret)
		ret = guest_wait_slots(g, has_ended,
				       r->app ? APP_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS);
	if (ret)
		run_lost_waiting(r, vm, ret, "ending its workloads");
	if (ret == -ETIMEDOUT &&
	    !guest_command(g, "kill", "killed", line, sizeof(line), ANSWER_TIMEOUT_MS) &&
	    !guest_wait_slots(g, has_ended, ANSWER_TIMEOUT_MS))
		return 0;	/* this run is lost, the VM is not */
	return ret;
}

/* In every VM, also after one has failed. */
static int stop(struct run *r)
{
	int ret = 0;

	for (unsigned int i = 0; i < r->ctx->vms->n; i++)
		ret = stop_in(r, &r->ctx->vms->vm[i]) ?: ret;
	return ret;
}

/* --- a run ------------------------------------------------------------------- */

static uint64_t gauge_room(const struct run_context *ctx)
{
	const struct plan *p = ctx->plan;
	const struct plan_app *app = plan_app_find(p, ctx->config->app);
	int64_t longest = p->settle_ns + p->warmup_ns + p->window_ns +
			  (app ? app->timeout_ns : FIXED_PATIENCE * p->fixed_ns);

	return longest / SAMPLER_INTERVAL_NS + 16;
}

static int prepare(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	int ret = threads_open(&r->threads, ctx->vms, ctx->plan->syscalls);

	if (ret)
		return run_lost(r, ret, "cannot read the threads of the run: %s%s", strerror(-ret),
				ret == -EMFILE ? "; allow more of them: ulimit -n 8192" : "");
	r->threads_open = true;
	ret = threads_pin(&r->threads, ctx->plan, ctx->config->arm);
	if (ret)
		return run_lost(r, ret, "cannot pin the threads of the run: %s", strerror(-ret));
	for (unsigned int i = 0; i < ctx->vms->n; i++)
		r->vm[i].peer = run_map_peer(ctx->vms->vm[i].peer_progress);
	ret = run_open_machine(r);
	if (ret)
		return run_lost(r, ret, "cannot read /proc/stat: %s", strerror(-ret));
	ret = run_start_sampler(r, gauge_room(ctx));
	if (ret)
		return run_lost(r, ret, "cannot start the sampler: %s", strerror(-ret));
	sampler_mark(r->sampler, PHASE_SETTLE);
	return run_pass_time(r, mn_now_ns() + ctx->plan->settle_ns, "settling");
}

static void clean_up(struct run *r)
{
	sampler_free(r->sampler);
	run_close_machine(r);
	if (r->threads_open)
		threads_close(&r->threads);
	for (unsigned int i = 0; i < r->ctx->vms->n; i++)
		run_unmap_peer(r->vm[i].peer);
	run_app_close(r);
	run_watch(r->ctx->vms, false);
}

/* Does the work end by itself? */
static bool is_until_done(const struct plan_config *c)
{
	return c->scenario->compute == LOAD_FIXED || *c->app;
}

static int measure(struct run *r)
{
	int ret = run_spawn_all(r);

	if (!ret)
		ret = prepare(r);
	if (!ret)
		ret = is_until_done(r->ctx->config) ? window_by_work(r) : window_by_time(r);
	if (!ret && r->app)
		ret = run_app_end(r);
	if (!ret)
		r->astray = threads_astray(&r->threads, r->ctx->plan, r->ctx->config->arm);
	return ret;
}

/* What the runs before have left behind. */
static void begin(struct vm_set *vms)
{
	for (unsigned int i = 0; i < vms->n; i++) {
		guest_clear_slots(&vms->vm[i].link);
		run_drain_peer(&vms->vm[i]);
	}
	run_watch(vms, true);
}

int run_execute(const struct run_context *ctx, struct run_row *row, struct run_samples *samples)
{
	struct run *r = calloc(1, sizeof(*r));
	int ret, stopped = 0;

	if (!r)
		return -ENOMEM;
	r->ctx = ctx;
	r->row = row;
	begin(ctx->vms);

	ret = measure(r);
	if (!vm_set_vital_casualty(ctx->vms) && ret != -EINTR && ret != -EPIPE) {
		run_watch(ctx->vms, false);	/* a dead peer must not keep us from stopping */
		stopped = stop(r);
	}
	for (unsigned int i = 0; !ret && !stopped && i < ctx->vms->n; i++)
		if (run_connects(r, i))
			run_take_results(&ctx->vms->vm[i], &r->vm[i]);
	if (r->sampler)
		sampler_stop(r->sampler);
	if (!ret && !stopped && !row->status[0])
		run_fill_row(r);
	run_make_samples(r, samples);
	if (vm_set_vital_casualty(ctx->vms))
		stopped = -ECHILD;
	if (ret == -EINTR || ret == -EPIPE)
		stopped = ret;
	clean_up(r);
	free(r);
	return stopped;
}

void run_samples_free(struct run_samples *s)
{
	free(s->rows);
	*s = (struct run_samples){ 0 };
}

int64_t run_copy_bandwidth(struct vm *vm)
{
	struct guest_link *g = &vm->link;
	char line[GUEST_LINE];
	int64_t rate = 0;

	guest_clear_slots(g);
	if (guest_command(g, "spawn 0 memnet-work copy", "spawned", line, sizeof(line),
			  ANSWER_TIMEOUT_MS))
		return 0;
	g->slots[0].spawned = true;
	if (guest_wait_slots(g, has_ended, ARM_TIMEOUT_MS) ||
	    guest_value(g->slots[0].result, "bytes_per_s", &rate))
		return 0;
	return rate;
}
