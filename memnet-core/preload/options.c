/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of sockets that are flows. Those that the host's socket has go there; those of
 * how calls wait are here; of the rest the program hears what a socket of the kernel that
 * nobody has touched would say, so that what only asks goes on.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/layout.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

/* Those that the host knows: numbers all. */
static const struct {
	int level, option;
	enum mn_option to_host;
} host_options[] = {
	{ IPPROTO_TCP, TCP_NODELAY, MN_OPTION_NODELAY },
	{ SOL_SOCKET, SO_KEEPALIVE, MN_OPTION_KEEPALIVE },
	{ IPPROTO_TCP, TCP_KEEPIDLE, MN_OPTION_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL, MN_OPTION_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT, MN_OPTION_KEEPCNT },
	{ SOL_SOCKET, SO_RCVBUF, MN_OPTION_RCVBUF },
	{ SOL_SOCKET, SO_SNDBUF, MN_OPTION_SNDBUF },
	{ SOL_SOCKET, SO_BROADCAST, MN_OPTION_BROADCAST },
	{ IPPROTO_IP, IP_TOS, MN_OPTION_TOS },
	{ IPPROTO_IPV6, IPV6_TCLASS, MN_OPTION_TOS },
	{ IPPROTO_IP, IP_TTL, MN_OPTION_TTL },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, MN_OPTION_TTL },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, MN_OPTION_USER_TIMEOUT },
	{ SOL_SOCKET, SO_REUSEADDR, MN_OPTION_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT, MN_OPTION_REUSEPORT },
};

/*
 * Those that would change what is sent, or what the program is owed, and that nothing here does:
 * refused, as by a kernel that has them not. Also while it may still become the kernel's: most
 * are set before a socket has a name.
 */
static const struct {
	int level, option;
} refused[] = {
	{ IPPROTO_UDP, UDP_SEGMENT },
	{ IPPROTO_UDP, UDP_GRO },
	{ SOL_SOCKET, SO_ZEROCOPY },
	{ SOL_SOCKET, SO_BINDTODEVICE },
	{ SOL_SOCKET, SO_BINDTOIFINDEX },
	{ SOL_SOCKET, SO_ATTACH_FILTER },
	{ SOL_SOCKET, SO_ATTACH_BPF },
	{ SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF },
	{ SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF },
	{ IPPROTO_TCP, TCP_MD5SIG },
	{ IPPROTO_IP, IP_ADD_MEMBERSHIP },
	{ IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP },
	{ IPPROTO_IP, MCAST_JOIN_GROUP },
	{ IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP },
	{ IPPROTO_IPV6, IPV6_JOIN_GROUP },
	{ IPPROTO_IPV6, IPV6_JOIN_ANYCAST },
	{ IPPROTO_IPV6, MCAST_JOIN_GROUP },
	{ IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP },
};

static bool is_refused(int level, int option)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (refused[i].level == level && refused[i].option == option)
			return true;
	return false;
}

static int set_timeout(int64_t *ns, const void *value, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	*ns = tv.tv_sec < 0 ? 1 : tv.tv_sec > INT64_MAX / 2 / NSEC_PER_SEC ? 0 :
	      tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * 1000;
	return 0;
}

/*
 * A kernel's socket of the same kind is asked: to set @option to @in (NULL: not), and then
 * what it is now (@out NULL: not). So values are judged, rounded and doubled as Linux does.
 */
static int ask_kernel(const struct sock *s, int level, int option, const void *in, socklen_t in_len,
		      void *out, socklen_t *out_len)
{
	int fd = mn_real()->socket(s->domain, s->type | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (in && mn_real()->setsockopt(fd, level, option, in, in_len))
		ret = -errno;
	if (!ret && out && mn_real()->getsockopt(fd, level, option, out, out_len))
		ret = -errno;
	mn_real()->close(fd);
	return ret;
}

/* Which of host_options; -1: none. */
static int find(int level, int option)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_options); i++)
		if (host_options[i].level == level && host_options[i].option == option)
			return i;
	return -1;
}

/* Linger, timeouts and the host's: kept here. */
static int remember(struct sock *s, int level, int option, const void *value, socklen_t len)
{
	int which = find(level, option);

	if (level == SOL_SOCKET && option == SO_RCVTIMEO)
		return set_timeout(&s->rcvtimeo_ns, value, len);
	if (level == SOL_SOCKET && option == SO_SNDTIMEO)
		return set_timeout(&s->sndtimeo_ns, value, len);
	if (level == SOL_SOCKET && option == SO_LINGER) {
		if (len < sizeof(s->linger))
			return -EINVAL;
		memcpy(&s->linger, value, sizeof(s->linger));
	}
	if (which >= 0 && len >= sizeof(int)) {
		memcpy(&s->option[which], value, sizeof(int));
		s->options |= 1u << which;
	}
	return 0;
}

/* Read once, and before what is asked of it: another thread's connect() may replace it. */
static struct memnet_flow *flow_of(const struct sock *s)
{
	return __atomic_load_n(&s->flow, __ATOMIC_ACQUIRE);
}

static int tell_host_linger(const struct sock *s, struct memnet_flow *flow)
{
	return memnet_set_option(flow, MN_OPTION_LINGER,
				 s->linger.l_onoff ? s->linger.l_linger : -1);
}

