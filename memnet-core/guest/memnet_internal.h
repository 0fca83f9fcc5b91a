/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between memnet.c (opening), wait.c (waiting, telling), control.c (submissions),
 * flow.c (streams), and memnet-agent.
 */
#ifndef MEMNET_INTERNAL_H
#define MEMNET_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "memnet-core/fifo.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/guest/session.h"
#include "memnet-core/guest/waiter.h"
#include "memnet-core/spin.h"

struct control_call;

struct memnet {
	struct mn_region *region;	/* owned_region, or the agent's */
	struct mn_region owned_region;
	bool owns_session;
	int agent_fd;			/* -1: no agent in between */
	uint32_t channel;
	struct mn_session session;
	struct mn_waiter waiter;
	struct mn_spin spin;		/* as configured; each flow adapts a copy */
	struct memnet_counters counters;	/* added to atomically */

	pthread_mutex_t lock;		/* of what follows; never held over a sleep */
	uint64_t next_cookie;
	struct mn_producer submissions;
	struct mn_consumer completions;
	struct control_call *calls;	/* whose completion is awaited */
};

struct memnet_flow {
	struct memnet *m;
	uint32_t id;
	struct mn_producer out;		/* of the thread that sends */
	struct mn_spin out_spin;
	struct mn_consumer in;		/* of the thread that receives */
	struct mn_spin in_spin;
	void *mirror[2];		/* by enum mn_direction: data mapped twice, NULL without */
	struct sockaddr_in local, peer;
};

/*
 * Own the session over @region, which stays the caller's; @features: MN_F_HEARTBEAT
 * when the caller will beat. 0 or -errno.
 */
int memnet_attach(struct memnet **out, struct mn_region *region, uint64_t features);

/*
 * Without an agent: own the session over @region, which is taken over, also on
 * failure. -EPROTONOSUPPORT: no common version.
 */
int memnet_open_region(struct memnet **out, const struct mn_region *region);

/* --- wait.c --- */

static inline void mn_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/*
 * What a thread waits for: an end of a FIFO or a ring. Both return 1: not yet; 0:
 * look, there is something to do; -errno. look() leaves the other side alone,
 * arm() asks it to tell. pause() comes between two looks; NULL: mn_pause().
 */
struct wait_ops {
	int (*look)(void *end);
	int (*arm)(void *end);
	void (*pause)(void *end);
};

/* Spin, then sleep, until there is something to do. 0, -EINTR, -errno. */
int mn_wait_for(struct memnet *m, struct mn_spin *spin, const struct wait_ops *ops, void *end);

/* A step on @flow, or on our channel's rings: @wanted when it passed what the host waits for. */
void mn_tell_flow(struct memnet *m, uint32_t flow, bool wanted);
void mn_tell_channel(struct memnet *m, bool wanted);

/* --- control.c --- */

void mn_control_init(struct memnet *m);

/*
 * Submit @s and wait for its completion, through signals: a submission cannot be
 * taken back. The completion's result, or -errno.
 */
int mn_control_call(struct memnet *m, struct mn_submission *s, struct mn_completion *c);

#endif
