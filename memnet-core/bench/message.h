/* SPDX-License-Identifier: BSD-2-Clause */
/* A 64-byte message through a pair of FIFOs, as the ping-pong benches send it. */
#ifndef MEMNET_BENCH_MESSAGE_H
#define MEMNET_BENCH_MESSAGE_H

#include <stdlib.h>
#include <string.h>

#include "memnet-core/bench/bench.h"
#include "memnet-core/fifo.h"

#define MESSAGE_BYTES	64
#define MESSAGE_FIFO	(64u << 10)	/* bytes of each FIFO */

struct message_ends {
	struct mn_stage *stage;
	int side;
	struct mn_producer out;
	struct mn_consumer in;
	uint8_t message[MESSAGE_BYTES];
};

static inline void message_open(struct message_ends *e, struct mn_stage *s, int side)
{
	*e = (struct message_ends){ .stage = s, .side = side };
	mn_producer_init(&e->out, &s->index[side], s->memory + side * MESSAGE_FIFO, MESSAGE_FIFO);
	mn_consumer_init(&e->in, &s->index[!side], s->memory + !side * MESSAGE_FIFO, MESSAGE_FIFO);
}

/* True: ring the other side. What it said before is released behind the answer, which waits. */
static inline bool message_say(struct message_ends *e)
{
	struct iovec spans[2];
	bool bell;

	if (mn_producer_reserve(&e->out, MESSAGE_BYTES, spans) != MESSAGE_BYTES)
		abort();
	memcpy(spans[0].iov_base, e->message, MESSAGE_BYTES);
	bell = mn_producer_commit(&e->out, MESSAGE_BYTES);
	return mn_consumer_release(&e->in, 0) || bell;
}

/* False: none there. */
static inline bool message_hear(struct message_ends *e)
{
	struct iovec spans[2];

	if (mn_consumer_peek(&e->in, MESSAGE_BYTES, spans) != MESSAGE_BYTES)
		return false;
	memcpy(e->message, spans[0].iov_base, MESSAGE_BYTES);
	mn_consumer_retire(&e->in, MESSAGE_BYTES);
	return true;
}

#endif
