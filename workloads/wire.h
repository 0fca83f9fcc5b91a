/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `stream`, `rr`, `conn` and `peer` say to each other around the bytes. Little-endian,
 * 64 bytes each, fixed:
 *
 *	--direction send              --direction recv
 *	client     peer               client     peer
 *	hello  ->                     hello  ->
 *	       <-  reply                     <-  reply
 *	bytes  ->                     go     ->
 *	end    ->                            <-  bytes
 *	       <-  verdict            (stop  ->)           before the limit, or without one; at
 *	                                                   the limit it may just close
 *	       <-  end                       <-  end
 *
 *	rr
 *	client     peer
 *	hello  ->
 *	       <-  reply
 *	request  ->		any number of times, one after the other
 *	       <-  response
 *	end    ->
 *	       <-  verdict	on the requests
 *	       <-  end
 *
 *	conn
 *	client     peer          and, any number of times, one after the other
 *	hello  ->                hello and request  ->
 *	       <-  reply                            <-  verdict and response
 *	end    ->                                   <-  end
 *	       <-  verdict on all turns
 *	       <-  end
 *
 * Requests one behind the other are a pattern of the seed, responses one of wire_response_seed().
 *
 * Stop is a record and not the end of the client's side, for not every path between the two
 * can serve a stream that is half closed while bytes flow (passt of 2023 resets it in 2 s).
 * The peer takes an end for a stop all the same.
 *
 * Whatever the other side wrote is read once into a record of ours, then
 * checked, then used.
 */
#ifndef MEMNET_WORKLOADS_WIRE_H
#define MEMNET_WORKLOADS_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define WIRE_MAGIC 0x4d41455254534e4dULL	/* "MNSTREAM" in memory */
#define WIRE_VERSION 3
#define WIRE_MAX_CHUNK (4U << 20)
#define WIRE_MAX_TURN (64U << 10)	/* of a request, and of a response */

/* As the client sees it. */
enum wire_direction {
	WIRE_SEND = 1, WIRE_RECV = 2, WIRE_EXCHANGE = 3, WIRE_TURNS = 4, WIRE_TURN = 5,
};
enum wire_kind { WIRE_REPLY = 1, WIRE_GO = 2, WIRE_VERDICT = 3, WIRE_STOP = 4 };

struct wire_hello {
	uint64_t magic;
	uint32_t version;
	uint32_t direction;
	uint64_t seed;
	/* a multiple of 4 KiB, at most WIRE_MAX_CHUNK; rr and conn: of a request, any */
	uint64_t chunk_bytes;
	uint64_t limit_bytes;		/* 0: until the end; of a turn: its number, from 0 */
	uint64_t rate_bytes_per_s;	/* recv: the peer paces; 0: unpaced */
	int64_t burst_ns;		/* used where a rate is given */
	uint64_t response_bytes;	/* rr: 1..WIRE_MAX_CHUNK; conn: 1..WIRE_MAX_TURN; else 0 */
};

struct wire_record {
	uint64_t magic;
	uint32_t version;
	uint32_t kind;
	uint32_t error;			/* reply: an errno of Linux, 0 = welcome */
	uint32_t content_ok;		/* verdict */
	uint64_t bytes;			/* verdict: received */
	uint64_t verified_bytes;	/* verdict */
	uint64_t first_bad_offset;	/* verdict, where the content is not ok */
	uint64_t reserved[2];		/* 0 */
};

static_assert(sizeof(struct wire_hello) == 64, "on the wire");
static_assert(sizeof(struct wire_record) == 64, "on the wire");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are sent as they lie in memory");

static inline uint64_t wire_response_seed(uint64_t seed)
{
	return ~seed;
}

/* 0, or -errno and *why it is refused. */
int wire_check_hello(const struct wire_hello *h, const char **why);

/* A record of that kind from a speaker of this version? */
bool wire_is_record(const struct wire_record *r, enum wire_kind kind);

struct wire_record wire_record(enum wire_kind kind);

#endif
