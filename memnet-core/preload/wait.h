/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow is ready for, and waiting until it is. */
#ifndef MEMNET_PRELOAD_WAIT_H
#define MEMNET_PRELOAD_WAIT_H

#include <stdint.h>

struct memnet_flow;
struct mn_progress;	/* guest/share.h */
struct sock;

/*
 * The flow to move bytes by, or to look at; NULL: none, or of a stream that is not connected.
 * Another thread may put another in its place; this one stays during a call.
 */
struct memnet_flow *mn_sock_flow(const struct sock *s);

/* What is so now: POLLIN, POLLRDNORM, POLLOUT, POLLWRNORM, POLLHUP, POLLRDHUP, POLLERR. */
short mn_sock_events(struct sock *s);

/* What there has ever been to tell of it; each attempt to connect is something. */
void mn_sock_progress(struct sock *s, struct mn_progress *now);

/* Have the bell rung when one of @events becomes so. 1; 0: it is, or an end has come; -errno. */
int mn_sock_arm(struct sock *s, short events);

/* The same of who was told up to @told; what came since does not ring: look again after it. */
int mn_sock_arm_edge(struct sock *s, short events, const struct mn_progress *told);

/* Wait until one of @events (POLLIN, POLLOUT) holds, or an error. 0, -EAGAIN, -EINTR, -errno. */
int mn_sock_wait(struct sock *s, short events, int64_t timeout_ns);

#endif
