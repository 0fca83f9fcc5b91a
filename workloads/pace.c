/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/pace.h"

#define NS_PER_S 1000000000ULL

typedef unsigned __int128 u128;

void pace_start(struct pace *p, uint64_t rate, int64_t burst_ns, int64_t now_ns)
{
	*p = (struct pace){ .rate = rate, .burst_ns = burst_ns, .start_ns = now_ns };
}

/* What may have been sent when @bursts bursts have begun. */
static uint64_t allowance(const struct pace *p, uint64_t bursts)
{
	return (u128)p->rate * p->burst_ns * bursts / NS_PER_S;
}

/* The smallest number of bursts whose allowance is above @sent. */
static uint64_t bursts_above(const struct pace *p, uint64_t sent)
{
	u128 per_burst = (u128)p->rate * p->burst_ns;

	return ((u128)(sent + 1) * NS_PER_S + per_burst - 1) / per_burst;
}

int64_t pace_deadline_ns(struct pace *p, int64_t now_ns)
{
	uint64_t begun = (now_ns - p->start_ns) / p->burst_ns + 1;

	p->allowed = allowance(p, begun);
	if (p->allowed <= p->sent)
		return p->start_ns + (int64_t)(bursts_above(p, p->sent) - 1) * p->burst_ns;
	if (p->allowed - p->sent > p->rate)
		p->sent = p->allowed - p->rate;
	return 0;
}
