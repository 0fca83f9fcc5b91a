/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between memnet-agent and the processes it serves, inside one guest: a
 * SOCK_SEQPACKET UNIX socket. The agent speaks once, a struct mn_welcome; with
 * error 0 four descriptors come along: the region, the doorbell, the bell of the
 * channel, and memory for the locks of flows (share.h). Then the socket tells, by its
 * end, that the other one is gone; and a client may give flows away, each by a
 * struct mn_keep with one end of a socket pair: the flow is the agent's from then on,
 * which closes it when the pair's other end is closed by everybody who has it. Without a
 * descriptor, or with one the agent has no room for, it closes the flow at once.
 */
#ifndef MEMNET_AGENT_PROTOCOL_H
#define MEMNET_AGENT_PROTOCOL_H

#include <stdint.h>

#define MN_AGENT_SOCKET		"/run/memnet/agent.sock"
#define MN_AGENT_SOCKET_ENV	"MEMNET_AGENT"	/* another path */
#define MN_WELCOME_MAGIC	0x4d4e5733u	/* and the version of this message */
#define MN_PROVIDER_NAME	16

#define MN_KEEP_MAGIC		0x4d4e4b31u

enum mn_welcome_fd {
	MN_WELCOME_REGION, MN_WELCOME_DOORBELL, MN_WELCOME_BELL, MN_WELCOME_LOCKS, MN_WELCOME_FDS
};

struct mn_welcome {
	uint32_t magic;
	int32_t error;		/* 0, or why not: -EAGAIN, every channel is in use */
	uint32_t channel;
	uint32_t doorbell_maps;	/* 1: map the doorbell; 0: it is an eventfd */
	uint32_t doorbell_offset, doorbell_value;
	uint64_t session;
	uint32_t cache;		/* enum mn_cache_type */
	uint32_t reserved;	/* 0 */
	char provider[MN_PROVIDER_NAME];
};

struct mn_keep {
	uint32_t magic;
	uint32_t flow, generation;	/* MN_NO_FLOW: only to see that all before was seen */
	uint32_t reserved;	/* 0 */
};

#endif
