/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of an unmodified program over MemNet.
 *
 * socket() makes a kernel socket, as without us, and what is asked of it goes to the
 * kernel: options, names, errors are Linux's own. When the program names an address it
 * is decided whose it is. Of the guest's loopback: the kernel's, from then on for ever.
 * Else it becomes a flow of MemNet: the descriptor is replaced, in its place, by one end
 * of a pair of UNIX sockets, whose other end the agent holds. So the kernel counts who
 * still has it, over dup(), fork(), exec() and SCM_RIGHTS, and when the last descriptor
 * is closed, by whatever death, the agent sees its end hang up and closes the flow.
 * Nothing is ever sent over that pair, but one message that waits at our end for ever
 * and says which flow it is: so that a program that was given the descriptor (exec(),
 * SCM_RIGHTS) finds out by MSG_PEEK.
 *
 * Bytes are copied between the program and the flow's FIFOs by the caller's own thread.
 * Readiness is computed from the flow's indices; a thread that waits arms them and sleeps
 * on the channel's bell, together with whatever ordinary descriptors it waits for.
 *
 * Locks, in this order: the sets of epoll, a flow's directions (receive, send), the table
 * of descriptors, the attachment. None is held over a sleep.
 */
#ifndef MEMNET_PRELOAD_SOCK_H
#define MEMNET_PRELOAD_SOCK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "memnet-core/guest/memnet.h"

struct mn_progress;	/* guest/share.h */
struct net;	/* this process's attachment: net.h */

enum sock_kind {
	SOCK_FRESH,	/* the kernel's, not yet named: may become a flow */
	SOCK_STREAM_FLOW,
	SOCK_LISTENER_FLOW,
	SOCK_DATAGRAM_FLOW,
};

#define MN_SOCK_OPTIONS 15

struct sock {
	unsigned int refs;	/* descriptors, registrations with epoll, calls under way */
	unsigned int fds;	/* descriptors */
	unsigned int items;	/* registrations with epoll */
	int domain, type;	/* AF_INET or AF_INET6; SOCK_STREAM or SOCK_DGRAM */
	enum sock_kind kind;
	bool nonblock;		/* O_NONBLOCK of the open file */
	bool connecting;	/* the result is to be asked for, */
	int handle;		/* and this end of the pair then goes to the agent; else -1 */
	int parked;		/* keeps the agent from closing it under a call; else -1 */
	int error;		/* of it: SO_ERROR's, until it was told */
	bool failed, told;	/* the last attempt has; connect() has said 0 */
	bool connected;
	bool bound;		/* by name, or by connect */
	bool shut_rd, shut_wr;
	int64_t rcvtimeo_ns, sndtimeo_ns;	/* 0: for ever */
	struct linger linger;
	uint32_t options;	/* bit n: option n of options.c was set, */
	int option[MN_SOCK_OPTIONS];	/* to this */
	bool options_owed;	/* the host has not been told of them */
	struct {
		uint32_t flow, generation;
	} id;			/* of the flow, once the agent has it; generation 0: of none */
	struct net *net;	/* of the flow */
	struct memnet_flow *flow;
};

/* --- the table of descriptors (fdtable.c); each call is thread-safe ---------------- */

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

/* The table is not to change while the process forks. */
void mn_sock_lock_all(void);
void mn_sock_unlock_all(void);

/* --- making them (sock.c) ---------------------------------------------------------- */

struct sock *mn_sock_new(int domain, int type, bool nonblock);

/* Is @addr the guest's own business: loopback, unspecified for connect, or no address of ours? */
bool mn_is_guests_own(const struct sockaddr *addr, socklen_t len);

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

/* @s takes a reference to @net, and @flow over; what it had of another net is let go. */
void mn_sock_set_flow(struct sock *s, struct net *net, struct memnet_flow *flow);

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

/* What is so now: POLLIN, POLLOUT, POLLHUP, POLLRDHUP, POLLERR. */
short mn_sock_events(struct sock *s);

/* Have the bell rung when one of @events becomes so. 1; 0: it is, or an end has come; -errno. */
int mn_sock_arm(struct sock *s, short events);

/* The same of who was told up to @told; what came since does not ring: look again after it. */
int mn_sock_arm_edge(struct sock *s, short events, const struct mn_progress *told);

/* SO_ERROR: -errno, once; 0. */
int mn_sock_take_error(struct sock *s);

/* What was set while the kernel had the socket is set at the host's as well, if that is owed. */
void mn_sock_replay_options(struct sock *s);

/* @fd, a standard descriptor perhaps, is a flow now. */
void mn_stdio_became_flow(int fd);

/* Wait until one of @events (POLLIN, POLLOUT) holds, or an error. 0, -EAGAIN, -EINTR, -errno. */
int mn_sock_wait(struct sock *s, short events, int64_t timeout_ns);

/* As a system call returns it. */
static inline long mn_result(long ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

#endif
