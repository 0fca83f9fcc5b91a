/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The broker: holds what must outlive a worker, and does nothing else. For each
 * VM two listening UNIX sockets, the region, the eventfds, and the connections of
 * the one QEMU; it forks a worker when QEMU comes, another when that dies, and ends
 * it when QEMU leaves. It never looks into a region. Where the region is in guest
 * RAM there is only the bell's socket, and QEMU comes and leaves by that.
 *
 * Prints to stderr: it belongs to memnetd.
 */
#ifndef MEMNET_BROKER_H
#define MEMNET_BROKER_H

#include "memnet-core/base/loop.h"
#include "memnet-core/host/guest_ram.h"
#include "memnet-core/host/policy.h"
#include "memnet-core/layout.h"
#include "memnet-core/spin.h"

struct mn_vm_config {
	const char *name;
	struct mn_geometry geometry;
	struct mn_policy policy;	/* of the options, */
	const char *policy_file;	/* whose rules come after those; NULL: none */
	struct mn_spin spin;
	uint64_t memory;	/* of the region that may be in use, for new flows; 0: all */
	struct mn_guest_ram_config ram;	/* with a path: the region is there, and no ivshmem */
};

struct mn_broker;

/* Nothing listens yet. 0 or -errno. */
int mn_broker_create(struct mn_broker **out, const char *directory);

/*
 * Make the VM's region and listen at DIRECTORY/NAME.ivshmem and NAME.bell (in guest
 * RAM: NAME.bell only), open to this user only. @config is copied; its strings are not.
 * The policy file is read, and again at each SIGHUP. 0, or -errno after a message.
 */
int mn_broker_add(struct mn_broker *b, const struct mn_vm_config *config);

/* Serve until SIGTERM or SIGINT. 0 or -errno. */
int mn_broker_run(struct mn_broker *b);

/* End the workers, remove the sockets, free. */
void mn_broker_destroy(struct mn_broker *b);

#endif
