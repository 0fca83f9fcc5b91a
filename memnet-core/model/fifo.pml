/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte FIFO: what is read is what was written, in order, to the last byte.
 *
 * Theory of operation. A producer reserves, writes and commits, a consumer peeks,
 * reads and releases, each of any size, often less than it asked for. Every byte
 * and every index is a step of its own. A byte's value is its place in the stream
 * (modulo M), so one that is lost, doubled, torn or overwritten is seen. Indices
 * wrap at M = 16, so the wrap of the index itself is covered, not only that of the
 * buffer. Memory is sequentially consistent here; wake.pml has the other memories.
 *
 * HOSTILE_CONSUMER, HOSTILE_PRODUCER: that side writes any index at any time. The
 * other must never hand out more than SIZE bytes (that would be a span outside the
 * FIFO), nor believe in a fill beyond SIZE.
 *
 * Must fail: NO_CHECK (the index is not validated), DOUBLE_FETCH (validated, then
 * read again), COMMIT_FIRST (index before bytes), GREEDY (one byte more than
 * free), END_HEAD_FIRST (at_end looks at the index before the FIN).
 */
#define SIZE 4
#define M 16

byte mem[6];
#define LOAD(me, place, v)	v = mem[place]
#define PUBLISH(me, place, v)	mem[place] = v
#define FENCE(me)

#include "fifo_ops.pml"

byte data[SIZE];
byte sent, got;	/* bytes written and committed; read and released */
bool garbled, outside, impossible;
bool finished;	/* the producer closed */

#define AT(pos) ((pos) & (SIZE - 1))

#ifndef HOSTILE_PRODUCER
/* memnet_send(), work_recv(): any caller of the producer's functions. */
active proctype producer()
{
	ends p;
	byte v, old, n, want, i;
	bool ring;

	do
	:: atomic { select(want : 1 .. SIZE) };
	   reserve(want, n);
	   outside = n > SIZE || SUB(p.head, p.tail) > SIZE;
	   assert(!outside);
	   if
	   :: n == 0
	   :: n > 0 -> atomic { select(n : 1 .. n) }
	   fi;
#ifdef GREEDY
	   n++;
#endif
#ifdef COMMIT_FIRST
	   i = p.head;
	   commit(n, ring);
	   do
	   :: i != p.head -> data[AT(i)] = i; i = ADD(i, 1); sent = i
	   :: else -> break
	   od;
#else
	   i = 0;
	   do
	   :: i < n ->
		data[AT(p.head + i)] = ADD(sent, i);
		i++
	   :: else -> break
	   od;
	   if
	   :: n > 0 -> sent = ADD(sent, n); commit(n, ring)
	   :: else
	   fi;
#endif
	   atomic { n = 0; want = 0; i = 0; old = 0; v = 0; ring = false }
	:: true ->	/* mn_producer_close(MN_FIN) */
	   finished = true;
	   PUBLISH(P, P_CLOSED, 1);
	   break
	od;
	goto done;
eproto:
#ifndef HOSTILE_CONSUMER
	impossible = true;
	assert(!impossible);
#endif
done:	skip
}
#else
active proctype liar()
{
	byte v;
end:	do
	:: atomic { select(v : 0 .. M - 1); mem[P_HEAD] = v; v = 0 }
	:: mem[P_CLOSED] = 1
	od
}
#endif

#ifndef HOSTILE_CONSUMER
active proctype consumer()
{
	ends c;
	byte v, old, n, want, i;
	bool ring, yes;

	do
	:: atomic { select(want : 1 .. SIZE) };
	   peek(want, n);
	   outside = n > SIZE || FILL > SIZE;
	   assert(!outside);
	   if
	   :: n == 0 ->
		at_end(yes);
		if
		:: yes -> break
		:: else
		fi
	   :: n > 0 ->
		atomic { select(n : 1 .. n) };
		i = 0;
		do
		:: i < n ->
#ifndef HOSTILE_PRODUCER
			garbled = data[AT(c.tail + i)] != ADD(got, i);
			assert(!garbled);
#endif
			i++
		:: else -> break
		od;
		got = ADD(got, n);
		release(n, ring)
	   fi;
	   atomic { n = 0; want = 0; i = 0; old = 0; v = 0; ring = false }
	od;
#ifndef HOSTILE_PRODUCER
	garbled = !finished || got != sent;
	assert(!garbled);
#endif
	goto done;
eproto:
#ifndef HOSTILE_PRODUCER
	impossible = true;
	assert(!impossible);
#endif
done:	skip
}
#else
active proctype liar()
{
	byte v;
end:	do
	:: atomic { select(v : 0 .. M - 1); mem[C_TAIL] = v; v = 0 }
	od
}
#endif
