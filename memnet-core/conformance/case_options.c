/* SPDX-License-Identifier: BSD-2-Clause */
/* getsockopt(2), setsockopt(2): what is set is told, before and after it is a connection. */
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "memnet-core/conformance/conform.h"

static void what_it_is(int family)
{
	int fd = stream_to_peer(family);

	NUMBER("1", int_option(fd, SOL_SOCKET, SO_TYPE));
	YES(int_option(fd, SOL_SOCKET, SO_DOMAIN) == family);
	NUMBER("6", int_option(fd, SOL_SOCKET, SO_PROTOCOL));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
	fd = datagram_connected(family);
	NUMBER("2", int_option(fd, SOL_SOCKET, SO_TYPE));
	NUMBER("17", int_option(fd, SOL_SOCKET, SO_PROTOCOL));
}

/* One set while fresh lasts over connect(); then it can be set again. */
#define LASTS(fd, to, level, option, before, after) do {				\
	RET("0", set_int_option(fd, level, option, before));				\
	RET("0", connect(fd, &(to).any, (to).len));					\
	saw(#option, #before, "%d", int_option(fd, level, option));			\
	RET("0", set_int_option(fd, level, option, after));				\
	saw(#option, #after, "%d", int_option(fd, level, option));			\
} while (0)

static void nodelay(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	NUMBER("0", int_option(fd, IPPROTO_TCP, TCP_NODELAY));
	LASTS(fd, to, IPPROTO_TCP, TCP_NODELAY, 1, 0);
}

static void keepalive(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	LASTS(fd, to, SOL_SOCKET, SO_KEEPALIVE, 1, 0);
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77));
	NUMBER("77", int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 7));
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3));
}

static void reuseaddr(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	LASTS(fd, to, SOL_SOCKET, SO_REUSEADDR, 1, 0);
}

static void user_timeout(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	LASTS(fd, to, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, 6000);
}

static void broadcast(int family)
{
	struct addr to = peer_at(family, peer_binds(family));
	int fd = MUST(socket(family, SOCK_DGRAM, 0));

	LASTS(fd, to, SOL_SOCKET, SO_BROADCAST, 1, 0);
}

/* socket(7): the kernel doubles them. */
static void buffers(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("0", set_int_option(fd, SOL_SOCKET, SO_RCVBUF, 50000));
	NUMBER("100000", int_option(fd, SOL_SOCKET, SO_RCVBUF));
	RET("0", connect(fd, &to.any, to.len));
	NUMBER("100000", int_option(fd, SOL_SOCKET, SO_RCVBUF));
	RET("0", set_int_option(fd, SOL_SOCKET, SO_SNDBUF, 60000));
	NUMBER("120000", int_option(fd, SOL_SOCKET, SO_SNDBUF));
	RET("0", set_int_option(fd, SOL_SOCKET, SO_SNDBUF, 1));
	YES(int_option(fd, SOL_SOCKET, SO_SNDBUF) > 1000);
}

static void timeouts(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct timeval t = { .tv_sec = 1, .tv_usec = 250000 };
	socklen_t len = sizeof(t);

	RET("0", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	RET("0", connect(fd, &to.any, to.len));
	RET("0", getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, &len));
	NUMBER("0", t.tv_sec);
	RET("0", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len));
	NUMBER("1", t.tv_sec);
	NUMBER("252000", t.tv_usec - t.tv_usec % 4000);	/* of the kernel's ticks */
	t.tv_usec = 1000000;
	RET("-1 EDOM", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	RET("-1 EINVAL", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, 4));
}

static void receive_timeout(int family)
{
	int fd = stream_to_peer(family);
	int64_t begin;
	char buf[8];

	RET("0", set_timeout(fd, SO_RCVTIMEO, 100));
	begin = now_ms();
	RET("-1 EAGAIN", recv(fd, buf, 8, 0));
	YES(took_about(begin, 100));
	PEER("2", "send ab");
	begin = now_ms();
	RET("2", recv(fd, buf, 8, MSG_WAITALL));	/* what came in time */
	YES(took_about(begin, 100));
	PEER("2", "send cd");
	begin = now_ms();
	TEXT("cd", buf, RET("2", recv(fd, buf, 8, MSG_WAITALL | MSG_PEEK)));
	YES(took_about(begin, 100));
	RET("2", recv(fd, buf, 8, 0));
	RET("0", set_timeout(fd, SO_RCVTIMEO, 0));	/* for ever again */
	peer_tell("sleep 200");
	peer_tell("send late");
	RET("4", recv(fd, buf, 8, 0));
}

static void linger(int family)
{
	int fd = stream_to_peer(family);
	struct linger l = { .l_onoff = 1, .l_linger = 7 };
	socklen_t len = sizeof(l);

	RET("0", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	memset(&l, 0, sizeof(l));
	RET("0", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	NUMBER("1", l.l_onoff);
	NUMBER("7", l.l_linger);
}

static void tcp_info(int family)
{
	int fd = stream_to_peer(family);
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	RET("0", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	NUMBER("1", info.tcpi_state);	/* TCP_ESTABLISHED */
	YES(int_option(fd, IPPROTO_TCP, TCP_MAXSEG) > 500);
}

static void cork(int family)
{
	int fd = stream_to_peer(family);

	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_CORK, 1));
	RET("3", send(fd, "one", 3, 0));
	RET("3", send(fd, "two", 3, 0));
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_CORK, 0));
	PEER("onetwo", "recvall 6");
}

