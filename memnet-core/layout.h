/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared region: every byte that host and guest both see is declared here,
 * and nowhere else. Little-endian, fixed widths, offsets asserted.
 *
 *   0            struct mn_header       who is there, and in which state; the pending set
 *   SCRATCH      one page               the guest times its mapping here; means nothing
 *   CHANNELS     struct mn_channel[n]   control rings, a pair for each process of the guest
 *   FLOWS        struct mn_flow[m]      what each flow is, and indices of its two FIFOs
 *   DATA         send FIFO 0, receive FIFO 0, send FIFO 1, ...
 *   ARENA        objects, at the region's end; may be missing
 *
 * The place of everything follows from struct mn_geometry. The host chooses it,
 * keeps its own copy, and never reads it back: what stands in the header is for
 * the guest.
 *
 * A field's prefix names its only writer: h_ the host, g_ the guest's owner of
 * the session, and in FIFOs and rings p_ the producer, c_ the consumer. Only the
 * pending set (gh_) has several: guests OR into it, the host exchanges it for 0.
 * Whatever the other side wrote may be hostile and may change between two reads:
 * it is copied once, the copy is checked, the copy is used.
 *
 * Attach, detach, restart. The host offers a session by a nonce; the guest's
 * owner accepts it by writing the nonce back with its state. An owner that comes
 * anew (its predecessor may have been killed) first writes G_DETACHED and waits
 * for another offer, so nothing of the old session is ever taken for the new.
 * A host that comes anew offers a new nonce at once. The nonce is read before what
 * it stands for, so a mixture of two offers is never accepted; and h_accepted tells
 * an owner whether it is the one the host accepted, or another of the same offer was.
 *
 *   host  H_OFFER(S) ----------> H_READY(S) ------------> H_OFFER(S')
 *   guest     G_ATTACHED(S) --^        G_DETACHED ---^
 *   host  any -> H_FAILED(S): the guest broke the protocol; left by G_DETACHED
 *
 * Channels. Channel 0 is the session owner's; it alone may reset others, which
 * it does when the process that had one is gone. A flow belongs to the channel
 * that opened it, and is closed with it, unless channel 0 has taken it over: then
 * it is any process's of the guest, and channel 0 closes it. An accepted flow
 * belongs to whom its listener belongs to.
 *
 * Bells. The bell of channel c is rung when one of its rings has passed what it waits
 * for. Of a flow each end says itself which bells are to ring (p_bells, c_bells): those
 * of the processes that use that end.
 *
 * Telling the host. A guest whose step passed an index the host waits for marks
 * the flow (or channel) in the pending set, and then rings the doorbell only if
 * h_asleep says so:
 *
 *   guest  publish index; fence; event passed? -> OR bits; fence; h_asleep? -> ring
 *   host   arm events; h_asleep = 1; fence; summary empty? -> sleep
 */
#ifndef MEMNET_LAYOUT_H
#define MEMNET_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "memnet-core/flow_values.h"

#define MN_MAGIC	0x31304e4d54454e4dULL	/* "MNETMN01", little-endian */
#define MN_VERSION	4u			/* of this layout */

#define MN_LINE		128	/* two cache lines: the adjacent-line prefetcher pairs them */
#define MN_PAGE		4096
#define MN_RING_ENTRIES	32u	/* power of two */
#define MN_MAX_CHANNELS	32u
#define MN_MAX_FLOWS	1024u
#define MN_MIN_FIFO	4096u

/* A process that attaches spends at most this long for the host to answer. */
#define MN_ATTACH_TIMEOUT_MS 3000

/*
 * Each side counts its heartbeat up so often; one that stood still for DEAD_MS is
 * gone. Together below 2 s, the time within which everybody shall know.
 */
#define MN_HEARTBEAT_MS	400
#define MN_DEAD_MS	1400

/* Features: how the host can ring the guest's bells. The guest accepts at most one. */
#define MN_F_VECTORS	(1ULL << 0)	/* bell c: interrupt vector c of the ivshmem device */
#define MN_F_PORT	(1ULL << 1)	/* bell c: the byte c on the virtio-serial port */
/* The guest's owner counts g_heartbeat; without it, its death is not looked for. */
#define MN_F_HEARTBEAT	(1ULL << 2)

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
	uint64_t h_features;		/* MN_F_* offered */
	uint64_t h_region_bytes;
	uint32_t h_channels, h_flows;
	uint64_t h_fifo_bytes;		/* of each FIFO; power of two */
	uint64_t h_arena_bytes;		/* 0: no objects */

	/* Written by the host while it lives. */
	alignas(MN_LINE) uint32_t h_state;	/* enum mn_host_state */
	uint32_t h_reserved;
	uint64_t h_session;		/* nonce, never 0 */
	uint64_t h_heartbeat;
	uint64_t h_accepted;		/* the g_features that H_READY stands for */

	/* Written by the host when it goes to sleep and when it wakes. */
	alignas(MN_LINE) uint32_t h_asleep;	/* 1: a doorbell is needed */

	/* Written by the guest's owner of the session. */
	alignas(MN_LINE) uint32_t g_state;	/* enum mn_guest_state; last of these */
	uint32_t g_version;		/* in h_version_min..max */
	uint64_t g_features;		/* subset of h_features */
	uint64_t g_session;		/* the nonce accepted */
	uint64_t g_heartbeat;

	/* The pending set: see pending.h. */
	alignas(MN_LINE) uint64_t gh_summary;	/* bit w: gh_flows[w]; bit 63: gh_channels */
	alignas(MN_LINE) uint64_t gh_channels;	/* bit c: a ring of channel c */
	alignas(MN_LINE) uint64_t gh_flows[MN_MAX_FLOWS / 64];
};

