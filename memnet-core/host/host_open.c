/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How flows come to be: connect, bind, listen; and the options of their sockets.
 *
 * #syscalls bind close connect listen setsockopt socket
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"

static int open_socket(const union mn_sockaddr *addr, enum mn_flow_kind kind)
{
	int type = kind == MN_STREAM ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0)
		return -errno;
	if (kind == MN_STREAM) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		mn_flow_set_reset(fd, true);
	}
	return fd;
}

/* --- connect -------------------------------------------------------------------------- */

/* A stream without a name gets its socket here. 0 or -errno. */
static int make_stream(struct mn_host *h, uint32_t channel, const union mn_sockaddr *to,
		       struct host_flow **out)
{
	struct host_flow *f;
	int ret = mn_flow_claim(h, &f), fd;

	if (ret)
		return ret;
	fd = open_socket(to, MN_STREAM);
	if (fd < 0)
		return fd;
	mn_flow_take(f, channel, MN_STREAM, fd);
	f->state = FLOW_BOUND;
	*out = f;
	return 0;
}

static int connect_stream(struct host_flow *f, uint32_t channel, const union mn_sockaddr *to,
			  uint64_t cookie)
{
	int ret = 0;

	if (connect(f->watch.fd, &to->sa, mn_address_len(to)) && errno != EINPROGRESS)
		ret = -errno;
	if (!ret)
		ret = mn_flow_watch(f);
	if (ret) {
		mn_flow_reset(f);
		return ret;
	}
	f->asker = channel;
	f->cookie = cookie;
	f->state = FLOW_CONNECTING;
	return 0;
}

static int connect_datagrams(struct host_flow *f, const union mn_sockaddr *to)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (to ? connect(f->watch.fd, &to->sa, mn_address_len(to)) :
		 connect(f->watch.fd, &nobody, sizeof(nobody)))
		return -errno;
	mn_flow_publish_facts(f);
	return 1;
}

int mn_flow_connect(struct mn_host *h, struct host_flow *f, uint32_t channel,
		    const struct mn_submission *s, struct host_flow **out)
{
	int protocol = f && f->kind == MN_DATAGRAMS ? IPPROTO_UDP : IPPROTO_TCP;
	union mn_sockaddr to;
	int ret;

	if (f && f->kind == MN_DATAGRAMS && !s->family)
		return connect_datagrams(f, NULL);
	ret = mn_address_make(&to, s->family, s->port, s->addr, s->scope);
	if (ret)
		return ret;
	if (!mn_host_permits(h, MN_POLICY_CONNECT, protocol, &to.sa))
		return -EACCES;
	if (f && f->kind == MN_DATAGRAMS)
		return connect_datagrams(f, &to);
	if (f && f->state != FLOW_BOUND)
		return f->state == FLOW_CONNECTING ? -EALREADY : -EISCONN;
	ret = f ? 0 : make_stream(h, channel, &to, &f);
	return ret ? ret : connect_stream(f, channel, &to, s->cookie);
}

/* --- bind, listen --------------------------------------------------------------------- */

/* Every address of the machine? */
static bool is_any(const union mn_sockaddr *addr)
{
	return addr->sa.sa_family == AF_INET ? addr->in.sin_addr.s_addr == htonl(INADDR_ANY) :
					       IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
}

