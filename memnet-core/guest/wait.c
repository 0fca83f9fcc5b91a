/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for the host, and telling it. fifo.h and waiter.h say why nobody is missed. */
#include <errno.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/pending.h"

/* No sleep is longer. The bell is a hint; this bounds the harm of a lost one. */
#define RESCUE_MS	100
/* Where the host has no bell to ring us with. */
#define TIMER_MS	1
/* Looks between two readings of the clock. */
#define LOOKS		32

static void tell(struct memnet *m)
{
	if (mn_pending_host_asleep(mn_header(m->region->base))) {
		mn_count(&m->counters.kicks_to_host, 1);
		mn_region_ring(m->region);
	} else {
		mn_count(&m->counters.kicks_suppressed, 1);
	}
}

void mn_tell_flow(struct memnet *m, uint32_t flow, bool wanted)
{
	if (!wanted) {
		mn_count(&m->counters.kicks_suppressed, 1);
		return;
	}
	mn_pending_mark_flow(mn_header(m->region->base), flow);
	tell(m);
}

void mn_tell_channel(struct memnet *m, bool wanted)
{
	if (!wanted)
		return;
	mn_pending_mark_channel(mn_header(m->region->base), m->channel);
	tell(m);
}

/* Look for the budget's time. As look(). */
static int spin_for(struct memnet *m, int64_t budget_ns, const struct wait_ops *ops, void *end)
{
	int64_t begin = mn_now_ns(), now = begin;
	int ret = 1;

	while (ret > 0 && now - begin < budget_ns) {
		if (!mn_session_is_current(&m->session))
			return -ECONNRESET;
		for (int i = 0; i < LOOKS && ret > 0; i++) {
			if (ops->pause)
				ops->pause(end);
			else
				mn_pause();
			ret = ops->look(end);
		}
		now = mn_now_ns();
	}
	mn_count(&m->counters.spin_ns, now - begin);
	return ret;
}

static bool has_bell(const struct memnet *m)
{
	return m->session.features & (MN_F_VECTORS | MN_F_PORT);
}

int mn_longest_sleep_ms(const struct memnet *m)
{
	return has_bell(m) ? RESCUE_MS : TIMER_MS;
}

void mn_count_rescue(struct memnet *m)
{
	mn_count(&m->counters.timer_rescues, has_bell(m));
}

/* How long to sleep, rounded up. 0: the deadline has passed. */
static int timeout_ms(const struct memnet *m, int64_t deadline_ns)
{
	int most = mn_longest_sleep_ms(m);
	int64_t left_ns = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - mn_now_ns();

	if (left_ns >= most * NSEC_PER_MSEC)
		return most;
	return left_ns > 0 ? (left_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0;
}

struct condition {
	const struct memnet *m;
	const struct wait_ops *ops;
	void *end;
};

static bool is_met(void *arg)
{
	const struct condition *c = arg;

	return !mn_session_is_current(&c->m->session) || c->ops->look(c->end) <= 0;
}

/* Arm, look, sleep, until there is something to do. 0 or -errno. */
static int sleep_until(struct memnet *m, const struct wait_ops *ops, void *end,
		       int64_t deadline_ns)
{
	struct condition condition = { m, ops, end };
	const struct mn_news news = { is_met, &condition };
	int slept = -1;	/* mn_waiter_sleep()'s answer */

	for (;;) {
		uint32_t ticket = mn_waiter_ticket(&m->waiter);
		int ret = -ECONNRESET, ms;
		int64_t begin;

		/* The event index of a session that is over is somebody else's. */
		if (mn_session_is_current(&m->session))
			ret = ops->arm(end);
		if (ret <= 0) {
			if (!ret && !slept)
				mn_count_rescue(m);
			return ret;
		}
		ret = mn_session_check(&m->session);
		ms = timeout_ms(m, deadline_ns);
		if (ret || !ms)
			return ret ? ret : -ETIMEDOUT;
		begin = mn_now_ns();
		slept = mn_waiter_sleep(&m->waiter, ticket, &news, ms);
		mn_count(&m->counters.sleep_ns, mn_now_ns() - begin);
		if (slept < 0)
			return slept;
	}
}

int mn_wait_for(struct memnet *m, struct mn_spin *spin, const struct wait_ops *ops, void *end)
{
	return mn_wait_until(m, spin, ops, end, INT64_MAX);
}

int mn_wait_until(struct memnet *m, struct mn_spin *spin, const struct wait_ops *ops, void *end,
		  int64_t deadline_ns)
{
	int64_t begin = spin->max_ns ? mn_now_ns() : 0;
	int ret = 1;

	if (spin->budget_ns)
		ret = spin_for(m, MIN(spin->budget_ns, deadline_ns - begin), ops, end);
	if (ret > 0)
		ret = sleep_until(m, ops, end, deadline_ns);
	if (spin->max_ns)
		mn_spin_waited(spin, mn_now_ns() - begin);
	/* Indices that went back: of the session's end, or of a breach? */
	return ret == -EPROTO && !mn_session_is_current(&m->session) ? -ECONNRESET : ret;
}
