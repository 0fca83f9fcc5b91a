/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This process's attachment to MemNet: made when the first socket needs it, anew when the
 * session has ended, and anew in a child after fork(), where the parent's is foreign: a
 * channel is of one process. Flows that a child has inherited it adopts when it uses them.
 */
#ifndef MEMNET_PRELOAD_NET_H
#define MEMNET_PRELOAD_NET_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/spin.h"

struct net {
	unsigned int users;	/* the current one has one, and each flow's socket */
	unsigned int notes;	/* who only remembers it; all users together are one */
	bool foreign;		/* the parent's */
	struct mn_spin spin;	/* as configured */
	int64_t rescue_ns;	/* no sleep is longer: a bell is a hint, or there is none */
	struct memnet *m;	/* NULL: nobody uses it any more */
};

/*
 * The current one, to be used: the attachment lives until mn_net_put(). 0; -ENETDOWN: no agent
 * or no host, said once; -errno.
 */
int mn_net_get(struct net **out);
void mn_net_hold(struct net *net);

/* Before what may be a parent's is used: clone() and _Fork() run no handlers of fork(). */
void mn_net_look_forked(void);
void mn_net_put(struct net *net);

/* Is its session the one there is? Its user asks. */
bool mn_net_lives(const struct net *net);

/*
 * Remember it, in order to know it again: the attachment ends without regard to that. NULL is
 * ignored.
 */
void mn_net_note(struct net *net);
void mn_net_unnote(struct net *net);

/*
 * The flow lives from now on as long as a copy of the other end of @fd does (which is
 * taken over, also on failure): the agent closes it then. On failure it does at once. 0 or -errno.
 */
int mn_net_keep(struct net *net, struct memnet_flow *flow, int fd);

/*
 * A descriptor of this thread, for poll(), that is readable when the bell has rung since
 * mn_net_heard() or the session has ended; -errno. NULL, or a parent's: never readable.
 */
int mn_net_bell(struct net *net);
void mn_net_heard(struct net *net);

/* Have epoll @epoll_fd tell, by an edge with the data @mark, when that is so. 0 or -errno. */
int mn_net_watch(struct net *net, int epoll_fd, void *mark);

/* Wait, at most a second, until the agent has seen what was closed before this call. */
void mn_net_sync(struct net *net);

/* Ring the bell for this process's own threads. A note of it is enough. */
void mn_net_wake(struct net *net);

/* No sleep is longer, nor without a net. */
static inline int64_t mn_net_rescue_ns(const struct net *net)
{
	return net ? net->rescue_ns : 100 * NSEC_PER_MSEC;
}

/* Sleep on it. 1: rung; 0: @timeout_ns, or net->rescue_ns, are over; -EINTR; -errno. */
int mn_net_sleep(struct net *net, int64_t timeout_ns, const sigset_t *mask);

/* After a sleep whose time was over there was something all the same: that is counted. */
void mn_net_rescued(struct net *net);

#endif
