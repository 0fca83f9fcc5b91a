/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for several flows at once: each is armed, and the bell is one for all of them. */
#include <errno.h>
#include <poll.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/guest/memnet_internal.h"

struct poll_set {
	struct memnet_pollfd *flows;
	size_t n;
	int ready;	/* how many have something to tell */
};

static int set_look(void *arg)
{
	struct poll_set *s = arg;

	s->ready = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct memnet_pollfd *p = &s->flows[i];

		p->revents = 0;
		if (p->flow)
			p->revents = memnet_events(p->flow) & (p->events | POLLERR | POLLHUP);
		s->ready += p->revents != 0;
	}
	return !s->ready;
}

/* An end is not armed for: it is looked for again, and rings when it comes after that. */
static int set_arm(void *arg)
{
	struct poll_set *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (s->flows[i].flow)
			memnet_arm(s->flows[i].flow, s->flows[i].events);
	return set_look(s);
}

static const struct wait_ops set_ops = { set_look, set_arm };

static struct memnet *memnet_of(const struct memnet_pollfd *flows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (flows[i].flow)
			return flows[i].flow->m;
	return NULL;
}

int memnet_poll(struct memnet_pollfd *flows, size_t n, int timeout_ms)
{
	struct poll_set s = { .flows = flows, .n = n };
	struct memnet *m = memnet_of(flows, n);
	int64_t deadline_ns = INT64_MAX;
	int ret;

	if (!m)
		return -EINVAL;
	if (!set_look(&s))
		return s.ready;
	if (timeout_ms >= 0)
		deadline_ns = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	ret = mn_wait_until(m, mn_spin_own(&m->spin), &set_ops, &s, deadline_ns);
	if (ret == -ETIMEDOUT)
		return 0;
	return ret ? ret : s.ready;
}
