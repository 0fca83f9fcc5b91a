/* SPDX-License-Identifier: BSD-2-Clause */
/* Between run.c (a run's course) and what it is made of, run_*.c. */
#ifndef HARNESS_RUN_INTERNAL_H
#define HARNESS_RUN_INTERNAL_H

#include "harness/host_state.h"
#include "harness/run.h"
#include "harness/threads.h"

enum run_phase { PHASE_SETTLE, PHASE_WARMUP, PHASE_WINDOW, PHASE_DRAIN, RUN_PHASES };

/* Of a guest's init; of workloads that set up. */
#define ANSWER_TIMEOUT_MS	5000
#define ARM_TIMEOUT_MS		15000

#define SECONDS(ns) ((double)(ns) / NSEC_PER_SEC)

/* One edge of the window. */
struct edge {
	int64_t t_ns;
	struct threads_reading threads;
	uint64_t peer_bytes[MAX_VMS];
	struct guest_insns_reading insns[MAX_VMS];	/* where the VM has them */
	struct cputime_host host;	/* the whole machine */
	uint64_t vcpu_steal_ns, host_steal_ns;	/* of the run's two sets of CPUs; */
	uint64_t threads_ns;		/* of both, busy with anything but interrupts */
	int host_error;			/* the four above could not be read */
	struct host_state state;	/* outside of the window, but at its edge */
	struct guest_answer guest[MAX_VMS];	/* the guests' answers to `mark` */
};

struct class_gauge {
	const struct threads *threads;
	enum thread_class class;
};

/* Instructions of all guests in one mode, for the sampler. */
struct insns_gauge {
	const struct vm_set *vms;
	enum guest_mode mode;
};

/* Beside the VM itself. */
struct run_vm {
	const uint64_t *peer;		/* run_map_peer() */
	unsigned int peer_results;	/* lines of the peer, and the bytes they tell of */
	int64_t peer_result_bytes;
};

struct run_app;	/* run_app.c */

struct run {
	const struct run_context *ctx;
	struct run_row *row;
	struct threads threads;
	struct cputime_host_reader host;	/* at the edges; */
	struct cputime_host_reader host_gauge;	/* the sampler's own */
	struct class_gauge gauges[THREAD_CLASSES];
	struct insns_gauge insns_gauges[GUEST_MODES];
	bool threads_open, host_open, gauge_open;
	const char *astray;		/* a thread that was not where it was pinned; or NULL */
	struct run_vm vm[MAX_VMS];
	struct run_app *app;		/* of a run of an app, once it is spawned */
	struct sampler *sampler;
	struct guest_answer went[MAX_VMS];	/* the guests' answers to `go` */
	struct edge begin, end;
	double fastest_stream;		/* of all VMs, bytes/s */
};

/* Does VM @i of the run do this, by its topology and its scenario? */
static inline bool run_computes(const struct run *r, unsigned int i)
{
	const struct plan_config *c = r->ctx->config;

	return c->scenario->compute != LOAD_NONE && topology_does(c->topology, i, WORK_COMPUTE);
}

static inline bool run_connects(const struct run *r, unsigned int i)
{
	const struct plan_config *c = r->ctx->config;

	return c->flows && topology_does(c->topology, i, WORK_NETWORK);
}

/* --- run_guests.c: those that return int leave in the row why they failed ------ */

/* The run failed: the row keeps the first reason. Returns @ret. */
int run_lost(struct run *r, int ret, const char *format, ...) PRINTF_LIKE(3, 4);

/* A wait for @vm failed with @ret (guest_link.h) "while @what". Returns @ret. */
int run_lost_waiting(struct run *r, const struct vm *vm, int ret, const char *what);

/* Does the death of anything of any VM end a wait, with -ECHILD? */
void run_watch(struct vm_set *vms, bool on);

/* Send each guest @command, wait for all @answers, which begin with @word. 0 or -errno. */
int run_command_all(struct run *r, const char *command, const char *word,
		    struct guest_answer *answers, const char *what);