static int set_option(struct sock *s, int level, int option, const void *value, socklen_t len)
{
	struct memnet_flow *flow = flow_of(s);
	int which = find(level, option);
	int ret;

	if (!value)
		return -EFAULT;
	if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY)
		return -EINVAL;		/* it has its name */
	ret = ask_kernel(s, level, option, value, len, NULL, NULL);
	if (!ret)
		ret = remember(s, level, option, value, len);
	if (ret || !flow || s->connecting)
		return ret;
	if (level == SOL_SOCKET && option == SO_LINGER)
		return tell_host_linger(s, flow);
	return which < 0 ? 0 : memnet_set_option(flow, host_options[which].to_host,
						 s->option[which]);
}

void mn_sock_replay_options(struct sock *s)
{
	struct memnet_flow *flow = flow_of(s);

	if (!flow || s->connecting ||
	    !__atomic_exchange_n(&s->options_owed, false, __ATOMIC_RELAXED))
		return;
	if (s->linger.l_onoff)
		tell_host_linger(s, flow);
	for (size_t i = 0; i < ARRAY_SIZE(host_options); i++)
		if (s->options & 1u << i)
			memnet_set_option(flow, host_options[i].to_host, s->option[i]);
}

void mn_sock_replay_inherited(struct sock *s)
{
	int nodelay = find(IPPROTO_TCP, TCP_NODELAY);

	if (s->linger.l_onoff && !s->linger.l_linger)
		tell_host_linger(s, s->flow);
	if (s->options & 1u << nodelay && !s->option[nodelay])
		memnet_set_option(s->flow, MN_OPTION_NODELAY, 0);
}

EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	struct sock *s = mn_sock_get(fd);
	int ret;

	if (!s)
		return mn_real()->setsockopt(fd, level, option, value, len);
	if (is_refused(level, option)) {
		ret = -ENOPROTOOPT;
	} else if (s->kind == SOCK_FRESH) {
		ret = mn_real()->setsockopt(fd, level, option, value, len) ? -errno : 0;
		if (!ret)
			ret = remember(s, level, option, value, len);
	} else {
		mn_hold();
		ret = set_option(s, level, option, value, len);
		mn_release();
	}
	mn_sock_put(s);
	return mn_result(ret);
}

/* --- getsockopt ---------------------------------------------------------------------- */

static int give(void *value, socklen_t *len, const void *from, socklen_t size)
{
	memcpy(value, from, MIN(*len, size));
	*len = MIN(*len, size);
	return 0;
}

static int give_number(void *value, socklen_t *len, int number)
{
	return give(value, len, &number, sizeof(number));
}

int mn_sock_take_error(struct sock *s)
{
	struct memnet_flow *flow;
	int err = 0;

	if (s->connecting)
		mn_sock_connect_result(s);
	flow = flow_of(s);
	if (s->error) {
		err = s->error;
		s->error = 0;
	} else if (flow && !s->connecting && (s->connected || s->kind != SOCK_DATAGRAM_FLOW)) {
		err = memnet_take_error(flow);
	}
	return -err;
}

static int give_timeout(const struct sock *s, int option, int64_t ns, void *value, socklen_t *len)
{
	const struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	return ask_kernel(s, SOL_SOCKET, option, &tv, sizeof(tv), value, len);
}

static int get_option(struct sock *s, int level, int option, void *value, socklen_t *len)
{
	int which = find(level, option), ret;

	if (!value || !len)
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (level == SOL_SOCKET) {
		switch (option) {
		case SO_ERROR:
			return give_number(value, len, -mn_sock_take_error(s));
		case SO_TYPE:
			return give_number(value, len, s->type);
		case SO_DOMAIN:
			return give_number(value, len, s->domain);
		case SO_PROTOCOL:
			return give_number(value, len, s->type == SOCK_STREAM ? IPPROTO_TCP :
									       IPPROTO_UDP);
		case SO_ACCEPTCONN:
			return give_number(value, len, s->kind == SOCK_LISTENER_FLOW);
		case SO_LINGER:
			return give(value, len, &s->linger, sizeof(s->linger));
		case SO_RCVTIMEO:
			return give_timeout(s, option, s->rcvtimeo_ns, value, len);
		case SO_SNDTIMEO:
			return give_timeout(s, option, s->sndtimeo_ns, value, len);
		}
	}
	if (which >= 0 && s->options & 1u << which)
		return ask_kernel(s, level, option, &s->option[which], sizeof(int), value, len);
	ret = ask_kernel(s, level, option, NULL, 0, value, len);
	if (!ret && level == IPPROTO_TCP && option == TCP_INFO && *len > 0)
		*(uint8_t *)value = s->connected ? TCP_ESTABLISHED :
				    s->kind == SOCK_LISTENER_FLOW ? TCP_LISTEN : TCP_CLOSE;
	return ret;
}

EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	struct sock *s = mn_sock_get_flow(fd);
	int ret;

	if (!s)
		return mn_real()->getsockopt(fd, level, option, value, len);
	mn_hold();
	ret = get_option(s, level, option, value, len);
	mn_release();
	mn_sock_put(s);
	return mn_result(ret);
}

static_assert(ARRAY_SIZE(host_options) == MN_SOCK_OPTIONS, "options of a socket");