/* How a stream of bytes ends. */
enum mn_end {
	MN_OPEN = 0,	/* not yet */
	MN_FIN,		/* in order: everything up to p_head counts */
	MN_RESET,	/* torn: what was not read yet need not be read */
};

/*
 * Indices run freely over 64 bits and are masked on use. Each end has two lines
 * of its own: one for the index it moves all the time, one for what it writes
 * only when it arms to sleep or closes. The other side reads the second at each
 * step of its own, and so mostly from its cache.
 */
struct mn_producer_line {
	alignas(MN_LINE) uint64_t p_head;	/* bytes ever produced */
	alignas(MN_LINE) uint64_t p_wake_tail;	/* wake me when c_tail passes this */
	uint32_t p_closed;	/* enum mn_end: what follows p_head, */
	uint32_t p_error;	/* and the Linux errno that MN_RESET stands for; 0: ECONNRESET */
	uint32_t p_bells;	/* of a guest's end: bit c: ring channel c */
};

struct mn_consumer_line {
	alignas(MN_LINE) uint64_t c_tail;	/* bytes ever consumed */
	alignas(MN_LINE) uint64_t c_wake_head;	/* wake me when p_head passes this */
	uint32_t c_closed;	/* 1: consumes no more; the producer gets EPIPE */
	uint32_t c_bells;	/* as p_bells */
};

struct mn_index {
	struct mn_producer_line producer;
	struct mn_consumer_line consumer;
};

/* What a flow is. Written by the host before the guest hears of it. */
struct mn_facts {
	alignas(MN_LINE) uint32_t h_kind;	/* enum mn_flow_kind; 0: not in use */
	uint32_t h_generation;	/* of this use of the flow's number; 0: of none */
	/* Of datagrams: how often an error came back, and the last one's Linux errno. */
	uint32_t h_errors, h_error;
	uint16_t h_family;	/* enum mn_family, of both addresses */
	uint16_t h_local_port, h_peer_port;	/* host byte order; peer 0: none */
	uint16_t h_reserved;
	uint8_t h_local_addr[16], h_peer_addr[16];	/* as in struct mn_submission */
	uint32_t h_local_scope, h_peer_scope;	/* IPv6: interface of the host's */
};

struct mn_flow {
	struct mn_index send;	/* producer: guest */
	struct mn_index recv;	/* producer: host */
	struct mn_facts facts;
};

struct mn_accepted {
	uint32_t flow, generation;
};

/* Before each datagram, from whom or to whom. */
struct mn_datagram {
	uint32_t bytes;		/* that follow, without the padding */
	uint16_t family;	/* enum mn_family; 0: whom the flow is connected to */
	uint16_t port;
	uint8_t addr[16];
	uint32_t scope;
	uint32_t flags;		/* MN_DATAGRAM_CUT */
};

#define MN_DATAGRAM_CUT	1u	/* it was longer than the FIFO has room for */
#define MN_DATAGRAM_PAD	8u
#define MN_DATAGRAM_MOST 65507u	/* bytes of one over IPv4: 65535 less the headers */

static inline uint64_t mn_datagram_room(uint64_t bytes)
{
	return sizeof(struct mn_datagram) + ((bytes + MN_DATAGRAM_PAD - 1) &
					     ~(uint64_t)(MN_DATAGRAM_PAD - 1));
}

/*
 * What a guest may ask of its host. A flow may be named by the channel it belongs to; one
 * of channel 0 by every channel, but for CLOSE.
 */
