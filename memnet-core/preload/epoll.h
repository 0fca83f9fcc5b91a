/* SPDX-License-Identifier: BSD-2-Clause */
/* What other parts have to say to the sets of epoll_ctl(). Thread-safe. */
#ifndef MEMNET_PRELOAD_EPOLL_H
#define MEMNET_PRELOAD_EPOLL_H

#include <stdbool.h>

struct sock;

/* The kernel's socket of @s is about to be replaced by a flow. */
void mn_epoll_converts(struct sock *s);

/* And now it is. */
void mn_epoll_converted(struct sock *s);

/* No descriptor refers to @s any more. */
void mn_epoll_drop(struct sock *s);

/* Descriptors from @first to @last are closed; some may be epolls. */
void mn_epoll_forget(int first, int last);

/* @to refers to what @from does. A copy made before the set has ever been used is another. */
void mn_epoll_copy(int from, int to);

/* Is @fd an epoll with flows in it? *@ready: one of them has something to tell. */
bool mn_epoll_has_flows(int fd, bool *ready);

/* Whose bell rings for the flows in epoll @fd, with a reference; NULL. */
struct net *mn_epoll_net(int fd);

/* The sets are not to change while the process forks. */
void mn_epoll_lock_all(void);
void mn_epoll_unlock_all(void);

/* Have the bell rung when one of its flows has something to tell. As mn_sock_arm(). */
int mn_epoll_arm(int fd);

#endif
