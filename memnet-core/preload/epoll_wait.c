/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a set with flows in it; epoll.c says what a set is.
 *
 * Who finds nothing arms every flow and looks once more, so nothing is missed; it sleeps
 * whatever the arming said, so nobody goes round for what it was told of, or did not ask for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/epoll_internal.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/wait.h"

/* --- what there is to tell ------------------------------------------------------------ */

/* What @i has to tell now; *@at: when the flow was there. */
static uint32_t news(const struct item *i, struct mn_progress *at)
{
	uint32_t events, wanted = i->event.events;

	*at = (struct mn_progress){ 0 };
	if (i->spent)
		return 0;
	/* First: what comes between the two is an edge too many, and none too few. */
	if (wanted & EPOLLET)
		mn_sock_progress(i->s, at);
	events = mn_sock_events(i->s) & (wanted | EPOLLERR | EPOLLHUP);
	if (wanted & EPOLLET && i->told && !(events & ~i->told_events) &&
	    !mn_progress_differs(at, &i->told_at, wanted))
		return 0;
	return events;
}

/* Lock held. Number of events. */
static int collect(struct set *e, struct epoll_event *events, int max)
{
	struct item **at = &e->items, *rest;
	int n = 0;

	for (; *at && n < max; at = &(*at)->next) {
		struct mn_progress now;
		uint32_t what = mn_item_is_flow(*at) ? news(*at, &now) : 0;

		if (!what)
			continue;
		(*at)->told = true;
		(*at)->told_at = now;
		(*at)->told_events = what;
		(*at)->spent = (*at)->event.events & EPOLLONESHOT;
		events[n++] = (struct epoll_event){ .events = what, .data = (*at)->event.data };
	}
	/* Those behind are first the next time. */
	rest = *at;
	if (!rest)
		return n;
	*at = NULL;
	for (at = &rest; *at; at = &(*at)->next)
		;
	*at = e->items;
	e->items = rest;
	return n;
}

/* Lock held. What is to be told next rings: from where it was told for the last time, or now. */
static int arm(struct set *e)
{
	int ret = 0;

	for (struct item *i = e->items; i && ret >= 0; i = i->next) {
		if (!mn_item_is_flow(i) || i->spent)
			continue;
		if (i->event.events & EPOLLET && i->told)
			ret = mn_sock_arm_edge(i->s, i->event.events, &i->told_at);
		else
			ret = mn_sock_arm(i->s, i->event.events);
	}
	return ret < 0 ? ret : 0;
}

/* Lock held. */
static bool has_news(const struct set *e)
{
	struct mn_progress at;

	for (const struct item *i = e->items; i; i = i->next)
		if (mn_item_is_flow(i) && news(i, &at))
			return true;
	return false;
}

/*
 * Lock held. The outer set, with the bell of @net in it. 0 or -errno. The one before is
 * replaced in its place: threads go to sleep on that number without the lock.
 */
static int make_outer(struct set *e, struct net *net)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = e->fd };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (e->outer < 0) {
		fd = mn_fd_hide(fd);
		if (fd < 0)
			return fd;
		e->outer = fd;
	} else {
		mn_net_wake(e->net);	/* who sleeps on the one before looks again */
		mn_real()->dup3(fd, e->outer, O_CLOEXEC);
		mn_real()->close(fd);
	}
	mn_net_unnote(e->net);
	mn_net_note(net);
	e->net = net;
	if (mn_real()->epoll_ctl(e->outer, EPOLL_CTL_ADD, e->fd, &ev))
		return -errno;
	return net ? mn_net_watch(net, e->outer, &mn_epoll_knock) : 0;
}

/* Flows of a session that is over are ready, and wait for nothing. */
static struct net *net_of(const struct set *e)
{
	struct net *net = NULL;

	for (const struct item *i = e->items; i; i = i->next)
		if (mn_item_is_flow(i) && i->s->net && (!net || mn_net_lives(i->s->net)))
			net = i->s->net;
	return net;
}

/* Lock held. Has it flows? Then there is an outer set for it. */
static bool prepare(struct set *e)
{
	struct net *net = net_of(e);
	bool any = net;

	for (const struct item *i = e->items; i && !any; i = i->next)
		any = mn_item_is_flow(i);
	if (any && (e->outer < 0 || (net && net != e->net)))
		make_outer(e, net);
	return any;
}

bool mn_epoll_has_flows(int fd, bool *ready)
{
	struct set *e;
	bool has;

	*ready = false;
	if (!mn_epoll_any())
		return false;
	mn_epoll_lock_all();
	e = mn_epoll_find(fd);
	has = e && prepare(e);
	*ready = has && has_news(e);
	mn_epoll_unlock_all();
	return has;
}

int mn_epoll_arm(int fd)
{
	struct set *e;
	int ret = 1;

	if (!mn_epoll_any())
		return 1;
	mn_epoll_lock_all();
	e = mn_epoll_find(fd);
	if (e)
		ret = arm(e) ?: !has_news(e);
	mn_epoll_unlock_all();
	return ret;
}

/* --- epoll_wait ----------------------------------------------------------------------- */

/* Has the program called epoll_pwait2() itself? */
static bool finely;

