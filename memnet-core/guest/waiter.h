/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on a bell that several threads share.
 *
 * One thread, the leader, watches the bell; the others sleep on a generation counter
 * (futex). When the bell has rung the leader takes it up, counts the generation up
 * and wakes everybody: each looks for itself, and one of those that sleep again
 * leads. A thread takes its ticket (the generation) *before* it arms an event
 * index: a bell that another thread took up in between has changed the generation,
 * and the sleep ends at once. So no ring is lost between threads.
 *
 * The bell, an eventfd, is watched for edges and never read: whoever else watches it
 * (a program's own epoll) hears every ring as well.
 */
#ifndef MEMNET_WAITER_H
#define MEMNET_WAITER_H

#include <stdint.h>

#include "memnet-core/guest/region.h"

struct mn_waiter {
	const struct mn_region *region;
	uint32_t bell;		/* the channel's */
	int epoll_fd;		/* of the bell, the port, and end_fd; or -errno */
	int end_fd;		/* readable when the session's owner is gone; -1 without */
	uint32_t generation;
	uint32_t rings;		/* bells taken up */
	uint32_t led;		/* 1: a thread watches the bell */
	uint32_t followers;
};

/* @region and @end_fd outlive it. What fails here is told by mn_waiter_sleep(). */
void mn_waiter_init(struct mn_waiter *w, const struct mn_region *region, uint32_t bell, int end_fd);

/* No thread sleeps. Also of one that is all zeroes or not wholly initialised. */
void mn_waiter_close(struct mn_waiter *w);

uint32_t mn_waiter_ticket(const struct mn_waiter *w);

/*
 * Sleep until the bell rings (here or in another thread, since @ticket) or
 * @timeout_ms are over. 1; 0: timeout; -EINTR: a signal handler ran; -ECONNRESET:
 * the owner or the port is gone. Thread-safe.
 */
int mn_waiter_sleep(struct mn_waiter *w, uint32_t ticket, int timeout_ms);

#endif
