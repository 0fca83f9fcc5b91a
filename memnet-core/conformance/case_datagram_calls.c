/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams in messages, several in a call, waited for, and the guest as a server. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"

static void sendmsg_recvmsg(int family)
{
	struct addr to, from;
	int fd = datagram(family, &to);
	char a[3], b[16];
	struct iovec out[] = { { "one ", 4 }, { "two", 3 } }, in[] = { { a, 3 }, { b, 16 } };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2, .msg_name = &to.any,
			    .msg_namelen = to.len };

	RET("7", sendmsg(fd, &m, 0));
	PEER("one two", "recvfrom");
	peer("reply abcdefg");
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2, .msg_name = &from.any,
			     .msg_namelen = sizeof(from.room), .msg_flags = -1 };
	RET("7", recvmsg(fd, &m, 0));
	TEXT("abc", a, 3);
	TEXT("defg", b, 4);
	NUMBER("0", m.msg_flags);
	from.len = m.msg_namelen;
	ADDR(with_port(AT(family, PEER), "peer"), &from);
}

static void sendmmsg_recvmmsg(int family)
{
	struct addr to, from[3];
	int fd = datagram(family, &to);
	char bufs[3][8];
	struct iovec out[2] = { { "one", 3 }, { "three", 5 } }, in[3];
	struct mmsghdr m[3] = { 0 };

	for (int i = 0; i < 2; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &out[i], .msg_iovlen = 1,
						.msg_name = &to.any, .msg_namelen = to.len };
	RET("2", sendmmsg(fd, m, 2, 0));
	NUMBER("5", m[1].msg_len);
	PEER("one", "recvfrom");
	PEER("three", "recvfrom");
	peer("reply 1st");
	peer("reply second");
	for (int i = 0; i < 3; i++) {
		in[i] = (struct iovec){ bufs[i], 8 };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &in[i], .msg_iovlen = 1,
						.msg_name = &from[i].any,
						.msg_namelen = sizeof(from[i].room) };
	}
	NUMBER("1", readable(fd));
	sleep_ms(QUIET_MS);
	RET("2", recvmmsg(fd, m, 3, MSG_WAITFORONE, NULL));
	TEXT("1st", bufs[0], m[0].msg_len);
	TEXT("second", bufs[1], m[1].msg_len);
	from[1].len = m[1].msg_hdr.msg_namelen;
	ADDR(with_port(AT(family, PEER), "peer"), &from[1]);
	RET("-1 EAGAIN", recvmmsg(fd, m, 3, MSG_DONTWAIT, NULL));
}

/* Without MSG_WAITFORONE it waits until there are as many as asked for. */
static void recvmmsg_waits(int family)
{
	int fd = datagram_connected(family);
	char bufs[2][8];
	struct iovec in[2] = { { bufs[0], 8 }, { bufs[1], 8 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &in[0], .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &in[1], .msg_iovlen = 1 } } };

	peer_tell("reply one");
	peer_tell("sleep 100");
	peer_tell("reply two");
	RET("2", recvmmsg(fd, m, 2, 0, NULL));
	TEXT("two", bufs[1], m[1].msg_len);
}

static void recv_waits(int family)
{
	int fd = datagram_connected(family);
	int64_t begin = now_ms();
	char buf[8];

	peer_tell("sleep 100");
	peer_tell("reply late");
	TEXT("late", buf, RET("4", recv(fd, buf, 8, 0)));
	YES(took_about(begin, 100));
}

static void timeout(int family)
{
	int fd = datagram_connected(family);
	int64_t begin;
	char buf[8];

	RET("0", set_timeout(fd, SO_RCVTIMEO, 100));
	begin = now_ms();
	RET("-1 EAGAIN", recv(fd, buf, 8, 0));
	YES(took_about(begin, 100));
	peer("reply word");
	RET("4", recv(fd, buf, 8, 0));
}

static void polled(int family)
{
	int fd = datagram_connected(family);
	char buf[8];

	EVENTS("OUT", events_now(fd, POLLIN | POLLOUT));
	peer("reply one");
	NUMBER("1", readable(fd));
	EVENTS("IN|OUT", events_now(fd, POLLIN | POLLOUT));
	RET("3", recv(fd, buf, 8, 0));
	EVENTS("OUT", events_now(fd, POLLIN | POLLOUT));
}

/* The guest is the server; who asks first is the peer. */
static void serves(int family)
{
	struct addr at = own_at(family, 0), from = { .len = sizeof(from.room) }, to;
	int fd = MUST(socket(family, SOCK_DGRAM, 0));
	char buf[16];

	RET("0", bind(fd, &at.any, at.len));
	at = name_of(fd);
	YES(port_of(&at));
	to = peer_at(family, peer_binds(family));
	peer("sendto %s %d question", family == AF_INET6 ? OWN6 : OWN4, port_of(&at));
	TEXT("question", buf, RET("8", recvfrom(fd, buf, 16, 0, &from.any, &from.len)));
	ADDR(with_port(AT(family, PEER), "peer"), &from);
	YES(port_of(&from) == port_of(&to));
	RET("6", sendto(fd, "answer", 6, 0, &from.any, from.len));
	PEER("answer", "recvfrom");
}

