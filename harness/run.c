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
 * Nothing is written, printed or allocated between the edges.
 */
#include "harness/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/interrupt.h"
#include "harness/run_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define ARM_TIMEOUT_MS		15000
#define ANSWER_TIMEOUT_MS	5000
#define STOP_TIMEOUT_MS		20000
#define PEER_TIMEOUT_MS		3000
/* A fixed amount of work may take this many times what it was sized for. */
#define FIXED_PATIENCE		20

static int lost(struct run *r, int ret, const char *format, ...) PRINTF_LIKE(3, 4);

/* The run failed: keep the first reason. Returns @ret. */
static int lost(struct run *r, int ret, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (r->row->status[0])
		return ret;
	ROW_TEXT(r->row->status, "failed");
	ROW_TEXT(r->row->reason, "%s", ret == -EINTR ? "interrupted" : text);
	return ret;
}

/* While the harness waits for a guest: has anything of any VM died? */
static int watchdog(void *arg)
{
	return vm_set_casualty(arg) ? -ECHILD : 0;
}

static void set_watchdog(struct vm_set *vms, int (*bark)(void *))
{
	for (unsigned int i = 0; i < vms->n; i++) {
		vms->vm[i].link.watchdog = bark;
		vms->vm[i].link.watchdog_arg = vms;
	}
}

/* What has died; after a broken channel with some patience: it is closed before its end is told. */
static const char *find_casualty(struct vm_set *vms, bool patient)
{
	int64_t deadline = mn_now_ns() + (patient ? NSEC_PER_SEC : 0);
	const char *casualty;

	while (!(casualty = vm_set_casualty(vms)) && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	return casualty;
}

/* Why a wait for @vm failed, in words. */
static int lost_waiting(struct run *r, const struct vm *vm, int ret, const char *what)
{
	const char *casualty = find_casualty(r->ctx->vms, ret == -EPIPE);

	if (casualty)
		return lost(r, ret, "%s while %s; see its log", casualty, what);
	if (ret == -ETIMEDOUT)
		return lost(r, ret, "%s did not answer while %s", vm->guest_name, what);
	return lost(r, ret, "the control channel of %s failed while %s: %s", vm->guest_name, what,
		    strerror(-ret));
}

/* Each guest is sent @command; wait for all @answers. */
static int command_all(struct run *r, const char *command, const char *word,
		       struct guest_answer *answers, const char *what)
{
	struct vm_set *vms = r->ctx->vms;
	struct guest_link *links[MAX_VMS];
	unsigned int i;
	int ret;

	for (i = 0; i < vms->n; i++)
		links[i] = &vms->vm[i].link;
	ret = guest_command_all(links, vms->n, command, word, answers, ANSWER_TIMEOUT_MS);
	if (!ret)
		return 0;
	for (i = 0; i + 1 < vms->n && answers[i].at_ns; i++)
		;
	return lost_waiting(r, &vms->vm[i], ret, what);
}

/* Why a workload ended early: its connection is reset before who held it can be waited for. */
static int lost_workload(struct run *r, const struct vm *vm, int i)
{
	const struct guest_slot *s = &vm->link.slots[i];
	const char *name = i ? "network" : "compute";
	const char *casualty = find_casualty(r->ctx->vms, i);

	if (casualty)
		return lost(r, -ECHILD, "%s, and the %s workload in %s with it; see its log",
			    casualty, name, vm->guest_name);
	return lost(r, -ECANCELED, "the %s workload in %s ended early (%s)%s%s", name,
		    vm->guest_name, s->status, s->complaint[0] ? ": " : "", s->complaint);
}

/* A workload that ended when it should not have. */
static int check_slots_of(struct run *r, const struct vm *vm, bool may_have_ended)
{
	for (int i = 0; i < GUEST_SLOTS; i++) {
		const struct guest_slot *s = &vm->link.slots[i];
		bool failed = s->exited && strcmp(s->status, "status=0");

		if (s->spawned && (failed || (s->exited && !may_have_ended)))
			return lost_workload(r, vm, i);
	}
	return 0;
}

static int check_slots(struct run *r, bool may_have_ended)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++)
		ret = check_slots_of(r, &r->ctx->vms->vm[i], may_have_ended);
	return ret;
}

