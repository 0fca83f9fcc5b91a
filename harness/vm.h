/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A booted VM with everything around it: the path, memnetd, QEMU, the peer, and the
 * control channel to the guest's init. To be used inside the sandbox.
 */
#ifndef HARNESS_VM_H
#define HARNESS_VM_H

#include <sys/types.h>

#include "energy/guest_insns.h"
#include "harness/child.h"
#include "harness/guest_link.h"
#include "harness/path.h"
#include "harness/qemu.h"

struct vm_config {
	const char *accel;		/* "tcg" or "kvm" */
	const char *cpu_model;
	unsigned int vcpus, memory_mib;
	const struct path *path;	/* NULL: none (vm_probe()) */
	const char *kernel, *initrd;
	const char *memnetd, *work;	/* programs of ours */
	const char *log_dir;		/* console.log, qemu.log, memnetd.log, peer.log, and a path's */
	unsigned int flows;		/* memnetd has to serve at once */
	const char *spin;		/* memnetd's --spin; "": its own choice */
	const char *plugin;		/* of QEMU, to count guest instructions; NULL: none */
	const char *no_insns;		/* why they are not to be counted; NULL: they are */
	const char *fault;		/* memnet.fault= of the guest's init; NULL: none */
	int ready_timeout_ms;
};

struct vm {
	struct vm_config config;
	struct child memnetd, qemu, peer;
	struct guest_link link;
	struct path_end end;
	int qmp_fd;
	int peer_out;			/* read end of the peer's standard output */
	char peer_progress[64];		/* file the peer counts in */
	pid_t vcpu_tids[QEMU_MAX_VCPUS];
	int vcpus;			/* how many of them */
	struct guest_insns *insns;	/* or NULL: */
	char no_insns[256];		/* why not */
};

/*
 * Boot and wait until the guest is ready. 0, or -errno with one line that names
 * the mend in @why; nothing is left running then.
 */
int vm_boot(struct vm *vm, const struct vm_config *config, char *why, size_t why_size);

/* Start the peer anew if it has ended. 0 or -errno. */
int vm_ensure_peer(struct vm *vm);

/* What of the VM has died: "QEMU ended (signal 9)", or NULL when all is well. */
const char *vm_casualty(struct vm *vm);

/* The same for QEMU, memnetd and a path's helper, which cannot be replaced without a new boot. */
const char *vm_vital_casualty(struct vm *vm);

/* Power off, then stop what still runs. Safe after a failed boot. */
void vm_stop(struct vm *vm);

/*
 * Does a kernel reach our init with @config->accel? Boots without any device
 * but the control port; @config has no path. 0, or -errno and the reason in @why.
 */
int vm_probe(const struct vm_config *config, char *why, size_t why_size);

#endif
