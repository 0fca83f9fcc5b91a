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
	CLASS_VCPU,	/* without a VM: memnet-native and the workloads */
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
/* QEMU or memnet-native and its workloads, peer and helper of each VM; memnetd and its workers. */
#define MAX_PROCESSES ((3 + GUEST_SLOTS) * MAX_VMS + 1 + MAX_VMS)

struct thread {
	enum thread_class class;
	unsigned int vm;	/* whose it is; memnetd's: 0 */
	pid_t pid, tid;
	struct cputime time;
	struct counters *counters;
};

struct process {
	enum thread_class class;
	unsigned int vm;	/* as of a thread */
	pid_t pid;
};

struct threads {
	struct thread list[MAX_THREADS];
	int n;
	const char *events[MAX_COUNTERS + 1];	/* counted of each, ended by NULL */
	struct process process[MAX_PROCESSES];
	int n_processes;
	const struct vm_set *vms;
	pid_t workers[MAX_VMS];	/* memnetd's */
	int n_workers;
};

/* What all threads of a class have used so far; differences of two are a window. */
struct threads_reading {
	uint64_t cpu_ns[THREAD_CLASSES];
	uint64_t vcpu_ns[MAX_VMS];	/* of CLASS_VCPU, each VM's */
	uint64_t switches[THREAD_CLASSES];	/* of those that were there from the beginning */
	struct counter_value counters[MAX_THREADS][MAX_COUNTERS];
};

/* Beside counters_default, where @syscalls is asked for; tracepoints, often root's alone. */
#define EVENT_SYSCALLS	"raw_syscalls:sys_enter"
#define EVENT_KVM_EXITS	"kvm:kvm_exit"

/* Are there such threads in @vm at all? */
bool threads_has_class(const struct vm *vm, enum thread_class class);

/* Find them and open their files. 0 or -errno; on failure nothing stays open. */
int threads_open(struct threads *t, const struct vm_set *vms, bool syscalls);
void threads_close(struct threads *t);

/* Pin each to the CPUs its arm gives it. 0 or -errno. */
int threads_pin(const struct threads *t, const struct plan *plan, const struct arm *arm);

/*
 * NULL when they are all still where threads_pin() put them, and none of QEMU or memnetd has
 * come; the peer's come and go with its flows, as do those of workloads without a VM, and
 * must be where its others are. Else what is wrong, in words that stay.
 */
const char *threads_astray(const struct threads *t, const struct plan *plan,
			   const struct arm *arm);

/* Read everything; no allocation. Only differences of two readings mean anything. */
void threads_read(const struct threads *t, struct threads_reading *r);

/* CPU time of one class so far, ns, exact to a scheduler tick; for the sampler. */
uint64_t threads_class_ns(const struct threads *t, enum thread_class class);

/* A set of classes: bit 1 << class. */
#define ALL_CLASSES	((1u << THREAD_CLASSES) - 1)

/* Counter @name over the threads of @classes between two readings. */
void threads_counter(const struct threads *t, unsigned int classes, const char *name,
		     const struct threads_reading *begin, const struct threads_reading *end,
		     struct counter_sum *sum);

#endif
