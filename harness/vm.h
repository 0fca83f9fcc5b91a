/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A booted VM with what is its own: the path, QEMU, the peer, and the control channel
 * to the guest's init. Of a path without a VM (path.h) memnet-native stands for both QEMU
 * and that init. VMs that run together are a vm_set (vm_set.h), which has
 * the memnetd of all. To be used inside the sandbox.
 */
#ifndef HARNESS_VM_H
#define HARNESS_VM_H

#include <sched.h>
#include <sys/types.h>

#include "energy/guest_insns.h"
#include "harness/child.h"
#include "harness/guest_link.h"
#include "harness/link.h"
#include "harness/path.h"
#include "harness/qemu.h"
#include "harness/vocabulary.h"

struct vm_config {
	const char *accel;		/* "tcg" or "kvm" */
	const char *cpu_model;
	unsigned int vcpus, memory_mib;
	const struct path *path;	/* NULL: none (vm_probe()) */
	const char *kernel, *initrd;
	const char *memnetd, *work, *native;	/* programs of ours */
	const char *log_dir;		/* memnetd.log; console.log, ... or console-1.log, ... */
	const struct link *link;	/* all peers are behind it; NULL: in our network namespace */
	unsigned int flows;		/* memnetd has to serve at once */
	bool programs;			/* any may run: they listen, and send datagrams */
	const char *spin;		/* memnetd's --spin; "": its own choice */
	const char *region;		/* memnet-agent's --region; NULL: its own choice */
	bool shared_ram;		/* in a file that memnetd can map */
	bool objects;			/* memnetd has room for them, where it can */
	const char *plugin;		/* of QEMU, to count guest instructions; NULL: none */
	const char *no_insns;		/* why they are not to be counted; NULL: they are */
	const char *fault;		/* memnet.fault= of the guest's init; NULL: none */
	int ready_timeout_ms;
};

struct vm {
	struct vm_config config;
	unsigned int number;		/* from 1; 0: the only one, whose things have no number */
	char guest_name[32], qemu_name[32], peer_name[32];	/* for messages */
	struct child qemu, peer;
	struct guest_link link;
	struct path_end end;
	int qmp_fd;
	int peer_out;			/* read end of the peer's standard output */
	char peer_progress[64];		/* file the peer counts in */
	bool serves;			/* the peer is vm_start_server()'s */
	pid_t vcpu_tids[QEMU_MAX_VCPUS];
	int vcpus;			/* how many of them */
	struct guest_insns *insns;	/* or NULL: */
	char no_insns[256];		/* why not */
};

/*
 * All return 0, or -errno with one line that names the mend in @why. What a failed
 * one has started is for vm_stop().
 */

/* Start a memnetd that serves VM @first and the @n - 1 with the numbers behind it. */
int vm_start_memnetd(struct child *memnetd, const struct vm_config *config, unsigned int first,
		     unsigned int n, char *why, size_t why_size);

/* Nothing of it runs: safe for vm_stop(). */
void vm_clear(struct vm *vm, const struct vm_config *config, unsigned int number);

/* Start peer and QEMU of a cleared VM whose memnetd listens; do not wait for the guest. */
int vm_start(struct vm *vm, char *why, size_t why_size);

/* Wait until the guest is ready, find its vCPUs and their counters. */
int vm_wait_ready(struct vm *vm, char *why, size_t why_size);

/*
 * Have an app's server in the peer's place: @command, run by the host's shell on the CPUs
 * @cpus, its output appended to @log. It has a PID namespace, which ends with it. Waits
 * until something listens at the peer's port, up to @timeout_ms.
 */
int vm_start_server(struct vm *vm, const char *command, const cpu_set_t *cpus, const char *log,
		    int timeout_ms, char *why, size_t why_size);
void vm_stop_server(struct vm *vm);

/* Start a program in the peer's place, behind the link if there is one. 0 or -errno. */
int vm_start_peer(struct vm *vm, char *const argv[], const char *log, int stdout_fd);

/* Start the peer anew if it has ended. 0 or -errno. */
int vm_ensure_peer(struct vm *vm);

/* Ask the guest to power itself off; QEMU then ends by itself. */
void vm_power_off(struct vm *vm);

/* Stop what still runs. */
void vm_stop(struct vm *vm);

/*
 * Does a kernel reach our init with @config->accel? Boots without any device
 * but the control port; @config has no path. 0, or -errno and the reason in @why.
 */
int vm_probe(const struct vm_config *config, char *why, size_t why_size);

#endif
