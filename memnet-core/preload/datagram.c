/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams: each a record in the flow's FIFO. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/bytes.h"
#include "memnet-core/preload/bytes_internal.h"
#include "memnet-core/preload/wait.h"

/*
 * A pending error of the socket (ICMP) comes before anything else, once. One that is not
 * connected has none: on Linux what a datagram cannot be sent for is the error of that call.
 */
static int pending_error(struct sock *s)
{
	if (!s->flow)
		return -ECONNRESET;
	return s->connected ? -memnet_take_error(s->flow) : 0;
}

/* Is it whom the socket speaks to, and has spoken to, alone? */
static bool speaks_to_one(struct sock *s, const void *to, socklen_t len)
{
	size_t size = MIN((size_t)len, sizeof(s->spoken_to));

	if (!s->spoken_to.sin6_family)
		memcpy(&s->spoken_to, to, size);
	else if (memcmp(&s->spoken_to, to, size))
		s->spoken_to_others = true;
	return !s->spoken_to_others;
}

/*
 * What the host could not send for an unconnected socket comes back later: it is told to who
 * sends again where all went, and to nobody where it may have been another's.
 */
static int error_of_sending(struct sock *s, const struct msghdr *msg)
{
	int err;

	if (!s->flow || s->connected || !msg->msg_namelen)
		return pending_error(s);
	err = memnet_take_error(s->flow);
	return speaks_to_one(s, msg->msg_name, msg->msg_namelen) ? -err : 0;
}

static ssize_t send_one(struct sock *s, const struct msghdr *msg)
{
	ssize_t n;

	mn_flow_lock(s->flow, MN_SEND);
	n = memnet_send_datagram(s->flow, msg->msg_iov, msg->msg_iovlen, msg->msg_name,
				 msg->msg_namelen);
	mn_flow_unlock(s->flow, MN_SEND);
	return n;
}

static ssize_t broken(int flags)
{
	if (!(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return -EPIPE;
}

/* Network byte order; what is no address of ours is told by others. */
static in_port_t port_of(const void *addr, socklen_t len)
{
	const struct sockaddr_in *in = addr;	/* sin6_port is in the same place */

	return len < sizeof(*in) || (in->sin_family != AF_INET && in->sin_family != AF_INET6) ?
	       1 : in->sin_port;
}

ssize_t mn_datagram_send(struct sock *s, const struct msghdr *msg, int flags)
{
	bool wait = !s->nonblock && !(flags & MSG_DONTWAIT);
	ssize_t n = error_of_sending(s, msg);

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (n)
		return n;
	if (s->shut_wr)
		return broken(flags);
	if (!msg->msg_namelen && !s->connected)
		return -EDESTADDRREQ;
	if (msg->msg_namelen && !port_of(msg->msg_name, msg->msg_namelen))
		return -EINVAL;
	while ((n = send_one(s, msg)) == -EAGAIN && wait) {
		n = mn_sock_wait(s, POLLOUT, s->sndtimeo_ns);
		if (n)
			return n;
	}
	return n;
}

/* After SHUT_RD who would wait is at the end; who would not is told as before. */
static ssize_t recv_one(struct sock *s, struct msghdr *msg, int flags, bool wait)
{
	ssize_t n;

	mn_flow_lock(s->flow, MN_RECV);
	n = memnet_recv_datagram(s->flow, msg, flags & MSG_PEEK);
	mn_flow_unlock(s->flow, MN_RECV);
	return n == -EAGAIN && s->shut_rd && wait ? 0 : n;
}

ssize_t mn_datagram_recv(struct sock *s, struct msghdr *msg, int flags)
{
	bool wait = !s->nonblock && !(flags & MSG_DONTWAIT);
	size_t room = mn_cursor(msg).left;
	ssize_t n = pending_error(s);

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (n)
		return n;
	msg->msg_flags = 0;
	while ((n = recv_one(s, msg, flags, wait)) == -EAGAIN && wait) {
		n = mn_sock_wait(s, POLLIN, s->rcvtimeo_ns);
		if (!n)
			n = pending_error(s);
		if (n)
			return n;
	}
	return n > (ssize_t)room && !(flags & MSG_TRUNC) ? (ssize_t)room : n;
}

ssize_t mn_sock_send(struct sock *s, const struct msghdr *msg, int flags)
{
	return s->kind == SOCK_DATAGRAM_FLOW ? mn_datagram_send(s, msg, flags) :
					       mn_stream_send(s, msg, flags);
}

ssize_t mn_sock_recv(struct sock *s, struct msghdr *msg, int flags)
{
	msg->msg_controllen = 0;
	if (s->kind == SOCK_DATAGRAM_FLOW)
		return mn_datagram_recv(s, msg, flags);
	msg->msg_namelen = 0;
	msg->msg_flags = 0;
	return mn_stream_recv(s, msg, flags);
}
