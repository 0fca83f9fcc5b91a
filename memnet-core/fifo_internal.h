/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hot path of fifo.h, included by it: a call for each entry of a control ring
 * would cost as much as the entry (bench `ring`).
 */
#ifndef MEMNET_FIFO_INTERNAL_H
#define MEMNET_FIFO_INTERNAL_H

#include <errno.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/fifo.h"

/* How far ahead a producer of small entries asks for the lines it will write: four of them. */
#define MN_FIFO_AHEAD	256

/* Split @len bytes from free-running @pos on into at most two spans. */
static inline void mn_fifo_spans(const uint8_t *data, uint64_t size, bool mirrored, uint64_t pos,
				 size_t len, struct iovec spans[2])
{
	uint64_t at = pos & (size - 1);
	size_t first = mirrored ? len : MIN((uint64_t)len, size - at);

	spans[0] = (struct iovec){ .iov_base = (void *)(data + at), .iov_len = first };
	spans[1] = (struct iovec){ .iov_base = (void *)data, .iov_len = len - first };
}

/* No spans, for the reason @err. */
static inline ssize_t mn_fifo_refuse(struct iovec spans[2], int err)
{
	spans[0] = spans[1] = (struct iovec){ 0 };
	return err;
}

/* Take the consumer's tail over: it may move up to our head, never back. */
static inline int mn_fifo_fetch_tail(struct mn_producer *p)
{
	uint64_t tail = mn_fetch(&p->theirs->c_tail);

	if (tail - p->tail > p->head - p->tail)
		return -EPROTO;
	p->tail = tail;
	return 0;
}

/*
 * Take the producer's head over: it may run a whole size ahead of our tail, never
 * back. The bytes behind it are wanted as soon as it has moved: asked for
 * together, both lines travel at once.
 */
static inline int mn_fifo_fetch_head(struct mn_consumer *c)
{
	uint64_t head;

	__builtin_prefetch(c->data + (c->head & (c->size - 1)));
	head = mn_fetch(&c->theirs->p_head);
	if (head - c->tail > c->size || head - c->tail < c->head - c->tail)
		return -EPROTO;
	c->head = head;
	return 0;
}

static inline uint64_t mn_fifo_space(const struct mn_producer *p)
{
	return p->size - (p->head - p->tail);
}

static inline ssize_t mn_producer_reserve(struct mn_producer *p, size_t want,
					  struct iovec spans[2])
{
	size_t len;

	if (mn_fetch32(&p->theirs->c_closed))
		return mn_fifo_refuse(spans, -EPIPE);
	if (mn_fifo_space(p) < want && mn_fifo_fetch_tail(p))
		return mn_fifo_refuse(spans, -EPROTO);
	len = MIN((uint64_t)want, mn_fifo_space(p));
	mn_fifo_spans(p->data, p->size, p->mirrored, p->head, len, spans);
	return len;
}

static inline void mn_producer_publish(struct mn_producer *p, size_t len)
{
	p->head += len;
	mn_publish(&p->mine->p_head, p->head);
}

static inline bool mn_producer_commit(struct mn_producer *p, size_t len)
{
	uint64_t old = p->checked;

	mn_producer_publish(p, len);
	/* The other core still holds the next entries' lines; the fence would wait for them. */
	if (mn_fifo_space(p) > 2 * MN_FIFO_AHEAD)
		__builtin_prefetch(p->data + ((p->head + MN_FIFO_AHEAD) & (p->size - 1)), 1);
	mn_fence();
	p->checked = p->head;
	return mn_passed(mn_fetch(&p->theirs->c_wake_head), p->head, old);
}

static inline ssize_t mn_consumer_peek(struct mn_consumer *c, size_t want,
				       struct iovec spans[2])
{
	size_t len;

	if (c->head - c->tail < want && mn_fifo_fetch_head(c))
		return mn_fifo_refuse(spans, -EPROTO);
	len = MIN((uint64_t)want, c->head - c->tail);
	mn_fifo_spans(c->data, c->size, c->mirrored, c->tail, len, spans);
	return len;
}

static inline void mn_consumer_retire(struct mn_consumer *c, size_t len)
{
	c->tail += len;
	mn_publish(&c->mine->c_tail, c->tail);
}

static inline bool mn_consumer_owes_bell(const struct mn_consumer *c)
{
	return c->checked != c->tail;
}

static inline bool mn_consumer_release(struct mn_consumer *c, size_t len)
{
	uint64_t old = c->checked;

	mn_consumer_retire(c, len);
	mn_fence();
	c->checked = c->tail;
	return mn_passed(mn_fetch(&c->theirs->p_wake_tail), c->tail, old);
}

#endif
