/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleep and wake by event index: no wake-up is lost. There is no rescue timer here.
 *
 * Theory of operation. The producer sleeps until WANT_P bytes are free, the consumer
 * until WANT_C are there; each moves what there is in steps of any size, TOTAL bytes
 * in all, and may close at any time. The bell is an eventfd: a ring before the sleep
 * ends the sleep at once. (A ring that travels for a while is a sleeper that wakes
 * later, which is covered.)
 *
 * The property, watched by lost_wakeup: it never happens that a side sleeps, what
 * it waits for is there, its bell is not rung, and the other side is not between
 * its index and its ring. Besides, the two never both sleep.
 *
 * Memory is TSO (mem_tso.pml), where the indices also wrap; or, with C11, what C11
 * promises of acquire, release and seq_cst fences (mem_c11.pml), which is weaker than
 * x86 and than ARM, and where bytes are checked for data races too.
 *
 * WANT_P + WANT_C must not exceed SIZE + 1: with 3 and 3 of 4, a fill of 2 is too
 * little for one and too much for the other, and both sleep. The callers keep
 * it: 1/2 + 1/2 (bulk), 1/4 + one byte, all + one byte (completions).
 *
 * Must fail: NO_FENCE_WAKER (after the index, before the event is read),
 * NO_FENCE_SLEEPER (after the event, before the last look), NO_RECHECK (no last
 * look), WANT_P = WANT_C = 3; with C11 also RELAXED_PUBLISH and RELAXED_FETCH, which
 * are data races.
 */
#ifdef C11
#define SIZE 2
#define TOTAL 3
#define START 0
#define MEMORY "mem_c11.pml"
#else
#define SIZE 4
#define TOTAL 6
#define START 13	/* the wrap is near */
#define START_VALUES { START, START, 0, START, START, 0 }
#define MEMORY "mem_tso.pml"
#endif
#define M 16
#ifndef WANT_P
#define WANT_P 2
#endif
#ifndef WANT_C
#define WANT_C 1
#endif

#include "fifo_ops.pml"

bool bell[THREADS];
bool asleep[THREADS];
bool busy[THREADS];	/* between the index (or closed) and the ring */
bool closed[THREADS];
bool lost, impossible;

/* poll() on the eventfd until it is rung, and the read() that takes the ring. */
inline sleep_on_bell(me)
{
	asleep[me] = true;
end_asleep:
	atomic { bell[me] -> bell[me] = false; asleep[me] = false }
}

/* After a step: ring_if(). */
inline ring_if(me, wanted)
{
	atomic {
		if
		:: wanted -> bell[OTHER(me)] = true
		:: else
		fi;
		busy[me] = false
	}
}

/* mn_producer_close(), mn_consumer_close(), and the ring: behind a fence, as a system call is. */
inline close_end(me, place)
{
	atomic { busy[me] = true; closed[me] = true };
	PUBLISH(me, place, 1);
	FENCE(me);
	ring_if(me, true)
}

active proctype producer()
{
	ends p;
	byte v, old, n;
	bool yes;

	d_step { p.head = START; p.tail = START };

	do
	:: SUB(p.head, START) < TOTAL ->	/* memnet_send(), work_recv() */
	   LOAD(P, C_CLOSED, v);
	   if
	   :: v -> break	/* -EPIPE */
	   :: else
	   fi;
	   reserve(WANT_P, n);
	   if
	   :: n > 0 ->
		atomic { n = MIN(n, TOTAL - SUB(p.head, START)); select(n : 1 .. n); WROTE(P, n); busy[P] = true };
		commit(n, yes);
		ring_if(P, yes)
	   :: n < WANT_P ->	/* wait_for(arm_space) */
		arm_producer(WANT_P, yes);
		if
		:: yes -> sleep_on_bell(P)
		:: else
		fi
	   fi;
	   d_step { v = 0; old = 0; n = 0; yes = false }
	:: true ->		/* memnet_shutdown_send() */
	   close_end(P, P_CLOSED);
	   break
	od;
	goto done;
eproto:	impossible = true;
	assert(!impossible);
done:	skip
}

active proctype consumer()
{
	ends c;
	byte v, old, n;
	bool yes, eager;	/* eager: the last arm said no; what is there is taken */

	d_step { c.head = START; c.tail = START };

	do
	:: true ->		/* memnet_recv(), work_send() */
	   peek(WANT_C, n);
	   if
	   :: n > 0 ->
		atomic { select(n : 1 .. n); READ(C, n); busy[C] = true };
		release(n, yes);
		eager = false;
		ring_if(C, yes)
	   :: n == 0 || (n < WANT_C && !eager) ->
		at_end(yes);
		if
		:: yes -> break
		:: else
		fi;
		arm_consumer(WANT_C, yes);
		eager = !yes;
		if
		:: yes -> sleep_on_bell(C)
		:: else
		fi
	   fi;
	   d_step { v = 0; old = 0; n = 0; yes = false }
	:: true ->		/* mn_consumer_close() */
	   close_end(C, C_CLOSED);
	   break
	od;
	goto done;
eproto:	impossible = true;
	assert(!impossible);
done:	skip
}

/* Nobody is about to ring @me, and no index is on its way. */
#define SLEEPS_ON(me)	(asleep[me] && !bell[me] && !busy[OTHER(me)] && DRAINED(P) && DRAINED(C))
#define SHARED_FILL	SUB(NOW(P_HEAD), NOW(C_TAIL))

active proctype lost_wakeup()
{
end:	atomic {
		if
		:: SLEEPS_ON(C) && (closed[P] || SHARED_FILL >= WANT_C)
		:: SLEEPS_ON(P) && (closed[C] || SIZE - SHARED_FILL >= WANT_P)
		:: SLEEPS_ON(C) && SLEEPS_ON(P)
		fi;
		lost = true;
		assert(!lost)
	}
}