enum mn_op {
	/*
	 * Of MN_NO_FLOW, or a stream that was bound: connect to addr:port. The completion
	 * comes when that has ended and names the flow; on failure a bound flow is gone too.
	 * Of datagrams: from now on only to and from there; family 0: everybody again.
	 */
	MN_OP_CONNECT = 1,
	/*
	 * Leave @flow to the host, which sends what was shut down for as long as the peer reads
	 * it. A connect of it that is under way ends with ECANCELED.
	 */
	MN_OP_CLOSE,
	MN_OP_RESET_CHANNEL,	/* by channel 0: close @channel's flows, empty its rings */
	MN_OP_BIND,		/* a new flow of @kind at addr:port; port 0: the host chooses */
	MN_OP_LISTEN,		/* @flow, a bound stream, becomes a listener; @value: backlog */
	MN_OP_OPTION,		/* of @flow's socket: set @option to @value */
	MN_OP_TAKE,		/* by channel 0: @flow belongs to channel 0 */
	/*
	 * Of the connect that this channel submitted with the same @cookie nobody wants the
	 * flow: it ends with ECANCELED, or, if it has ended, its flow is reset. Completed only
	 * if there is none, with ENOENT.
	 */
	MN_OP_CANCEL,
	/*
	 * Objects: the host moves @object_bytes at @object_offset of the arena, as the URL of
	 * @text_bytes at @text_offset says, which is copied before the submission counts as
	 * taken. The extent is the host's until the completion comes; MN_OP_CANCEL hastens
	 * that: the result is then -ECANCELED. @bytes moved, and the HTTP @status, are in it.
	 */
	MN_OP_PUT,		/* to the URL */
	MN_OP_GET,		/* from the URL, as many bytes at most */
	MN_OP_SERVE,		/* at the URL of the host's, until it is cancelled */
};

#define MN_URL_BYTES	2048u	/* the longest URL */

#define MN_NO_FLOW	~0u

/* Address family on the wire of the ring; not Linux's AF_*, which differ by system. */
enum mn_family {
	MN_IPV4 = 4,
	MN_IPV6 = 6,
};

/* Guest to host. */
struct mn_submission {
	uint32_t op;		/* enum mn_op */
	union {
		uint32_t flow;
		uint32_t channel;
	};
	uint64_t cookie;	/* comes back in the completion */
	union {
		struct {
			uint16_t family;	/* enum mn_family */
			uint16_t port;		/* host byte order */
			uint8_t addr[16];	/* network byte order, IPv4 in the first 4 */
			uint32_t scope;		/* of IPv6's link-local: interface of the host's */
			uint32_t kind;		/* enum mn_flow_kind */
			uint32_t flags;		/* MN_BIND_* */
			uint32_t option;	/* enum mn_option */
			int32_t value;
			uint8_t reserved[8];	/* 0 */
		};
		struct {	/* of objects; offsets in the arena */
			uint64_t object_offset, object_bytes;
			uint64_t text_offset;
			uint32_t text_bytes;
		};
	};
};

/* Host to guest. */
struct mn_completion {
	uint64_t cookie;
	int32_t result;		/* 0 or a negative Linux errno */
	uint32_t flow, generation;	/* what it is and both addresses: struct mn_facts */
	uint32_t status;		/* of HTTP; 0: none */
	uint64_t bytes;			/* of an object that were moved */
	uint8_t reserved[32];
};

/* One process's control rings. */
struct mn_channel {
	alignas(MN_PAGE) struct mn_index submission_index;	/* producer: guest */
	struct mn_index completion_index;	/* producer: host */
	struct mn_submission submissions[MN_RING_ENTRIES];
	struct mn_completion completions[MN_RING_ENTRIES];
};

