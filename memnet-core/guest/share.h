/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that several threads or processes of a guest use: what a socket shared by fork()
 * needs. The agent's memory has a lock for each direction of each flow; whoever takes one
 * after another process takes over where that one has left the indices, which are in the
 * region. A process that dies in between has moved its index or not: both is whole.
 *
 * Only for clients of an agent.
 */
#ifndef MEMNET_SHARE_H
#define MEMNET_SHARE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/guest/memnet.h"
#include "memnet-core/layout.h"

/* In the agent's memory; by flow, then direction. */
struct mn_flow_lock {
	pthread_mutex_t mutex;	/* robust, between processes */
	uint32_t user;		/* channel of the last one, + 1 */
};

/* Agent: memory with those of a new session. fd or -errno. */
int mn_flow_locks_make(const struct mn_geometry *g);

/* Client: map them. Takes @fd over, also on failure. 0 or -errno. */
int mn_flow_locks_map(int fd, const struct mn_geometry *g, struct mn_flow_lock **out);
void mn_flow_locks_unmap(struct mn_flow_lock *locks, const struct mn_geometry *g);

/* MN_RECV before MN_SEND, where both are held. Never over a sleep. */
void mn_flow_lock(struct memnet_flow *f, enum mn_direction direction);
void mn_flow_unlock(struct memnet_flow *f, enum mn_direction direction);

/* Has the stream been torn? */
bool mn_flow_is_torn(const struct memnet_flow *f);

/*
 * What there has ever been to tell of a flow: bytes the peer has put into our FIFO and taken
 * out of the other, how each direction ended, errors that came back.
 */
struct mn_progress {
	uint64_t in, out;
	uint32_t in_end, out_end;	/* enum mn_end */
	uint32_t errors;
};

void mn_flow_progress(const struct memnet_flow *f, struct mn_progress *now);

/* Is there an edge between the two for who wants @events (POLLIN, POLLOUT, or their POLL*NORM)? */
bool mn_progress_differs(const struct mn_progress *a, const struct mn_progress *b, short events);

/*
 * As memnet_arm(), for who has been told of everything up to @told: what is so already is armed
 * for the next edge. What came meanwhile does not ring: look again afterwards. 1; 0; -errno.
 */
int mn_flow_arm_edge(struct memnet_flow *f, short events, const struct mn_progress *told);

/*
 * Have the agent close @fd, one end of a pair, when it has seen everything that came before;
 * @fd stays the caller's. 0 or -errno.
 */
int mn_agent_sync(int agent_fd, int fd);

/*
 * Hand the flow to the agent, which closes it, its stream ended in order, when the other
 * end of @fd (a socket pair's) is closed by everybody. @fd stays the caller's. 0 or -errno.
 */
int mn_flow_keep(struct memnet_flow *f, int fd);

/* Have the agent close the flow at once, whosever it is: nobody has its descriptor. 0 or -errno. */
int mn_flow_abandon(struct memnet_flow *f);

/*
 * Free @f, which a child of fork() has from its parent: whose flow and whose bells it is, and
 * stays.
 */
void mn_flow_disown(struct memnet_flow *f);

#endif
