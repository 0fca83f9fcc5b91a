/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that the agent keeps for others: each as long as somebody in the guest has its
 * descriptor (agent_protocol.h). The kernel counts those, over fork(), exec() and death;
 * when the last is closed the stream is ended in order, as Linux ends one, and the flow
 * given back.
 */
#ifndef MEMNET_KEEPER_H
#define MEMNET_KEEPER_H

#include "memnet-core/base/loop.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/layout.h"

struct mn_keepers;

/* For the session of @m, in @loop; both outlive it. NULL: no memory. */
struct mn_keepers *mn_keepers_new(struct mn_loop *loop, struct memnet *m);

/* Nobody's flow is closed: the session is over. NULL is ignored. */
void mn_keepers_free(struct mn_keepers *k);

/*
 * Read what the client at @fd says. 1: a flow is kept now, or could not be, or *@store, else
 * left alone, is a socket for objects; 0: it said nothing; -errno: it is gone, or speaks
 * another language. With NULL, of a session that is over, what it gives is dropped.
 */
int mn_keepers_listen(struct mn_keepers *k, int fd, int *store);

#endif