static_assert(sizeof(struct mn_header) == 7 * MN_LINE, "header");
static_assert(offsetof(struct mn_header, h_region_bytes) == 24, "header");
static_assert(offsetof(struct mn_header, h_fifo_bytes) == 40, "header");
static_assert(offsetof(struct mn_header, h_arena_bytes) == 48, "header");
static_assert(offsetof(struct mn_header, h_state) == 128, "header");
static_assert(offsetof(struct mn_header, h_session) == 136, "header");
static_assert(offsetof(struct mn_header, h_accepted) == 152, "header");
static_assert(offsetof(struct mn_header, h_asleep) == 256, "header");
static_assert(offsetof(struct mn_header, g_state) == 384, "header");
static_assert(offsetof(struct mn_header, g_session) == 400, "header");
static_assert(offsetof(struct mn_header, gh_summary) == 512, "header");
static_assert(offsetof(struct mn_header, gh_channels) == 640, "header");
static_assert(offsetof(struct mn_header, gh_flows) == 768, "header");
static_assert(offsetof(struct mn_producer_line, p_wake_tail) == MN_LINE, "producer");
static_assert(offsetof(struct mn_producer_line, p_closed) == MN_LINE + 8, "producer");
static_assert(offsetof(struct mn_consumer_line, c_wake_head) == MN_LINE, "consumer");
static_assert(offsetof(struct mn_consumer_line, c_closed) == MN_LINE + 8, "consumer");
static_assert(sizeof(struct mn_index) == 4 * MN_LINE, "index");
static_assert(offsetof(struct mn_producer_line, p_bells) == MN_LINE + 16, "producer");
static_assert(offsetof(struct mn_consumer_line, c_bells) == MN_LINE + 12, "consumer");
static_assert(sizeof(struct mn_facts) == MN_LINE, "facts");
static_assert(offsetof(struct mn_facts, h_local_addr) == 24, "facts");
static_assert(offsetof(struct mn_facts, h_local_scope) == 56, "facts");
static_assert(sizeof(struct mn_flow) == 9 * MN_LINE, "flow");
static_assert(sizeof(struct mn_accepted) == 8, "accepted");
static_assert(sizeof(struct mn_datagram) == 32, "datagram");
static_assert(sizeof(struct mn_submission) == 64, "submission");
static_assert(offsetof(struct mn_submission, addr) == 20, "submission");
static_assert(sizeof(struct mn_completion) == 64, "completion");
static_assert(offsetof(struct mn_submission, scope) == 36, "submission");
static_assert(offsetof(struct mn_submission, value) == 52, "submission");
static_assert(offsetof(struct mn_submission, object_offset) == 16, "submission");
static_assert(offsetof(struct mn_submission, text_bytes) == 40, "submission");
static_assert(offsetof(struct mn_completion, generation) == 16, "completion");
static_assert(offsetof(struct mn_completion, bytes) == 24, "completion");

static_assert(sizeof(struct mn_channel) == 2 * MN_PAGE, "channel");

#define MN_SCRATCH_OFFSET	MN_PAGE
#define MN_CHANNELS_OFFSET	(2 * MN_PAGE)

/* The five numbers everything else follows from. */
struct mn_geometry {
	uint64_t region_bytes;	/* power of two (a PCI BAR) */
	uint32_t channels;	/* 1..MN_MAX_CHANNELS */
	uint32_t flows;		/* 1..MN_MAX_FLOWS */
	uint64_t fifo_bytes;	/* power of two, >= MN_MIN_FIFO */
	uint64_t arena_bytes;	/* whole pages; 0: none */
};

/* 0, or -EINVAL when @g is not such a geometry or does not fit its region. */
int mn_geometry_check(const struct mn_geometry *g);

/* Fill in the largest FIFOs that fit; the others are given. 0 or -EINVAL. */
int mn_geometry_make(struct mn_geometry *g);

enum mn_direction { MN_SEND, MN_RECV };

static inline uint64_t mn_flows_offset(const struct mn_geometry *g)
{
	return MN_CHANNELS_OFFSET + g->channels * sizeof(struct mn_channel);
}

static inline uint64_t mn_data_offset(const struct mn_geometry *g)
{
	uint64_t end = mn_flows_offset(g) + g->flows * sizeof(struct mn_flow);

	return (end + MN_PAGE - 1) & ~(uint64_t)(MN_PAGE - 1);
}

static inline uint64_t mn_fifo_offset(const struct mn_geometry *g, uint32_t flow,
				      enum mn_direction direction)
{
	return mn_data_offset(g) + (2 * (uint64_t)flow + direction) * g->fifo_bytes;
}

static inline uint64_t mn_arena_offset(const struct mn_geometry *g)
{
	return g->region_bytes - g->arena_bytes;
}

static inline struct mn_header *mn_header(void *region)
{
	return region;
}

static inline struct mn_channel *mn_channel(void *region, uint32_t channel)
{
	return (struct mn_channel *)((char *)region + MN_CHANNELS_OFFSET) + channel;
}

static inline struct mn_flow *mn_flow(void *region, const struct mn_geometry *g, uint32_t flow)
{
	return (struct mn_flow *)((char *)region + mn_flows_offset(g)) + flow;
}

static inline uint8_t *mn_fifo_data(void *region, const struct mn_geometry *g,
				    uint32_t flow, enum mn_direction direction)
{
	return (uint8_t *)region + mn_fifo_offset(g, flow, direction);
}

#endif
