/* SPDX-License-Identifier: BSD-2-Clause */
/* socket() to accept(): who a socket is, and who it talks to. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "memnet-core/address.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"

static bool is_ours(int domain, int type, int protocol)
{
	if (domain != AF_INET && domain != AF_INET6)
		return false;
	return (type == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP)) ||
	       (type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP));
}

EXPORT int socket(int domain, int type, int protocol)
{
	int fd = mn_real()->socket(domain, type, protocol);
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct sock *s;

	if (fd < 0 || !is_ours(domain, kind, protocol))
		return fd;
	s = mn_sock_new(domain, kind, type & SOCK_NONBLOCK);
	if (s && !mn_sock_install(fd, s))
		return fd;
	if (s)
		mn_sock_put(s);
	mn_real()->close(fd);
	errno = ENOMEM;
	return -1;
}

/* --- bind, listen -------------------------------------------------------------------- */

/* Of what the program set on the kernel's socket, that which matters to bind(). */
static unsigned int bind_flags(int fd)
{
	static const struct { int level, option; unsigned int flag; } wanted[] = {
		{ SOL_SOCKET, SO_REUSEADDR, MN_BIND_REUSEADDR },
		{ SOL_SOCKET, SO_REUSEPORT, MN_BIND_REUSEPORT },
		{ IPPROTO_IPV6, IPV6_V6ONLY, MN_BIND_V6ONLY },
	};
	unsigned int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		socklen_t len = sizeof(int);
		int on = 0;

		if (!mn_real()->getsockopt(fd, wanted[i].level, wanted[i].option, &on, &len) && on)
			flags |= wanted[i].flag;
	}
	return flags;
}

static int bind_fresh(struct sock *s, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct memnet_flow *flow;
	struct net *net;
	int ret = mn_net_get(&net);

	if (ret)
		return ret;
	ret = memnet_bind(net->m, s->type, addr, len, bind_flags(fd), &flow);
	if (!ret)
		ret = mn_sock_become(s, net, flow, false);
	mn_net_put(net);
	return ret;
}

int mn_sock_bind_any(struct sock *s, int fd)
{
	const struct sockaddr_storage any = { .ss_family = s->domain };

	return bind_fresh(s, fd, (const struct sockaddr *)&any,
			  s->domain == AF_INET ? sizeof(struct sockaddr_in) :
						 sizeof(struct sockaddr_in6));
}

static bool is_unspecified(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return ((const struct sockaddr_in *)addr)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = mn_sock_get(fd);
	int ret;

	if (!s)
		return mn_real()->bind(fd, addr, len);
	if (s->kind != SOCK_FRESH)
		ret = -EINVAL;
	else if (!addr || addr->sa_family != s->domain ||
		 (mn_is_guests_own(addr, len) && !(len >= sizeof(struct sockaddr_in) &&
						   is_unspecified(addr)))) {
		ret = mn_real()->bind(fd, addr, len) ? -errno : 0;
		if (!ret)
			mn_sock_forget(fd);	/* the guest's loopback: the kernel's for ever */
	} else {
		mn_hold();
		ret = bind_fresh(s, fd, addr, len);
		mn_release();
	}
	mn_sock_put(s);
	return mn_result(ret);
}

static int listen_flow(struct sock *s, int fd, int backlog)
{
	int ret = 0;

	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (s->kind == SOCK_FRESH)
		ret = mn_sock_bind_any(s, fd);
	if (!ret && (s->connected || s->connecting))
		ret = -EINVAL;
	if (!ret && !s->flow)
		ret = -ECONNRESET;
	if (!ret)
		ret = memnet_listen(s->flow, backlog);
	if (!ret)
		s->kind = SOCK_LISTENER_FLOW;
	return ret;
}

EXPORT int listen(int fd, int backlog)
{
	struct sock *s = mn_sock_get(fd);
	int ret;

	if (!s)
		return mn_real()->listen(fd, backlog);
	mn_hold();
	ret = listen_flow(s, fd, backlog);
	mn_release();
	mn_sock_put(s);
	return mn_result(ret);
}

/* --- accept -------------------------------------------------------------------------- */

