/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: waiter.h. */
#include "memnet-core/guest/waiter.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

static int watch(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int make_epoll(const struct mn_region *region, uint32_t bell, int end_fd)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = watch(fd, region->bell_fds[bell], EPOLLIN | EPOLLET);
	if (!ret)
		ret = watch(fd, region->port_fd, EPOLLIN);
	if (!ret)
		ret = watch(fd, end_fd, EPOLLIN);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

void mn_waiter_init(struct mn_waiter *w, const struct mn_region *region, uint32_t bell, int end_fd)
{
	*w = (struct mn_waiter){ .region = region, .bell = bell, .end_fd = end_fd,
				 .epoll_fd = make_epoll(region, bell, end_fd),
				 .lock = PTHREAD_MUTEX_INITIALIZER };
}

void mn_waiter_close(struct mn_waiter *w)
{
	if (w->epoll_fd > 0)
		close(w->epoll_fd);
	w->epoll_fd = -EBADF;
}

uint32_t mn_waiter_ticket(const struct mn_waiter *w)
{
	return __atomic_load_n(&w->generation, __ATOMIC_SEQ_CST);
}

/* --- who sleeps on a futex -------------------------------------------------------------- */

enum call { ASLEEP, LOOK, LEAD };	/* sleeper.call */

/* Lock held. Off the list, and up. Afterwards *@at is another's. */
static void wake(struct mn_sleeper **at, enum call call)
{
	struct mn_sleeper *s = *at;

	*at = s->next;
	/* From here on its stack may be anything: an address to wake at is harmless. */
	__atomic_store_n(&s->call, call, __ATOMIC_RELEASE);
	syscall(SYS_futex, &s->call, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Lock held; it is let go over the sleep. What it is called for: ASLEEP when nobody did. */
static enum call sleep_on_futex(struct mn_waiter *w, struct mn_sleeper *self, int timeout_ms,
				int *err)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);
	struct mn_sleeper **at;

	self->next = w->sleepers;
	w->sleepers = self;
	pthread_mutex_unlock(&w->lock);
	*err = syscall(SYS_futex, &self->call, FUTEX_WAIT_PRIVATE, ASLEEP, &timeout, NULL, 0) ?
	       errno : 0;
	if (!__atomic_load_n(&self->call, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&w->lock);
		for (at = &w->sleepers; *at && *at != self; at = &(*at)->next)
			;
		if (*at)
			*at = self->next;
		pthread_mutex_unlock(&w->lock);
	}
	return __atomic_load_n(&self->call, __ATOMIC_ACQUIRE);
}

/* --- who watches the bell --------------------------------------------------------------- */

/* The bell was taken up: wake whom it concerns. Does it concern the leader, too? */
static bool tell(struct mn_waiter *w, const struct mn_news *own)
{
	struct mn_sleeper **at = &w->sleepers;
	bool mine, any = false;

	pthread_mutex_lock(&w->lock);
	__atomic_add_fetch(&w->generation, 1, __ATOMIC_SEQ_CST);
	while (*at) {
		if ((*at)->news->is_there((*at)->news->arg)) {
			wake(at, LOOK);
			any = true;
		} else {
			at = &(*at)->next;
		}
	}
	pthread_mutex_unlock(&w->lock);
	mine = own->is_there(own->arg);
	__atomic_add_fetch(&w->rings, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&w->idle_rings, !any && !mine, __ATOMIC_RELAXED);
	return mine;
}

/* Until one event or the timeout. 1: the bell, or the port; 0; -errno. */
static int watch_once(struct mn_waiter *w, int timeout_ms)
{
	struct epoll_event events[3];
	int n = w->epoll_fd < 0 ? w->epoll_fd :
				  epoll_wait(w->epoll_fd, events, ARRAY_SIZE(events), timeout_ms);

	if (n < 0)
		return w->epoll_fd < 0 ? w->epoll_fd : -errno;
	for (int i = 0; i < n; i++) {
		int ret = 0;

		if (events[i].data.fd == w->end_fd)
			return -ECONNRESET;
		if (events[i].data.fd == w->region->port_fd)
			ret = mn_region_pump(w->region);
		if (ret)
			return ret;
	}
	return n > 0;
}

/* As mn_waiter_sleep(), by the leader. */
static int watch_bell(struct mn_waiter *w, const struct mn_news *news, int64_t end_ns)
{
	int ret;

	do {
		int64_t left_ns = MAX(end_ns - mn_now_ns(), 0);

		ret = watch_once(w, (left_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
	} while (ret > 0 && !tell(w, news) && mn_now_ns() < end_ns);
	return ret;
}

/* One of those that sleep leads on: the last to come, whose time is over last. */
static void stop_leading(struct mn_waiter *w)
{
	pthread_mutex_lock(&w->lock);
	w->led = w->sleepers;
	if (w->sleepers)
		wake(&w->sleepers, LEAD);
	pthread_mutex_unlock(&w->lock);
}

/* Become the leader, or sleep until called. What for; *@err: errno of that sleep. */
static enum call wait_for_call(struct mn_waiter *w, uint32_t ticket, struct mn_sleeper *self,
			       int timeout_ms, int *err)
{
	enum call call = LOOK;

	pthread_mutex_lock(&w->lock);
	if (mn_waiter_ticket(w) == ticket) {
		if (w->led)
			return sleep_on_futex(w, self, timeout_ms, err);
		w->led = true;
		call = LEAD;
	}
	pthread_mutex_unlock(&w->lock);
	return call;
}

static int sleep_in_turn(struct mn_waiter *w, uint32_t ticket, const struct mn_news *news,
			 int timeout_ms)
{
	int64_t end_ns = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	struct mn_sleeper self = { .news = news };
	int ret, err = 0;

	switch (wait_for_call(w, ticket, &self, timeout_ms, &err)) {
	case LOOK:
		return 1;
	case LEAD:
		ret = err == EINTR ? -EINTR : watch_bell(w, news, end_ns);
		stop_leading(w);
		return ret;
	default:
		return err == EINTR ? -EINTR : err != ETIMEDOUT;
	}
}

int mn_waiter_sleep(struct mn_waiter *w, uint32_t ticket, const struct mn_news *news,
		    int timeout_ms)
{
	int state, ret;

	/* Who is cancelled would stay on the list, or the leader for ever. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	ret = sleep_in_turn(w, ticket, news, timeout_ms);
	pthread_setcancelstate(state, NULL);
	return ret;
}
