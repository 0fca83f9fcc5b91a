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
				 .epoll_fd = make_epoll(region, bell, end_fd) };
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

static bool lead(struct mn_waiter *w)
{
	uint32_t nobody = 0;

	return __atomic_compare_exchange_n(&w->led, &nobody, 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/*
 * Leadership first, then the generation: who found it taken compares the
 * generation afterwards, in the kernel, and does not sleep on the old one.
 */
static void stop_leading(struct mn_waiter *w)
{
	__atomic_store_n(&w->led, 0, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&w->generation, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->followers, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &w->generation, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static int follow(struct mn_waiter *w, uint32_t ticket, int timeout_ms)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);
	int err = 0;

	uint32_t rings = __atomic_load_n(&w->rings, __ATOMIC_SEQ_CST);

	__atomic_add_fetch(&w->followers, 1, __ATOMIC_SEQ_CST);
	if (syscall(SYS_futex, &w->generation, FUTEX_WAIT_PRIVATE, ticket, &timeout, NULL, 0))
		err = errno;
	__atomic_sub_fetch(&w->followers, 1, __ATOMIC_SEQ_CST);
	if (err == EINTR)
		return -EINTR;
	/* Woken, but perhaps only because the leader's time was over. */
	return err == EAGAIN || __atomic_load_n(&w->rings, __ATOMIC_SEQ_CST) != rings;
}

/* As mn_waiter_sleep(), by the one thread that may. */
static int watch_bell(struct mn_waiter *w, int timeout_ms)
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
	if (n)
		__atomic_add_fetch(&w->rings, 1, __ATOMIC_SEQ_CST);
	return n > 0;
}

int mn_waiter_sleep(struct mn_waiter *w, uint32_t ticket, int timeout_ms)
{
	int ret = 1;

	if (!lead(w))
		return follow(w, ticket, timeout_ms);
	if (mn_waiter_ticket(w) == ticket)
		ret = watch_bell(w, timeout_ms);
	stop_leading(w);
	return ret;
}