/* Wait for the slots of every VM, within @timeout_ms each. 0 or -errno, unexplained. */
static int wait_slots(struct run *r, bool (*done)(const struct guest_slot *), int timeout_ms,
		      const char *what)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++) {
		struct vm *vm = &r->ctx->vms->vm[i];

		ret = guest_wait_slots(&vm->link, done, timeout_ms);
		if (ret)
			lost_waiting(r, vm, ret, what);
	}
	return ret;
}

/* --- spawn ------------------------------------------------------------------- */

static int spawn(struct run *r, struct vm *vm, int slot, const char *command)
{
	struct guest_link *g = &vm->link;
	const char *spin = r->ctx->config->spin;
	char text[512], line[GUEST_LINE];
	int ret;

	snprintf(text, sizeof(text), "spawn %d %s%s /bin/memnet-work %s --progress @progress@ "
		 "--barrier", slot, *spin ? "MEMNET_SPIN=" : "", spin, command);
	ret = guest_command(g, text, "spawned", line, sizeof(line), ANSWER_TIMEOUT_MS);
	if (ret == -EREMOTEIO)
		return lost(r, ret, "%s: %s", vm->guest_name, line);
	if (ret)
		return lost_waiting(r, vm, ret, "starting a workload");
	g->slots[slot].spawned = true;
	return 0;
}

static int spawn_compute(struct run *r, struct vm *vm)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "compute --kernel %s", r->ctx->plan->compute);

	if (r->ctx->config->scenario->compute == LOAD_FIXED)
		snprintf(text + n, sizeof(text) - n, " --ops %llu",
			 (unsigned long long)r->ctx->targets.fixed_ops);
	return spawn(r, vm, 0, text);
}

static int spawn_stream(struct run *r, struct vm *vm)
{
	const struct run_context *ctx = r->ctx;
	char text[384];
	int n = snprintf(text, sizeof(text), "stream --transport %s --peer %s "
			 "--direction %s --flows %u --chunk %llu --seed %llu",
			 ctx->config->path->transport, vm->end.peer, ctx->config->direction,
			 ctx->config->flows,
			 (unsigned long long)plan_chunk_bytes(ctx->plan, ctx->config),
			 (unsigned long long)ctx->seed);

	if (ctx->config->scenario->stream == LOAD_PACED)
		snprintf(text + n, sizeof(text) - n, " --rate %llu --burst %lldms",
			 (unsigned long long)ctx->targets.stream_bytes_per_s,
			 (long long)(ctx->plan->burst_ns / NSEC_PER_MSEC));
	if (ctx->config->scenario->stream == LOAD_FIXED)
		snprintf(text + n, sizeof(text) - n, " --bytes %llu",
			 (unsigned long long)ctx->targets.fixed_bytes);
	return spawn(r, vm, 1, text);
}

static int spawn_exchange(struct run *r, struct vm *vm)
{
	const struct run_context *ctx = r->ctx;
	char text[384];
	int n = snprintf(text, sizeof(text), "rr --transport %s --peer %s "
			 "--request %llu --response %llu --warmup %lldns --seed %llu",
			 ctx->config->path->transport, vm->end.peer,
			 (unsigned long long)ctx->plan->request_bytes,
			 (unsigned long long)ctx->plan->response_bytes,
			 (long long)ctx->plan->warmup_ns, (unsigned long long)ctx->seed);

	if (ctx->plan->rr_rate)
		snprintf(text + n, sizeof(text) - n, " --rate %llu",
			 (unsigned long long)ctx->plan->rr_rate);
	return spawn(r, vm, 1, text);
}

static bool is_armed(const struct guest_slot *s)
{
	return s->armed;
}

