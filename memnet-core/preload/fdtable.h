/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of descriptors. Each call is thread-safe. */
#ifndef MEMNET_PRELOAD_FDTABLE_H
#define MEMNET_PRELOAD_FDTABLE_H

#include <stdbool.h>
#include <stdint.h>

struct memnet_flow;
struct net;
struct past;
struct sock;

/* The socket behind @fd with a reference to it, or NULL: an ordinary descriptor. */
struct sock *mn_sock_get(int fd);

/* The same, and what the parent had stays the parent's: for who only counts. */
struct sock *mn_sock_look(int fd);

/* The one that is this flow, of the session there is, with a reference; NULL. */
struct sock *mn_sock_find(uint32_t flow, uint32_t generation);

/* Descriptors above are never flows: Linux's own limit (fs.nr_open). */
#define MN_TABLE_FDS (1024 * 1024)

/* The same, but NULL also while the kernel has it: only what has become a flow. */
struct sock *mn_sock_get_flow(int fd);

void mn_sock_put(struct sock *s);

/*
 * @s has @flow, which is taken over, of @net from now on; NULL: none. What is to be let go,
 * once no lock is held, by mn_sock_let_go(): not what other calls under way may use. The lock
 * of the sets is held, whose threads look at sockets without a reference of their own.
 */
struct past *mn_sock_change(struct sock *s, struct net *net, struct memnet_flow *flow);
void mn_sock_let_go(struct past *past);

/* @fd is a socket of this kind from now on, one reference to @s is the table's. 0 or -errno. */
int mn_sock_install(int fd, struct sock *s);

/* @fd is about to be closed; calls that are under way on it go on. */
void mn_sock_closing(int fd);

/* @fd is closed, or something else. */
void mn_sock_forget(int fd);

/*
 * A descriptor of our own, which the program does not know of: moved up out of its way,
 * and not closed by it. The new number, or -errno; @fd is closed.
 */
int mn_fd_hide(int fd);
bool mn_fd_is_hidden(int fd);
void mn_fd_close_hidden(int fd);	/* -1 is ignored */

/* @to refers to what @from does. */
void mn_sock_copy(int from, int to);

/* Put the descriptor @with in the place of each that refers to @s. 0 or -errno. */
int mn_sock_replace_fds(struct sock *s, int with);

/*
 * Does closing @fd give a name free that somebody may want at once: of a listener, of
 * datagrams? Then *@net, with a reference, is who to wait for (mn_net_sync()).
 */
bool mn_sock_frees_name(int fd, struct net **net);

/* O_NONBLOCK is of the open file: as the kernel has it, for another process may have set it. */
bool mn_sock_is_nonblocking(struct sock *s);

/* The first descriptor from @fd on that is a socket of the table; -1: none. */
int mn_sock_next(int fd);

/* The table is not to change while the process forks. */
void mn_sock_lock_all(void);
void mn_sock_unlock_all(void);

#endif
