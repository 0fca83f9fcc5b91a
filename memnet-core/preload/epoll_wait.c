/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a set with flows in it; epoll.c says what a set is.
 *
 * Who finds nothing arms every flow and looks once more, so nothing is missed; it sleeps
 * whatever the arming said, so nobody goes round for what it was told of, or did not ask for.
 *
 * A ring, which is an edge, wakes one of the threads that sleep for a set. It may bring more than
 * that one takes: who has slept, or takes something, wakes another when there is more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

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
	mn_fd_close_hidden(e->nudge);
	e->nudge = -1;
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

struct net *mn_epoll_net(int fd)
{
	struct net *net = NULL;
	const struct set *e;

	if (!mn_epoll_any())
		return NULL;
	mn_epoll_lock_all();
	e = mn_epoll_find(fd);
	if (e)
		net = net_of(e);
	if (net)
		mn_net_hold(net);
	mn_epoll_unlock_all();
	return net;
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

/* Where this thread is counted as one that waits; also after it has left that by longjmp(). */
static __thread struct {
	int epfd;
	bool asleep;	/* one of set.sleeping, else of set.waiting */
} counted = { .epfd = -1 };

/* Lock held. */
static void count_in(struct set *e, int epfd, bool asleep)
{
	unsigned int *count = asleep ? &e->sleeping : &e->waiting;

	++*count;
	counted.epfd = epfd;
	counted.asleep = asleep;
}

static void count_out(void *unused)
{
	struct set *e;

	if (counted.epfd < 0)
		return;
	mn_epoll_lock_all();
	e = mn_epoll_find(counted.epfd);
	if (e && counted.asleep && e->sleeping)
		e->sleeping--;
	if (e && !counted.asleep && e->waiting && !--e->waiting) {
		if (e->knock >= 0)
			mn_real()->close(e->knock);	/* and with that out of the set */
		e->knock = -1;
	}
	counted.epfd = -1;
	mn_epoll_unlock_all();
}

/* Lock held, which is let go. Wait for the program's set alone. */
static int wait_alone(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		      const sigset_t *mask)
{
	struct set *e = mn_epoll_find(epfd);
	int n;

	if (!e)
		e = mn_epoll_make(epfd);
	if (e)
		count_in(e, epfd, false);
	mn_epoll_unlock_all();
	pthread_cleanup_push(count_out, NULL);
	n = ask_kernel(epfd, events, max, timeout_ns, mask);
	pthread_cleanup_pop(1);
	return n;
}

/* One epoll_wait(). */
struct wait {
	int epfd;
	struct epoll_event *events;
	int max;
	const sigset_t *mask;
	struct held held;
	bool slept, timed;	/* at all; the last sleep's time was over */
};

/* Lock held, which is let go. Until the bell rings, or the program's set tells. 0 or -errno. */
static int sleep_outer(struct wait *w, struct set *e, int64_t timeout_ns)
{
	const struct timespec timeout = mn_timespec(MIN(timeout_ns, mn_net_rescue_ns(e->net)));
	struct epoll_event events[4];
	int outer = e->outer, n;

	count_in(e, w->epfd, true);
	mn_epoll_unlock_all();
	mn_signals_hold(&w->held, w->mask);
	pthread_cleanup_push(count_out, NULL);
	n = mn_real()->epoll_pwait2(outer, events, ARRAY_SIZE(events), &timeout, &w->held.mask);
	n = n < 0 ? -errno : n;
	pthread_cleanup_pop(1);
	w->slept = true;
	w->timed = !n;
	return MIN(n, 0);
}

/* Lock held. The outer set has something to wake one by. */
static bool make_nudge(struct set *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = &mn_epoll_knock };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd >= 0)
		fd = mn_fd_hide(fd);
	if (fd < 0 || mn_real()->epoll_ctl(e->outer, EPOLL_CTL_ADD, fd, &ev)) {
		mn_fd_close_hidden(fd);
		return false;
	}
	e->nudge = fd;
	return true;
}

/* Lock held. Have one of those that sleep for @e look. */
static void wake_next(struct set *e)
{
	const uint64_t one = 1;

	if ((e->nudge < 0 && !make_nudge(e)) ||
	    mn_real()->write(e->nudge, &one, sizeof(one)) < 0)
		mn_net_wake(e->net);
}

static void pass_on(int epfd)
{
	struct set *e;

	mn_epoll_lock_all();
	e = mn_epoll_find(epfd);
	if (e && e->sleeping && e->net && has_news(e))
		wake_next(e);
	mn_epoll_unlock_all();
}

/* One look at both kinds, and a sleep where neither has anything. Number, or -errno. */
static int one_round(struct wait *w, int64_t timeout_ns)
{
	struct set *e;
	bool asked = false;
	int n = 0, more, ret = 0;

	mn_epoll_lock_all();
	e = mn_epoll_find(w->epfd);
	if (!e || !prepare(e))
		return wait_alone(w->epfd, w->events, w->max, timeout_ns, w->mask);
	n = look(e, w->events, w->max, timeout_ns, &asked);
	if (n > 0 && w->timed && e->net)
		mn_net_rescued(e->net);
	if (!n && timeout_ns)
		ret = sleep_outer(w, e, timeout_ns);
	else
		mn_epoll_unlock_all();
	if (ret || n < 0 || n == w->max || (n && asked))
		return ret ? ret : n;
	more = ask_kernel(w->epfd, w->events + n, w->max - n, 0, NULL);
	return n ? n + MAX(more, 0) : more;
}

/* How long to look before sleeping: as the session has it that its flows are of. */
static struct mn_spin *spin_of(int epfd)
{
	struct mn_spin *spin = NULL;
	const struct set *e;
	const struct net *net;

	mn_epoll_lock_all();
	e = mn_epoll_find(epfd);
	net = e ? e->net ?: net_of(e) : NULL;
	if (net)
		spin = mn_spin_own(&net->spin);
	mn_epoll_unlock_all();
	return spin;
}

static int wait_for(struct wait *w, int64_t timeout_ns)
{
	int64_t begin_ns = mn_now_ns(), spin_end_ns = begin_ns, now_ns = begin_ns;
	int64_t end_ns = timeout_ns == INT64_MAX ? INT64_MAX : begin_ns + timeout_ns;
	struct mn_spin *spin = timeout_ns ? spin_of(w->epfd) : NULL;
	int n;

	if (spin)
		spin_end_ns += spin->budget_ns;
	do {
		int64_t left = end_ns == INT64_MAX ? INT64_MAX : MAX(end_ns - now_ns, 0);

		n = one_round(w, now_ns < spin_end_ns ? 0 : left);
		now_ns = mn_now_ns();
	} while (!n && now_ns < end_ns);
	if (spin)
		mn_spin_waited(spin, now_ns - begin_ns);
	if (n > 0 || w->slept)
		pass_on(w->epfd);
	mn_signals_release(&w->held);
	return n;
}

static int pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		  const sigset_t *mask)
{
	struct wait w = { .epfd = epfd, .events = events, .max = max, .mask = mask };

	if (max <= 0 || !events || !mn_timeout_is_valid(timeout))
		return mn_real()->epoll_pwait2(epfd, events, max, timeout, mask);
	mn_net_look_forked();
	count_out(NULL);	/* of a call that a handler has left */
	return mn_result(wait_for(&w, mn_timeout_ns(timeout)));
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