static void in_use(int family)
{
	struct addr to, at;
	int first = datagram(family, &to), fd = MUST(socket(family, SOCK_DGRAM, 0));

	at = name_of(first);
	RET("-1 EADDRINUSE", bind(fd, &at.any, at.len));
	close(first);
	RET("0", bind(fd, &at.any, at.len));
}

/* The same number is another port for streams. */
static void stream_port(int family)
{
	struct addr to, at;
	int first = datagram(family, &to), fd = MUST(socket(family, SOCK_STREAM, 0));

	at = name_of(first);
	RET("0", bind(fd, &at.any, at.len));
	RET("0", listen(fd, 5));
}

static void wrong_calls(int family)
{
	struct addr to;
	int fd = datagram(family, &to);

	RET("-1 EOPNOTSUPP", listen(fd, 5));
	RET("-1 EOPNOTSUPP", accept(fd, NULL, NULL));
	RET("-1 EINVAL", sendto(fd, "x", 1, 0, &to.any, 4));
	to.any.sa_family = AF_APPLETALK;
	RET("-1 EAFNOSUPPORT", sendto(fd, "x", 1, 0, &to.any, to.len));
	to = peer_at(family, 0);
	RET("-1 EINVAL", sendto(fd, "x", 1, 0, &to.any, to.len));
}

static void shut_down(int family)
{
	int fd = datagram_connected(family);
	char buf[8];

	peer("reply here");
	NUMBER("1", readable(fd));
	RET("0", shutdown(fd, SHUT_RD));
	TEXT("here", buf, RET("4", recv(fd, buf, 8, 0)));
	RET("0", recv(fd, buf, 8, 0));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_DONTWAIT));
	RET("5", send(fd, "still", 5, 0));
	PEER("still", "recvfrom");
	RET("0", shutdown(fd, SHUT_WR));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
}

/* A hundred, none lost here, in order. */
static void many(int family)
{
	int fd = datagram_connected(family), good = 0;
	char buf[16], want[16];

	for (int i = 0; i < 100; i++)
		peer("reply no %d", i);
	for (int i = 0; i < 100 && readable(fd) == 1; i++) {
		buf[MUST(recv(fd, buf, sizeof(buf) - 1, 0))] = '\0';
		snprintf(want, sizeof(want), "no %d", i);
		good += !strcmp(buf, want);
	}
	NUMBER("100", good);
}

/* ip(7): IP_PKTINFO tells to which address it was sent; servers of many addresses ask. */
static void pktinfo(int family)
{
	struct addr to;
	int fd = datagram(family, &to);
	char buf[8], control[64] = "";
	struct iovec iov = { buf, 8 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	RET("0", set_int_option(fd, IPPROTO_IP, IP_PKTINFO, 1));
	MUST(sendto(fd, "hello", 5, 0, &to.any, to.len));
	peer("recvfrom");
	peer("reply back");
	RET("4", recvmsg(fd, &m, 0));
	c = CMSG_FIRSTHDR(&m);
	YES(c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO);
	if (c) {
		struct in_pktinfo *info = (void *)CMSG_DATA(c);
		struct addr at = address(OWN4, 0);

		YES(info->ipi_addr.s_addr == at.in4.sin_addr.s_addr);
	}
}

/* A stream of the same program beside it. */
static void beside_stream(int family)
{
	int stream = stream_to_peer(family), fd = datagram_connected(family);

	RET("3", send(stream, "str", 3, 0));
	RET("3", send(fd, "dgr", 3, 0));
	PEER("str", "recv 9");
	PEER("dgr", "recvfrom");
}

const struct conform_case datagram_call_cases[] = {
	{ "datagram-sendmsg-recvmsg", sendmsg_recvmsg, "46" },
	{ "datagram-sendmmsg-recvmmsg", sendmmsg_recvmmsg, "46" },
	{ "datagram-recvmmsg-waits", recvmmsg_waits, "4" },
	{ "datagram-recv-waits", recv_waits, "4" },
	{ "datagram-timeout", timeout, "4" },
	{ "datagram-polled", polled, "4" },
	{ "datagram-serves", serves, "46" },
	{ "datagram-in-use", in_use, "46" },
	{ "datagram-stream-port", stream_port, "4" },
	{ "datagram-wrong-calls", wrong_calls, "4" },
	{ "datagram-shut-down", shut_down, "4" },
	{ "datagram-many", many, "46" },
	{ "datagram-pktinfo", pktinfo, "4" },
	{ "datagram-beside-stream", beside_stream, "4" },
	{ 0 },
};
