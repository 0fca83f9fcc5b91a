/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow is ready for, and waiting until it is. */
#include <errno.h>
#include <poll.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"
#include "memnet-core/spin.h"

struct memnet_flow *mn_sock_flow(const struct sock *s)
{
	struct memnet_flow *flow;

	/* Twice: what is so in between is so of this one. */
	do {
		flow = __atomic_load_n(&s->flow, __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&s->connecting, __ATOMIC_ACQUIRE) ||
		    (s->kind == SOCK_STREAM_FLOW &&
		     !__atomic_load_n(&s->connected, __ATOMIC_ACQUIRE)))
			return NULL;
	} while (flow != __atomic_load_n(&s->flow, __ATOMIC_ACQUIRE));
	return flow;
}

static short events_of(struct sock *s)
{
	struct memnet_flow *flow;
	short events;

	if (s->connecting && mn_sock_connect_result(s) == -EINPROGRESS)
		return 0;
	flow = mn_sock_flow(s);
	if (!flow && s->kind == SOCK_STREAM_FLOW && !s->connected)
		return POLLOUT | POLLHUP | (s->failed ? POLLIN | POLLRDHUP : 0) |
		       (s->error ? POLLERR : 0);
	if (!flow)
		return POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP;
	if (s->kind == SOCK_LISTENER_FLOW && s->shut_rd)
		return POLLOUT | POLLHUP;
	mn_flow_lock(flow, MN_RECV);
	mn_flow_lock(flow, MN_SEND);
	events = memnet_events(flow);
	mn_flow_unlock(flow, MN_SEND);
	mn_flow_unlock(flow, MN_RECV);
	/* Of datagrams nobody is connected by: datagram.c; where all is over, so is that. */
	if (s->kind == SOCK_DATAGRAM_FLOW && !s->connected && !(events & POLLHUP))
		events &= ~POLLERR;
	if (s->shut_rd)
		events |= POLLIN | POLLRDHUP | (s->shut_wr ? POLLHUP : 0);
	return events;
}

/* What there is is ordinary data, which has a second name. */
short mn_sock_events(struct sock *s)
{
	short events = events_of(s);

	return events | (events & POLLIN ? POLLRDNORM : 0) | (events & POLLOUT ? POLLWRNORM : 0);
}

/* By the first name alone, as flows are armed. */
static short plain(short events)
{
	return events | (events & POLLRDNORM ? POLLIN : 0) | (events & POLLWRNORM ? POLLOUT : 0);
}

/* A stream has no FIFOs before it is connected, nor errors of its own: attempts stand for them. */
void mn_sock_progress(struct sock *s, struct mn_progress *now)
{
	const struct memnet_flow *flow;

	if (s->connecting)
		mn_sock_connect_result(s);	/* or its end were an edge more */
	flow = mn_sock_flow(s);
	if (flow)
		mn_flow_progress(flow, now);
	else
		*now = (struct mn_progress){ .errors = ~s->attempts };
	if (s->kind == SOCK_DATAGRAM_FLOW && !s->connected)
		now->errors = 0;
}

int mn_sock_arm(struct sock *s, short events)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	int ret;

	if (s->connecting)
		return mn_sock_connect_arm(s);	/* no FIFO yet: nothing to lock */
	if (!flow)
		return 0;
	mn_flow_lock(flow, MN_RECV);
	mn_flow_lock(flow, MN_SEND);
	ret = memnet_arm(flow, plain(events));
	mn_flow_unlock(flow, MN_SEND);
	mn_flow_unlock(flow, MN_RECV);
	return ret;
}

int mn_sock_arm_edge(struct sock *s, short events, const struct mn_progress *told)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	int ret;

	if (!flow)
		return mn_sock_arm(s, events);
	mn_flow_lock(flow, MN_RECV);
	mn_flow_lock(flow, MN_SEND);
	ret = mn_flow_arm_edge(flow, plain(events), told);
	mn_flow_unlock(flow, MN_SEND);
	mn_flow_unlock(flow, MN_RECV);
	return ret;
}

/* Look for @budget_ns before sleeping. As mn_sock_events(). */
static int spin_for(struct sock *s, short events, int64_t budget_ns)
{
	int64_t end_ns = mn_now_ns() + budget_ns;
	int now;

	do {
		mn_pause();
		now = mn_sock_events(s) & (events | POLLERR | POLLHUP);
	} while (!now && mn_now_ns() < end_ns);
	return now;
}

/* As mn_sock_wait(); @held: signals wait but for the sleep. */
static int wait_held(struct sock *s, short events, int64_t timeout_ns, struct held *held)
{
	int64_t end_ns = timeout_ns ? mn_now_ns() + timeout_ns : INT64_MAX;
	int ret, slept = -1;	/* mn_net_sleep()'s answer */

	for (;;) {
		int64_t left = end_ns - mn_now_ns();

		/* Also what other threads have done: shutdown(). */
		if (mn_sock_events(s) & (events | POLLERR | POLLHUP)) {
			if (!slept)
				mn_net_rescued(s->net);
			return 0;
		}
		if (!s->net)
			return -ECONNRESET;
		ret = mn_sock_arm(s, events);
		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		if (left <= 0)
			return -EAGAIN;
		mn_signals_hold(held, NULL);
		slept = mn_net_sleep(s->net, left, &held->mask);
		if (slept == -EINTR && !timeout_ns && mn_signals_restart())
			continue;
		if (slept < 0)
			return slept;
	}
}

int mn_sock_wait(struct sock *s, short events, int64_t timeout_ns)
{
	struct mn_spin *spin = s->net ? mn_spin_own(&s->net->spin) : NULL;
	int64_t begin_ns = mn_now_ns(), budget_ns = spin ? spin->budget_ns : 0;
	struct held held = { 0 };
	int ret = 0;

	if (timeout_ns)
		budget_ns = MIN(budget_ns, timeout_ns);
	if (!budget_ns || !spin_for(s, events, budget_ns))
		ret = mn_sock_is_nonblocking(s) ? -EAGAIN :
						  wait_held(s, events, timeout_ns, &held);
	if (spin)
		mn_spin_waited(spin, mn_now_ns() - begin_ns);
	mn_signals_release(&held);
	return ret;
}
