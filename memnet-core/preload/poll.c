/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll() and select() with flows among the descriptors: those are looked at here, the
 * others by the kernel, together with this thread's bell.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"

#define FEW	64

/* A call's descriptors, split. */
struct split {
	struct pollfd *fds;	/* the program's */
	nfds_t n;
	struct pollfd *kernel;	/* n + 1: what the kernel looks at; the last is the bell */
	struct sock **socks;	/* n: with a reference, NULL: the kernel's */
	struct net *net;	/* of one of the flows, or of one in a set, */
	bool has_net;		/* which is ours to put */
};

static void split(struct split *w)
{
	for (nfds_t i = 0; i < w->n; i++) {
		w->kernel[i] = w->fds[i];
		w->socks[i] = mn_sock_get_flow(w->fds[i].fd);
		if (w->socks[i]) {
			w->kernel[i].fd = -1;
			if (w->socks[i]->net)
				w->net = w->socks[i]->net;
		}
	}
	if (w->net)
		return;
	for (nfds_t i = 0; i < w->n && !w->net; i++)
		w->net = w->socks[i] ? NULL : mn_epoll_net(w->fds[i].fd);
	w->has_net = w->net;
}

static void put(const struct split *w)
{
	for (nfds_t i = 0; i < w->n; i++)
		if (w->socks[i])
			mn_sock_put(w->socks[i]);
	if (w->has_net)
		mn_net_put(w->net);
}

/* Fill in what flows are ready for. How many are. */
static int look(const struct split *w)
{
	int ready = 0;
	bool epoll;

	for (nfds_t i = 0; i < w->n; i++) {
		struct pollfd *p = &w->fds[i];

		p->revents = 0;
		if (w->socks[i])
			p->revents = mn_sock_events(w->socks[i]) & (p->events | POLLERR | POLLHUP);
		else if (mn_epoll_has_flows(p->fd, &epoll) && epoll)
			p->revents = POLLIN & p->events;
		ready += p->revents != 0;
	}
	return ready;
}

/* 1: all are armed; 0: look again; -errno. */
static int arm(const struct split *w)
{
	int ret = 1;

	for (nfds_t i = 0; i < w->n && ret > 0; i++)
		ret = w->socks[i] ? mn_sock_arm(w->socks[i], w->fds[i].events) :
				    mn_epoll_arm(w->fds[i].fd);
	return ret;
}

/*
 * Ask the kernel, for @timeout_ns; add what it says. How many are ready, or -errno. *@timed: the
 * time was over.
 */
static int ask_kernel(const struct split *w, int64_t timeout_ns, const sigset_t *mask, bool *timed)
{
	struct timespec timeout = mn_timespec(MIN(timeout_ns, mn_net_rescue_ns(w->net)));
	struct pollfd *bell = &w->kernel[w->n];
	int ready = 0, n;

	*bell = (struct pollfd){ .fd = mn_net_bell(w->net), .events = POLLIN };
	if (bell->fd < 0)
		return bell->fd;
	n = mn_real()->ppoll(w->kernel, w->n + 1, &timeout, mask);
	if (n < 0)
		return -errno;
	*timed = !n && timeout_ns;
	if (bell->revents)
		mn_net_heard(w->net);
	for (nfds_t i = 0; i < w->n; i++) {
		if (!w->socks[i])
			w->fds[i].revents |= w->kernel[i].revents;
		ready += w->fds[i].revents != 0;
	}
	return ready;
}

static int wait_for(struct split *w, int64_t timeout_ns, const sigset_t *mask, struct held *held)
{
	int64_t begin_ns = mn_now_ns();
	int64_t end_ns = timeout_ns == INT64_MAX ? INT64_MAX : begin_ns + timeout_ns;
	int64_t spin_end_ns = w->net ? begin_ns + mn_spin_own(&w->net->spin)->budget_ns : 0;
	bool timed = false;	/* the last sleep */
	int ready, armed;

	for (;;) {
		int64_t now_ns = mn_now_ns(), left = MAX(end_ns - now_ns, 0);
		bool sleeps = left && now_ns >= spin_end_ns;

		ready = look(w);
		if (ready && timed && w->net)
			mn_net_rescued(w->net);
		armed = ready || !sleeps ? 1 : arm(w);
		if (armed < 0)
			return armed;
		if (!armed)
			continue;
		if (!ready && sleeps)
			mn_signals_hold(held, mask);
		ready = ask_kernel(w, ready || !sleeps ? 0 : left, held->on ? &held->mask : NULL,
				   &timed);
		if (ready || !left)
			return ready;
	}
}

static int wait_split(struct split *w, const struct timespec *timeout, const sigset_t *mask)
{
	int64_t begin_ns = mn_now_ns();
	struct held held = { 0 };
	int ret;

	split(w);
	ret = wait_for(w, mn_timeout_ns(timeout), mask, &held);
	if (w->net)
		mn_spin_waited(mn_spin_own(&w->net->spin), mn_now_ns() - begin_ns);
	mn_signals_release(&held);
	put(w);
	return ret;
}

