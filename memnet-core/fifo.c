/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: fifo.h. What is called often is in fifo_internal.h. */
#include "memnet-core/fifo.h"

#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/spin.h"

/*
 * Bytes between two looks at, and two moves of, an index while copying. Smaller:
 * each move waits until the index line is back from the other core, as long as
 * 8 KiB take to copy. Larger: the two sides take turns, and the other begins late,
 * which costs a guest under TCG some percent with 32 KiB.
 */
#define STEP	(16u << 10)

/*
 * mn_consumer_pause(): a run is SLIP_RUN bytes in pieces of at least SLIP_PIECE, never
 * dry for longer than DRY_LOOKS; one slip counts as SLIP_LOOKS of them. A slip leaves the
 * producer's line alone for SLIP_NS at a time, until an eighth of the FIFO is there or
 * SLIP_IDLE times no byte has come: so that long is what the last piece of a run can wait.
 * Found by trial (bench fifo, 4 KiB pieces, two cores of one cache: 11 GB/s without, 27
 * .. 37 with a sixteenth of these bytes, 40 with these).
 */
#define SLIP_RUN	(64u << 10)
#define SLIP_PIECE	(2u << 10)
#define SLIP_NS		300
#define SLIP_IDLE	2
#define SLIP_LOOKS	16
#define DRY_LOOKS	128

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

/* A FIFO of few entries is shared in eighths, not copied as a whole. */
static size_t step_of(uint64_t size)
{
	return MIN((uint64_t)STEP, size / 8);
}

ssize_t mn_producer_write(struct mn_producer *p, const void *from, size_t len)
{
	size_t done = 0, step = step_of(p->size);
	struct iovec spans[2];

	while (done < len) {
		ssize_t n = mn_producer_reserve(p, MIN(step, len - done), spans);

		if (n <= 0)
			return done ? (ssize_t)done : n;
		memcpy(spans[0].iov_base, (const uint8_t *)from + done, spans[0].iov_len);
		memcpy(spans[1].iov_base, (const uint8_t *)from + done + spans[0].iov_len,
		       spans[1].iov_len);
		mn_producer_publish(p, n);
		done += n;
	}
	return done;
}

int mn_producer_arm(struct mn_producer *p, size_t want)
{
	uint64_t goal = MIN((uint64_t)want, p->size);

	/* Free space is at least goal as soon as the tail has passed this. */
	mn_publish(&p->mine->p_wake_tail, p->head + goal - p->size - 1);
	mn_fence();
	if (mn_fifo_fetch_tail(p))
		return -EPROTO;
	return mn_fifo_space(p) < goal && !mn_fetch32(&p->theirs->c_closed);
}

void mn_producer_close(struct mn_producer *p, enum mn_end end)
{
	mn_publish32(&p->mine->p_closed, end);
}

ssize_t mn_consumer_read(struct mn_consumer *c, void *to, size_t len)
{
	size_t done = 0, step = step_of(c->size);
	struct iovec spans[2];

	while (done < len) {
		ssize_t n = mn_consumer_peek(c, MIN(step, len - done), spans);

		if (n <= 0)
			return done ? (ssize_t)done : n;
		memcpy((uint8_t *)to + done, spans[0].iov_base, spans[0].iov_len);
		memcpy((uint8_t *)to + done + spans[0].iov_len, spans[1].iov_base,
		       spans[1].iov_len);
		mn_consumer_retire(c, n);
		done += n;
	}
	return done;
}

static void leave_alone(int64_t ns)
{
	int64_t end_ns = mn_now_ns() + ns;

	do
		mn_pause();
	while (mn_now_ns() < end_ns);
}

/* What is fetched here is only a hint: mn_consumer_peek() checks. */
static void slip(const struct mn_consumer *c)
{
	uint64_t seen = c->head;

	for (int idle = 0; idle < SLIP_IDLE && seen - c->tail < c->size / 8;) {
		uint64_t head;

		leave_alone(SLIP_NS);
		head = mn_fetch(&c->theirs->p_head);
		idle = head == seen ? idle + 1 : 0;
		seen = head;
	}
}

void mn_consumer_pause(struct mn_consumer *c)
{
	if (c->tail != c->dry_tail) {
		if (c->tail - c->dry_tail < SLIP_PIECE)
			c->run_tail = c->tail;
		c->dry_tail = c->tail;
		c->dry_looks = 0;
	}
	if (c->dry_looks >= DRY_LOOKS)
		c->run_tail = c->tail;
	if (c->tail - c->run_tail >= SLIP_RUN) {
		c->dry_looks += SLIP_LOOKS;
		slip(c);
	} else {
		c->dry_looks += c->dry_looks < DRY_LOOKS;
		mn_pause();
	}
}

int mn_consumer_arm(struct mn_consumer *c, size_t want)
{
	uint64_t goal = MIN((uint64_t)want, c->size);

	mn_publish(&c->mine->c_wake_head, c->tail + goal - 1);
	mn_fence();
	/* The flag before the index: a producer closes after its last commit. */
	if (mn_fetch32(&c->theirs->p_closed))
		return 0;
	if (mn_fifo_fetch_head(c))
		return -EPROTO;
	return c->head - c->tail < goal;
}

int mn_consumer_at_end(struct mn_consumer *c)
{
	switch (mn_fetch32(&c->theirs->p_closed)) {
	case MN_OPEN:
		return 0;
	case MN_FIN:
		return mn_fifo_fetch_head(c) ? -EPROTO : c->head == c->tail;
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
