/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of a guest, and how sessions end: see session_fixture.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/test/session_fixture.h"

static uint8_t content(uint64_t position)
{
	return position * 0x9e3779b97f4a7c15ULL >> 56;
}

static void fill(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = content(i);
}

#define STREAM_BYTES (3u << 20)	/* many laps of a FIFO of 128 KiB */

static void *peer_sends(void *arg)
{
	uint8_t *buf = malloc(STREAM_BYTES);
	int fd = *(int *)arg;

	fill(buf, STREAM_BYTES);
	for (size_t at = 0; at < STREAM_BYTES;) {
		ssize_t n = write(fd, buf + at, MIN(STREAM_BYTES - at, 100000u));

		assert_true(n > 0);
		at += n;
	}
	shutdown(fd, SHUT_WR);
	free(buf);
	return NULL;
}

static void *peer_receives(void *arg)
{
	uint8_t *buf = malloc(STREAM_BYTES + 1);
	size_t at = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf + at, STREAM_BYTES + 1 - at)) > 0)
		at += n;
	assert_int_equal(n, 0);
	assert_int_equal(at, STREAM_BYTES);
	for (size_t i = 0; i < at; i++)
		if (buf[i] != content(i))
			fail_msg("byte %zu differs", i);
	free(buf);
	return NULL;
}

static void what_the_guest_sends_arrives_whole_and_ends(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint8_t *buf = malloc(STREAM_BYTES);
	struct memnet_flow *f;
	pthread_t peer;
	int fd;

	f = connect_flow(fx, m, &fd);
	pthread_create(&peer, NULL, peer_receives, &fd);
	fill(buf, STREAM_BYTES);
	assert_int_equal(memnet_send(f, buf, STREAM_BYTES), STREAM_BYTES);
	assert_int_equal(memnet_shutdown_send(f), 0);
	pthread_join(peer, NULL);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
	free(buf);
}

