/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping on a bell that several threads share.
 *
 * One thread, the leader, watches the bell; the others sleep each on a futex of its own, and
 * are on a list with a question: is there something for this one? When the bell has rung the
 * leader asks for all of them, and wakes those alone whom the answer concerns. It leads on
 * until the answer is its own, and then makes another the leader.
 *
 * A thread takes its ticket (the generation, which counts the rings) *before* it arms an event
 * index. Who finds it changed on the way into the list looks once more; who is in the list
 * when the bell is taken up is asked for. So no ring is lost between threads.
 *
 * The bell, an eventfd, is watched for edges and never read: whoever else watches it
 * (a program's own epoll) hears every ring as well.
 */
#ifndef MEMNET_WAITER_H
#define MEMNET_WAITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/guest/region.h"

/* What a thread waits for. is_there() is called by any thread while that one sleeps. */
struct mn_news {
	bool (*is_there)(void *arg);
	void *arg;
};

/* On its thread's stack. */
struct mn_sleeper {
	const struct mn_news *news;
	uint32_t call;	/* what for it is woken; whoever sets that takes it off the list */
	struct mn_sleeper *next;
};

struct mn_waiter {
	const struct mn_region *region;
	uint32_t bell;		/* the channel's */
	int epoll_fd;		/* of the bell, the port, and end_fd; or -errno */
	int end_fd;		/* readable when the session's owner is gone; -1 without */
	uint32_t generation;
	uint64_t rings;		/* bells taken up, */
	uint64_t idle_rings;	/* of which there was nothing for anybody */

	pthread_mutex_t lock;		/* of what follows; never held over a sleep */
	bool led;			/* a thread watches the bell */
	struct mn_sleeper *sleepers;	/* but for the leader */
};

/* @region and @end_fd outlive it. What fails here is told by mn_waiter_sleep(). */
void mn_waiter_init(struct mn_waiter *w, const struct mn_region *region, uint32_t bell, int end_fd);

/* No thread sleeps. Also of one that is all zeroes or not wholly initialised. */
void mn_waiter_close(struct mn_waiter *w);

uint32_t mn_waiter_ticket(const struct mn_waiter *w);

/*
 * Sleep until a bell has rung, here or in another thread, since @ticket, and brought @news; or
 * @timeout_ms are over. 1: look; 0: timeout; -EINTR: a signal handler ran; -ECONNRESET: the
 * owner or the port is gone. Thread-safe; no cancellation point. A handler must not leave it
 * by longjmp().
 */
int mn_waiter_sleep(struct mn_waiter *w, uint32_t ticket, const struct mn_news *news,
		    int timeout_ms);

#endif
