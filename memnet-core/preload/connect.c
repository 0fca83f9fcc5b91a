/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect(). A stream is under way until somebody asks how it went: connect() itself, poll(),
 * SO_ERROR. Who asks first when it has gone well hands the flow to the agent; when it has
 * not, the socket may try again, as on Linux.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>

#include "memnet-core/address.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/layout.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Lock held. */
static int finish(struct sock *s, int ret)
{
	__atomic_store_n(&s->connected, !ret, __ATOMIC_RELEASE);
	s->failed = ret;
	s->error = -ret;
	if (ret) {
		memnet_take_error(s->flow);	/* it is ours to tell now */
	} else {
		/* The host is not asked here: who looks for events holds locks. */
		__atomic_store_n(&s->options_owed, true, __ATOMIC_RELAXED);
		if (s->handle >= 0) {
			mn_sock_forget(s->handle);
			ret = mn_sock_hand_over(s, s->handle);
			s->handle = -1;
		}
	}
	__atomic_store_n(&s->connecting, false, __ATOMIC_RELEASE);
	return ret;
}

int mn_sock_connect_result(struct sock *s)
{
	int ret;

	mn_lock(&lock);
	if (s->connecting) {
		ret = memnet_connect_result(s->flow);
		if (ret != -EINPROGRESS)
			ret = finish(s, ret);
	} else {
		ret = s->connected ? 0 : -s->error;
	}
	mn_unlock(&lock);
	return ret;
}

int mn_sock_connect_arm(struct sock *s)
{
	int ret;

	mn_lock(&lock);
	ret = s->connecting ? memnet_arm(s->flow, POLLOUT) : 0;
	mn_unlock(&lock);
	return ret;
}

void mn_connect_lock_all(void)
{
	mn_lock(&lock);
}

void mn_connect_unlock_all(void)
{
	mn_unlock(&lock);
}

/* Other threads poll the socket meanwhile: they see what it was, or what it is. */
static void lock_change(void)
{
	mn_epoll_lock_all();
	mn_lock(&lock);
}

static void unlock_change(struct past *over)
{
	mn_unlock(&lock);
	mn_epoll_unlock_all();
	mn_sock_let_go(over);
}

void mn_sock_set_flow(struct sock *s, struct net *net, struct memnet_flow *flow, bool connecting)
{
	struct past *over;

	memnet_set_blocking(flow, false);	/* who waits does so by mn_sock_wait() */
	lock_change();
	s->connecting = connecting;
	over = mn_sock_change(s, net, flow);
	unlock_change(over);
}

/* Where there was an attempt before. */
static void drop_failed(struct sock *s)
{
	struct past *over = NULL;

	lock_change();
	if (s->failed && s->flow)
		over = mn_sock_change(s, s->net, NULL);
	s->failed = false;
	s->error = 0;
	unlock_change(over);
}

static int begin(struct sock *s, struct net *net, const struct sockaddr *addr, socklen_t len)
{
	struct memnet_flow *flow = s->flow;
	int ret = memnet_connect_start(net->m, addr, len, &flow);

	if (ret || s->type == SOCK_DGRAM) {
		memnet_take_error(flow);	/* of before */
		s->connected = !ret && addr->sa_family != AF_UNSPEC;
		return ret;
	}
	s->told = false;
	s->attempts++;
	if (s->flow == flow) {		/* it was bound, and the agent has it */
		s->connecting = true;
		return 0;
	}
	if (s->handle < 0)
		return mn_sock_become(s, net, flow, true);
	mn_sock_set_flow(s, net, flow, true);	/* behind the descriptor there is */
	return 0;
}

/* 0: under way, or (datagrams) done; -errno. */
static int start(struct sock *s, const struct sockaddr *addr, socklen_t len)
{
	struct net *net;
	int ret;

	mn_hold();
	ret = mn_net_get(&net);
	if (!ret) {
		drop_failed(s);
		ret = begin(s, net, addr, len);
		mn_net_put(net);
	}
	mn_release();
	return ret;
}