/* At most *@len bytes, and how many it would have been: as Linux gives addresses. */
static int give_address(const struct sockaddr_storage *from, struct sockaddr *to, socklen_t *len)
{
	socklen_t size = from->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
						      sizeof(struct sockaddr_in6);

	if ((int)*len < 0)
		return -EINVAL;
	memcpy(to, from, MIN(*len, size));
	*len = size;
	return 0;
}

static int accept_one(struct sock *s, int flags)
{
	int ret;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (s->kind != SOCK_LISTENER_FLOW || s->shut_rd)
		return -EINVAL;
	if (!s->flow)
		return -ECONNRESET;
	while ((ret = mn_sock_accept(s, flags)) == -EAGAIN && !s->nonblock) {
		ret = mn_sock_wait(s, POLLIN, s->rcvtimeo_ns);
		if (ret)
			break;
	}
	return ret;
}

/* Of a socket that is the table's; @peer: whose name. */
static int name_of(int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct sockaddr_storage name = { 0 };
	struct memnet_flow *flow;
	int ret = -ENOTCONN;

	if (!s)
		return -EBADF;
	name.ss_family = s->domain;
	if (s->connecting)
		mn_sock_connect_result(s);
	flow = __atomic_load_n(&s->flow, __ATOMIC_ACQUIRE);
	if (!peer) {
		if (flow && !s->connecting && !s->failed)
			memnet_local(flow, &name);
		ret = give_address(&name, addr, len);
	} else if (flow && !s->connecting && s->connected && !(mn_sock_events(s) & POLLERR) &&
		   !mn_flow_is_torn(flow)) {
		memnet_peer(flow, &name);
		ret = give_address(&name, addr, len);
	}
	mn_sock_put(s);
	return ret;
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct sock *s = mn_sock_get_flow(fd);
	int ret;

	if (!s)
		return mn_real()->accept4(fd, addr, len, flags);
	ret = addr && (int)*len < 0 ? -EINVAL : accept_one(s, flags);
	mn_sock_put(s);
	if (ret >= 0 && addr && name_of(ret, true, addr, len))
		*len = 0;	/* it is gone again */
	return mn_result(ret);
}

EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

/* --- names --------------------------------------------------------------------------- */

static bool is_flow(int fd)
{
	struct sock *s = mn_sock_get_flow(fd);

	if (s)
		mn_sock_put(s);
	return s;
}

EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return is_flow(fd) ? mn_result(name_of(fd, false, addr, len)) :
			     mn_real()->getsockname(fd, addr, len);
}

EXPORT int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return is_flow(fd) ? mn_result(name_of(fd, true, addr, len)) :
			     mn_real()->getpeername(fd, addr, len);
}

/* On Linux nobody connects any more once shutdown() has returned: the host is to have seen it. */
static void wait_for_end(const struct sock *s)
{
	int64_t end_ns = mn_now_ns() + NSEC_PER_SEC;

	while (!mn_flow_is_torn(s->flow) && mn_net_lives(s->net) && mn_now_ns() < end_ns)
		mn_net_sleep(s->net, end_ns - mn_now_ns(), NULL);
}

static int shut_down(struct sock *s, int how)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	int ret = 0;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (s->kind == SOCK_LISTENER_FLOW) {
		if (how == SHUT_WR)
			return 0;
		if (!flow)
			return -ENOTCONN;
		s->shut_rd = true;
		if (!memnet_shutdown_recv(flow))	/* it listens no more */
			wait_for_end(s);
	} else if (!s->connected || !flow || mn_flow_is_torn(flow)) {
		return -ENOTCONN;
	}
	s->shut_rd |= how != SHUT_WR;
	if (how != SHUT_RD && !s->shut_wr) {
		s->shut_wr = true;
		if (s->kind == SOCK_STREAM_FLOW)
			ret = memnet_shutdown_send(flow);
	}
	mn_net_wake(s->net);	/* who waits here: it is the end now */
	return ret;
}

EXPORT int shutdown(int fd, int how)
{
	struct sock *s = mn_sock_get_flow(fd);
	int ret;

	if (!s)
		return mn_real()->shutdown(fd, how);
	mn_hold();
	ret = shut_down(s, how);
	mn_release();
	mn_sock_put(s);
	return mn_result(ret);
}
