/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: fifo.h. */
#include "memnet-core/fifo.h"

#include <errno.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"

/* Split @len bytes from free-running @pos on into at most two spans. */
static void make_spans(const uint8_t *data, uint64_t size, uint64_t pos, size_t len,
		       struct iovec spans[2])
{
	uint64_t at = pos & (size - 1);
	size_t first = MIN((uint64_t)len, size - at);

	spans[0] = (struct iovec){ .iov_base = (void *)(data + at), .iov_len = first };
	spans[1] = (struct iovec){ .iov_base = (void *)data, .iov_len = len - first };
}

void mn_producer_init(struct mn_producer *p, struct mn_index *index, uint8_t *data, uint64_t size)
{
	*p = (struct mn_producer){
		.mine = &index->producer, .theirs = &index->consumer,
		.data = data, .size = size,
	};
}

void mn_consumer_init(struct mn_consumer *c, struct mn_index *index, const uint8_t *data,
		      uint64_t size)
{
	*c = (struct mn_consumer){
		.mine = &index->consumer, .theirs = &index->producer,
		.data = data, .size = size,
	};
}

/* Take the consumer's tail over: it may move up to our head, never back. */
static int fetch_tail(struct mn_producer *p)
{
	uint64_t tail = mn_fetch(&p->theirs->c_tail);

	if (tail - p->tail > p->head - p->tail)
		return -EPROTO;
	p->tail = tail;
	return 0;
}

/* Take the producer's head over: it may run a whole size ahead of our tail, never back. */
static int fetch_head(struct mn_consumer *c)
{
	uint64_t head = mn_fetch(&c->theirs->p_head);

	if (head - c->tail > c->size || head - c->tail < c->head - c->tail)
		return -EPROTO;
	c->head = head;
	return 0;
}

static uint64_t space(const struct mn_producer *p)
{
	return p->size - (p->head - p->tail);
}

ssize_t mn_producer_reserve(struct mn_producer *p, size_t want, struct iovec spans[2])
{
	size_t len;

	if (mn_fetch32(&p->theirs->c_closed))
		return -EPIPE;
	if (space(p) < want && fetch_tail(p))
		return -EPROTO;
	len = MIN((uint64_t)want, space(p));
	make_spans(p->data, p->size, p->head, len, spans);
	return len;
}

bool mn_producer_commit(struct mn_producer *p, size_t len)
{
	uint64_t old = p->head;

	p->head += len;
	mn_publish(&p->mine->p_head, p->head);
	mn_fence();
	return mn_passed(mn_fetch(&p->theirs->c_wake_head), p->head, old);
}

int mn_producer_arm(struct mn_producer *p, size_t want)
{
	uint64_t goal = MIN((uint64_t)want, p->size);

	/* Free space is at least goal as soon as the tail has passed this. */
	mn_publish(&p->mine->p_wake_tail, p->head + goal - p->size - 1);
	mn_fence();
	if (fetch_tail(p))
		return -EPROTO;
	return space(p) < goal && !mn_fetch32(&p->theirs->c_closed);
}

void mn_producer_close(struct mn_producer *p, enum mn_end end)
{
	mn_publish32(&p->mine->p_closed, end);
}

ssize_t mn_consumer_peek(struct mn_consumer *c, size_t want, struct iovec spans[2])
{
	size_t len;

	if (c->head - c->tail < want && fetch_head(c))
		return -EPROTO;
	len = MIN((uint64_t)want, c->head - c->tail);
	make_spans(c->data, c->size, c->tail, len, spans);
	return len;
}

bool mn_consumer_release(struct mn_consumer *c, size_t len)
{
	uint64_t old = c->tail;

	c->tail += len;
	mn_publish(&c->mine->c_tail, c->tail);
	mn_fence();
	return mn_passed(mn_fetch(&c->theirs->p_wake_tail), c->tail, old);
}

int mn_consumer_arm(struct mn_consumer *c, size_t want)
{
	uint64_t goal = MIN((uint64_t)want, c->size);

	mn_publish(&c->mine->c_wake_head, c->tail + goal - 1);
	mn_fence();
	/* The flag before the index: a producer closes after its last commit. */
	if (mn_fetch32(&c->theirs->p_closed))
		return 0;
	if (fetch_head(c))
		return -EPROTO;
	return c->head - c->tail < goal;
}

int mn_consumer_at_end(struct mn_consumer *c)
{
	switch (mn_fetch32(&c->theirs->p_closed)) {
	case MN_OPEN:
		return 0;
	case MN_FIN:
		return fetch_head(c) ? -EPROTO : c->head == c->tail;
	case MN_RESET:
		return -ECONNRESET;
	default:
		return -EPROTO;
	}
}

void mn_consumer_close(struct mn_consumer *c)
{
	mn_publish32(&c->mine->c_closed, 1);
}
