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
 *
 * Objects (memnet_object.h) are spoken of over a socket pair of their own, SOCK_SEQPACKET,
 * whose other end the client gives away by a struct mn_keep of MN_KEEP_STORE: there it asks
 * by struct mn_store_request, one at a time, and each is answered by a struct mn_store_reply.
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
	/* MN_NO_FLOW: only to see that all before was seen; MN_KEEP_STORE: for objects */
	uint32_t flow, generation;
	uint32_t reserved;	/* 0 */
};

#define MN_KEEP_STORE		0xfffffffeu

/* A name is 1 to 63 printable characters of ASCII without blank or slash, and a 0. */
#define MN_OBJECT_NAME		64

enum mn_store_op {
	/* @bytes (0: half of the largest piece free) for an object of @name, or of none ("") */
	MN_STORE_CREATE = 1,
	MN_STORE_SEAL,		/* @object is whole: its first @bytes */
	MN_STORE_OPEN,		/* the sealed object @name */
	MN_STORE_RELEASE,	/* @object is not used any more by who has created or opened it */
	MN_STORE_REMOVE,	/* @name is nobody's any more */
	MN_STORE_NEXT,		/* the first sealed object whose name is behind @name */
	MN_STORE_SPACE,		/* what is free: @length, and @room of it in one piece */
};

struct mn_store_request {
	uint32_t op;		/* enum mn_store_op */
	uint32_t reserved;	/* 0 */
	uint64_t object, bytes;
	char name[MN_OBJECT_NAME];
};

struct mn_store_reply {
	int32_t error;		/* 0 or -errno; then nothing else counts */
	uint32_t reserved;	/* 0 */
	uint64_t object;
	uint64_t offset, room;	/* in the arena: where its bytes are, and how many fit */
	uint64_t length;	/* of what is sealed */
	char name[MN_OBJECT_NAME];
};

#endif
