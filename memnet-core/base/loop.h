/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemons' event loop: epoll, one handler per descriptor, and one callback
 * for what has more to do although no descriptor says so. One thread.
 */
#ifndef MEMNET_LOOP_H
#define MEMNET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define MN_LOOP_EVENTS 16	/* handled in a round */

struct mn_loop {
	int epoll_fd;
	bool stop;	/* set it to leave mn_loop_run() */
	int n_events;	/* of the round in hand */
	struct epoll_event events[MN_LOOP_EVENTS];
};

/* Embedded in what owns the descriptor; @fd is -1 while not watched. */
struct mn_watch {
	int fd;
	void (*ready)(struct mn_watch *w, uint32_t events);
};

/* 0 or -errno. */
int mn_loop_init(struct mn_loop *loop);

/* The descriptors watched stay open: they are their owners'. */
void mn_loop_close(struct mn_loop *loop);

/* Watch @w->fd for @events (EPOLL*). 0 or -errno. */
int mn_loop_add(struct mn_loop *loop, struct mn_watch *w, uint32_t events);

/*
 * Watch @fd for @events by @ready; it belongs to @w from then on. A negative @fd is an
 * error of who made it: given back. 0 or -errno.
 */
int mn_loop_watch(struct mn_loop *loop, struct mn_watch *w, int fd, uint32_t events,
		  void (*ready)(struct mn_watch *w, uint32_t events));

/* A timerfd that is readable every @period_ns, the first time after one. fd or -errno. */
int mn_loop_timer(int64_t period_ns);

/*
 * A signalfd of SIGINT and SIGTERM, which are blocked from then on; children inherit
 * that. fd or -errno.
 */
int mn_loop_end_signals(void);

/* The same of @signal alone. */
int mn_loop_signal(int signal);

/*
 * Stop watching and close the descriptor; @w->fd becomes -1. Harmless when it is.
 * Its events of the round in hand are dropped: a descriptor opened in its place
 * must not get them.
 */
void mn_loop_close_fd(struct mn_loop *loop, struct mn_watch *w);

/*
 * Run until @loop->stop. After each round of handlers @more(@arg), if any, is called; it
 * returns true while it has more to do, and then the loop only looks at the
 * descriptors and does not sleep. 0 or -errno.
 */
int mn_loop_run(struct mn_loop *loop, bool (*more)(void *arg), void *arg);

#endif