static int spawn_in(struct run *r, unsigned int i)
{
	const struct scenario *s = r->ctx->config->scenario;
	struct vm *vm = &r->ctx->vms->vm[i];
	int ret = run_computes(r, i) ? spawn_compute(r, vm) : 0;

	if (ret || !run_connects(r, i))
		return ret;
	return s->stream != LOAD_NONE ? spawn_stream(r, vm) : spawn_exchange(r, vm);
}

static int spawn_all(struct run *r)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++)
		ret = spawn_in(r, i);
	if (!ret)
		ret = wait_slots(r, is_armed, ARM_TIMEOUT_MS, "the workloads set up");
	return ret ? ret : check_slots(r, false);
}

/* --- the window -------------------------------------------------------------- */

/* Until @deadline_ns, or ctrl-C, or the death of something. 0 or -errno. */
static int pass_time(struct run *r, int64_t deadline_ns, const char *what)
{
	int64_t left_ms = (deadline_ns - mn_now_ns() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	int ret = left_ms > 0 ? guest_pass_time(&r->ctx->vms->vm[0].link, left_ms) : 0;

	return ret ? lost_waiting(r, &r->ctx->vms->vm[0], ret, what) : 0;
}

static int ask_guests(struct run *r, struct edge *e)
{
	return command_all(r, "mark edge", "mark", e->guest, "reading its counts");
}

static void read_host(struct run *r, struct edge *e, int phase)
{
	run_mark(r, e, phase);
	threads_read(&r->threads, &e->threads);
	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		const struct guest_insns *insns = r->ctx->vms->vm[i].insns;

		e->peer_bytes[i] = peer_bytes(r->vm[i].peer);
		if (insns)
			guest_insns_read(insns, &e->insns[i]);
	}
	run_read_machine(r, e);
}

static int go(struct run *r)
{
	return command_all(r, "go", "went", r->went, "starting the workloads");
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
		ret = pass_time(r, mn_now_ns() + p->warmup_ns, "warming up");
	if (ret)
		return ret;
	run_read_state(r, &r->begin);
	read_host(r, &r->begin, PHASE_WINDOW);
	ret = ask_guests(r, &r->begin);
	if (!ret)
		ret = pass_time(r, r->begin.t_ns + p->window_ns, "measuring");
	if (ret)
		return ret;
	read_host(r, &r->end, PHASE_DRAIN);
	ret = ask_guests(r, &r->end);
	run_read_state(r, &r->end);
	return ret ? ret : check_slots(r, false);
}

/* The window is what a fixed amount of work takes. */
static int window_by_work(struct run *r)
{
	int64_t patience_ms = FIXED_PATIENCE * r->ctx->plan->fixed_ns / NSEC_PER_MSEC;
	int ret = ask_guests(r, &r->begin);

	if (ret)
		return ret;
	run_read_state(r, &r->begin);
	read_host(r, &r->begin, PHASE_WINDOW);
	ret = go(r);
	if (!ret) {
		ret = wait_slots(r, has_result, patience_ms, "doing its fixed work");
		if (ret)
			return ret;
	}
	read_host(r, &r->end, PHASE_DRAIN);
	if (!ret)
		ret = ask_guests(r, &r->end);
	run_read_state(r, &r->end);
	return ret ? ret : check_slots(r, true);
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
		ret = guest_wait_slots(g, has_ended, STOP_TIMEOUT_MS);
	if (ret)
		lost_waiting(r, vm, ret, "ending its workloads");
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

/* --- the peer ---------------------------------------------------------------- */

/* Add up the result lines of @text; what is left of a last line that is not whole. */
static size_t take_results(struct run_vm *to, char *text, size_t len)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', len - (line - text)))) {
		int64_t bytes;

		*end = '\0';
		if (!strncmp(line, "result ", 7) && !guest_value(line, "bytes", &bytes)) {
			to->peer_results++;
			to->peer_result_bytes += bytes;
		}
		line = end + 1;
	}
	len -= line - text;
	memmove(text, line, len);
	return len;
}

