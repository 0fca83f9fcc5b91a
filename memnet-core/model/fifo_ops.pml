/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fifo.c and event.h, call by call. The including file gives the memory, or
 * names it with MEMORY:
 *
 *   LOAD(me, place, v)      mn_fetch()     one acquire load into v
 *   PUBLISH(me, place, v)   mn_publish()   one release store
 *   FENCE(me)               mn_fence()
 *
 * and SIZE (bytes, power of two) and M, the power of two at which indices wrap
 * here instead of at 2^64. A call that finds -EPROTO jumps to the label eproto of
 * the process that made it.
 *
 * Each place has one writer, which never loads it: it has its own copy. So a
 * store buffer needs no forwarding.
 */
#define P 0
#define C 1
#define OTHER(me) (1 - (me))

#define P_HEAD		0	/* written by P */
#define P_WAKE_TAIL	1
#define P_CLOSED	2
#define C_TAIL		3	/* written by C */
#define C_WAKE_HEAD	4
#define C_CLOSED	5
#define PLACES		6
#define THREADS		2

#ifdef MEMORY
#include MEMORY
#endif

#define ADD(a, n)	(((a) + (n)) & (M - 1))
#define SUB(a, b)	(((a) + M - (b)) & (M - 1))
#define MIN(a, b)	((a) < (b) -> (a) : (b))

/* mn_passed() */
#define PASSED(event, new, old)	(SUB(new, ADD(event, 1)) < SUB(new, old))

/*
 * struct mn_producer p, struct mn_consumer c: locals of the process at that end, with
 * v and old. Only what a step does to shared memory is a step others can see.
 */
typedef ends {
	byte head;
	byte tail;
};

#define SPACE	(SIZE - SUB(p.head, p.tail))	/* space() */
#define FILL	SUB(c.head, c.tail)

#ifdef NO_CHECK
#define TAIL_IS_IMPOSSIBLE(v)	false
#define HEAD_IS_IMPOSSIBLE(v)	false
#else
#define TAIL_IS_IMPOSSIBLE(v)	(SUB(v, p.tail) > SUB(p.head, p.tail))
#define HEAD_IS_IMPOSSIBLE(v)	(SUB(v, c.tail) > SIZE || SUB(v, c.tail) < FILL)
#endif

#ifdef DOUBLE_FETCH
#define FETCH_AGAIN(me, place, v)	LOAD(me, place, v)
#else
#define FETCH_AGAIN(me, place, v)
#endif

#ifdef NO_FENCE_WAKER
#define WAKER_FENCE(me)
#else
#define WAKER_FENCE(me)	FENCE(me)
#endif

#ifdef NO_FENCE_SLEEPER
#define SLEEPER_FENCE(me)
#else
#define SLEEPER_FENCE(me)	FENCE(me)
#endif

inline fetch_tail()
{
	atomic {
		LOAD(P, C_TAIL, v);
		if
		:: TAIL_IS_IMPOSSIBLE(v) -> goto eproto
		:: else
		fi
	}
	FETCH_AGAIN(P, C_TAIL, v);
	p.tail = v
}

inline fetch_head()
{
	atomic {
		LOAD(C, P_HEAD, v);
		if
		:: HEAD_IS_IMPOSSIBLE(v) -> goto eproto
		:: else
		fi
	}
	FETCH_AGAIN(C, P_HEAD, v);
	c.head = v
}

/* mn_producer_reserve(): @n of @want bytes may be written. (c_closed: see the caller.) */
inline reserve(want, n)
{
	if
	:: SPACE < want -> fetch_tail()
	:: else
	fi;
	n = MIN(want, SPACE)
}

/* mn_producer_commit(): @ring is its return value. */
inline commit(n, ring)
{
	old = p.head;
	p.head = ADD(p.head, n);
	PUBLISH(P, P_HEAD, p.head);
	WAKER_FENCE(P);
	LOAD(P, C_WAKE_HEAD, v);
	ring = PASSED(v, p.head, old)
}

/* mn_producer_arm(): @sleep is its return value. */
inline arm_producer(want, sleep)
{
	PUBLISH(P, P_WAKE_TAIL, ADD(p.head, want + M - SIZE - 1));
	SLEEPER_FENCE(P);
#ifndef NO_RECHECK
	fetch_tail();
#endif
	sleep = SPACE < want;
	if
	:: sleep -> LOAD(P, C_CLOSED, v); sleep = !v
	:: else
	fi
}

/* mn_consumer_peek(): @n of @want bytes may be read. */
inline peek(want, n)
{
	if
	:: FILL < want -> fetch_head()
	:: else
	fi;
	n = MIN(want, FILL)
}

/* mn_consumer_release() */
inline release(n, ring)
{
	old = c.tail;
	c.tail = ADD(c.tail, n);
	PUBLISH(C, C_TAIL, c.tail);
	WAKER_FENCE(C);
	LOAD(C, P_WAKE_TAIL, v);
	ring = PASSED(v, c.tail, old)
}

/* mn_consumer_arm() */
inline arm_consumer(want, sleep)
{
	PUBLISH(C, C_WAKE_HEAD, ADD(c.tail, want - 1));
	SLEEPER_FENCE(C);
	LOAD(C, P_CLOSED, v);
	sleep = !v;
#ifndef NO_RECHECK
	if
	:: sleep -> fetch_head(); sleep = FILL < want
	:: else
	fi
#endif
}

/* mn_consumer_at_end(): only FIN here. */
inline at_end(yes)
{
#ifdef END_HEAD_FIRST
	fetch_head();
	LOAD(C, P_CLOSED, v);
	yes = v && FILL == 0
#else
	LOAD(C, P_CLOSED, v);
	yes = false;
	if
	:: v -> fetch_head(); yes = FILL == 0
	:: else
	fi
#endif
}
