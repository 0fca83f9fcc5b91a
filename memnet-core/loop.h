/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's event loop: epoll, one handler per descriptor, and a list of
 * things that have more to do although no descriptor says so. One thread.
 */
#ifndef MEMNET_LOOP_H
#define MEMNET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct mn_loop {
	int epoll_fd;
	bool stop;	/* set it to leave mn_loop_run() */
};

/* Embedded in what owns the descriptor; @fd is -1 while not watched. */
struct mn_watch {
	int fd;
	void (*ready)(struct mn_watch *w, uint32_t events);
};

int mn_loop_init(struct mn_loop *loop);
void mn_loop_close(struct mn_loop *loop);

/* Watch @w->fd for @events (EPOLL*). 0 or -errno. */
int mn_loop_add(struct mn_loop *loop, struct mn_watch *w, uint32_t events);

/* Stop watching and close the descriptor; @w->fd becomes -1. Harmless when it is. */
void mn_loop_close_fd(struct mn_loop *loop, struct mn_watch *w);

/*
 * Run until @loop->stop. After each round of handlers @more(@arg) is called; it
 * returns true while it has more to do, and then the loop only looks at the
 * descriptors and does not sleep. 0 or -errno.
 */
int mn_loop_run(struct mn_loop *loop, bool (*more)(void *arg), void *arg);

#endif
