/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/loop.h"

#include <errno.h>
#include <unistd.h>

#define EVENTS_PER_ROUND 16

int mn_loop_init(struct mn_loop *loop)
{
	loop->stop = false;
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

void mn_loop_close_fd(struct mn_loop *loop, struct mn_watch *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	close(w->fd);
	w->fd = -1;
}

int mn_loop_run(struct mn_loop *loop, bool (*more)(void *arg), void *arg)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	bool busy = false;

	while (!loop->stop) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, busy ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct mn_watch *w = events[i].data.ptr;

			if (w->fd >= 0)	/* an earlier handler may have closed it */
				w->ready(w, events[i].events);
		}
		busy = more(arg);
	}
	return 0;
}
