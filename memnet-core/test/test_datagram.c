/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams: there and back, limits, errors that come back. See session_fixture.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"
#include "memnet-core/test/datagram_help.h"
#include "memnet-core/test/session_fixture.h"

#define LARGEST	65507	/* over IPv4 */
#define SMALL	4096	/* FIFO of small_fifos_setup() */
#define QUIET_MS 100	/* what has not come by then is taken for lost */

static ssize_t recv_from(struct memnet_flow *f, void *buf, size_t len, struct sockaddr_in *from,
			 int *flags)
{
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_name = from, .msg_namelen = from ? sizeof(*from) : 0,
			      .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = memnet_recv_datagram(f, &msg, false);

	if (flags)
		*flags = msg.msg_flags;
	return n;
}

static void nothing_comes(struct memnet_flow *f)
{
	poll(NULL, 0, QUIET_MS);
	assert_int_equal(memnet_events(f) & POLLIN, 0);
}

static void fill(uint8_t *buf, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (seed * 977 + i) * 0x9e3779b97f4a7c15ULL >> 56;
}

/* --- honest ---------------------------------------------------------------------------------- */

/* Sizes at every limit, then odd ones for some laps of the FIFO: headers lie over its end. */
static void datagrams_go_there_and_come_back(void **state)
{
	static const size_t limits[] = { 0, 1, 7, 8, 9, 31, 32, 33, 4095, 4096, LARGEST };
	static uint8_t out[LARGEST], in[LARGEST + 1];
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	struct sockaddr_storage local;
	struct sockaddr_in from;
	socklen_t len;

	memnet_local(f, &local);
	for (size_t i = 0; i < 100; i++) {
		size_t bytes = i < ARRAY_SIZE(limits) ? limits[i] : i * 7919 % LARGEST;
		int flags;

		fill(out, bytes, i);
		assert_int_equal(send_to(f, out, bytes, &p.addr), bytes);
		len = sizeof(from);
		assert_int_equal(recvfrom(p.fd, in, sizeof(in), 0, (struct sockaddr *)&from, &len),
				 bytes);
		assert_memory_equal(in, out, bytes);
		assert_memory_equal(&from, &local, sizeof(from));
		peer_sends(&p, f, in, bytes);
		memset(in, 0, bytes);
		assert_int_equal(recv_from(f, in, sizeof(in), &from, &flags), bytes);
		assert_memory_equal(in, out, bytes);
		assert_memory_equal(&from, &p.addr, sizeof(from));
		assert_int_equal(flags, 0);
	}
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

static void so_they_do_over_ipv6(void **state)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct memnet *m = attach(*state);
	struct sockaddr_storage to;
	struct memnet_flow *a, *b;
	struct sockaddr_in6 from;
	struct iovec iov = { "six", 3 };
	char in[8];
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from),
			      .msg_iov = &(struct iovec){ in, sizeof(in) }, .msg_iovlen = 1 };

	if (memnet_bind(m, SOCK_DGRAM, (struct sockaddr *)&at, sizeof(at), 0, &a) ==
	    -EADDRNOTAVAIL)
		skip();
	assert_int_equal(memnet_bind(m, SOCK_DGRAM, (struct sockaddr *)&at, sizeof(at), 0, &b), 0);
	memnet_local(b, &to);
	assert_int_equal(memnet_send_datagram(a, &iov, 1, (struct sockaddr *)&to, sizeof(at)), 3);
	assert_int_equal(memnet_recv_datagram(b, &msg, false), 3);
	memnet_local(a, &to);
	assert_int_equal(msg.msg_namelen, sizeof(from));
	assert_memory_equal(&from, &to, sizeof(from));
	memnet_close(a);
	memnet_close(b);
	memnet_detach(m);
}

