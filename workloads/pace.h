/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing: a leaf without clock or sleep, the caller brings the time.
 *
 * Time is cut into bursts of @burst_ns from the start on. In burst k (from 0)
 * (k + 1) * rate * burst_ns bytes in all may have been sent. Deadlines are
 * absolute, so a late burst does not slow the mean; a sender that fell behind
 * catches up without sleeping, but never for more than one second's worth: what
 * is beyond that is forgiven. A write may overshoot a burst by its own length;
 * the next bursts pay for it.
 *
 *	while (...) {
 *		if (!pace_may_send(&pace)) {
 *			until = pace_deadline_ns(&pace, now);
 *			if (until)
 *				sleep until then;
 *			continue;
 *		}
 *		pace_sent(&pace, write some);
 *	}
 */
#ifndef MEMNET_WORKLOADS_PACE_H
#define MEMNET_WORKLOADS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_MAX_RATE (1ULL << 40)		/* bytes per second */
#define PACE_MAX_BURST_NS 1000000000LL

struct pace {
	uint64_t rate;		/* bytes per second; 0: unpaced */
	int64_t burst_ns;
	int64_t start_ns;
	uint64_t sent, allowed;	/* bytes since the start, forgiven ones counted as sent */
};

/* @rate <= PACE_MAX_RATE, 0 < @burst_ns <= PACE_MAX_BURST_NS. */
void pace_start(struct pace *p, uint64_t rate, int64_t burst_ns, int64_t now_ns);

/* May bytes be sent right now? Reads no clock; false: ask pace_deadline_ns(). */
static inline bool pace_may_send(const struct pace *p)
{
	return !p->rate || p->sent < p->allowed;
}

static inline void pace_sent(struct pace *p, uint64_t bytes)
{
	p->sent += bytes;
}

/* 0: send on; else the time at which the next burst with room begins. */
int64_t pace_deadline_ns(struct pace *p, int64_t now_ns);

#endif
