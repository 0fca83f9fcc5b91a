/* SPDX-License-Identifier: BSD-2-Clause */
/* Between run.c (a run's course), run_row.c (what it came to), run_samples.c (over time). */
#ifndef HARNESS_RUN_INTERNAL_H
#define HARNESS_RUN_INTERNAL_H

#include "harness/host_state.h"
#include "harness/run.h"
#include "harness/threads.h"

enum run_phase { PHASE_SETTLE, PHASE_WARMUP, PHASE_WINDOW, PHASE_DRAIN, RUN_PHASES };

/*
 * The peer counts in a file of 64 bytes (magic, ops, bytes, state; u64 each,
 * see workloads/progress.h, which the harness executes but does not include).
 */
#define PEER_PROGRESS_BYTES 64
#define PEER_PROGRESS_WORD_BYTES 2

#define SECONDS(ns) ((double)(ns) / NSEC_PER_SEC)

/* One edge of the window. */
struct edge {
	int64_t t_ns;
	struct threads_reading threads;
	uint64_t peer_bytes[MAX_VMS];
	struct guest_insns_reading insns[MAX_VMS];	/* where the VM has them */
	struct cputime_host host;	/* the whole machine */
	uint64_t vcpu_steal_ns, host_steal_ns;	/* of the run's two sets of CPUs */
	int host_error;			/* the three above could not be read */
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
	uint64_t *peer;			/* mapped progress file, or NULL */
	unsigned int peer_results;	/* lines of the peer, and the bytes they tell of */
	int64_t peer_result_bytes;
};

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

static inline uint64_t peer_bytes(const uint64_t *peer)
{
	return peer ? __atomic_load_n(&peer[PEER_PROGRESS_WORD_BYTES], __ATOMIC_RELAXED) : 0;
}

uint64_t *peer_map(const char *path);

/* With a VM: gauges of its threads too. */
int run_start_sampler(struct run *r, size_t room);

/* The readers of r->host; on failure close them all the same. 0 or -errno. */
int run_open_machine(struct run *r);
void run_close_machine(struct run *r);

/* The three parts of an edge that need no VM; the state outside of the window. */
void run_mark(struct run *r, struct edge *e, enum run_phase phase);
void run_read_machine(struct run *r, struct edge *e);
void run_read_state(const struct run *r, struct edge *e);

/* After sampler_stop(): the measured columns, validity included. */
void run_fill_row(struct run *r);
void run_fill_idle(struct run *r);

/* Is the row to be used? Else its status is invalid and its reason says why. */
void run_check(struct run *r);
void run_check_idle(struct run *r);	/* of a window in which nothing of ours runs */
void run_invalidate(struct run_row *row, const char *format, ...) PRINTF_LIKE(2, 3);

/* After sampler_stop(): power and CPU shares over time. None on failure. */
void run_make_samples(struct run *r, struct run_samples *out);

/* Divide the row's energy over its thread classes; what it needs is filled in. */
void run_attribute(struct run_row *row);

#endif
