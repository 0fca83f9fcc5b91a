/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's end of one VM's region: the session, the control ring, the flows
 * and their sockets. Runs inside a struct mn_loop, in its thread. Nothing here
 * prints: what a person should know goes through @report, a whole line without
 * its newline.
 */
#ifndef MEMNET_HOST_H
#define MEMNET_HOST_H

#include <stdbool.h>

#include "memnet-core/layout.h"
#include "memnet-core/host/loop.h"
#include "memnet-core/host/policy.h"

struct mn_host;

struct mn_host_config {
	struct mn_loop *loop;		/* outlives the host */
	struct mn_geometry geometry;
	struct mn_policy policy;
	void (*report)(void *arg, const char *line);
	void (*ring_guest)(void *arg);	/* must not block */
	void *arg;
};

/* Make the region (a sealed memfd) and offer the first session. 0 or -errno. */
int mn_host_create(struct mn_host **out, const struct mn_host_config *config);

/* End the session, reset every stream, free. NULL is ignored. */
void mn_host_destroy(struct mn_host *h);

/* The region, for the guest to map; stays the host's. */
int mn_host_memfd(const struct mn_host *h);

/* The guest has rung. */
void mn_host_kicked(struct mn_host *h);

/* Call about once a second: heartbeat, and what a lost ring would have told. */
void mn_host_tick(struct mn_host *h);

/* The VM has gone: as if the guest had detached. */
void mn_host_guest_gone(struct mn_host *h);

/* For mn_loop_run(): move bytes. True while there is more to move at once. */
bool mn_host_work(void *host);

#endif
