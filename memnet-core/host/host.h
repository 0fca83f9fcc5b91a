/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's end of one VM's region: the session, the control rings, the flows
 * and their sockets. Runs inside a struct mn_loop, in its thread. Nothing here
 * prints: what a person should know goes through @report, a whole line without
 * its newline.
 */
#ifndef MEMNET_HOST_H
#define MEMNET_HOST_H

#include <stdbool.h>

#include "memnet-core/base/loop.h"
#include "memnet-core/host/policy.h"
#include "memnet-core/layout.h"
#include "memnet-core/spin.h"

struct mn_host;

struct mn_host_config {
	struct mn_loop *loop;		/* outlives the host */
	void *region;			/* geometry.region_bytes, mapped; stays the caller's */
	struct mn_geometry geometry;
	struct mn_policy policy;
	struct mn_spin spin;		/* before each sleep of the loop */
	uint64_t features;		/* MN_F_* on offer */
	unsigned int breaches;		/* of the protocol by this guest, before */
	void (*report)(void *arg, const char *line);
	/*
	 * Ring the bells of the channels in @channels (bit c: channel c) in the way
	 * @features say; must not block.
	 */
	void (*ring_guest)(void *arg, uint32_t channels, uint64_t features);
	/*
	 * For a region in guest RAM, which the guest, gone or reset, may now use for
	 * something else; NULL: the region is only a region. Called by mn_host_tick()
	 * as soon as the guest's owner is silent or the header was overwritten. The
	 * callee puts other memory in the region's place, and destroys the host once
	 * mn_host_tick() has returned.
	 */
	void (*let_go)(void *arg);
	/*
	 * For a region that is a file of its own, in which pages come when they are written:
	 * give back those of @bytes from @offset on, and what is in use of them all. NULL, both:
	 * it is none.
	 */
	void (*give_back)(void *arg, uint64_t offset, uint64_t bytes);
	uint64_t (*in_use)(void *arg);
	uint64_t memory;		/* with more in use there are no new flows; 0: always */
	/* Kill the courier, which hangs; its socket's end tells that it was done. NULL: no. */
	void (*end_courier)(void *arg);
	void *arg;
};

/* What the work cost; counted since mn_host_create(). */
struct mn_host_counters {
	uint64_t rings;		/* of a channel's bell */
	uint64_t kicked;	/* doorbells heard */
	uint64_t rounds;	/* of work */
	uint64_t spin_ns;	/* awake with nothing to do */
};

/* A sealed memfd of @bytes for a region: nobody can shrink it under our feet. fd or -errno. */
int mn_host_make_memfd(uint64_t bytes);

/* A guest that broke the protocol so often gets no other session. */
#define MN_MAX_BREACHES 16

/* Make the region's header anew, offer a session. 0 or -errno. */
int mn_host_create(struct mn_host **out, const struct mn_host_config *config);

/* End the session, reset every stream, free; the region stays mapped. NULL is ignored. */
void mn_host_destroy(struct mn_host *h);

/* The guest has rung. */
void mn_host_kicked(struct mn_host *h);

/*
 * Call every MN_HEARTBEAT_MS: heartbeat, the guest's heartbeat, and a look at
 * everything, for what a process killed between its index and its ring left.
 */
void mn_host_tick(struct mn_host *h);

/* Offer other features from the next session on; a session not yet accepted is offered anew. */
void mn_host_set_features(struct mn_host *h, uint64_t features);

/* The courier of a region with an arena, by its socket (courier.h), which is taken over. */
void mn_host_set_courier(struct mn_host *h, int fd);

/* From now on; what is open stays open. */
void mn_host_set_policy(struct mn_host *h, const struct mn_policy *policy);

/* For mn_loop_run(): run submissions, move bytes. True: come back at once, do not sleep. */
bool mn_host_work(void *host);

/* Of the protocol, since mn_host_create(). */
unsigned int mn_host_breaches(const struct mn_host *h);

void mn_host_read_counters(const struct mn_host *h, struct mn_host_counters *out);

#endif
