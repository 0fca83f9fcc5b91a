/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flow moves next. Flows share the host by deficit round robin (Shreedhar, Varghese,
 * SIGCOMM 1995), in bytes: who had a turn and has more to move waits in h->backlog for the
 * next, and each round of turns gives it QUANTUM more; what it moved beyond that, its next
 * turn has less. Who comes and has not waited goes before all of them, as in fq_codel
 * (RFC 8290), for AHEAD_BYTES in each round: so a request does not wait for bulk, and a flow
 * of many requests does not keep bulk waiting. A step moves STEP_BYTES of the backlog, and
 * then it is looked who has come: for so much a request waits at most.
 *
 * VMs share by processes: each has a worker, and the kernel's scheduler divides between them.
 */
#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"

#define QUANTUM		(64 << 10)
#define AHEAD_BYTES	(16 << 10)
#define STEP_BYTES	(256 << 10)

/* A turn of flow @i, while there is credit. What it took of that. */
static int32_t take_turn(struct mn_host *h, uint32_t i)
{
	struct host_flow *f = &h->flows[i];
	int32_t before = f->credit;
	bool more = true;

	while (more && f->credit > 0)
		more = mn_flow_is_moving(f) && mn_flow_work(f);
	if (more) {
		mn_set_add(&h->backlog, i);
	} else {
		mn_set_remove(&h->backlog, i);
		mn_set_remove(&h->ready, i);
	}
	return before - f->credit;
}

void mn_turns_newcomers(struct mn_host *h)
{
	/* Also those the guest marked and does not have: FLOW_FREE, or no flow of this region. */
	for (uint32_t i = mn_set_next(&h->ready, 0); i < MN_MAX_FLOWS;
	     i = mn_set_next(&h->ready, i + 1)) {
		struct host_flow *f = &h->flows[i];

		if (mn_set_has(&h->backlog, i))
			continue;
		if (f->round != h->round) {
			f->round = h->round;
			f->credit = AHEAD_BYTES;
		}
		if (f->credit > 0)
			take_turn(h, i);
		else
			mn_set_add(&h->backlog, i);
	}
}

void mn_turns_backlog(struct mn_host *h)
{
	int32_t left = STEP_BYTES;

	while (left > 0 && !mn_set_empty(&h->backlog)) {
		uint32_t i = mn_set_next(&h->backlog, h->turn);
		struct host_flow *f = &h->flows[i];

		h->turn = i + 1;
		if (i == MN_MAX_FLOWS) {
			h->turn = 0;
			h->round++;
			continue;
		}
		f->round = h->round;
		f->credit = MIN(f->credit + QUANTUM, QUANTUM);
		if (f->credit > 0)
			left -= take_turn(h, i);
	}
	if (mn_set_empty(&h->backlog))
		h->round++;	/* nobody waits whom it could be unfair to */
}
