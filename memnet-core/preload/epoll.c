/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll with flows in it. Ordinary descriptors are in the kernel's set, flows are kept here,
 * a fresh socket is in both until it becomes a flow. Who waits does so for an outer set of
 * ours, which has the program's and the bell in it: so the program's own tells nothing but
 * what is the program's, whoever else polls it. A set without flows is waited for as it is;
 * a thread that does so while another adds the first flow is woken by an eventfd, the knock.
 *
 * Edges are told from the indices: a flow has news when its peer's index has moved since
 * it was last reported.
 *
 * Cost: each epoll_wait() looks at every flow of the set, some 20 ns each.
 */
#include "memnet-core/preload/epoll.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/sock.h"

struct item {
	struct item *next;
	struct sock *s;		/* with a reference */
	int fd;
	struct epoll_event event;
	bool told;		/* at least once since it was put in or changed, */
	uint32_t told_events;	/* this, */
	uint64_t told_in, told_out;	/* when the indices were these */
	bool spent;		/* EPOLLONESHOT */
};

struct set {
	struct set *next;
	int fd;
	int outer;		/* -1: it has never had flows */
	struct net *net;	/* whose bell is in it, without a reference */
	struct item *items;
	unsigned int waiting;	/* threads, for the program's set alone, */
	int knock;		/* and what wakes them; -1 */
};

/* The data of the knock's event; no program can have this address of ours. */
static char knock_mark;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct set *sets;

static struct set *find_set(int fd)
{
	struct set *e;

	for (e = sets; e && e->fd != fd; e = e->next)
		;
	return e;
}

static struct item *find_item(const struct set *e, int fd)
{
	struct item *i;

	for (i = e->items; i && i->fd != fd; i = i->next)
		;
	return i;
}

static struct set *make_set(int fd)
{
	struct set *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct set){ .fd = fd, .outer = -1, .knock = -1, .next = sets };
	sets = e;
	return e;
}

static void remove_item(struct item **at)
{
	struct item *i = *at;

	*at = i->next;
	__atomic_sub_fetch(&i->s->items, 1, __ATOMIC_RELAXED);
	mn_sock_put(i->s);
	free(i);
}

static bool is_flow(const struct item *i)
{
	return i->s->kind != SOCK_FRESH;
}

static void close_hidden(int fd)
{
	if (fd < 0)
		return;
	mn_sock_forget(fd);
	mn_real()->close(fd);
}


/* --- epoll_ctl ------------------------------------------------------------------------ */

/* Threads that wait for the kernel's set alone, and those that wait for the bell. */
static void wake_waiters(struct set *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &knock_mark };
	int fd;

	if (e->net)
		mn_net_wake(e->net);
	if (!e->waiting)
		return;
	fd = eventfd(1, EFD_CLOEXEC);
	if (fd < 0)
		return;
	/* It stays until all have seen it: the last one closes it. */
	if (e->knock < 0 && !mn_real()->epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &ev))
		e->knock = fd;
	else
		mn_real()->close(fd);
}

static void change(struct item *i, const struct epoll_event *event)
{
	i->event = *event;
	i->told = i->spent = false;
}

/* Takes a reference to @s. 0 or -errno. */
static int add(int epfd, int fd, struct sock *s, struct epoll_event *event)
{
	struct set *e = find_set(epfd);
	struct item *i;

	if (!e)
		e = make_set(epfd);
	if (!e)
		return -ENOMEM;
	if (find_item(e, fd))
		return -EEXIST;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->s = mn_sock_get(fd);
	if (i->s != s) {		/* closed by another thread */
		if (i->s)
			mn_sock_put(i->s);
		free(i);
		return -EBADF;
	}
	__atomic_add_fetch(&s->items, 1, __ATOMIC_RELAXED);
	i->fd = fd;
	change(i, event);
	i->next = e->items;
	e->items = i;
	if (is_flow(i))
		wake_waiters(e);
	return 0;
}

/* Is it an epoll at all? The kernel's answer to a request that changes nothing. 0 or -errno. */
static int check_epoll(int epfd, int fd)
{
	if (!mn_real()->epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) || errno == ENOENT)
		return 0;
	return -errno;
}