static void what_is_longer_is_cut_and_says_so(void **state)
{
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	uint8_t out[2 * SMALL], in[2 * SMALL];
	const size_t most = SMALL - sizeof(struct mn_datagram);
	int flags;

	fill(out, sizeof(out), 1);
	assert_int_equal(send_to(f, out, LARGEST + 1, &p.addr), -EMSGSIZE);
	assert_int_equal(send_to(f, out, most + 1, &p.addr), -EMSGSIZE);
	assert_int_equal(send_to(f, out, most, &p.addr), most);
	assert_int_equal(recv(p.fd, in, sizeof(in), 0), most);
	/* Two more than the FIFO holds: each waits for its turn. */
	peer_sends(&p, f, out, most);
	peer_sends(&p, f, out, most + 1);
	peer_sends(&p, f, out, most);
	assert_int_equal(recv_from(f, in, sizeof(in), NULL, &flags), most);
	assert_int_equal(flags, 0);
	assert_int_equal(recv_from(f, in, sizeof(in), NULL, &flags), most);
	assert_int_equal(flags, MSG_TRUNC);
	assert_memory_equal(in, out, most);
	/* Longer than the buffer: its length is told, the rest is gone. */
	assert_int_equal(recv_from(f, in, 5, NULL, &flags), most);
	assert_int_equal(flags, MSG_TRUNC);
	nothing_comes(f);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

static void a_peek_leaves_it_and_parts_are_filled_in_order(void **state)
{
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	char a[3] = { 0 }, b[4] = { 0 };
	struct iovec parts[] = { { a, 2 }, { NULL, 0 }, { b, 3 } };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };

	peer_sends(&p, f, "abcde", 5);
	for (int i = 0; i < 3; i++) {
		memset(a, 0, sizeof(a));
		assert_int_equal(memnet_recv_datagram(f, &msg, i < 2), 5);
		assert_string_equal(a, "ab");
		assert_string_equal(b, "cde");
		assert_int_equal(memnet_unread(f), i < 2 ? 5 : 0);
	}
	assert_int_equal(memnet_send_datagram(f, parts, ARRAY_SIZE(parts),
					      (struct sockaddr *)&p.addr, sizeof(p.addr)), 5);
	assert_int_equal(recv(p.fd, b, sizeof(b), MSG_TRUNC), 5);
	assert_memory_equal(b, "abcd", 4);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

/* For whom there is room says so for the largest: else who has a large one would not sleep. */
static void who_does_not_block_is_told(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	struct memnet_counters counters;
	char buf[3000] = { 0 };

	memnet_set_blocking(f, false);
	assert_int_equal(recv_from(f, buf, sizeof(buf), NULL, NULL), -EAGAIN);
	assert_int_equal(memnet_events(f), POLLOUT);
	assert_int_equal(memnet_arm(f, POLLIN), 1);
	hold_host(fx);
	assert_int_equal(send_to(f, buf, 1500, &p.addr), 1500);
	assert_int_equal(send_to(f, buf, 3000, &p.addr), -EAGAIN);
	assert_int_equal(memnet_events(f), 0);
	assert_int_equal(memnet_arm(f, POLLOUT), 1);
	release_host(fx);
	memnet_set_blocking(f, true);
	assert_int_equal(send_to(f, buf, 3000, &p.addr), 3000);
	assert_int_equal(recv(p.fd, buf, sizeof(buf), 0), 1500);
	assert_int_equal(recv(p.fd, buf, sizeof(buf), 0), 3000);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

static void *receive_one(void *arg)
{
	char buf[8];

	assert_int_equal(recv_from(arg, buf, sizeof(buf), NULL, NULL), 4);
	return NULL;
}

static void who_waits_is_rung(void **state)
{
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	struct memnet_counters counters;
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		pthread_create(&thread, NULL, receive_one, f);
		poll(NULL, 0, 5);
		peer_sends(&p, f, "ring", 4);
		pthread_join(thread, NULL);
	}
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

static void a_connected_flow_hears_its_peer_alone(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0), q = udp_at("127.0.0.1", 0), own;
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct memnet *m = attach(*state);
	struct sockaddr_storage peer;
	struct memnet_flow *f;
	char buf[8];

	own = udp_at("127.0.0.1", 0);
	close(own.fd);
	f = bound(m, "127.0.0.1", ntohs(own.addr.sin_port));
	memnet_peer(f, &peer);
	assert_int_equal(peer.ss_family, AF_UNSPEC);
	assert_int_equal(send_to(f, "x", 1, NULL), 1);
	assert_int_equal(wait_for_error(f), EDESTADDRREQ);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&p.addr, sizeof(p.addr), &f),
			 0);
	memnet_peer(f, &peer);
	assert_memory_equal(&peer, &p.addr, sizeof(p.addr));
	assert_int_equal(send_to(f, "to p", 4, NULL), 4);
	assert_int_equal(recv(p.fd, buf, sizeof(buf), 0), 4);
	peer_sends(&q, f, "from q", 6);
	peer_sends(&p, f, "p", 1);
	assert_int_equal(recv_from(f, buf, sizeof(buf), NULL, NULL), 1);
	assert_int_equal(memnet_connect_start(m, &nobody, sizeof(nobody), &f), 0);
	memnet_peer(f, &peer);
	assert_int_equal(peer.ss_family, AF_UNSPEC);
	peer_sends(&q, f, "from q", 6);
	assert_int_equal(recv_from(f, buf, sizeof(buf), NULL, NULL), 6);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
	close(q.fd);
}

