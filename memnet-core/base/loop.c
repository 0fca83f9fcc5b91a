/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #syscalls close epoll_create1 epoll_ctl epoll_pwait epoll_wait read timerfd_create
 * #syscalls timerfd_settime
 */
#include "memnet-core/base/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"

int mn_loop_init(struct mn_loop *loop)
{
	*loop = (struct mn_loop){ 0 };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void mn_loop_close(struct mn_loop *loop)
{
	close(loop->epoll_fd);
}

int mn_loop_add(struct mn_loop *loop, struct mn_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) ? -errno : 0;
}

int mn_loop_watch(struct mn_loop *loop, struct mn_watch *w, int fd, uint32_t events,
		  void (*ready)(struct mn_watch *w, uint32_t events))
{
	if (fd < 0)
		return fd;
	*w = (struct mn_watch){ .fd = fd, .ready = ready };
	return mn_loop_add(loop, w, events);
}

int mn_loop_timer(int64_t period_ns)
{
	const struct timespec period = mn_timespec(period_ns);
	const struct itimerspec beat = { .it_interval = period, .it_value = period };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	timerfd_settime(fd, 0, &beat, NULL);
	return fd;
}

static int take_signals(const sigset_t *set)
{
	int fd;

	sigprocmask(SIG_BLOCK, set, NULL);
	fd = signalfd(-1, set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mn_loop_end_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return take_signals(&set);
}

int mn_loop_signal(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return take_signals(&set);
}

void mn_loop_close_fd(struct mn_loop *loop, struct mn_watch *w)
{
	if (w->fd < 0)
		return;
	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == w)
			loop->events[i].data.ptr = NULL;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	close(w->fd);
	w->fd = -1;
}

int mn_loop_run(struct mn_loop *loop, bool (*more)(void *arg), void *arg)
{
	bool busy = false;

	while (!loop->stop) {
		int n = epoll_wait(loop->epoll_fd, loop->events, MN_LOOP_EVENTS, busy ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		loop->n_events = n;
		for (int i = 0; i < n; i++) {
			struct mn_watch *w = loop->events[i].data.ptr;

			if (w)	/* an earlier handler may have closed it */
				w->ready(w, loop->events[i].events);
		}
		loop->n_events = 0;
		busy = more && more(arg);
	}
	return 0;
}