/* Wait until @done(slot) holds in every VM, within @timeout_ms each. 0 or -errno. */
int run_wait_slots(struct run *r, bool (*done)(const struct guest_slot *), int timeout_ms,
		   const char *what);

/* No workload has failed, or ended unless it may have? 0 or -errno. */
int run_check_slots(struct run *r, bool may_have_ended);

/* Wait until @deadline_ns, or ctrl-C, or the death of something. 0 or -errno. */
int run_pass_time(struct run *r, int64_t deadline_ns, const char *what);

/* --- run_spawn.c --------------------------------------------------------------- */

/* Start the workloads of every VM, and wait until all are armed. 0 or -errno, as above. */
int run_spawn_all(struct run *r);

/* Start the program with its arguments in a slot of @vm. 0 or -errno, as above. */
int run_spawn(struct run *r, struct vm *vm, int slot, const char *command);

/* --- run_app.c: nothing is done by those that return nothing where no app runs --- */

/* Start the app's runner. 0 or -errno, as above. */
int run_app_spawn(struct run *r, struct vm *vm);

/* Behind the barrier: until the command has ended, or its time is over. 0 or -errno. */
int run_app_wait(struct run *r);

/* Behind the window: take its output. 0; -errno: the command failed. */
int run_app_end(struct run *r);

/* The columns of the app; without the value it was to have the row is invalid. */
void run_app_fill(struct run *r);

/* No more of its output is taken. */
void run_app_close(struct run *r);

/* --- run_peer.c ---------------------------------------------------------------- */

/* The progress file at @path for run_unmap_peer(), or NULL; then its bytes are 0. */
const uint64_t *run_map_peer(const char *path);
void run_unmap_peer(const uint64_t *peer);
uint64_t run_peer_bytes(const uint64_t *peer);

/* Take the result lines of @vm's peer until all that its guest counted are in them. */
void run_take_results(const struct vm *vm, struct run_vm *to);

/* Forget what peers of runs before have said and nobody has read. */
void run_drain_peer(const struct vm *vm);

/* --- run_samples.c, run_machine.c ---------------------------------------------- */

/* With a VM: gauges of its threads too. */
int run_start_sampler(struct run *r, size_t room);

/* The readers of r->host; on failure close them all the same. 0 or -errno. */
int run_open_machine(struct run *r);
void run_close_machine(struct run *r);

/* The three parts of an edge that need no VM; the state outside of the window. */
void run_mark(struct run *r, struct edge *e, enum run_phase phase);
void run_read_machine(struct run *r, struct edge *e);
void run_read_state(const struct run *r, struct edge *e);

/* --- run_row.c ----------------------------------------------------------------- */

/* After sampler_stop(): the measured columns, validity included. */
void run_fill_row(struct run *r);
void run_fill_idle(struct run *r);

/* --- run_rates.c --------------------------------------------------------------- */

/* What the workloads of all VMs did: the columns of compute, stream, requests, transport. */
void run_fill_rates(struct run *r);

/* The difference of a guest's counter @key over the window; ABSENT_INTEGER without it. */
int64_t run_guest_delta(const struct run *r, unsigned int vm, const char *key);

/* The window by a guest's own clock; NAN without it. */
double run_guest_window_s(const struct run *r, unsigned int vm);

/* --- run_validity.c ------------------------------------------------------------ */

/* Is the row to be used? Else its status is invalid and its reason says why. */
void run_check(struct run *r);
void run_check_idle(struct run *r);	/* of a window in which nothing of ours runs */
void run_invalidate(struct run_row *row, const char *format, ...) PRINTF_LIKE(2, 3);

/* --- run_samples.c, run_attribution.c ------------------------------------------ */

/* After sampler_stop(): power and CPU shares over time. None on failure. */
void run_make_samples(struct run *r, struct run_samples *out);

/* Divide the row's energy over its thread classes; what it needs is filled in. */
void run_attribute(struct run_row *row);

#endif
