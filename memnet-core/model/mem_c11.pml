/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as C11 promises it for acquire loads, release stores and seq_cst fences:
 * a view machine (Kang, Hur, Lahav, Vafeiadis, Dreyer, 2017; without promises, of
 * which acquire and release leave no use). Weaker than TSO, and than ARM.
 *
 * Each place has the list of all its values. A thread knows, of every place of the
 * other thread, the oldest value it may still read; a load takes that or any newer
 * one. A release store carries how far its thread has come; an acquire load of it
 * takes that over. A seq_cst fence exchanges views with all fences before it. The
 * bell carries nothing.
 *
 * Bytes are counted, not kept: a side that writes (reads) a byte must know that
 * the other has read (written) it. Without that it is a data race.
 */
#define MESSAGES 10	/* values of one place, the first included; PUBLISH() checks */
#define OWN 4		/* a thread's places: three indices, and its bytes */
#define BYTES 3

#define OWNER(place)	((place) / 3)
#define NTH(place)	((place) % 3)
#define LIST(place, n)	((place) * MESSAGES + (n))

byte value[PLACES * MESSAGES];
byte carried[PLACES * MESSAGES * OWN];
byte last[THREADS * OWN];	/* newest value of each place */
byte seen[THREADS * OWN];	/* oldest value the *other* thread may still read */
byte fenced[THREADS * OWN];	/* what the fences so far have seen */
byte at;
bool race;

#define LAST(place)	last[OWNER(place) * OWN + NTH(place)]
#define SEEN(place)	seen[OWNER(place) * OWN + NTH(place)]
#define NOW(place)	value[LIST(place, LAST(place))]
#define DRAINED(me)	true

#define MAX(a, b)	((a) > (b) -> (a) : (b))

#ifdef RELAXED_PUBLISH
#define CARRY(me, place, k)	skip
#else
#define CARRY(me, place, k) \
	carried[LIST(place, LAST(place)) * OWN + k] = last[me * OWN + k]
#endif

inline PUBLISH(me, place, v)
{
	d_step {
		LAST(place)++;
		assert(LAST(place) < MESSAGES);
		value[LIST(place, LAST(place))] = v;
		CARRY(me, place, 0);
		CARRY(me, place, 1);
		CARRY(me, place, 2);
		CARRY(me, place, BYTES)
	}
}

#ifdef RELAXED_FETCH
#define TAKE_OVER(me, place, k)	skip
#else
#define TAKE_OVER(me, place, k) \
	seen[OTHER(me) * OWN + k] = \
		MAX(seen[OTHER(me) * OWN + k], carried[LIST(place, at) * OWN + k])
#endif

inline LOAD(me, place, v)
{
	atomic {
		at = SEEN(place);
		do
		:: at < LAST(place) -> at++
		:: break
		od;
		v = value[LIST(place, at)];
		SEEN(place) = at;
		TAKE_OVER(me, place, 0);
		TAKE_OVER(me, place, 1);
		TAKE_OVER(me, place, 2);
		TAKE_OVER(me, place, BYTES);
		at = 0
	}
}

#define FENCE_OF(me, k) \
	fenced[me * OWN + k] = last[me * OWN + k]; \
	seen[OTHER(me) * OWN + k] = MAX(seen[OTHER(me) * OWN + k], fenced[OTHER(me) * OWN + k]); \
	fenced[OTHER(me) * OWN + k] = seen[OTHER(me) * OWN + k]

inline FENCE(me)
{
	d_step {
		FENCE_OF(me, 0);
		FENCE_OF(me, 1);
		FENCE_OF(me, 2);
		FENCE_OF(me, BYTES)
	}
}

/* The producer writes where the consumer must have read. */
#define WROTE(me, n) \
	last[me * OWN + BYTES] = last[me * OWN + BYTES] + n; \
	race = last[me * OWN + BYTES] > seen[OTHER(me) * OWN + BYTES] + SIZE; \
	assert(!race)

#define READ(me, n) \
	last[me * OWN + BYTES] = last[me * OWN + BYTES] + n; \
	race = last[me * OWN + BYTES] > seen[OTHER(me) * OWN + BYTES]; \
	assert(!race)
