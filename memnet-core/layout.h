/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared region: every byte that host and guest both see is declared here,
 * and nowhere else. Little-endian, fixed widths, offsets asserted.
 *
 *   0            struct mn_header      who is there, and in which state
 *   RINGS        submission ring       guest -> host: a FIFO of 64-byte entries
 *                completion ring       host -> guest: a FIFO of 64-byte entries
 *   FLOWS        struct mn_flow[n]     indices of each flow's two FIFOs
 *   DATA         send FIFO 0, receive FIFO 0, send FIFO 1, ...
 *
 * The place of everything follows from the three numbers in struct mn_geometry.
 * The host chooses them, keeps its own copy, and never reads them back: what
 * stands in the header is for the guest.
 *
 * A field's prefix names its only writer: h_ the host, g_ the guest, and in
 * FIFOs and rings p_ the producer, c_ the consumer. Whatever the other side
 * wrote may be hostile and may change between two reads: it is copied once,
 * the copy is checked, the copy is used.
 *
 * Attach, detach, restart. The host offers a session by a nonce; a guest
 * accepts it by writing the nonce back with its state. A guest that comes anew
 * (its predecessor may have been killed) first writes G_DETACHED and waits for
 * the next offer, so nothing of the old session is ever taken for the new.
 *
 *   host  H_OFFER(S) ----------> H_READY(S) ------------> H_OFFER(S')
 *   guest     G_ATTACHED(S) --^        G_DETACHED ---^
 *   host  any -> H_FAILED(S): the guest broke the protocol; left by G_DETACHED
 */
#ifndef MEMNET_LAYOUT_H
#define MEMNET_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#define MN_MAGIC	0x31304e4d54454e4dULL	/* "MNETMN01", little-endian */
#define MN_VERSION	1u			/* of this layout */

#define MN_LINE		128	/* two cache lines: the adjacent-line prefetcher pairs them */
#define MN_PAGE		4096
#define MN_RING_ENTRIES	64u	/* power of two */
#define MN_MAX_FLOWS	64u
#define MN_MIN_FIFO	4096u

/* A process that attaches spends at most this long for the host to answer. */
#define MN_ATTACH_TIMEOUT_MS 3000

enum mn_host_state {
	MN_H_NONE = 0,	/* region not (or no longer) initialised */
	MN_H_OFFER,	/* h_session may be accepted; rings and flows are at rest */
	MN_H_READY,	/* rings and FIFOs work for the guest that accepted h_session */
	MN_H_FAILED,	/* the guest broke the protocol; nothing works until it detaches */
};

enum mn_guest_state {
	MN_G_DETACHED = 0,	/* nobody there; host closes every flow */
	MN_G_ATTACHED,		/* accepts g_session */
};

/* Page 0. */
struct mn_header {
	/* Written by the host at initialisation, h_magic last. */
	alignas(MN_LINE) uint64_t h_magic;
	uint32_t h_version_min, h_version_max;
	uint64_t h_features;		/* none defined yet: 0 */
	uint64_t h_region_bytes;
	uint32_t h_flows;
	uint32_t h_ring_entries;
	uint64_t h_fifo_bytes;		/* of each FIFO; power of two */

	/* Written by the host while it lives. */
	alignas(MN_LINE) uint32_t h_state;	/* enum mn_host_state */
	uint32_t h_reserved;
	uint64_t h_session;		/* nonce, never 0 */
	uint64_t h_heartbeat;		/* counts up about once a second */

	/* Written by the guest. */
	alignas(MN_LINE) uint32_t g_state;	/* enum mn_guest_state; last of these */
	uint32_t g_version;		/* in h_version_min..max */
	uint64_t g_features;		/* subset of h_features */
	uint64_t g_session;		/* the nonce accepted */
};

/* How a stream of bytes ends. */
enum mn_end {
	MN_OPEN = 0,	/* not yet */
	MN_FIN,		/* in order: everything up to p_head counts */
	MN_RESET,	/* torn: what was not read yet need not be read */
};

/* Indices run freely over 64 bits and are masked on use; each end has a line of its own. */
struct mn_producer_line {
	alignas(MN_LINE) uint64_t p_head;	/* bytes ever produced */
	uint64_t p_wake_tail;	/* wake me when c_tail passes this */
	uint32_t p_closed;	/* enum mn_end: what follows p_head */
};

struct mn_consumer_line {
	alignas(MN_LINE) uint64_t c_tail;	/* bytes ever consumed */
	uint64_t c_wake_head;	/* wake me when p_head passes this */
	uint32_t c_closed;	/* 1: consumes no more; the producer gets EPIPE */
};

struct mn_index {
	struct mn_producer_line producer;
	struct mn_consumer_line consumer;
};

struct mn_flow {
	struct mn_index send;	/* producer: guest */
	struct mn_index recv;	/* producer: host */
};

/* What a guest may ask of its host. */
enum mn_op {
	MN_OP_CONNECT = 1,	/* open @flow as a TCP stream to @addr:@port */
	MN_OP_CLOSE,		/* drop @flow; its FIFOs are at rest after the completion */
};

/* Address family on the wire of the ring; not Linux's AF_*, which differ by system. */
enum mn_family {
	MN_IPV4 = 4,
};

/* Guest to host. */
struct mn_submission {
	uint32_t op;		/* enum mn_op */
	uint32_t flow;
	uint64_t cookie;	/* comes back in the completion */
	uint16_t family;	/* enum mn_family */
	uint16_t port;		/* host byte order */
	uint8_t addr[16];	/* network byte order, IPv4 in the first 4 */
	uint8_t reserved[28];	/* 0 */
};

/* Host to guest. */
struct mn_completion {
	uint64_t cookie;
	int32_t result;		/* 0 or a negative Linux errno */
	uint32_t flow;
	uint16_t family;
	uint16_t local_port, peer_port;
	uint16_t reserved16;
	uint8_t local_addr[16], peer_addr[16];
	uint8_t reserved[8];
};

struct mn_rings {
	struct mn_index submission_index;	/* producer: guest */
	struct mn_index completion_index;	/* producer: host */
	struct mn_submission submissions[MN_RING_ENTRIES];
	struct mn_completion completions[MN_RING_ENTRIES];
};

static_assert(sizeof(struct mn_header) == 3 * MN_LINE, "header");
static_assert(offsetof(struct mn_header, h_region_bytes) == 24, "header");
static_assert(offsetof(struct mn_header, h_fifo_bytes) == 40, "header");
static_assert(offsetof(struct mn_header, h_state) == 128, "header");
static_assert(offsetof(struct mn_header, h_session) == 136, "header");
static_assert(offsetof(struct mn_header, g_state) == 256, "header");
static_assert(offsetof(struct mn_header, g_session) == 272, "header");
static_assert(offsetof(struct mn_producer_line, p_wake_tail) == 8, "producer");
static_assert(offsetof(struct mn_producer_line, p_closed) == 16, "producer");
static_assert(offsetof(struct mn_consumer_line, c_wake_head) == 8, "consumer");
static_assert(offsetof(struct mn_consumer_line, c_closed) == 16, "consumer");
static_assert(sizeof(struct mn_index) == 2 * MN_LINE, "index");
static_assert(sizeof(struct mn_flow) == 4 * MN_LINE, "flow");
static_assert(sizeof(struct mn_submission) == 64, "submission");
static_assert(offsetof(struct mn_submission, addr) == 20, "submission");
static_assert(sizeof(struct mn_completion) == 64, "completion");
static_assert(offsetof(struct mn_completion, local_addr) == 24, "completion");

#define MN_RINGS_OFFSET	MN_PAGE
#define MN_FLOWS_OFFSET	(MN_PAGE + 3 * MN_PAGE)
static_assert(sizeof(struct mn_rings) <= MN_FLOWS_OFFSET - MN_RINGS_OFFSET, "rings");
#define MN_DATA_OFFSET	(MN_FLOWS_OFFSET + 8 * MN_PAGE)
static_assert(MN_MAX_FLOWS * sizeof(struct mn_flow) <= MN_DATA_OFFSET - MN_FLOWS_OFFSET, "flows");

/* The three numbers everything else follows from. */
struct mn_geometry {
	uint64_t region_bytes;	/* power of two (a PCI BAR) */
	uint32_t flows;		/* 1..MN_MAX_FLOWS */
	uint64_t fifo_bytes;	/* power of two, >= MN_MIN_FIFO */
};

/* 0, or -EINVAL when @g is not such a geometry or does not fit its region. */
int mn_geometry_check(const struct mn_geometry *g);

/* The geometry of @flows flows in @region_bytes with the largest FIFOs. 0 or -EINVAL. */
int mn_geometry_make(uint64_t region_bytes, uint32_t flows, struct mn_geometry *g);

enum mn_direction { MN_SEND, MN_RECV };

static inline struct mn_header *mn_header(void *region)
{
	return region;
}

static inline struct mn_rings *mn_rings(void *region)
{
	return (void *)((char *)region + MN_RINGS_OFFSET);
}

static inline struct mn_flow *mn_flow(void *region, uint32_t flow)
{
	return (struct mn_flow *)((char *)region + MN_FLOWS_OFFSET) + flow;
}

static inline uint8_t *mn_fifo_data(void *region, const struct mn_geometry *g,
				    uint32_t flow, enum mn_direction direction)
{
	return (uint8_t *)region + MN_DATA_OFFSET + (2 * (uint64_t)flow + direction) * g->fifo_bytes;
}

#endif