static void what_the_peer_sends_arrives_whole_and_ends(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_counters counters;
	uint8_t buf[10000];
	struct memnet_flow *f;
	size_t at = 0;
	pthread_t peer;
	ssize_t n;
	int fd;

	f = connect_flow(fx, m, &fd);
	pthread_create(&peer, NULL, peer_sends, &fd);
	while ((n = memnet_recv(f, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != content(at + i))
				fail_msg("byte %zu differs", at + i);
		at += n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, STREAM_BYTES);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	pthread_join(peer, NULL);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void a_connect_tells_both_addresses(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_storage local, peer, seen;
	socklen_t len = sizeof(seen);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	memnet_local(f, &local);
	memnet_peer(f, &peer);
	getpeername(fd, (struct sockaddr *)&seen, &len);
	assert_memory_equal(&local, &seen, len);
	assert_memory_equal(&peer, &fx->peer, sizeof(fx->peer));
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void refusals_carry_the_errno_of_the_host(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_in to = fx->peer;
	struct memnet_flow *f;

	to.sin_addr.s_addr = inet_addr("169.254.169.254");
	assert_int_equal(memnet_connect(m, (const struct sockaddr *)&to, sizeof(to), &f), -EACCES);
	to = fx->peer;
	close(fx->listener);
	assert_int_equal(memnet_connect(m, (const struct sockaddr *)&to, sizeof(to), &f), -ECONNREFUSED);
	listen_on_loopback(fx);
	memnet_detach(m);
}

static void forget_what_was_said(struct fixture *fx)
{
	hold_host(fx);
	fx->said[0] = '\0';
	release_host(fx);
}

static void flows_run_out_and_come_back(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f[FLOWS], *more;
	int fd[FLOWS];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < FLOWS; i++)
			f[i] = connect_flow(fx, m, &fd[i]);
		assert_int_equal(memnet_connect(m, (const struct sockaddr *)&fx->peer,
						sizeof(fx->peer), &more), -EMFILE);
		assert_int_equal(host_said(fx, " flows are in use; raise --flows"), round == 0);
		forget_what_was_said(fx);	/* which is not said again so soon */
		for (int i = 0; i < FLOWS; i++) {
			memnet_close(f[i]);
			close(fd[i]);
		}
	}
	memnet_detach(m);
}

static void a_peer_that_resets_is_an_error_not_an_end(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	assert_int_equal(memnet_recv(f, &byte, 1), -ECONNRESET);
	assert_int_equal(memnet_send(f, &byte, 1), -EPIPE);
	memnet_close(f);
	memnet_detach(m);
}

static void a_stream_that_was_torn_tells_by_what(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	struct mn_flow *shared;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	hold_host(fx);		/* and be it, for no error but a reset comes by itself here */
	shared = mn_flow(fx->mapped, &m->session.geometry, f->id);
	shared->recv.producer.p_error = ETIMEDOUT;
	mn_publish32(&shared->recv.producer.p_closed, MN_RESET);
	assert_int_equal(memnet_recv(f, &byte, 1), -ETIMEDOUT);
	assert_int_equal(memnet_take_error(f), ETIMEDOUT);
	assert_int_equal(memnet_take_error(f), 0);
	release_host(fx);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void nothing_follows_a_shutdown(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct iovec spans[2];
	struct memnet_flow *f;
	char buf[2];
	int fd;

	f = connect_flow(fx, m, &fd);
	hold_host(fx);		/* it would take what lies there for a part of the stream */
	assert_int_equal(memnet_send(f, "a", 1), 1);
	assert_int_equal(memnet_shutdown_send(f), 0);
	assert_int_equal(memnet_send(f, "b", 1), -EPIPE);
	assert_int_equal(memnet_send_spans(f, 1, spans), -EPIPE);
	release_host(fx);
	assert_int_equal(read(fd, buf, 2), 1);
	assert_int_equal(read(fd, buf, 1), 0);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void a_guest_that_closes_without_shutdown_resets_its_peer(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	char byte = 'x';
	int fd;

	memnet_close(connect_flow(fx, m, &fd));
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	memnet_detach(m);
}

/* As after close() of a socket: a peer that is slow to read still gets all of it. */
static void what_was_shut_down_arrives_although_it_was_closed(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	const size_t bytes = 120000;	/* fits into the FIFO */
	uint8_t *buf = malloc(bytes);
	struct memnet_flow *f;
	size_t at = 0;
	ssize_t n;
	int fd;

	for (int round = 0; round < 20; round++) {
		f = connect_flow(fx, m, &fd);
		fill(buf, bytes);
		assert_int_equal(memnet_send(f, buf, bytes), bytes);
		assert_int_equal(memnet_shutdown_send(f), 0);
		memnet_close(f);
		for (at = 0; (n = read(fd, buf, bytes)) > 0; at += n)
			for (ssize_t i = 0; i < n; i++)
				if (buf[i] != content(at + i))
					fail_msg("byte %zu differs", at + i);
		assert_int_equal(n, 0);
		assert_int_equal(at, bytes);
		close(fd);
	}
	free(buf);
	memnet_detach(m);
}

static void a_host_that_stops_is_noticed(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	stop_host(fx);
	assert_int_equal(memnet_recv(f, &byte, 1), -ECONNRESET);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

struct connecting {
	struct memnet *m;
	const struct sockaddr_in *to;
	int ret;
};

static void *connect_it(void *arg)
{
	struct connecting *c = arg;
	struct memnet_flow *f;

	c->ret = memnet_connect(c->m, (const struct sockaddr *)c->to, sizeof(struct sockaddr_in), &f);
	return NULL;
}

/* The host ends while the peer has yet to answer: no breach, and not for ever. */
static void a_session_that_ends_under_a_connect_is_a_reset(void **state)
{
	struct fixture *fx = *state;
	struct connecting c = { .m = attach(fx), .to = &fx->peer, .ret = 1 };
	int full[BACKLOG + 1];
	pthread_t thread;

	for (int i = 0; i <= BACKLOG; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(full[i], (struct sockaddr *)&fx->peer,
					 sizeof(fx->peer)), 0);
	}
	pthread_create(&thread, NULL, connect_it, &c);
	mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	stop_host(fx);
	pthread_join(thread, NULL);
	assert_int_equal(c.ret, -ECONNRESET);
	memnet_detach(c.m);
	for (int i = 0; i <= BACKLOG; i++)
		close(full[i]);
}

static void a_killed_guest_leaves_its_place_to_the_next(void **state)
{
	struct fixture *fx = *state;
	struct memnet *killed = attach(fx), *next;
	struct memnet_flow *f;
	char byte;
	int fd, fd2;

	f = connect_flow(fx, killed, &fd);	/* and does not close it */
	next = attach(fx);
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	memnet_close(connect_flow(fx, next, &fd2));
	memnet_detach(next);
	memnet_close(f);
	memnet_detach(killed);
	close(fd);
	close(fd2);
}

/* --- threads that share a channel ---------------------------------------------- */

#define MESSAGES 2000

struct talker {
	struct memnet_flow *flow;
	pthread_t thread, echo;
	int fd;
};

static void *echo(void *arg)
{
	struct talker *t = arg;
	char buf[512];
	ssize_t n;

	while ((n = read(t->fd, buf, sizeof(buf))) > 0)
		assert_int_equal(write(t->fd, buf, n), n);
	return NULL;
}

/* Requests and answers: each side sleeps for each. */
static void *talk(void *arg)
{
	struct talker *t = arg;

	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint32_t answer = ~i;

		assert_int_equal(memnet_send(t->flow, &i, sizeof(i)), sizeof(i));
		assert_int_equal(memnet_recv(t->flow, &answer, sizeof(answer)), sizeof(answer));
		assert_int_equal(answer, i);
	}
	return NULL;
}

static void threads_share_a_bell_and_miss_no_wake_up(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_counters counters;
	struct talker t[FLOWS];

	for (int i = 0; i < FLOWS; i++) {
		t[i].flow = connect_flow(fx, m, &t[i].fd);
		pthread_create(&t[i].echo, NULL, echo, &t[i]);
	}
	for (int i = 0; i < FLOWS; i++)
		pthread_create(&t[i].thread, NULL, talk, &t[i]);
	for (int i = 0; i < FLOWS; i++)
		pthread_join(t[i].thread, NULL);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	for (int i = 0; i < FLOWS; i++) {
		memnet_close(t[i].flow);
		pthread_join(t[i].echo, NULL);
		close(t[i].fd);
	}
	memnet_detach(m);
}

/* Who has no flow's budget to adapt, adapts the thread's. */
static void many_flows_and_calls_look_before_sleeping(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_counters polled, called;
	struct memnet_pollfd p = { .events = POLLIN };
	int fd;

	m->spin = (struct mn_spin){ .max_ns = NSEC_PER_SEC, .adaptive = true };
	p.flow = connect_flow(fx, m, &fd);
	memnet_read_counters(m, &called);
	for (int i = 0; i < 10; i++)
		assert_int_equal(memnet_poll(&p, 1, 2), 0);
	memnet_read_counters(m, &polled);
	assert_true(polled.spin_ns - called.spin_ns > 1000000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(memnet_set_option(p.flow, MN_OPTION_NODELAY, 1), 0);
	memnet_read_counters(m, &called);
	assert_true(called.spin_ns > polled.spin_ns);
	memnet_close(p.flow);
	close(fd);
	memnet_detach(m);
}

static void a_timer_stands_for_a_bell(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t features = m->session.features;

	assert_int_equal(mn_longest_sleep_ms(m), 100);
	m->session.features &= ~(MN_F_VECTORS | MN_F_PORT);
	assert_int_equal(mn_longest_sleep_ms(m), 1);
	m->session.features = features;
	memnet_detach(m);
}

#define session_test(f)	cmocka_unit_test_setup_teardown(f, session_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		session_test(what_the_guest_sends_arrives_whole_and_ends),
		session_test(what_the_peer_sends_arrives_whole_and_ends),
		session_test(a_connect_tells_both_addresses),
		session_test(refusals_carry_the_errno_of_the_host),
		session_test(flows_run_out_and_come_back),
		session_test(a_peer_that_resets_is_an_error_not_an_end),
		session_test(a_stream_that_was_torn_tells_by_what),
		session_test(nothing_follows_a_shutdown),
		session_test(a_guest_that_closes_without_shutdown_resets_its_peer),
		session_test(what_was_shut_down_arrives_although_it_was_closed),
		session_test(a_host_that_stops_is_noticed),
		session_test(a_session_that_ends_under_a_connect_is_a_reset),
		session_test(a_killed_guest_leaves_its_place_to_the_next),
		session_test(threads_share_a_bell_and_miss_no_wake_up),
		session_test(many_flows_and_calls_look_before_sleeping),
		session_test(a_timer_stands_for_a_bell),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