/* As long as the socket's own timeout for sending allows; then @late. */
static int wait_for_result(struct sock *s, int late)
{
	int64_t end_ns = s->sndtimeo_ns ? mn_now_ns() + s->sndtimeo_ns : INT64_MAX;
	struct held held = { 0 };
	int ret;

	while ((ret = mn_sock_connect_result(s)) == -EINPROGRESS) {
		int64_t left = end_ns - mn_now_ns();

		ret = late;
		if (left <= 0)
			break;
		if (mn_sock_arm(s, POLLOUT) <= 0)
			continue;
		mn_signals_hold(&held, NULL);
		ret = mn_net_sleep(s->net, left, &held.mask);
		if (ret == -EINTR && !s->sndtimeo_ns && mn_signals_restart())
			continue;
		if (ret < 0)
			break;
	}
	mn_signals_release(&held);
	return ret;
}

/* The result was told by connect() itself: SO_ERROR does not tell it again. */
static int tell(struct sock *s, int ret)
{
	if (ret && ret != -EINPROGRESS && ret != -EALREADY && ret != -EINTR)
		s->error = 0;
	if (!ret)
		mn_sock_replay_options(s);
	s->told |= !ret;
	return ret;
}

static int connect_stream(struct sock *s, const struct sockaddr *addr, socklen_t len)
{
	bool first = !s->connecting && (!s->connected || s->told);
	int ret;

	if (s->kind == SOCK_LISTENER_FLOW || (s->connected && s->told))
		return -EISCONN;
	if (addr->sa_family != s->domain)
		return -EAFNOSUPPORT;
	if (first) {
		ret = start(s, addr, len);
		if (ret)
			return ret;
		if (s->nonblock)
			return -EINPROGRESS;
	}
	if (!s->nonblock)
		return tell(s, wait_for_result(s, first ? -EINPROGRESS : -EALREADY));
	ret = mn_sock_connect_result(s);
	return tell(s, ret == -EINPROGRESS ? -EALREADY : ret);
}

static int connect_datagrams(struct sock *s, int fd, const struct sockaddr *addr, socklen_t len)
{
	int ret = s->kind == SOCK_FRESH ? mn_sock_bind_any(s, fd) : 0;

	return ret ? ret : start(s, addr, len);
}

/* AF_UNSPEC: the stream is torn, and the socket as new. */
static int dissolve(struct sock *s)
{
	struct past *over = NULL;

	if (s->kind == SOCK_LISTENER_FLOW)
		return -EINVAL;
	lock_change();
	s->connected = s->connecting = s->told = s->failed = false;
	s->shut_rd = false;
	s->shut_wr = false;
	s->error = 0;
	if (s->flow) {
		memnet_tear(s->flow);
		over = mn_sock_change(s, s->net, NULL);
	}
	unlock_change(over);
	return 0;
}

static bool is_mapped(const struct sockaddr *addr, socklen_t len)
{
	return addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6) &&
	       IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

static bool is_v6only(int fd)
{
	socklen_t len = sizeof(int);
	int on = 0;

	return !mn_real()->getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len) && on;
}

/* What the kernel answers to better: loopback, and what is wrong. */
static bool is_kernels(const struct sock *s, int fd, const struct sockaddr *addr, socklen_t len)
{
	return s->kind == SOCK_FRESH &&
	       (!addr || len < sizeof(struct sockaddr_in) || addr->sa_family != s->domain ||
		mn_is_guests_own(addr, len) || (is_mapped(addr, len) && is_v6only(fd)));
}

EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s = mn_sock_get(fd);
	int ret;

	if (!s)
		return mn_real()->connect(fd, addr, len);
	if (is_kernels(s, fd, addr, len))
		ret = mn_real()->connect(fd, addr, len) ? -errno : 0;
	else if (!addr)
		ret = -EFAULT;
	else if (len < sizeof(addr->sa_family) || len > sizeof(struct sockaddr_storage))
		ret = -EINVAL;
	else if (s->type == SOCK_DGRAM)
		ret = connect_datagrams(s, fd, addr, len);
	else if (addr->sa_family == AF_UNSPEC)
		ret = dissolve(s);
	else
		ret = connect_stream(s, addr, len);
	mn_sock_put(s);
	return mn_result(ret);
}
