/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet_resolve(): names.c, with flows for c-ares' sockets. Their numbers are places in a
 * table of the call, and never the kernel's descriptors.
 */
#include <ares.h>
#include <errno.h>
#include <netdb.h>

#include "memnet-core/address.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/names.h"

struct place {
	int type;		/* SOCK_*; 0: it is free */
	struct memnet_flow *flow;	/* NULL before it is connected */
};

struct asked {
	struct memnet *m;
	struct place places[ARES_GETSOCK_MAXNUM];	/* c-ares waits for no more */
	int error;		/* errno of the last server that could not be spoken to */
	bool spoke;		/* to one since */
	int ended;		/* errno: nothing can be waited for any more */
};

/* As system calls return it. */
static ssize_t result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static ares_socket_t open_place(int family, int type, int protocol, void *arg)
{
	struct asked *a = arg;

	for (size_t i = 0; i < ARRAY_SIZE(a->places); i++) {
		if (a->places[i].type)
			continue;
		a->places[i].type = type;
		return i;
	}
	return result(-EMFILE);
}

static int close_place(ares_socket_t s, void *arg)
{
	struct place *p = &((struct asked *)arg)->places[s];

	if (p->flow)
		memnet_close(p->flow);
	*p = (struct place){ 0 };
	return 0;
}

static int connect_flow(struct memnet *m, struct place *p, const struct sockaddr *to,
			socklen_t len)
{
	const struct sockaddr_storage any = { .ss_family = to->sa_family };
	int ret = 0;

	/* It would be the host's there; the guest's own no flow reaches. */
	if (mn_is_guests_own(to, len))
		return -ENETUNREACH;
	if (p->type == SOCK_DGRAM)
		ret = memnet_bind(m, SOCK_DGRAM, (const struct sockaddr *)&any, sizeof(any), 0,
				  &p->flow);
	if (!ret)
		ret = memnet_connect_start(m, to, len, &p->flow);
	if (ret)
		return ret;
	memnet_set_blocking(p->flow, false);
	return p->type == SOCK_STREAM ? -EINPROGRESS : 0;
}

static int connect_place(ares_socket_t s, const struct sockaddr *to, ares_socklen_t len,
			 void *arg)
{
	struct asked *a = arg;
	int ret = connect_flow(a->m, &a->places[s], to, len);

	if (ret && ret != -EINPROGRESS)
		a->error = -ret;
	return result(ret);
}

/* 0; -EAGAIN: not yet; -errno: a long answer will not come. */
static int is_connected(struct asked *a, const struct place *p)
{
	int ret = memnet_connect_result(p->flow);

	if (ret == -EINPROGRESS)
		return -EAGAIN;
	if (ret) {
		a->error = -ret;
		a->spoke = false;
	}
	return ret;
}

static ssize_t recv_flow(struct asked *a, struct place *p, void *buf, size_t size, struct sockaddr *from,
			 ares_socklen_t *len)
{
	struct iovec part = { buf, size };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_name = from };
	ssize_t n = is_connected(a, p);

	if (n)
		return n;
	if (p->type == SOCK_STREAM)
		return memnet_recv(p->flow, buf, size);
	if (from)
		msg.msg_namelen = *len;
	n = memnet_recv_datagram(p->flow, &msg, false);
	if (n == -EAGAIN)
		n = -memnet_take_error(p->flow) ?: -EAGAIN;	/* nobody is there */
	if (n >= 0 && from)
		*len = msg.msg_namelen;
	return MIN(n, (ssize_t)size);
}

static ares_ssize_t recv_place(ares_socket_t s, void *buf, size_t size, int flags,
			       struct sockaddr *from, ares_socklen_t *len, void *arg)
{
	struct asked *a = arg;

	return result(recv_flow(a, &a->places[s], buf, size, from, len));
}

static ssize_t send_stream(struct memnet_flow *f, const struct iovec *iov, int n)
{
	ssize_t sent = 0, ret;

	for (int i = 0; i < n; i++) {
		ret = memnet_send(f, iov[i].iov_base, iov[i].iov_len);
		if (ret < 0)
			return sent ? sent : ret;
		sent += ret;
		if ((size_t)ret < iov[i].iov_len)
			break;
	}
	return sent;
}

static ares_ssize_t send_place(ares_socket_t s, const struct iovec *iov, int n, void *arg)
{
	struct asked *a = arg;
	struct place *p = &a->places[s];
	ssize_t ret = is_connected(a, p);

	if (ret)
		return result(ret);
	ret = p->type == SOCK_STREAM ? send_stream(p->flow, iov, n) :
				       memnet_send_datagram(p->flow, iov, n, NULL, 0);
	if (ret >= 0)
		a->spoke = true;
	else if (ret != -EAGAIN)
		a->error = -ret;
	return result(ret);
}

static int poll_places(struct pollfd *fds, size_t n, int timeout_ms, void *arg)
{
	struct memnet_pollfd flows[ARES_GETSOCK_MAXNUM];
	struct asked *a = arg;
	int ret;

	for (size_t i = 0; i < n; i++)
		flows[i] = (struct memnet_pollfd){ a->places[fds[i].fd].flow, fds[i].events };
	ret = memnet_poll(flows, n, timeout_ms);
	for (size_t i = 0; i < n; i++)
		fds[i].revents = flows[i].revents;
	if (ret == -EINTR)
		return 0;
	if (ret < 0)
		a->ended = -ret;
	return ret;
}

/* errno where no server had a chance to answer, or 0. */
static int obstacle(const struct asked *a)
{
	if (a->ended)
		return a->ended;
	return -mn_session_check(&a->m->session) ?: a->spoke ? 0 : a->error;
}

int memnet_resolve(struct memnet *m, const char *node, const char *service,
		   const struct addrinfo *hints, struct addrinfo **res)
{
	static const struct ares_socket_functions places = {
		open_place, close_place, connect_place, recv_place, send_place,
	};
	struct asked a = { .m = m };
	const struct mn_asking by_flows = { &places, poll_places, &a };
	int ret = mn_names_resolve(node, service, hints, &by_flows, res), err;

	err = ret == EAI_AGAIN ? obstacle(&a) : 0;
	if (!err)
		return ret;
	errno = err;
	return EAI_SYSTEM;
}