static int control(int epfd, int op, int fd, struct sock *s, struct epoll_event *event)
{
	struct set *e = find_set(epfd);
	struct item **at = NULL;

	if (op == EPOLL_CTL_ADD)
		return event ? add(epfd, fd, s, event) : -EFAULT;
	for (at = e ? &e->items : NULL; at && *at && (*at)->fd != fd; at = &(*at)->next)
		;
	if (!at || !*at)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		remove_item(at);
	} else if (op == EPOLL_CTL_MOD && event) {
		if (((*at)->event.events | event->events) & EPOLLEXCLUSIVE)
			return -EINVAL;
		change(*at, event);
		wake_waiters(e);
	} else {
		return op == EPOLL_CTL_MOD ? -EFAULT : -EINVAL;
	}
	return 0;
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct sock *s = mn_sock_get(fd);
	int ret = 0;

	if (!s)
		return mn_real()->epoll_ctl(epfd, op, fd, event);
	if (s->kind == SOCK_FRESH)
		ret = mn_real()->epoll_ctl(epfd, op, fd, event) ? -errno : 0;
	else
		ret = check_epoll(epfd, fd);
	if (!ret) {
		pthread_mutex_lock(&lock);
		ret = control(epfd, op, fd, s, event);
		pthread_mutex_unlock(&lock);
	}
	mn_sock_put(s);
	return mn_result(ret);
}

/* --- what others say ------------------------------------------------------------------ */

void mn_epoll_converts(struct sock *s)
{
	pthread_mutex_lock(&lock);
	for (const struct set *e = sets; e; e = e->next)
		for (struct item *i = e->items; i; i = i->next)
			if (i->s == s)
				mn_real()->epoll_ctl(e->fd, EPOLL_CTL_DEL, i->fd, NULL);
	pthread_mutex_unlock(&lock);
}

void mn_epoll_converted(struct sock *s)
{
	pthread_mutex_lock(&lock);
	for (struct set *e = sets; e; e = e->next)
		for (const struct item *i = e->items; i; i = i->next)
			if (i->s == s)
				wake_waiters(e);
	pthread_mutex_unlock(&lock);
}

void mn_epoll_drop(struct sock *s)
{
	pthread_mutex_lock(&lock);
	for (struct set *e = sets; e; e = e->next)
		for (struct item **at = &e->items; *at;)
			if ((*at)->s == s)
				remove_item(at);
			else
				at = &(*at)->next;
	pthread_mutex_unlock(&lock);
}

void mn_epoll_forget(int fd)
{
	pthread_mutex_lock(&lock);
	for (struct set **at = &sets; *at; at = &(*at)->next) {
		struct set *e = *at;

		if (e->fd != fd)
			continue;
		while (e->items)
			remove_item(&e->items);
		*at = e->next;
		close_hidden(e->outer);
		close_hidden(e->knock);
		free(e);
		break;
	}
	pthread_mutex_unlock(&lock);
}

void mn_epoll_lock_all(void)
{
	pthread_mutex_lock(&lock);
}

void mn_epoll_unlock_all(void)
{
	pthread_mutex_unlock(&lock);
}

/* --- what there is to tell ------------------------------------------------------------ */

static uint32_t news(struct item *i)
{
	uint32_t events = mn_sock_events(i->s) & (i->event.events | EPOLLERR | EPOLLHUP);
	uint64_t in = 0, out = 0;

	if (i->spent || !events)
		return 0;
	if (!(i->event.events & EPOLLET))
		return events;
	if (i->s->flow && !i->s->connecting)
		mn_flow_progress(i->s->flow, &in, &out);
	if (i->told && in == i->told_in && out == i->told_out && !(events & ~i->told_events))
		return 0;
	i->told_in = in;
	i->told_out = out;
	return events;
}

/* Lock held. Number of events. */
static int collect(struct set *e, struct epoll_event *events, int max)
{
	struct item **at = &e->items, *rest;
	int n = 0;

	for (; *at && n < max; at = &(*at)->next) {
		uint32_t what = is_flow(*at) ? news(*at) : 0;

		if (!what)
			continue;
		(*at)->told = true;
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

/* What is to be told next: from where it was told for the last time, or from now. */
static int arm_item(struct item *i)
{
	bool beyond = i->event.events & EPOLLET && i->told && i->s->flow &&
		      (i->s->kind != SOCK_STREAM_FLOW || i->s->connected);

	return beyond ? mn_flow_arm_beyond(i->s->flow, i->told_in, i->told_out) :
			mn_sock_arm(i->s, i->event.events);
}

/* Lock held. 1: all are armed; 0: there is something to tell; -errno. */
static int arm(struct set *e)
{
	int ret = 1;

	for (struct item *i = e->items; i && ret > 0; i = i->next)
		if (is_flow(i) && !i->spent)
			ret = arm_item(i);
	return ret;
}

/* Lock held. The outer set, with the bell of @net in it. 0 or -errno. */
static int make_outer(struct set *e, struct net *net)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = e->fd };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	fd = mn_fd_hide(fd);
	if (fd < 0)
		return fd;
	close_hidden(e->outer);
	e->outer = fd;
	e->net = net;
	if (mn_real()->epoll_ctl(fd, EPOLL_CTL_ADD, e->fd, &ev))
		return -errno;
	return net ? mn_net_watch(net, fd, &knock_mark) : 0;
}