static void ip_options(int family)
{
	int fd = stream_to_peer(AF_INET);

	RET("0", set_int_option(fd, IPPROTO_IP, IP_TOS, 0x10));
	NUMBER("16", int_option(fd, IPPROTO_IP, IP_TOS));
	RET("0", set_int_option(fd, IPPROTO_IP, IP_TTL, 33));
	NUMBER("33", int_option(fd, IPPROTO_IP, IP_TTL));
	fd = stream_to_peer(AF_INET6);
	RET("0", set_int_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33));
	NUMBER("33", int_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS));
	NUMBER("0", int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
	RET("-1 EINVAL", set_int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));	/* too late */
}

/* What only a network card, or the kernel that sends, can do. */
static void beyond_bytes(int family)
{
	struct ip_mreqn group = { .imr_multiaddr.s_addr = htonl(0xe0000001) };
	int fds[] = { MUST(socket(family, SOCK_DGRAM, 0)), datagram_connected(family) };
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog filter = { .len = 1, .filter = &pass };

	for (int i = 0; i < 2; i++) {
		RET("0", set_int_option(fds[i], IPPROTO_UDP, UDP_SEGMENT, 1000));
		RET("0", set_int_option(fds[i], IPPROTO_UDP, UDP_GRO, 1));
		RET("0", set_int_option(fds[i], SOL_SOCKET, SO_ZEROCOPY, 1));
		RET("0", setsockopt(fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)));
		RET("0", setsockopt(fds[i], SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
		group.imr_ifindex = if_nametoindex("lo");
		RET("0", setsockopt(fds[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	}
}

/* Hints: they may be heeded. */
static void hints(int family)
{
	int fd = stream_to_peer(family);

	RET("0", set_int_option(fd, SOL_SOCKET, SO_PRIORITY, 3));
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1));
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384));
}

static void wrong_calls(int family)
{
	int fd = stream_to_peer(family), value = 1;
	socklen_t len = sizeof(value);

	RET("-1 ENOPROTOOPT", set_int_option(fd, SOL_SOCKET, 9999, 1));
	RET("-1 ENOPROTOOPT", getsockopt(fd, SOL_SOCKET, 9999, &value, &len));
	RET("-1 ENOPROTOOPT", set_int_option(fd, IPPROTO_TCP, 9999, 1));
	RET("-1 EINVAL", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 1));
	RET("-1 EFAULT", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
	RET("-1 EFAULT", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, NULL));
	RET("-1 ENOPROTOOPT", set_int_option(fd, SOL_SOCKET, SO_TYPE, 1));
	RET("-1 ENOPROTOOPT", set_int_option(fd, SOL_SOCKET, SO_ERROR, 1));
	len = -1;
	RET("-1 EINVAL", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len));
}

/* The value is cut to the room there is. */
static void cut(int family)
{
	int fd = stream_to_peer(family);
	unsigned char value[8] = { 0, 0xff, 0xff, 0xff, 0xff };
	socklen_t len = 1;

	RET("0", set_int_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	RET("0", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, value, &len));
	NUMBER("1", len);
	NUMBER("1", value[0]);
	NUMBER("255", value[1]);
	len = sizeof(value);
	RET("0", getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, value, &len));
	NUMBER("4", len);
}

static void unsent(int family)
{
	int fd = stream_to_peer(family), n = -1;

	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
	sleep_ms(QUIET_MS);
	RET("0", ioctl(fd, TIOCOUTQ, &n));	/* tcp(7): bytes not yet acknowledged */
	NUMBER("0", n);
}

static void no_such_socket(int family)
{
	RET("-1 EAFNOSUPPORT", socket(77, SOCK_STREAM, 0));
	RET("-1 EINVAL", socket(family, 77, 0));
	RET("-1 EPROTONOSUPPORT", socket(family, SOCK_STREAM, IPPROTO_UDP));
	RET("-1 EPROTONOSUPPORT", socket(family, SOCK_DGRAM, IPPROTO_TCP));
	NEWFD("fd", socket(family, SOCK_STREAM, IPPROTO_TCP));
	NEWFD("fd", socket(family, SOCK_DGRAM, IPPROTO_UDP));
	RET("-1 EOPNOTSUPP", socketpair(family, SOCK_STREAM, 0, (int[2]){ 0 }));
}

const struct conform_case option_cases[] = {
	{ "option-what-it-is", what_it_is, "46" },
	{ "option-nodelay", nodelay, "46" },
	{ "option-keepalive", keepalive, "4" },
	{ "option-reuseaddr", reuseaddr, "4" },
	{ "option-user-timeout", user_timeout, "4" },
	{ "option-broadcast", broadcast, "4" },
	{ "option-buffers", buffers, "46" },
	{ "option-timeouts", timeouts, "4" },
	{ "option-receive-timeout", receive_timeout, "46" },
	{ "option-linger", linger, "4" },
	{ "option-tcp-info", tcp_info, "4" },
	{ "option-cork", cork, "4" },
	{ "option-ip", ip_options, "" },
	{ "option-beyond-bytes", beyond_bytes, "4" },
	{ "option-hints", hints, "4" },
	{ "option-wrong-calls", wrong_calls, "4" },
	{ "option-cut", cut, "4" },
	{ "option-unsent", unsent, "4" },
	{ "option-no-such-socket", no_such_socket, "46" },
	{ 0 },
};
