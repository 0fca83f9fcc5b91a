/* SPDX-License-Identifier: BSD-2-Clause */
/* Between epoll.c (which sets there are, and what is in them) and epoll_wait.c. */
#ifndef MEMNET_PRELOAD_EPOLL_INTERNAL_H
#define MEMNET_PRELOAD_EPOLL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "memnet-core/guest/share.h"
#include "memnet-core/preload/sock.h"

struct item {
	struct item *next;
	struct sock *s;		/* with a reference */
	int fd;
	struct epoll_event event;
	bool told;		/* at least once since it was put in or changed, */
	uint32_t told_events;	/* this, */
	struct mn_progress told_at;	/* when the flow was there */
	bool spent;		/* EPOLLONESHOT */
};

/* Another number of a set: dup(). */
struct copy {
	struct copy *next;
	int fd;
};

struct set {
	struct set *next;
	int fd;
	struct copy *copies;
	int outer;		/* -1: it has never had flows */
	struct net *net;	/* whose bell is in it, noted */
	unsigned int sleeping;	/* threads, for the outer one, */
	int nudge;		/* and what is in it to wake one of them; -1 */
	struct item *items;
	bool filled;		/* by flows alone, the last round: it is the kernel's turn */
	unsigned int waiting;	/* threads, for the program's set alone, */
	int knock;		/* and what wakes them; -1 */
};

/* The data of the knock's event; no program can have this address of ours. */
extern char mn_epoll_knock;

/* These with the lock held (mn_epoll_lock_all()). */
struct set *mn_epoll_find(int fd);
struct set *mn_epoll_make(int fd);	/* NULL: no memory */

/* Is there a set at all? Without the lock. */
bool mn_epoll_any(void);

static inline bool mn_item_is_flow(const struct item *i)
{
	return i->s->kind != SOCK_FRESH;
}

#endif