/* Lock held. Has it flows? Then there is an outer set for it. */
static bool prepare(struct set *e)
{
	bool any = false;
	struct net *net = NULL;

	for (const struct item *i = e->items; i && !net; i = i->next) {
		any |= is_flow(i);
		if (is_flow(i))
			net = i->s->net;
	}
	if (any && (e->outer < 0 || (net && net != e->net)))
		make_outer(e, net);
	return any;
}

bool mn_epoll_has_flows(int fd, bool *ready)
{
	struct set *e;
	bool has = false;

	*ready = false;
	if (!__atomic_load_n(&sets, __ATOMIC_RELAXED))
		return false;
	pthread_mutex_lock(&lock);
	e = find_set(fd);
	if (e && prepare(e)) {
		has = true;
		for (struct item *i = e->items; i && !*ready; i = i->next)
			*ready = is_flow(i) && !i->spent &&
				 mn_sock_events(i->s) & (i->event.events | EPOLLERR | EPOLLHUP);
	}
	pthread_mutex_unlock(&lock);
	return has;
}

int mn_epoll_arm(int fd)
{
	struct set *e;
	int ret = 1;

	pthread_mutex_lock(&lock);
	e = find_set(fd);
	if (e)
		ret = arm(e);
	pthread_mutex_unlock(&lock);
	return ret;
}

/* --- epoll_wait ----------------------------------------------------------------------- */

/* The kernel's events of the program's set, without a knock. Number, or -errno. */
static int ask_kernel(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		      const sigset_t *mask)
{
	const struct timespec timeout = mn_timespec(timeout_ns);
	int n = mn_real()->epoll_pwait2(epfd, events, max,
					timeout_ns == INT64_MAX ? NULL : &timeout, mask);
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != &knock_mark)
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

/* What flows have to tell; when nothing, they are armed. Number, or -errno. */
static int ask_flows(struct set *e, struct epoll_event *events, int max)
{
	int n, armed = 1;

	do {
		n = collect(e, events, max);
		if (!n)
			armed = arm(e);
	} while (!n && !armed);
	return armed < 0 ? armed : n;
}

/* Lock held. Wait for the program's set alone; the lock is let go meanwhile. */
static int wait_alone(int epfd, struct epoll_event *events, int max, int64_t timeout_ns,
		      const sigset_t *mask)
{
	struct set *e = find_set(epfd);
	int n;

	if (!e)
		e = make_set(epfd);
	if (e)
		e->waiting++;
	pthread_mutex_unlock(&lock);
	n = ask_kernel(epfd, events, max, timeout_ns, mask);
	pthread_mutex_lock(&lock);
	e = find_set(epfd);
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
	int n = 0, more, outer;

	pthread_mutex_lock(&lock);
	e = find_set(epfd);
	if (!e || !prepare(e)) {
		n = wait_alone(epfd, events, max, timeout_ns, mask);
		pthread_mutex_unlock(&lock);
		return n;
	}
	outer = e->outer;
	n = ask_flows(e, events, max);
	pthread_mutex_unlock(&lock);
	if (n < 0 || n == max)
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

static bool is_valid(const struct timespec *timeout)
{
	return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
			    timeout->tv_nsec < NSEC_PER_SEC);
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	if (max <= 0 || !events || !is_valid(timeout))
		return mn_real()->epoll_pwait2(epfd, events, max, timeout, mask);
	return mn_result(wait_for(epfd, events, max, timeout ? timeout->tv_sec * NSEC_PER_SEC +
				  timeout->tv_nsec : INT64_MAX, mask));
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms,
		       const sigset_t *mask)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);

	return epoll_pwait2(epfd, events, max, timeout_ms < 0 ? NULL : &timeout, mask);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	return epoll_pwait(epfd, events, max, timeout_ms, NULL);
}
