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
 * Have the bell rung when the peer goes on from there, in either direction. 1; 0: it has
 * already. For who has been told of everything up to @in and @out.
 */
int mn_flow_arm_beyond(struct memnet_flow *f, uint64_t in, uint64_t out);

/* How far the peer has come: bytes it has ever put into our FIFO, and taken out of the other. */
void mn_flow_progress(const struct memnet_flow *f, uint64_t *in, uint64_t *out);

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

#endif
