/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The region's memory. A region that is a file is sparse: a page of it is there once somebody
 * has written it, so FIFOs grow with what lies in them. Here they shrink. Given back are,
 * when they have been at rest for REST_TICKS,
 *
 *   both FIFOs of a number that is no flow's,
 *   the receive FIFO of one, if it is empty: its consumer reads behind what it released no more.
 *
 * Not the send FIFO of one: its producer may have written what it has yet to publish, and it
 * alone knows. A page given back reads as zeros and comes again when it is written, in each
 * mapping of the file, mirrored or a VM's.
 *
 * Where more is in use than the VM may have, all of that goes at once, at most once in a tick,
 * and then new flows are refused. The arena's whole size comes on top of what it may have: what
 * is in use of that only the guest knows. What the guest touches all by itself nobody can refuse it; that is bounded by the
 * region's size, and what of it is no flow's is given back at the next tick.
 */
#include <inttypes.h>
#include <stdio.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

#define REST_TICKS	(5 * 1000 / MN_HEARTBEAT_MS)
#define SILENT_NS	(60 * NSEC_PER_SEC)

static void give_back(struct host_flow *f, enum mn_direction direction)
{
	const struct mn_host_config *c = &f->host->config;

	c->give_back(c->arg, mn_fifo_offset(&c->geometry, mn_flow_id(f), direction),
		     c->geometry.fifo_bytes);
}

static void shrink(struct host_flow *f)
{
	give_back(f, MN_RECV);
	if (f->state == FLOW_FREE)
		give_back(f, MN_SEND);
	f->bare = true;
}

static bool can_shrink(const struct host_flow *f)
{
	return f->state == FLOW_FREE ||
	       mn_fetch(&f->to_guest.theirs->c_tail) == f->to_guest.head;
}

static bool is_over(const struct mn_host *h)
{
	return h->config.memory && h->config.in_use(h->config.arg) >
				   h->config.memory + h->config.geometry.arena_bytes;
}

/*
 * Whatever was bare may have been touched, and what is between the last FIFO and the arena, where
 * nothing is. The arena's objects are the guest's to remove.
 */
static void shrink_all(struct mn_host *h)
{
	const struct mn_geometry *g = &h->config.geometry;
	uint64_t end = mn_fifo_offset(g, g->flows, MN_SEND), arena = mn_arena_offset(g);

	for (uint32_t i = 0; i < g->flows; i++)
		if (can_shrink(&h->flows[i]))
			shrink(&h->flows[i]);
	if (end < arena)
		h->config.give_back(h->config.arg, end, arena - end);
}

/* False: there is still too much. Who asks in vain asks again and again. */
static bool shrink_enough(struct mn_host *h)
{
	if (!is_over(h))
		return true;
	if (h->shrunk)
		return false;
	h->shrunk = true;
	shrink_all(h);
	return !is_over(h);
}

/* Once a minute. */
static void tell(struct mn_host *h)
{
	int64_t now = mn_now_ns();
	char line[160];

	if (h->memory_told_ns && now - h->memory_told_ns < SILENT_NS)
		return;
	h->memory_told_ns = now;
	snprintf(line, sizeof(line), "no new streams: %" PRIu64 " bytes of the region are in use; "
		 "raise --memory above %" PRIu64, h->config.in_use(h->config.arg),
		 h->config.memory);
	mn_host_report(h, line);
}

bool mn_memory_is_left(struct mn_host *h)
{
	bool left = shrink_enough(h);

	if (!left)
		tell(h);
	return left;
}

static void flow_ticks(struct host_flow *f)
{
	if (!can_shrink(f) || f->rests_at != f->to_guest.head) {
		f->rests_at = f->to_guest.head;
		f->rest = 0;
		f->bare = false;
	} else if (!f->bare && ++f->rest >= REST_TICKS) {
		shrink(f);
	}
}

void mn_memory_tick(struct mn_host *h)
{
	if (!h->config.give_back)
		return;
	h->shrunk = false;
	for (uint32_t i = 0; i < h->config.geometry.flows; i++)
		flow_ticks(&h->flows[i]);
	shrink_enough(h);
}
