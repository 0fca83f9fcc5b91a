/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: VMs a and b under TCG, one memnetd for both, a peer for each. The host wakes a
 * by the port, b by interrupts. What goes wrong fails the test.
 */
#ifndef HARNESS_TEST_TWO_VMS_H
#define HARNESS_TEST_TWO_VMS_H

#include "harness/test/guest_vm.h"

enum { VM_A, VM_B, VMS };
enum { SEND, RECV };		/* a stream's slot in its guest */

struct two_vms {
	const char *folder;		/* the caller's: of guest_vm_prepare() */
	const char *initrd;		/* the caller's */
	struct guest_vm vm[VMS];
	pid_t memnetd, worker[VMS];	/* at first */
	pid_t peer[VMS];
	unsigned int port[VMS];		/* of the peers */
	char log[200];			/* memnetd's messages */
};

/* What a VM says of its two streams. */
struct two_vms_edge {
	uint64_t t_ns, bytes[2];
};

/* Start all; both guests are ready then. */
void two_vms_start(struct two_vms *t);

/* End all, remove what they left. 0, or not when something unexpected was in the folder. */
int two_vms_end(struct two_vms *t);

/* Start the QEMU of VM @which, again if need be; its guest is not waited for. */
void two_vms_boot(struct two_vms *t, int which);

/* Have VM @which start the command line @text in @slot; its answer is not waited for. */
void two_vms_spawn(struct two_vms *t, int which, int slot, const char *text);

/* An endless stream to (SEND) or from (RECV) the VM's peer, likewise. */
void two_vms_start_stream(struct two_vms *t, int which, int slot);

/* Start both and wait until bytes move; end them in order, with the right bytes. */
void two_vms_start_streams(struct two_vms *t, int which);
void two_vms_stop_streams(struct two_vms *t, int which);

/* Also claims that nothing in the VM has ended or complained since its last line. */
struct two_vms_edge two_vms_edge(struct two_vms *t, int which);

void two_vms_pause_ms(int ms);

#endif
