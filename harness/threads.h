/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every thread a run pays for, by class: found, pinned, and its CPU time and
 * counters read at the edges of the window.
 */
#ifndef HARNESS_THREADS_H
#define HARNESS_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "energy/counters.h"
#include "energy/cputime.h"
#include "harness/plan.h"
#include "harness/vm_set.h"

enum thread_class {
	CLASS_VCPU,
	CLASS_QEMU,	/* QEMU's threads but for vCPUs and vhost workers */
	CLASS_VHOST,
	CLASS_MEMNETD,
	CLASS_HELPER,	/* a process of the path's own: passt */
	CLASS_PEER,	/* or an app's server, with its children */
	THREAD_CLASSES
};

extern const char *const thread_class_names[THREAD_CLASSES];

#define MAX_THREADS 512	/* each VM's peer has one for each flow */
#define MAX_COUNTERS 16

struct thread {
	enum thread_class class;
	unsigned int vm;	/* whose it is; memnetd's: 0 */
	pid_t pid, tid;
	struct cputime time;
	struct counters *counters;
};

struct threads {
	struct thread list[MAX_THREADS];
	int n;
	const struct vm_set *vms;
	pid_t workers[MAX_VMS];	/* memnetd's */
	int n_workers;
};

/* What all threads of a class have used so far; differences of two are a window. */
struct threads_reading {
	uint64_t cpu_ns[THREAD_CLASSES];
	uint64_t vcpu_ns[MAX_VMS];	/* of CLASS_VCPU, each VM's */
	uint64_t switches[THREAD_CLASSES];
	struct counter_value counters[MAX_THREADS][MAX_COUNTERS];
};

/* Find them and open their files. 0 or -errno; on failure nothing stays open. */
int threads_open(struct threads *t, const struct vm_set *vms);
void threads_close(struct threads *t);

/* Pin each to the CPUs its arm gives it. 0 or -errno. */
int threads_pin(const struct threads *t, const struct plan *plan, const struct arm *arm);

/*
 * NULL when they are all still where threads_pin() put them, and none of QEMU or memnetd has
 * come; the peer's come and go with its flows, and must be where its others are. Else
 * what is wrong, in words that stay.
 */
const char *threads_astray(const struct threads *t, const struct plan *plan,
			   const struct arm *arm);

/* Read everything; no allocation. Only differences of two readings mean anything. */
void threads_read(const struct threads *t, struct threads_reading *r);

/* CPU time of one class so far, ns, exact to a scheduler tick; for the sampler. */
uint64_t threads_class_ns(const struct threads *t, enum thread_class class);

/* Counter @name over all threads between two readings. */
void threads_counter(const struct threads *t, const char *name, const struct threads_reading *begin,
		     const struct threads_reading *end, struct counter_sum *sum);

#endif