static void set_bind_flags(int fd, const union mn_sockaddr *at, uint32_t flags)
{
	const int on = 1, v6only = !!(flags & MN_BIND_V6ONLY);

	if (flags & MN_BIND_REUSEADDR)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (flags & MN_BIND_REUSEPORT)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (at->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
}

static int bind_socket(const union mn_sockaddr *at, enum mn_flow_kind kind, uint32_t flags)
{
	int fd = open_socket(at, kind), ret;

	if (fd < 0)
		return fd;
	set_bind_flags(fd, at, flags);
	if (!bind(fd, &at->sa, mn_address_len(at)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static bool is_dual(const union mn_sockaddr *at, uint32_t flags)
{
	return at->sa.sa_family == AF_INET6 && is_any(at) && !(flags & MN_BIND_V6ONLY);
}

/*
 * A port that the guest chose is one that it wants to be reached at, and an address that it
 * chose is one that it would also speak from: who trusts the host's loopback would trust it.
 * Judged here, as the kernel judges low ports. With neither the host chooses both, and that
 * serves to speak from; a listener is judged when it listens, and datagrams are heard from
 * whom it may speak to.
 */
int mn_flow_bind(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		 struct host_flow **out)
{
	int protocol = s->kind == MN_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	struct host_flow *f;
	union mn_sockaddr at;
	int ret = mn_address_make(&at, s->family, s->port, s->addr, s->scope);

	if (ret)
		return ret;
	if (s->kind != MN_STREAM && s->kind != MN_DATAGRAMS)
		return -EINVAL;
	if ((s->port || !is_any(&at)) &&
	    !mn_host_may_listen(h, protocol, &at, is_dual(&at, s->flags)))
		return -EACCES;
	ret = mn_flow_claim(h, &f);
	if (ret)
		return ret;
	ret = bind_socket(&at, s->kind, s->flags);
	if (ret == -EACCES)
		mn_host_tell_low_port(h, protocol, &at.sa);
	if (ret < 0)
		return ret;
	mn_flow_take(f, channel, s->kind, ret);
	f->dual = is_dual(&at, s->flags);
	f->hears_all = s->port;
	f->state = s->kind == MN_STREAM ? FLOW_BOUND : FLOW_OPEN;
	mn_flow_publish_facts(f);
	ret = f->state == FLOW_OPEN ? mn_flow_watch(f) : 0;
	if (ret) {
		mn_flow_reset(f);
		return ret;
	}
	*out = f;
	return 1;
}

int mn_flow_listen(struct host_flow *f, const struct mn_submission *s)
{
	int ret;

	if (f->kind == MN_LISTENER)	/* another backlog */
		return listen(f->watch.fd, s->value) ? -errno : 1;
	if (f->kind != MN_STREAM)
		return -EOPNOTSUPP;
	if (f->state != FLOW_BOUND)
		return -EINVAL;
	if (!mn_host_may_listen(f->host, IPPROTO_TCP, &f->local, f->dual))
		return -EACCES;
	if (listen(f->watch.fd, s->value))
		return -errno;
	f->kind = MN_LISTENER;
	f->state = FLOW_OPEN;
	mn_flow_publish_facts(f);
	ret = mn_flow_watch(f);
	if (ret)
		mn_flow_reset(f);
	return ret ? ret : 1;
}

/* --- options -------------------------------------------------------------------------- */

int mn_flow_set_option(struct host_flow *f, const struct mn_submission *s)
{
	static const struct { int level, option; } options[] = {
		[MN_OPTION_NODELAY] = { IPPROTO_TCP, TCP_NODELAY },
		[MN_OPTION_KEEPALIVE] = { SOL_SOCKET, SO_KEEPALIVE },
		[MN_OPTION_KEEPIDLE] = { IPPROTO_TCP, TCP_KEEPIDLE },
		[MN_OPTION_KEEPINTVL] = { IPPROTO_TCP, TCP_KEEPINTVL },
		[MN_OPTION_KEEPCNT] = { IPPROTO_TCP, TCP_KEEPCNT },
		[MN_OPTION_RCVBUF] = { SOL_SOCKET, SO_RCVBUF },
		[MN_OPTION_SNDBUF] = { SOL_SOCKET, SO_SNDBUF },
		[MN_OPTION_TOS] = { IPPROTO_IP, IP_TOS },
		[MN_OPTION_TTL] = { IPPROTO_IP, IP_TTL },
		[MN_OPTION_USER_TIMEOUT] = { IPPROTO_TCP, TCP_USER_TIMEOUT },
		[MN_OPTION_REUSEADDR] = { SOL_SOCKET, SO_REUSEADDR },
		[MN_OPTION_REUSEPORT] = { SOL_SOCKET, SO_REUSEPORT },
	};
	int level, option;

	if (s->option == MN_OPTION_LINGER) {
		f->resets = s->value == 0;
		return 1;
	}
	if (s->option == MN_OPTION_BROADCAST)
		return 1;	/* and no more: no rule is of a network's broadcast address */
	if (s->option >= ARRAY_SIZE(options) || !options[s->option].option)
		return -ENOPROTOOPT;
	level = options[s->option].level;
	option = options[s->option].option;
	if (level == IPPROTO_IP && f->local.sa.sa_family == AF_INET6) {
		level = IPPROTO_IPV6;
		option = s->option == MN_OPTION_TOS ? IPV6_TCLASS : IPV6_UNICAST_HOPS;
	}
	return setsockopt(f->watch.fd, level, option, &s->value, sizeof(s->value)) ? -errno : 1;
}
