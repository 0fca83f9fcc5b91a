/* SPDX-License-Identifier: BSD-2-Clause */
/* Between host.c (session, control ring) and host_flow.c (sockets, bytes). */
#ifndef MEMNET_HOST_INTERNAL_H
#define MEMNET_HOST_INTERNAL_H

#include "memnet-core/fifo.h"
#include "memnet-core/host/host.h"

enum flow_state {
	FLOW_FREE = 0,	/* no socket; FIFOs at rest */
	FLOW_CONNECTING,/* socket waits for the handshake; completion owed */
	FLOW_OPEN,	/* bytes move */
	FLOW_DEAD,	/* socket gone after an error the guest was told; waits for CLOSE */
};

struct host_flow {
	struct mn_watch watch;		/* first: the loop gives it back */
	struct mn_host *host;
	enum flow_state state;
	uint64_t cookie;		/* of the completion owed */
	struct mn_consumer from_guest;
	struct mn_producer to_guest;
	bool readable, writable;	/* edges seen and not yet used up */
	bool sent_fin, got_fin;
	size_t moved;	/* guest to network since the send FIFO was last found empty */
};

struct mn_host {
	struct mn_host_config config;
	int memfd;
	void *region;
	uint64_t session;
	uint64_t heartbeat;
	enum mn_host_state state;
	uint32_t completions_owed;
	bool ring_wanted;	/* one ring per round of work */
	bool submissions_left;	/* more came than one round takes */
	unsigned int breaches;	/* of the protocol, since the VM came */
	struct mn_watch coalesce;	/* timer: look at the send FIFOs although nobody rang */
	struct mn_consumer submissions;
	struct mn_producer completions;
	struct host_flow flows[MN_MAX_FLOWS];
};

/* The guest broke the protocol in @field: say so, end its session. */
void mn_host_fail(struct mn_host *h, const char *field);

/* Put @c on the completion ring; room was reserved when the submission was taken. */
void mn_host_complete(struct mn_host *h, const struct mn_completion *c);

/* Have the send FIFOs looked at in a moment, rung or not. */
void mn_host_look_soon(struct mn_host *h);

/* Begin the TCP stream @s asks for. 0: the completion comes later. -errno: it does not. */
int mn_flow_connect(struct host_flow *f, const struct mn_submission *s);

/* Back to FLOW_FREE with its FIFOs at rest; unsent data is dropped, the peer sees RST. */
void mn_flow_reset(struct host_flow *f);

/* Move what can be moved now. True: there is more. */
bool mn_flow_work(struct host_flow *f);

#endif
