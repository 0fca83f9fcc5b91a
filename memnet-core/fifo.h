/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte FIFO in shared memory: one producer, one consumer, no lock.
 *
 * Theory of operation. The indices run freely over 64 bits; head - tail is the
 * fill. Each side keeps a private copy of the other's index, read again only
 * when the FIFO looks full (or empty), so a line changes hands once per lap and
 * not once per call (MCRingBuffer; Lee, Bu, Chandranmenon, 2010). What a side
 * writes seldom (its event index, its end) has a line of its own, which the
 * other can read at every call and still find in its cache.
 *
 * Bytes are handed out as spans, so a socket can send() from and recv() into
 * the FIFO itself. A span ends at the wrap; the rest is a second span. Over
 * memory that is mapped twice in a row (mirror.h) there is no second span.
 *
 * Sleep and wake. A side that finds nothing to do publishes the index it waits
 * for, makes a full fence, looks again, and sleeps. The other side publishes
 * its index, makes a full fence, and reads what is waited for: it wakes the
 * sleeper only when its step passed that point. The two fences order store
 * before load on both sides, so at least one of the two sees the other; acquire
 * and release alone would let both miss. A wake-up lost outside (a doorbell is
 * a hint) is mended by the sleeper's own timeout. Both sides may wait for more than
 * one byte; what the producer waits for and what the consumer waits for together
 * must not exceed the size by more than one, or both could sleep for ever
 * (model/wake.pml).
 *
 * The fence waits until the bytes and the index have reached the other's cache,
 * and is most of what a small step costs. Who has several steps to make
 * publishes (or retires) each, seen at once by a side that is awake, and commits
 * (or releases) once: one fence for all of them.
 *
 * Trust. Size and data pointer are private. The other side's index is fetched
 * once and accepted only if it moved forward by no more than it can:
 * -EPROTO otherwise, and the caller ends the session.
 *
 * Not thread-safe: one thread per end at a time. No call blocks or allocates.
 */
#ifndef MEMNET_FIFO_H
#define MEMNET_FIFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "memnet-core/layout.h"

struct mn_producer {
	struct mn_producer_line *mine;
	const struct mn_consumer_line *theirs;
	uint8_t *data;
	uint64_t size;	/* bytes, power of two */
	uint64_t head;	/* what mine->p_head says */
	uint64_t tail;	/* the last accepted theirs->c_tail */
	uint64_t checked;	/* the head of the last commit */
	bool mirrored;	/* set it after init if @data is mapped twice in a row */
};

struct mn_consumer {
	struct mn_consumer_line *mine;
	const struct mn_producer_line *theirs;
	const uint8_t *data;
	uint64_t size;
	uint64_t tail;
	uint64_t head;
	uint64_t checked;	/* the tail of the last release */
	bool mirrored;
	/* Of mn_consumer_pause(): the tail where a run of bytes began, and where it last ran dry. */
	uint64_t run_tail, dry_tail;
	uint32_t dry_looks;
};

/* Bind one end of an empty FIFO (both indices 0). @size is a power of two. */
void mn_producer_init(struct mn_producer *p, struct mn_index *index, uint8_t *data, uint64_t size);
void mn_consumer_init(struct mn_consumer *c, struct mn_index *index, const uint8_t *data,
		      uint64_t size);

/*
 * Up to two writable spans into @spans, together at most @want bytes. Returns
 * their bytes (0: full), -EPIPE when the consumer has closed, -EPROTO; the spans
 * are empty then. The other side's line is read only when less than @want is
 * known to be free: a caller that asks for what it needs, not for all there is,
 * spares it.
 */
static inline ssize_t mn_producer_reserve(struct mn_producer *p, size_t want,
					  struct iovec spans[2]);

/* Publish @len reserved bytes. True: the consumer waits for these, ring its bell. */
static inline bool mn_producer_commit(struct mn_producer *p, size_t len);

/*
 * Publish @len reserved bytes and leave the question of the bell to the next
 * commit, which may be of 0 bytes. It must come before this side sleeps, waits
 * for an answer, or turns to something else.
 */
static inline void mn_producer_publish(struct mn_producer *p, size_t len);

/*
 * Copy up to @len bytes in, published step by step so that the consumer copies
 * the first while this side copies the last. Returns their number as
 * mn_producer_reserve(). To be committed, with 0 bytes.
 */
ssize_t mn_producer_write(struct mn_producer *p, const void *from, size_t len);

/*
 * About to sleep until @want bytes are free (capped at the size). Returns 1:
 * sleep; 0: they are free already (or the consumer has closed), do not sleep;
 * -EPROTO.
 */
int mn_producer_arm(struct mn_producer *p, size_t want);

/* Nothing follows, for the reason @end. Ring the consumer's bell after it. */
void mn_producer_close(struct mn_producer *p, enum mn_end end);

/* Readable spans, as mn_producer_reserve(). Returns 0 when empty, -EPROTO. */
static inline ssize_t mn_consumer_peek(struct mn_consumer *c, size_t want,
				       struct iovec spans[2]);

/* Give @len peeked bytes back. True: the producer waits for them, ring its bell. */
static inline bool mn_consumer_release(struct mn_consumer *c, size_t len);

/* Give @len peeked bytes back; the bell is for the next release. As mn_producer_publish(). */
static inline void mn_consumer_retire(struct mn_consumer *c, size_t len);

/* Were bytes retired that no release has told of? */
static inline bool mn_consumer_owes_bell(const struct mn_consumer *c);

/* Copy up to @len bytes out and retire them step by step. As mn_producer_write(). */
ssize_t mn_consumer_read(struct mn_consumer *c, void *to, size_t len);

/*
 * Found empty and about to look again at once: pause for a moment. For a spin loop, in
 * mn_pause()'s place.
 *
 * Who copies faster than the producer finds each piece the moment it is published, and
 * then both wait for the index line piece by piece, for longer than they copy. So in the
 * middle of a long run of large pieces this waits until some more are there ("temporal
 * slipping"; Giacomoni, Moseley, Vachharajani, FastForward, PPoPP 2008), and the line
 * changes hands once for all of them. Small messages, and the first of a run, are looked
 * for as often as the CPU can.
 */
void mn_consumer_pause(struct mn_consumer *c);

/* About to sleep until @want bytes are there; 1 sleep, 0 do not (also at the end), -EPROTO. */
int mn_consumer_arm(struct mn_consumer *c, size_t want);

/* 1 after a FIN, when every byte was released; else 0; -ECONNRESET; -EPROTO. */
int mn_consumer_at_end(struct mn_consumer *c);

/* Consumes no more. Ring the producer's bell after it. */
void mn_consumer_close(struct mn_consumer *c);

#include "memnet-core/fifo_internal.h"

#endif
