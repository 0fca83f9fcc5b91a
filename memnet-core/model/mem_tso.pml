/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Total store order, as of x86: a store waits in its thread's buffer while later
 * loads of that thread go ahead; buffers drain in order, at any time. A full fence
 * waits until its own buffer is empty. No thread here loads what it wrote, so
 * nothing is forwarded from the buffer. The including file says
 * THREADS, PLACES and START_VALUES.
 */
#define STORES 4	/* a buffer this deep is never full, or drain() below says so; without
			   a fence it may be, and the thread waits */

byte mem[PLACES] = START_VALUES;
chan buffer[THREADS] = [STORES] of { byte, byte };

#define LOAD(me, place, v)	v = mem[place]
#define PUBLISH(me, place, v)	buffer[me]!place, v
#define FENCE(me)		empty(buffer[me])
#define DRAINED(me)		empty(buffer[me])

#define NOW(place)		mem[place]

/* Bytes become visible in order, so they need no model of their own. */
#define WROTE(me, n)
#define READ(me, n)

active [THREADS] proctype drain()	/* of thread _pid: the first processes made */
{
	byte place, value;

end:	do
	:: atomic {
		nempty(buffer[_pid]);
#ifndef NO_FENCE_WAKER
		assert(nfull(buffer[_pid]));
#endif
		buffer[_pid]?place, value;
		mem[place] = value;
		place = 0;
		value = 0
	   }
	od
}