/* A result line for each flow; until all that the guest counted are in them. */
static void peer_results(const struct vm *vm, struct run_vm *to)
{
	int64_t deadline = mn_now_ns() + PEER_TIMEOUT_MS * NSEC_PER_MSEC, want = 0;
	char buf[2048];
	size_t len = 0;

	guest_value(vm->link.slots[1].result, "bytes", &want);
	while (to->peer_result_bytes < want && mn_now_ns() < deadline && !interrupted()) {
		ssize_t n = read(vm->peer_out, buf + len, sizeof(buf) - len);

		if (n > 0)
			len = take_results(to, buf, len + n);
		if (n == 0 || len == sizeof(buf))
			return;
		if (n < 0)
			mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	}
}

/* What peers of runs before have said and nobody has read. */
static void drain_peer(const struct vm *vm)
{
	char buf[512];

	while (read(vm->peer_out, buf, sizeof(buf)) > 0)
		;
}

/* --- a run ------------------------------------------------------------------- */

static uint64_t gauge_room(const struct plan *p)
{
	int64_t longest = p->settle_ns + p->warmup_ns + p->window_ns +
			  FIXED_PATIENCE * p->fixed_ns;

	return longest / SAMPLER_INTERVAL_NS + 16;
}

static int prepare(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	int ret = threads_open(&r->threads, ctx->vms);

	if (ret)
		return lost(r, ret, "cannot read the threads of the run: %s%s", strerror(-ret),
			    ret == -EMFILE ? "; allow more of them: ulimit -n 8192" : "");
	r->threads_open = true;
	ret = threads_pin(&r->threads, ctx->plan, ctx->config->arm);
	if (ret)
		return lost(r, ret, "cannot pin the threads of the run: %s", strerror(-ret));
	for (unsigned int i = 0; i < ctx->vms->n; i++)
		r->vm[i].peer = peer_map(ctx->vms->vm[i].peer_progress);
	ret = run_open_machine(r);
	if (ret)
		return lost(r, ret, "cannot read /proc/stat: %s", strerror(-ret));
	ret = run_start_sampler(r, gauge_room(ctx->plan));
	if (ret)
		return lost(r, ret, "cannot start the sampler: %s", strerror(-ret));
	sampler_mark(r->sampler, PHASE_SETTLE);
	return pass_time(r, mn_now_ns() + ctx->plan->settle_ns, "settling");
}

static void clean_up(struct run *r)
{
	sampler_free(r->sampler);
	run_close_machine(r);
	if (r->threads_open)
		threads_close(&r->threads);
	for (unsigned int i = 0; i < r->ctx->vms->n; i++)
		if (r->vm[i].peer)
			munmap(r->vm[i].peer, PEER_PROGRESS_BYTES);
	set_watchdog(r->ctx->vms, NULL);
}

static int measure(struct run *r)
{
	int ret = spawn_all(r);

	if (!ret)
		ret = prepare(r);
	if (!ret)
		ret = r->ctx->config->scenario->compute == LOAD_FIXED ? window_by_work(r)
								      : window_by_time(r);
	if (!ret)
		r->astray = threads_astray(&r->threads, r->ctx->plan, r->ctx->config->arm);
	return ret;
}

/* What the runs before have left behind. */
static void begin(struct vm_set *vms)
{
	for (unsigned int i = 0; i < vms->n; i++) {
		guest_clear_slots(&vms->vm[i].link);
		drain_peer(&vms->vm[i]);
	}
	set_watchdog(vms, watchdog);
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
		set_watchdog(ctx->vms, NULL);	/* a dead peer must not keep us from stopping */
		stopped = stop(r);
	}
	for (unsigned int i = 0; !ret && !stopped && i < ctx->vms->n; i++)
		if (run_connects(r, i))
			peer_results(&ctx->vms->vm[i], &r->vm[i]);
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
	if (guest_command(g, "spawn 0 /bin/memnet-work copy", "spawned", line, sizeof(line),
			  ANSWER_TIMEOUT_MS))
		return 0;
	g->slots[0].spawned = true;
	if (guest_wait_slots(g, has_ended, ARM_TIMEOUT_MS) ||
	    guest_value(g->slots[0].result, "bytes_per_s", &rate))
		return 0;
	return rate;
}
