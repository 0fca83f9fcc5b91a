/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's sockets for objects, one for each channel: what is asked there, store.h does. */
#ifndef MEMNET_STORE_CLIENTS_H
#define MEMNET_STORE_CLIENTS_H

#include "memnet-core/base/loop.h"
#include "memnet-core/guest/store.h"

struct mn_store_client {
	struct mn_watch watch;	/* first: the loop gives it back; fd -1: none */
	struct mn_loop *loop;
	struct mn_store *store;
	uint32_t channel;
};

/* Of @channel, in @loop. */
void mn_store_client_init(struct mn_store_client *c, struct mn_loop *loop, struct mn_store *store,
			  uint32_t channel);

/* Serve the socket @fd, which is taken over. */
void mn_store_client_take(struct mn_store_client *c, int fd);

/* Serve it no more; what it has open stays so. Harmless without a socket. */
void mn_store_client_close(struct mn_store_client *c);

/* The channel's process is gone, and the host has reset the channel. */
void mn_store_client_leave(struct mn_store_client *c);

#endif
