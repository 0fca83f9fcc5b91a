/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: waiter.h. */
#include "memnet-core/guest/waiter.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"

void mn_waiter_init(struct mn_waiter *w, const struct mn_region *region, uint32_t bell, int end_fd)
{
	*w = (struct mn_waiter){ .region = region, .bell = bell, .end_fd = end_fd };
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
static int poll_bell(struct mn_waiter *w, int timeout_ms)
{
	struct pollfd pfds[] = {
		{ .fd = w->region->bell_fds[w->bell], .events = POLLIN },
		{ .fd = w->end_fd, .events = POLLIN },
		{ .fd = w->region->port_fd, .events = POLLIN },
	};
	int ret = poll(pfds, sizeof(pfds) / sizeof(pfds[0]), timeout_ms);

	if (ret <= 0)
		return ret ? -errno : 0;
	if (pfds[1].revents)
		return -ECONNRESET;
	if (pfds[2].revents) {
		ret = mn_region_pump(w->region);
		if (ret)
			return ret;
	}
	mn_region_drain(w->region, w->bell);
	__atomic_add_fetch(&w->rings, 1, __ATOMIC_SEQ_CST);
	return 1;
}

int mn_waiter_sleep(struct mn_waiter *w, uint32_t ticket, int timeout_ms)
{
	int ret = 1;

	if (!lead(w))
		return follow(w, ticket, timeout_ms);
	if (mn_waiter_ticket(w) == ticket)
		ret = poll_bell(w, timeout_ms);
	stop_leading(w);
	return ret;
}
