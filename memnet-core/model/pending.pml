/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pending set and h_asleep: two processes of the guest tell one host, and no
 * event is lost, although a doorbell is rung only when the host says it sleeps.
 *
 * Theory of operation. Each guest has a flow and commits TOTAL times, one byte
 * each. It marks its flow only when the commit passed the host's event index, and
 * rings only when h_asleep says so. The host takes the summary by exchange, then
 * the words by exchange, empties the flows, arms each, and sleeps after a last
 * look at the summary. No rescue tick here. Memory is TSO (mem_tso.pml); an atomic
 * OR or exchange first drains its thread's buffer, as a locked instruction does.
 *
 * KILL: guest 0 may be killed at any step. What it had committed but not yet told
 * may wait for the tick (it is still busy in the property); guest 1's may not.
 * TWO_WORDS: the flows are in different words, with a bit each in the summary.
 *
 * The property, watched by lost_event: it never happens that the host sleeps, its
 * doorbell is not rung, no living guest is about to ring it, and a flow holds bytes
 * whose guest is done with telling.
 *
 * Must fail: NO_FENCE_COMMIT (before reading the event index), NO_FENCE_ASLEEP,
 * NO_RECHECK, SUMMARY_FIRST (marked before the word), WORDS_FIRST (taken before the
 * summary), CLEAR_BY_STORE (load and store for exchange), OR_BY_STORE (load and
 * store for fetch_or); with KILL also ONLY_IF_EMPTY (the summary marked only by
 * who found the word empty) and ONLY_IF_NEW (h_asleep read only by who marked
 * the summary): a dead guest keeps the living from ringing.
 *
 * Not covered: orders weaker than TSO. Every step on the pending set is seq_cst.
 */
#define TOTAL 2

#define G0 0
#define G1 1
#define HOST 2
#define THREADS 3
#define GUESTS 2

#define P_HEAD(g)	(g)		/* written by guest g */
#define C_WAKE_HEAD(g)	(GUESTS + (g))	/* written by the host */
#define H_ASLEEP	4
#define PLACES		5
#define START_VALUES	{ 0, 0, 0, 0, 0 }

#include "mem_tso.pml"

#ifdef TWO_WORDS
#define WORDS		2
#define WORD(g)		(g)
#else
#define WORDS		1
#define WORD(g)		0
#endif

byte gh_flows[WORDS];
byte gh_summary;

bool doorbell;		/* eventfd */
bool asleep;		/* the host sleeps on it */
bool busy[GUESTS];	/* between the index and the ring */
byte tail[GUESTS];	/* what the host has consumed */
bool killed;
bool lost;

/* __atomic_fetch_or() */
#ifdef OR_BY_STORE
#define FETCH_OR(me, word, bit, old)	FENCE(me); old = word; word = old | (bit)
#else
#define FETCH_OR(me, word, bit, old)	atomic { FENCE(me); old = word; word = old | (bit) }
#endif

/* mn_pending_take() */
#ifdef CLEAR_BY_STORE
#define TAKE(me, word, old)	FENCE(me); old = word; word = 0
#else
#define TAKE(me, word, old)	atomic { FENCE(me); old = word; word = 0 }
#endif

/* mn_pending_mark_flow(), then mn_pending_host_asleep() and the doorbell. */
inline tell(g)
{
#ifdef SUMMARY_FIRST
	FETCH_OR(g, gh_summary, 1 << WORD(g), old);
	FETCH_OR(g, gh_flows[WORD(g)], 1 << g, old);
#else
	FETCH_OR(g, gh_flows[WORD(g)], 1 << g, old);
#ifdef ONLY_IF_EMPTY
	v = old;
#else
	v = gh_summary & (1 << WORD(g));
#endif
	if
	:: !v -> FETCH_OR(g, gh_summary, 1 << WORD(g), old)
	:: else
	fi;
#endif
#ifdef ONLY_IF_NEW
	if
	:: !v -> LOAD(g, H_ASLEEP, v)
	:: else -> v = 0
	fi;
#else
	LOAD(g, H_ASLEEP, v);
#endif
	if
	:: v -> doorbell = true
	:: else
	fi
}

/* A process of the guest: commits, and tells the host when its event was passed. */
inline guest(g)
{
	do
	:: head < TOTAL ->
	   atomic {
		head++;
		busy[g] = true;
		PUBLISH(g, P_HEAD(g), head)
	   }
#ifndef NO_FENCE_COMMIT
	   FENCE(g);
#endif
	   LOAD(g, C_WAKE_HEAD(g), v);
	   if
	   :: v == head - 1 -> tell(g)	/* mn_passed(), for a step of 1 */
	   :: else
	   fi;
	   atomic { busy[g] = false; v = 0; old = 0 }
	:: else -> break
	od
}

active proctype host()
{
	byte v, old, ready, g;

	do
	:: PUBLISH(HOST, H_ASLEEP, 0);	/* mn_host_work() */
again:	   if
	   :: gh_summary -> TAKE(HOST, gh_summary, v)
	   :: else -> v = 0
	   fi;
#ifdef WORDS_FIRST
	   v = 3;
#endif
	   g = 0;
	   do		/* take_pending() */
	   :: g < WORDS && v & (1 << g) -> TAKE(HOST, gh_flows[g], old); ready = ready | old; g++
	   :: g < WORDS && !(v & (1 << g)) -> g++
	   :: g == WORDS -> break
	   od;
#ifdef WORDS_FIRST
	   TAKE(HOST, gh_summary, v);
#endif
	   g = 0;
	   do		/* run_flows(): empty each, arm, look again */
	   :: g < GUESTS && ready & (1 << g) ->
		LOAD(HOST, P_HEAD(g), v);
		if
		:: v == tail[g] ->
			PUBLISH(HOST, C_WAKE_HEAD(g), tail[g]);
			FENCE(HOST);
			LOAD(HOST, P_HEAD(g), v);
			if
			:: v == tail[g] -> ready = ready & ~(1 << g)
			:: else
			fi
		:: else -> tail[g] = v
		fi
	   :: g < GUESTS && !(ready & (1 << g)) -> g++
	   :: g == GUESTS -> break
	   od;
	   atomic { v = 0; old = 0; g = 0 };
	   if
	   :: gh_summary -> goto again	/* has_work() */
	   :: else
	   fi;
	   PUBLISH(HOST, H_ASLEEP, 1);
#ifndef NO_FENCE_ASLEEP
	   FENCE(HOST);
#endif
#ifndef NO_RECHECK
	   if
	   :: gh_summary
	   :: else ->
#endif
		asleep = true;
end:		atomic { doorbell -> doorbell = false; asleep = false }
#ifndef NO_RECHECK
	   fi
#endif
	od
}

active proctype guest_0()
{
	byte v, old, head;

#ifdef KILL
	{ guest(G0) } unless { killed }
#else
	guest(G0)
#endif
}

active proctype guest_1()
{
	byte v, old, head;

	guest(G1)
}

#ifdef KILL
active proctype killer()
{
	killed = true
}
#endif

#define HOLDS_BYTES(g)	(!busy[g] && mem[P_HEAD(g)] != tail[g])
#define NOBODY_TELLS	((!busy[G0] || killed) && !busy[G1])

active proctype lost_event()
{
end:	atomic {
		asleep && !doorbell && NOBODY_TELLS &&
		DRAINED(G0) && DRAINED(G1) && DRAINED(HOST) &&
		(HOLDS_BYTES(G0) || HOLDS_BYTES(G1)) -> lost = true; assert(!lost)
	}
}