/* --- errors --------------------------------------------------------------------------------- */

/* The refusal of one datagram is not taken for that of the next. */
static void a_refusal_comes_back_and_costs_no_other(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0), closed = udp_at("127.0.0.1", 0);
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	uint8_t byte;

	close(closed.fd);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&closed.addr,
					      sizeof(closed.addr), &f), 0);
	hold_host(fx);
	for (uint8_t i = 0; i < 20; i++) {
		assert_int_equal(send_to(f, &i, 1, NULL), 1);
		assert_int_equal(send_to(f, &i, 1, &p.addr), 1);
	}
	release_host(fx);
	for (uint8_t i = 0; i < 20; i++) {
		assert_int_equal(recv(p.fd, &byte, 1, 0), 1);
		assert_int_equal(byte, i);
	}
	poll(NULL, 0, QUIET_MS);
	assert_int_equal(memnet_events(f) & POLLERR, POLLERR);
	assert_int_equal(memnet_take_error(f), ECONNREFUSED);
	assert_int_equal(memnet_take_error(f), 0);
	assert_int_equal(memnet_events(f) & POLLERR, 0);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

static void where_the_policy_forbids_nothing_goes(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0), forbidden = udp_at("127.0.0.2", 0);
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0), *more;
	char byte;

	assert_int_equal(send_to(f, "x", 1, &forbidden.addr), 1);
	assert_int_equal(wait_for_error(f), EACCES);
	assert_true(host_said(fx, "127.0.0.2"));
	assert_int_equal(send_to(f, "y", 1, &p.addr), 1);
	assert_int_equal(recv(p.fd, &byte, 1, 0), 1);
	assert_int_equal(recv(forbidden.fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&forbidden.addr,
					      sizeof(forbidden.addr), &f), -EACCES);
	assert_int_equal(memnet_bind(m, SOCK_DGRAM, (struct sockaddr *)&forbidden.addr,
				     sizeof(forbidden.addr), 0, &more), -EACCES);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
	close(forbidden.fd);
}

static void who_may_not_be_spoken_to_is_heard_only_where_all_are(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0), forbidden = udp_at("127.0.0.2", 0), own;
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	char buf[16];

	peer_sends(&forbidden, f, "forbidden", 9);
	peer_sends(&p, f, "p", 1);
	assert_int_equal(recv_from(f, buf, sizeof(buf), NULL, NULL), 1);
	nothing_comes(f);
	memnet_close(f);
	own = udp_at("127.0.0.1", 0);
	close(own.fd);
	f = bound(m, "127.0.0.1", ntohs(own.addr.sin_port));
	peer_sends(&forbidden, f, "forbidden", 9);
	assert_int_equal(recv_from(f, buf, sizeof(buf), NULL, NULL), 9);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
	close(forbidden.fd);
}