static int poll_many(struct split *w, const struct timespec *timeout, const sigset_t *mask)
{
	int ret = -ENOMEM;

	mn_hold();
	w->kernel = malloc((w->n + 1) * sizeof(*w->kernel));
	w->socks = malloc((w->n + 1) * sizeof(*w->socks));
	mn_release();
	if (w->kernel && w->socks)
		ret = wait_split(w, timeout, mask);
	mn_hold();
	free(w->kernel);
	free(w->socks);
	mn_release();
	return ret;
}

/* A few without malloc(): handlers call poll(), in the middle of it perhaps. */
static int poll_split(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		      const sigset_t *mask)
{
	struct pollfd kernel[FEW + 1];
	struct sock *socks[FEW];
	struct split w = { .fds = fds, .n = n, .kernel = kernel, .socks = socks };

	return n <= FEW ? wait_split(&w, timeout, mask) : poll_many(&w, timeout, mask);
}

static bool any_flow(struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++) {
		struct sock *s = mn_sock_get_flow(fds[i].fd);
		bool ready;

		if (s)
			mn_sock_put(s);
		if (s || mn_epoll_has_flows(fds[i].fd, &ready))
			return true;
	}
	return false;
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!mn_timeout_is_valid(timeout) || !any_flow(fds, n))
		return mn_real()->ppoll(fds, n, timeout, mask);
	return mn_result(poll_split(fds, n, timeout, mask));
}

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);

	return ppoll(fds, n, timeout_ms < 0 ? NULL : &timeout, NULL);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size);
EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t size);

extern void __chk_fail(void) __attribute__((noreturn));

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, timeout_ms);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

/* --- select -------------------------------------------------------------------------- */

static bool in(int fd, const fd_set *set)
{
	return set && FD_ISSET(fd, set);
}

static nfds_t to_poll(int n, const fd_set *r, const fd_set *w, const fd_set *x,
		      struct pollfd fds[FD_SETSIZE])
{
	nfds_t count = 0;

	for (int fd = 0; fd < n; fd++) {
		short events = (in(fd, r) ? POLLIN : 0) | (in(fd, w) ? POLLOUT : 0) |
			       (in(fd, x) ? POLLPRI : 0);

		if (events)
			fds[count++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return count;
}

/* Of what was asked for, what is: as the kernel makes three sets of poll's events. */
static int from_poll(const struct pollfd *fds, nfds_t n, fd_set *r, fd_set *w, fd_set *x)
{
	static const short readable = POLLIN | POLLHUP | POLLERR, writable = POLLOUT | POLLERR;
	int bits = 0;

	if (r)
		FD_ZERO(r);
	if (w)
		FD_ZERO(w);
	if (x)
		FD_ZERO(x);
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
		if (fds[i].events & POLLIN && fds[i].revents & readable && ++bits)
			FD_SET(fds[i].fd, r);
		if (fds[i].events & POLLOUT && fds[i].revents & writable && ++bits)
			FD_SET(fds[i].fd, w);
		if (fds[i].events & POLLPRI && fds[i].revents & POLLPRI && ++bits)
			FD_SET(fds[i].fd, x);
	}
	return bits;
}

EXPORT int pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *timeout,
		   const sigset_t *mask)
{
	struct pollfd fds[FD_SETSIZE];
	nfds_t count;
	int ret;

	if (n < 0 || n > FD_SETSIZE || !mn_timeout_is_valid(timeout))
		return mn_real()->pselect(n, r, w, x, timeout, mask);
	count = to_poll(n, r, w, x, fds);
	if (!any_flow(fds, count))
		return mn_real()->pselect(n, r, w, x, timeout, mask);
	ret = poll_split(fds, count, timeout, mask);
	return mn_result(ret < 0 ? ret : from_poll(fds, count, r, w, x));
}

#define USEC_PER_SEC 1000000

/* As the C library does: whole seconds of microseconds are carried, as far as time goes. */
static struct timeval carried(const struct timeval *t)
{
	time_t sec = t->tv_usec / USEC_PER_SEC;

	if (sec > INT64_MAX - t->tv_sec)
		return (struct timeval){ INT64_MAX, USEC_PER_SEC - 1 };
	return (struct timeval){ t->tv_sec + sec, t->tv_usec % USEC_PER_SEC };
}

EXPORT int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	struct timespec ts;
	struct timeval whole, gone;
	int64_t begin = mn_now_ns();
	int ret;

	if (!timeout)
		return pselect(n, r, w, x, NULL, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return mn_result(-EINVAL);
	whole = carried(timeout);
	ts = (struct timespec){ whole.tv_sec, whole.tv_usec * NSEC_PER_USEC };
	ret = pselect(n, r, w, x, &ts, NULL);
	/* Linux's select() says what is left. */
	ts = mn_timespec(mn_now_ns() - begin);
	gone = (struct timeval){ ts.tv_sec, ts.tv_nsec / NSEC_PER_USEC };
	if (timercmp(&whole, &gone, >))
		timersub(&whole, &gone, timeout);
	else
		timerclear(timeout);
	return ret;
}
