/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: sock.h. */
#include "memnet-core/preload/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/layout.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/wait.h"
#include "memnet-core/spin.h"

/* What waits for ever in the receive queue of a descriptor that is a flow. */
struct identity {
	uint32_t magic;
	uint32_t flow, generation;
	uint16_t domain, type;
};

#define IDENTITY_MAGIC 0x4d4e6664u	/* and the version of this message */

struct sock *mn_sock_new(int domain, int type, bool nonblock)
{
	struct sock *s;

	mn_hold();	/* a handler that leaves malloc() by longjmp() ends the heap */
	s = malloc(sizeof(*s));
	mn_release();
	if (s)
		*s = (struct sock){ .refs = 1, .domain = domain, .type = type,
				    .nonblock = nonblock, .handle = -1, .parked = -1 };
	return s;
}

static enum sock_kind kind_of(const struct memnet_flow *flow)
{
	switch (memnet_flow_kind(flow)) {
	case MN_LISTENER:
		return SOCK_LISTENER_FLOW;
	case MN_DATAGRAMS:
		return SOCK_DATAGRAM_FLOW;
	default:
		return SOCK_STREAM_FLOW;
	}
}

/* --- descriptors -------------------------------------------------------------------- */

int mn_sock_hand_over(struct sock *s, int end)
{
	struct identity id = { .magic = IDENTITY_MAGIC, .domain = s->domain, .type = s->type };

	memnet_flow_name(s->flow, &s->id.flow, &s->id.generation);
	id.flow = s->id.flow;
	id.generation = s->id.generation;
	if (mn_real()->sendto(end, &id, sizeof(id), MSG_DONTWAIT, NULL, 0) < 0) {
		int ret = -errno;

		mn_real()->close(end);
		mn_flow_abandon(s->flow);
		return ret;
	}
	return mn_net_keep(s->net, s->flow, end);
}

static int make_pair(const struct sock *s, int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (s->nonblock)
		mn_real()->fcntl(pair[0], F_SETFL, O_NONBLOCK);
	return 0;
}

int mn_sock_become(struct sock *s, struct net *net, struct memnet_flow *flow, bool connecting)
{
	int pair[2], ret = make_pair(s, pair);

	if (!ret) {
		mn_epoll_converts(s);
		ret = mn_sock_replace_fds(s, pair[0]);
		mn_real()->close(pair[0]);
		s->handle = mn_fd_hide(pair[1]);
		if (s->handle < 0)
			ret = s->handle;
	}
	/* Who looks may find at once that it has connected: the handle is there. */
	mn_sock_set_flow(s, net, flow, connecting);
	s->bound = true;
	if (!ret && !connecting) {
		mn_sock_forget(s->handle);
		ret = mn_sock_hand_over(s, s->handle);
		s->handle = -1;
		s->options_owed = true;
		mn_sock_replay_options(s);
	}
	/* Last: until then who looks at the descriptor finds the kernel's socket. */
	__atomic_store_n(&s->kind, kind_of(flow), __ATOMIC_RELEASE);
	mn_epoll_converted(s);
	return ret;
}

/* What accepted sockets have of their listener. */
static void inherit(struct sock *s, const struct sock *listener)
{
	s->linger = listener->linger;
	s->rcvtimeo_ns = listener->rcvtimeo_ns;
	s->sndtimeo_ns = listener->sndtimeo_ns;
	s->options = listener->options;
	memcpy(s->option, listener->option, sizeof(s->option));
}

/* The descriptor first: a connection is taken only when there is one for it. fd or -errno. */
static int accept_into(struct sock *s, struct sock *listener, int flags)
{
	struct memnet_flow *flow = NULL;
	int pair[2], ret = make_pair(s, pair);

	if (ret)
		return ret;
	mn_flow_lock(listener->flow, MN_RECV);
	ret = listener->shut_rd ? -EINVAL : memnet_accept(listener->flow, &flow);
	if (ret == -ECONNRESET && mn_net_lives(listener->net))
		ret = -EINVAL;		/* another process has shut it down */
	mn_flow_unlock(listener->flow, MN_RECV);
	if (ret) {
		mn_real()->close(pair[1]);
	} else {
		mn_sock_set_flow(s, listener->net, flow, false);
		s->bound = true;
		s->kind = SOCK_STREAM_FLOW;
		s->connected = s->told = true;
		inherit(s, listener);
		ret = mn_sock_hand_over(s, pair[1]);
	}
	if (!ret)
		mn_sock_replay_inherited(s);
	if (!ret && !(flags & SOCK_CLOEXEC))
		mn_real()->fcntl(pair[0], F_SETFD, 0);
	if (!ret)
		ret = mn_sock_install(pair[0], s);
	if (!ret)
		return pair[0];
	mn_real()->close(pair[0]);
	return ret;
}