/* close(2) of a socket loses nothing of it: be it much, or a network that is slow to take it. */
static void what_was_sent_before_the_end_goes_out(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0);
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	int much = 4 << 20;
	char buf[2000] = { 0 };

	setsockopt(p.fd, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof(much));
	for (size_t len = 1; len <= sizeof(buf); len += 1999) {
		struct memnet_flow *f = bound(m, "127.0.0.1", 0);
		int sent = 0;

		memnet_set_blocking(f, false);
		hold_host(fx);
		for (; send_to(f, buf, len, &p.addr) == (ssize_t)len; sent++)
			*(int *)buf = sent;
		release_host(fx);
		assert_true(sent * (len + 32) > 100000);
		memnet_close(f);
		while (sent--)
			assert_int_equal(recv(p.fd, buf, sizeof(buf), 0), len);
	}
	assert_int_equal(recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
	memnet_detach(m);
	close(p.fd);
}

/* A step of the host's is the test's here. */
static void who_sends_behind_the_end_keeps_no_flow(void **state)
{
	struct udp p = udp_at("127.0.0.1", 0);
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct mn_submission s = { .op = MN_OP_CLOSE, .flow = f->id };
	const struct host_flow *left = &fx->host->flows[f->id];
	char buf[200] = { 0 };
	struct mn_call call;
	int before = 0, got = 0;

	memnet_set_blocking(f, false);
	hold_host(fx);
	for (; before < 100; before++)
		assert_int_equal(send_to(f, buf, sizeof(buf), &p.addr), sizeof(buf));
	assert_int_equal(mn_control_start(m, &s, &call), 0);
	mn_host_work(fx->host);
	assert_int_equal(left->state, FLOW_DRAINING);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_to(f, buf, sizeof(buf), &p.addr), sizeof(buf));
	for (int i = 0; i < 100 && left->state == FLOW_DRAINING; i++)
		mn_host_work(fx->host);
	assert_int_equal(left->state, FLOW_FREE);
	release_host(fx);
	while (recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		got++;
	assert_int_equal(got, before);
	assert_int_equal(mn_control_wait(m, &call), 0);
	memnet_release(f);
	memnet_detach(m);
	close(p.fd);
}

/* A rule of a network is none of everybody in it at once. */
static void nobody_may_broadcast(void **state)
{
	struct udp p = udp_at("0.0.0.0", 0), all = p;
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	char byte;

	hold_host(fx);
	assert_int_equal(mn_policy_add(&fx->host->config.policy, MN_POLICY_ALLOW,
				       "udp 127.0.0.0/8", fx->said, sizeof(fx->said)), 0);
	release_host(fx);
	all.addr.sin_addr.s_addr = inet_addr("127.255.255.255");
	assert_int_equal(memnet_set_option(f, MN_OPTION_BROADCAST, 1), 0);
	assert_int_equal(send_to(f, "x", 1, &all.addr), 1);
	assert_int_equal(wait_for_error(f), EACCES);
	assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT), -1);
	memnet_close(f);
	memnet_detach(m);
	close(p.fd);
}

#define datagram_test(f)	cmocka_unit_test_setup_teardown(f, datagrams_setup, session_teardown)
#define small_test(f)		cmocka_unit_test_setup_teardown(f, small_fifos_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		datagram_test(datagrams_go_there_and_come_back),
		datagram_test(so_they_do_over_ipv6),
		small_test(what_is_longer_is_cut_and_says_so),
		datagram_test(a_peek_leaves_it_and_parts_are_filled_in_order),
		small_test(who_does_not_block_is_told),
		datagram_test(who_waits_is_rung),
		datagram_test(a_connected_flow_hears_its_peer_alone),
		datagram_test(a_refusal_comes_back_and_costs_no_other),
		datagram_test(where_the_policy_forbids_nothing_goes),
		datagram_test(who_may_not_be_spoken_to_is_heard_only_where_all_are),
		datagram_test(what_was_sent_before_the_end_goes_out),
		datagram_test(who_sends_behind_the_end_keeps_no_flow),
		datagram_test(nobody_may_broadcast),
	};

	return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
