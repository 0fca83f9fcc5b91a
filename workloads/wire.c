/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/wire.h"

#include <errno.h>

#include "workloads/pace.h"
#include "workloads/pattern.h"

static int refuse(int error, const char *text, const char **why)
{
	*why = text;
	return error;
}

/* What a hello for an exchange of messages says of their sizes. */
static int check_messages(const struct wire_hello *h, const char **why)
{
	if (!h->chunk_bytes || h->chunk_bytes > WIRE_MAX_CHUNK)
		return refuse(-EINVAL, "request is not 1 byte to 4M", why);
	if (!h->response_bytes || h->response_bytes > WIRE_MAX_CHUNK)
		return refuse(-EINVAL, "response is not 1 byte to 4M", why);
	return 0;
}

static int check_turn(const struct wire_hello *h, const char **why)
{
	if (h->chunk_bytes > WIRE_MAX_TURN || h->response_bytes > WIRE_MAX_TURN)
		return refuse(-EINVAL, "a turn of more than 64k", why);
	return check_messages(h, why);
}

int wire_check_hello(const struct wire_hello *h, const char **why)
{
	if (h->magic != WIRE_MAGIC)
		return refuse(-EPROTO, "not a memnet-work stream", why);
	if (h->version != WIRE_VERSION)
		return refuse(-EPROTONOSUPPORT, "another version of memnet-work", why);
	if (h->direction == WIRE_EXCHANGE)
		return check_messages(h, why);
	if (h->direction == WIRE_TURNS || h->direction == WIRE_TURN)
		return check_turn(h, why);
	if (h->direction != WIRE_SEND && h->direction != WIRE_RECV)
		return refuse(-EINVAL, "no such direction", why);
	if (!h->chunk_bytes || h->chunk_bytes % PATTERN_BLOCK_BYTES ||
	    h->chunk_bytes > WIRE_MAX_CHUNK)
		return refuse(-EINVAL, "chunk is not a multiple of 4k up to 4M", why);
	if (h->rate_bytes_per_s > PACE_MAX_RATE)
		return refuse(-EINVAL, "rate above 1 TiB/s", why);
	if (h->rate_bytes_per_s && (h->burst_ns <= 0 || h->burst_ns > PACE_MAX_BURST_NS))
		return refuse(-EINVAL, "burst is not above 0 and up to 1s", why);
	if (h->response_bytes)
		return refuse(-EINVAL, "a stream with a size of responses", why);
	return 0;
}

bool wire_is_record(const struct wire_record *r, enum wire_kind kind)
{
	return r->magic == WIRE_MAGIC && r->version == WIRE_VERSION && r->kind == (uint32_t)kind;
}

struct wire_record wire_record(enum wire_kind kind)
{
	return (struct wire_record){ .magic = WIRE_MAGIC, .version = WIRE_VERSION, .kind = kind };
}