/* Of the program's set, by the call it knows: its sandbox may allow no other. */
static int kernel_wait(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		       const sigset_t *mask)
{
	const struct timespec timeout = mn_timespec(timeout_ns);
	int ms = timeout_ns == INT64_MAX ? -1 :
		 MIN(timeout_ns / NSEC_PER_MSEC + (timeout_ns % NSEC_PER_MSEC != 0), INT_MAX);

	if (__atomic_load_n(&finely, __ATOMIC_RELAXED))
		return mn_real()->epoll_pwait2(epfd, events, max,
					       timeout_ns == INT64_MAX ? NULL : &timeout, mask);
	return mask ? mn_real()->epoll_pwait(epfd, events, max, ms, mask) :
		      mn_real()->epoll_wait(epfd, events, max, ms);
}

/* The kernel's events of the program's set, without a knock. Number, or -errno. */
static int ask_kernel(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		      const sigset_t *mask)
{
	int n = kernel_wait(epfd, events, max, timeout_ns, mask);
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != &mn_epoll_knock)
			events[kept++] = events[i];
	return n < 0 ? -errno : kept;
}

/* Until the bell rings, or the program's set has something. 0 or -errno. */
static int sleep_outer(int outer, int64_t timeout_ns, const sigset_t *mask)
{
	const struct timespec timeout = mn_timespec(MIN(timeout_ns, MN_NET_RESCUE_NS));
	struct epoll_event events[3];

	return mn_real()->epoll_pwait2(outer, events, ARRAY_SIZE(events), &timeout, mask) < 0 ?
	       -errno : 0;
}

/* Lock held. What flows have to tell; when nothing and @arming, they are armed. Number, -errno. */
static int ask_flows(struct set *e, struct epoll_event *events, int max, bool arming)
{
	int n = collect(e, events, max), ret;

	if (n || !arming)
		return n;
	ret = arm(e);
	return ret < 0 ? ret : collect(e, events, max);
}

/*
 * Lock held. As ask_flows(), but where flows filled the last round the kernel comes first
 * (*@asked): else flows that are always ready would keep it from ever being asked.
 */
static int look(struct set *e, struct epoll_event *events, int max, bool arming, bool *asked)
{
	int n = 0, more;

	*asked = e->filled;
	e->filled = false;
	if (*asked)
		n = ask_kernel(e->fd, events, max, 0, NULL);
	if (n < 0 || n == max)
		return n;
	more = ask_flows(e, events + n, max - n, arming && !n);
	e->filled = more == max;
	return n ? n + MAX(more, 0) : more;
}

/* Lock held. Wait for the program's set alone; the lock is let go meanwhile. */
static int wait_alone(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		      const sigset_t *mask)
{
	struct set *e = mn_epoll_find(epfd);
	int n;

	if (!e)
		e = mn_epoll_make(epfd);
	if (e)
		e->waiting++;
	mn_epoll_unlock_all();
	n = ask_kernel(epfd, events, max, timeout_ns, mask);
	mn_epoll_lock_all();
	e = mn_epoll_find(epfd);
	if (e && e->waiting && !--e->waiting) {
		if (e->knock >= 0)
			mn_real()->close(e->knock);	/* and with that out of the set */
		e->knock = -1;
	}
	return n;
}

/* One look at both kinds, and a sleep where neither has anything. Number, or -errno. */
static int one_round(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		     const sigset_t *mask, struct held *held)
{
	struct set *e;
	bool asked = false;
	int n = 0, more, outer;

	mn_epoll_lock_all();
	e = mn_epoll_find(epfd);
	if (!e || !prepare(e)) {
		n = wait_alone(epfd, events, max, timeout_ns, mask);
		mn_epoll_unlock_all();
		return n;
	}
	outer = e->outer;
	n = look(e, events, max, timeout_ns, &asked);
	mn_epoll_unlock_all();
	if (n < 0 || n == max || (n && asked))
		return n;
	if (!n && timeout_ns) {
		int ret;

		mn_signals_hold(held, mask);
		ret = sleep_outer(outer, timeout_ns, &held->mask);
		if (ret)
			return ret;
	}
	more = ask_kernel(epfd, events + n, max - n, 0, NULL);
	return n ? n + MAX(more, 0) : more;
}

static int wait_for(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		    const sigset_t *mask)
{
	int64_t end_ns = timeout_ns == INT64_MAX ? INT64_MAX : mn_now_ns() + timeout_ns;
	struct held held = { 0 };
	int n;

	do {
		int64_t left = end_ns == INT64_MAX ? INT64_MAX : MAX(end_ns - mn_now_ns(), 0);

		n = one_round(epfd, events, max, left, mask, &held);
	} while (!n && mn_now_ns() < end_ns);
	mn_signals_release(&held);
	return n;
}

static int pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		  const sigset_t *mask)
{
	if (max <= 0 || !events || !mn_timeout_is_valid(timeout))
		return mn_real()->epoll_pwait2(epfd, events, max, timeout, mask);
	return mn_result(wait_for(epfd, events, max, mn_timeout_ns(timeout), mask));
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	__atomic_store_n(&finely, true, __ATOMIC_RELAXED);
	return pwait2(epfd, events, max, timeout, mask);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms,
		       const sigset_t *mask)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);

	return pwait2(epfd, events, max, timeout_ms < 0 ? NULL : &timeout, mask);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	return epoll_pwait(epfd, events, max, timeout_ms, NULL);
}
