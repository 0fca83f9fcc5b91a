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
 * Locks, in this order; fork() waits for those marked *, so that a child finds them free
 * (net.c):
 *   * adoption (sock.c): a child makes its parent's flow its own
 *   * opening (net.c): the process attaches
 *   * the sets of epoll (epoll.c)
 *   * connecting (connect.c): an attempt is found to have ended
 *     a flow's directions, receive before send (guest/share.h): shared between processes
 *   * the table of descriptors (fdtable.c)
 *   * the attachment and who counts on it (net.c)
 *     libmemnet's own (struct memnet)
 * A signal handler finds none of them held by its own thread (lock.h). The first two are held
 * as long as attaching takes. Nothing else waits under a lock but for a message to the agent to
 * be taken, and for the disk in sendfile().
 *
 * What is where: fdtable.h, which descriptor is which socket; become.h, how sockets become
 * flows; wait.h, what they are ready for; bytes.h, what they move.
 */
#ifndef MEMNET_PRELOAD_SOCK_H
#define MEMNET_PRELOAD_SOCK_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "memnet-core/guest/memnet.h"

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
	int fd;			/* the last one to become its */
	bool nonblock;		/* O_NONBLOCK of the open file, as this process knows */
	bool connecting;	/* the result is to be asked for, */
	int handle;		/* and this end of the pair then goes to the agent; else -1 */
	int parked;		/* keeps the agent from closing it under a call; else -1 */
	int error;		/* of it: SO_ERROR's, until it was told */
	unsigned int attempts;	/* to connect a stream */
	bool failed, told;	/* the last attempt has; connect() has said 0 */
	bool connected;
	bool bound;		/* by name, or by connect */
	struct sockaddr_in6 spoken_to;	/* by datagrams, unconnected: the first; family 0: nobody */
	bool spoken_to_others;
	_Atomic bool shut_rd, shut_wr;	/* by any thread, at any time */
	int64_t rcvtimeo_ns, sndtimeo_ns;	/* 0: for ever */
	struct linger linger;
	uint32_t options;	/* bit n: option n of options.c was set, */
	int option[MN_SOCK_OPTIONS];	/* to this */
	bool options_owed;	/* the host has not been told of them */
	struct {
		uint32_t flow, generation;
	} id;			/* of the flow, once the agent has it; generation 0: of none */
	struct net *net;	/* of the flow; both change under the table's lock */
	struct memnet_flow *flow;
	struct past *past;	/* what was there before, and calls under way may use */
};

struct sock *mn_sock_new(int domain, int type, bool nonblock);

/* SO_ERROR: -errno, once; 0. */
int mn_sock_take_error(struct sock *s);

/* What was set while the kernel had the socket is set at the host's as well, if that is owed. */
void mn_sock_replay_options(struct sock *s);

/*
 * Of an accepted one, which the host's kernel gives what its listener has: only what the host
 * sets itself, each a round trip.
 */
void mn_sock_replay_inherited(struct sock *s);

/* @fd, a standard descriptor perhaps, is a flow now. */
void mn_stdio_became_flow(int fd);

/* As a system call returns it. */
static inline long mn_result(long ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

#endif
