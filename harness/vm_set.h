/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMs of a run, booted together, and the one memnetd that serves them all (none
 * where the path has no VM).
 * Each has a tap, a peer and a control channel of its own.
 */
#ifndef HARNESS_VM_SET_H
#define HARNESS_VM_SET_H

#include "harness/vm.h"

struct vm_set {
	struct vm vm[MAX_VMS];
	unsigned int n;
	struct child memnetd;
};

/*
 * Boot @n VMs side by side and wait until all guests are ready. 0, or -errno with
 * one line that names the mend in @why; nothing is left running then.
 */
int vm_set_boot(struct vm_set *s, const struct vm_config *config, unsigned int n, char *why,
		size_t why_size);

/* Start peers anew that have ended. 0 or -errno. */
int vm_set_ensure_peers(struct vm_set *s);

/* What has died: "QEMU of VM 2 ended (signal 9)", or NULL when all is well. */
const char *vm_set_casualty(struct vm_set *s);

/* The same for QEMUs, memnetd and helpers of paths, which cannot be replaced without a new boot. */
const char *vm_set_vital_casualty(struct vm_set *s);

/* The first VM whose guest instructions are not counted, or NULL: all are. */
const struct vm *vm_set_without_insns(const struct vm_set *s);

/* Power off, then stop what still runs. */
void vm_set_stop(struct vm_set *s);

#endif