int mn_sock_accept(struct sock *listener, int flags)
{
	struct sock *s = mn_sock_new(listener->domain, SOCK_STREAM, flags & SOCK_NONBLOCK);
	int ret = -ENOMEM;

	if (s) {
		mn_hold();	/* who is left in the middle loses a connection */
		ret = accept_into(s, listener, flags);
		mn_release();
	}
	if (ret < 0 && s)
		mn_sock_put(s);
	return ret;
}

/* --- from elsewhere ------------------------------------------------------------------ */

static bool read_identity(int fd, struct identity *id)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return !mn_real()->getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	       domain == AF_UNIX &&
	       !mn_real()->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_SEQPACKET &&
	       mn_real()->recvfrom(fd, id, sizeof(*id), MSG_PEEK | MSG_DONTWAIT, NULL, NULL) ==
		       sizeof(*id) &&
	       id->magic == IDENTITY_MAGIC;
}

/* The flow of that name, as this process's. Without one the socket is dead: it is no more. */
static void adopt(struct sock *s, uint32_t flow, uint32_t generation)
{
	struct memnet_flow *adopted = NULL;
	struct net *net = NULL;

	if (generation && !mn_net_get(&net) &&
	    !memnet_adopt(net->m, flow, generation, &adopted))
		memnet_set_blocking(adopted, false);
	if (net && !adopted) {
		mn_net_put(net);
		net = NULL;
	}
	s->flow = adopted;
	s->id.flow = flow;
	s->id.generation = generation;
	__atomic_store_n(&s->net, net, __ATOMIC_RELEASE);	/* last: others look at it first */
}

static bool has_peer(const struct memnet_flow *flow)
{
	struct sockaddr_storage peer;

	memnet_peer(flow, &peer);
	return peer.ss_family != AF_UNSPEC;
}

static struct sock *adopt_new(int fd, const struct identity *id)
{
	struct sock *s = mn_sock_new(id->domain, id->type,
				     mn_real()->fcntl(fd, F_GETFL) & O_NONBLOCK);

	if (!s)
		return NULL;
	adopt(s, id->flow, id->generation);
	s->kind = s->flow ? kind_of(s->flow) : SOCK_STREAM_FLOW;
	s->told = s->kind == SOCK_STREAM_FLOW;
	s->connected = s->told || (s->flow && has_peer(s->flow));
	s->bound = true;
	return s;
}

/* A second picture of one flow would not see where the first has moved its indices to. */
void mn_sock_recognise(int fd)
{
	struct identity id;
	struct sock *s;

	if (!read_identity(fd, &id))
		return;
	s = mn_sock_find(id.flow, id.generation);
	if (!s)
		s = adopt_new(fd, &id);
	if (!s)
		return;
	if (mn_sock_install(fd, s))
		mn_sock_put(s);
	else
		mn_stdio_became_flow(fd);
}

static pthread_mutex_t adoption = PTHREAD_MUTEX_INITIALIZER;

/* How it went only the parent can hear, and hand the flow over. */
static void lose_connecting(struct sock *s)
{
	s->failed = true;
	s->error = ECONNRESET;
	mn_fd_close_hidden(s->handle);
	s->handle = -1;
	s->id.generation = 0;
	__atomic_store_n(&s->connecting, false, __ATOMIC_RELEASE);
}

/* The parent's picture of the flow is left where it is: a call of before fork() may hold it. */
void mn_sock_adopt_inherited(struct sock *s)
{
	mn_lock(&adoption);
	if (s->net && s->net->foreign) {
		if (s->connecting)
			lose_connecting(s);
		adopt(s, s->id.flow, s->id.generation);
	}
	mn_unlock(&adoption);
}

void mn_adopt_lock_all(void)
{
	mn_lock(&adoption);
}

void mn_adopt_unlock_all(void)
{
	mn_unlock(&adoption);
}
