/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that serves one VM: a struct mn_host in a loop. It owns nothing: the
 * broker (broker.h) made the memory and the eventfds and keeps them, so a worker
 * may die at any moment and the next one offers a new session in the same region.
 *
 * The control socket (SOCK_SEQPACKET) brings a struct mn_worker_order: with the
 * descriptor of the VM's bell port, each time QEMU opens it, with the policy, each time
 * it was read anew, and with the VM's RAM file, when the worker has asked for it by one
 * byte, MN_WORKER_WANTS_RAM, and with the socket of each new courier (courier.h). Its end is
 * the order to stop.
 *
 * Where the region is in guest RAM, there is none, and no struct mn_host, until the
 * guest has told where (port.h): the worker asks, and asks again whenever the
 * region is lost. The VM's RAM file is asked for at the first answer, for QEMU makes it
 * after it has opened the port, and kept: of another QEMU there is another worker.
 */
#ifndef MEMNET_WORKER_H
#define MEMNET_WORKER_H

#include "memnet-core/host/guest_ram.h"
#include "memnet-core/host/policy.h"
#include "memnet-core/layout.h"
#include "memnet-core/spin.h"

struct mn_worker {
	const char *name;	/* of the VM, for messages */
	struct mn_geometry geometry;
	struct mn_policy policy;
	struct mn_spin spin;
	uint64_t memory;	/* of the region that may be in use, for new flows; 0: all */
	struct mn_guest_ram_config ram;	/* without a path: the region is memfd */
	int memfd, doorbell, control;
	int vectors[MN_MAX_CHANNELS];	/* eventfd of each bell, geometry.channels of them */
};

struct mn_worker_order {
	enum mn_worker_order_what { MN_WORKER_BELL, MN_WORKER_POLICY, MN_WORKER_RAM,
				   MN_WORKER_COURIER } what;
	int error;	/* of MN_WORKER_RAM, without a descriptor: -errno */
	struct mn_policy policy;
};

#define MN_WORKER_WANTS_RAM 'r'
#define MN_WORKER_ENDS_COURIER 'c'

/* Serve until the control socket ends. The process's exit status. */
int mn_worker_run(const struct mn_worker *config);

#endif
