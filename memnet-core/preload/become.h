/* SPDX-License-Identifier: BSD-2-Clause */
/* How sockets become flows: bound, connected, accepted, inherited, received. */
#ifndef MEMNET_PRELOAD_BECOME_H
#define MEMNET_PRELOAD_BECOME_H

#include <stdbool.h>
#include <sys/socket.h>

struct memnet_flow;
struct net;
struct sock;

/*
 * The fresh socket @s becomes @flow, which is taken over, also on failure, and its
 * descriptors are MemNet's. One that connects is handed to the agent when
 * mn_sock_connect_result() finds that it has. 0 or -errno.
 */
int mn_sock_become(struct sock *s, struct net *net, struct memnet_flow *flow,
		   bool connecting);

/* Name a fresh socket (behind @fd) that speaks, or listens, before it has one. 0 or -errno. */
int mn_sock_bind_any(struct sock *s, int fd);

/* Say at @end of a pair which flow the other end is; @end goes to the agent. 0 or -errno. */
int mn_sock_hand_over(struct sock *s, int end);

/* Of a socket that is connecting: 0: it is connected now; -EINPROGRESS; -errno, once. */
int mn_sock_connect_result(struct sock *s);

/* Have the bell rung when that may be said. 1; 0: it may be already; -errno. */
int mn_sock_connect_arm(struct sock *s);

/* @s takes a reference to @net, and @flow over, which is @connecting; what it had is let go. */
void mn_sock_set_flow(struct sock *s, struct net *net, struct memnet_flow *flow,
		      bool connecting);

/* No connect is to end, no child to adopt, while the process forks. */
void mn_connect_lock_all(void);
void mn_connect_unlock_all(void);
void mn_adopt_lock_all(void);
void mn_adopt_unlock_all(void);

/* The next connection of a listener, without waiting: a descriptor, or -errno. @flags: SOCK_*. */
int mn_sock_accept(struct sock *listener, int flags);

/* @fd came from elsewhere (exec, SCM_RIGHTS): is it a flow? Then it is in the table. */
void mn_sock_recognise(int fd);

/* What the parent had: this process's, since it uses it. */
void mn_sock_adopt_inherited(struct sock *s);

#endif
