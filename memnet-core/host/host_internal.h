/* SPDX-License-Identifier: BSD-2-Clause */
/* Between host.c (session), host_channel.c (control rings) and host_flow.c (sockets, bytes). */
#ifndef MEMNET_HOST_INTERNAL_H
#define MEMNET_HOST_INTERNAL_H

#include "memnet-core/fifo.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/set.h"

enum flow_state {
	FLOW_FREE = 0,	/* no socket; FIFOs at rest */
	FLOW_CONNECTING,/* socket waits for the handshake; completion owed */
	FLOW_OPEN,	/* bytes move */
	FLOW_DRAINING,	/* nobody's any more; what was shut down still goes out */
	FLOW_DEAD,	/* socket gone after an error the guest was told; waits for CLOSE */
};

struct host_flow {
	struct mn_watch watch;		/* first: the loop gives it back */
	struct mn_host *host;
	enum flow_state state;
	uint32_t channel;		/* its owner, unless it is FLOW_FREE */
	uint64_t cookie;		/* of the completion owed */
	struct mn_consumer from_guest;
	struct mn_producer to_guest;
	bool readable, writable;	/* edges seen and not yet used up */
	bool sent_fin, got_fin;
	size_t moved;	/* guest to network since the send FIFO was last found empty */
};

/* Of what the policy denied and that was told. */
struct denial {
	int64_t told_ns;	/* 0: none */
	enum mn_policy_use use;
	int protocol;
	char addr[INET6_ADDRSTRLEN];
	uint16_t port;
};

#define DENIALS	16	/* told in a minute */

struct host_channel {
	struct mn_consumer submissions;
	struct mn_producer completions;
	uint32_t owed;		/* completions of connects under way */
};

struct mn_host {
	struct mn_host_config config;
	void *region;
	uint64_t session;
	uint64_t heartbeat;
	enum mn_host_state state;
	uint64_t features;	/* accepted by the guest */
	uint64_t guest_beat;	/* last seen, */
	int64_t guest_beat_ns;	/* and when */
	int64_t tick_ns;	/* the last one's time */
	unsigned int breaches;	/* of the protocol */
	unsigned int lines;	/* reported lately, */
	int64_t line_ns;	/* and when they last became fewer */
	struct denial denials[DENIALS];
	bool asleep;		/* what h_asleep says */
	int64_t idle_ns;	/* since when there has been nothing to do; 0: there is */
	uint32_t ready_channels;	/* with submissions to run */
	uint32_t ring_channels;		/* one ring per round of work each */
	struct mn_set ready;	/* flows with something to move */
	struct mn_set bulk;	/* flows to be looked at when the coalescing timer ends */
	struct mn_watch coalesce;	/* that timer */
	struct mn_host_counters counters;
	struct host_channel channels[MN_MAX_CHANNELS];
	struct host_flow flows[MN_MAX_FLOWS];
};

static inline uint32_t mn_flow_id(const struct host_flow *f)
{
	return f - f->host->flows;
}

/* The guest broke the protocol in @field: say so, end its session. */
void mn_host_fail(struct mn_host *h, const char *field);

/* Have the channel's bell rung after this round. */
static inline void mn_host_ring(struct mn_host *h, uint32_t channel)
{
	h->ring_channels |= 1u << channel;
}

/* A line for the administrator, if there were not too many. */
void mn_host_report(struct mn_host *h, const char *line);

/* --- host_policy.c --- */

/* mn_policy_permits() by the host's policy; a denial is told. False: the guest gets EACCES. */
bool mn_host_permits(struct mn_host *h, enum mn_policy_use use, int protocol,
		     const struct sockaddr *addr);

/* --- host_channel.c --- */

/* Empty rings for channel @c, its flows released. */
void mn_channel_reset(struct mn_host *h, uint32_t c);

/* Take and run what channel @c submitted; it stays in ready_channels while there is more. */
void mn_channel_run(struct mn_host *h, uint32_t c);

/* Put @c on @channel's completion ring; room was reserved when the submission was taken. */
void mn_channel_complete(struct mn_host *h, uint32_t channel, const struct mn_completion *c);

/* --- host_flow.c --- */

/* Begin the TCP stream @s asks for. 0: the completion comes later. -errno: it does not. */
int mn_flow_connect(struct host_flow *f, uint32_t channel, const struct mn_submission *s);

/* Back to FLOW_FREE; unsent data is dropped, the peer sees RST. */
void mn_flow_reset(struct host_flow *f);

/* Its owner leaves it: what it has shut down still goes out, else as mn_flow_reset(). */
void mn_flow_release(struct host_flow *f);

/* Move what can be moved now. True: there is more. */
bool mn_flow_work(struct host_flow *f);

#endif
