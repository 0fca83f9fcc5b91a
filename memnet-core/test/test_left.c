/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nobody waits for: streams and connects that their owner has left, and how long the host
 * goes on with them (its ticks are the test's, so a minute takes no time); and answers that are
 * taken by another than who waits. See session_fixture.h.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/host/host_internal.h"
#include "memnet-core/test/flows_help.h"

#define SOON_MS	5000
#define TICKS_A_MINUTE	(60 * 1000 / MN_HEARTBEAT_MS)

static void ticks(struct fixture *fx, int n)
{
	hold_host(fx);
	while (n--)
		mn_host_tick(fx->host);
	release_host(fx);
}

static unsigned int draining(struct fixture *fx)
{
	unsigned int n = 0;

	hold_host(fx);
	for (uint32_t i = 0; i < MANY; i++)
		n += fx->host->flows[i].state == FLOW_DRAINING;
	release_host(fx);
	return n;
}

static struct host_flow flow_0(struct fixture *fx)
{
	struct host_flow f;

	hold_host(fx);
	f = fx->host->flows[0];
	release_host(fx);
	return f;
}

/* Sends more than the kernel takes, shuts down and leaves. Bytes; the peer's socket in *@fd. */
static size_t leave_much(struct fixture *fx, struct memnet *m, int sndbuf, int *fd)
{
	static const char much[64 << 10];
	struct memnet_flow *f = connect_flow(fx, m, fd);
	size_t sent = 0;
	ssize_t n;

	assert_int_equal(memnet_set_option(f, MN_OPTION_SNDBUF, sndbuf), 0);
	memnet_set_blocking(f, false);
	for (int idle = 0; idle < 20;) {	/* of 5 ms */
		n = memnet_send(f, much, sizeof(much));
		assert_true(n > 0 || n == -EAGAIN);
		sent += n > 0 ? n : 0;
		idle = n > 0 ? 0 : idle + 1;
		if (idle)
			poll(NULL, 0, 5);
	}
	assert_int_equal(memnet_shutdown_send(f), 0);
	memnet_close(f);
	return sent;
}

/* What the peer's kernel takes. */
static void limit_peer(struct fixture *fx, int bytes)
{
	assert_int_equal(setsockopt(fx->listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

/* What is read before the end: 0, or -errno of what tore it. */
static int read_to_end(int fd, size_t *bytes)
{
	char buf[4096];
	ssize_t n;

	for (*bytes = 0; (n = read(fd, buf, sizeof(buf))) > 0; *bytes += n)
		;
	return n < 0 ? -errno : 0;
}

static void a_peer_that_never_reads_is_given_up_after_a_minute(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	size_t sent, got;
	int fd;

	limit_peer(fx, 4096);
	sent = leave_much(fx, m, 4096, &fd);
	ticks(fx, TICKS_A_MINUTE - 2);
	assert_int_equal(draining(fx), 1);
	ticks(fx, 3);
	assert_int_equal(draining(fx), 0);
	assert_int_equal(read_to_end(fd, &got), -ECONNRESET);	/* torn, and not an end */
	assert_true(got < sent);
	close(fd);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

/*
 * It reads one buffer in a minute, of much that only the kernel still has: the FIFO rests, and
 * the bytes that the peer acknowledges are all that can be seen of it.
 */
static void one_that_reads_slowly_gets_all_of_it(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	size_t sent, got = 0, rest;
	static char buf[64 << 10];	/* as much as its window */
	uint64_t tail;
	ssize_t n;
	int fd;

	limit_peer(fx, 64 << 10);
	sent = leave_much(fx, m, 400 << 10, &fd);
	ticks(fx, TICKS_A_MINUTE - 10);
	tail = flow_0(fx).from_guest.tail;
	for (int tick = 0; flow_0(fx).still; tick++) {
		assert_in_range(tick, 0, 8);
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		got += n > 0 ? n : 0;
		poll(NULL, 0, 50);	/* acknowledgements are put off a little */
		ticks(fx, 1);
	}
	assert_int_equal(flow_0(fx).from_guest.tail, tail);
	ticks(fx, TICKS_A_MINUTE - 10);
	assert_int_equal(read_to_end(fd, &rest), 0);
	assert_int_equal(got + rest, sent);
	close(fd);
	memnet_detach(m);
}

static void whose_peer_does_not_read_makes_room_for_others(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f[MANY];
	int left[MANY], fd[MANY];
	size_t sent[MANY], got;

	limit_peer(fx, 4096);
	for (int i = 0; i < MANY; i++) {	/* the first has stood still longest */
		sent[i] = leave_much(fx, m, 4096, &left[i]);
		ticks(fx, 1);
	}
	assert_int_equal(draining(fx), MANY);
	assert_int_equal(memnet_connect(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer), &f[0]),
			 -EMFILE);	/* for a moment each may read on */
	ticks(fx, 8);
	assert_int_equal(draining(fx), MANY);
	f[0] = connect_flow(fx, m, &fd[0]);
	assert_int_equal(draining(fx), MANY - 1);
	talks(f[0], fd[0]);
	assert_int_equal(read_to_end(left[0], &got), -ECONNRESET);
	for (int i = 1; i < MANY; i++) {
		assert_int_equal(read_to_end(left[i], &got), 0);
		assert_int_equal(got, sent[i]);
		close(left[i]);
	}
	memnet_close(f[0]);
	memnet_detach(m);
	close(left[0]);
	close(fd[0]);
}

static void a_connection_that_waits_takes_its_place_and_nothing_else_does(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *listener, *f;
	struct sockaddr_storage where;
	int left[MANY], fd;

	limit_peer(fx, 4096);
	listener = loopback_listener(m, &where);
	for (int i = 1; i < MANY; i++)
		leave_much(fx, m, 4096, &left[i]);
	ticks(fx, 20);
	assert_int_equal(draining(fx), MANY - 1);
	fd = call(&where);
	assert_true(fd >= 0);
	assert_int_equal(memnet_accept(listener, &f), 0);
	ticks(fx, 20);		/* nobody else waits: none of the others is claimed */
	assert_int_equal(draining(fx), MANY - 2);
	talks(f, fd);
	for (int i = 1; i < MANY; i++)
		close(left[i]);
	memnet_close(f);
	memnet_close(listener);
	memnet_detach(m);
	close(fd);
}

/* --- connects ------------------------------------------------------------------------------- */

/* So many that the next one is not answered. */
static void fill_backlog(struct fixture *fx, int full[BACKLOG + 1])
{
	for (int i = 0; i <= BACKLOG; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(full[i], (struct sockaddr *)&fx->peer,
					 sizeof(fx->peer)), 0);
	}
}

static void a_connect_whose_flow_is_closed_is_canceled(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	const struct sockaddr_in from = { .sin_family = AF_INET };
	struct mn_submission s = { .op = MN_OP_CLOSE };
	struct mn_completion c;
	struct memnet_flow *f;
	int full[BACKLOG + 1];

	fill_backlog(fx, full);
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&from, sizeof(from), 0,
				     &f), 0);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer),
					      &f), 0);
	assert_int_equal(memnet_connect_result(f), -EINPROGRESS);
	memnet_flow_name(f, &s.flow, &c.generation);
	assert_int_equal(mn_control_call(m, &s, &c), 0);
	assert_int_equal(memnet_connect_result(f), -ECANCELED);
	memnet_release(f);
	for (int i = 0; i <= BACKLOG; i++) {
		close(accept(fx->listener, NULL, NULL));
		close(full[i]);
	}
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

/* A ring is an interrupt of the guest's, and the first bytes of a flow would cost two. */
static void nobody_is_rung_who_does_not_wait(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	int bell = fx->bells[m->channel], fd;
	struct memnet_flow *f;
	uint64_t rings;
	char byte = 'x';

	f = connect_flow(fx, m, &fd);
	read(bell, &rings, sizeof(rings));	/* of the connect */
	assert_int_equal(memnet_send(f, &byte, 1), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(write(fd, "y", 1), 1);
	while (!(memnet_events(f) & POLLIN))
		poll(NULL, 0, 1);
	hold_host(fx);
	assert_int_equal(read(bell, &rings, sizeof(rings)), -1);
	assert_int_equal(errno, EAGAIN);
	release_host(fx);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

#define CROWD	100	/* more than the rings have places */

static int crowd_setup(void **state)
{
	static const char *const rules[] = { "127.0.0.0/8", NULL };

	return session_setup_with(state, CROWD, rules);
}

static void nobody_waits_for_the_end_of_a_stream(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *flows[CROWD];
	struct memnet_counters counters;
	int fds[CROWD];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < CROWD; i++)
			flows[i] = connect_flow(fx, m, &fds[i]);
		for (int i = 0; i < CROWD; i++)
			memnet_close(flows[i]);
		for (int i = 0; i < CROWD; i++)
			close(fds[i]);
	}
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	memnet_detach(m);
}

/* As of close(2). */
static void a_close_does_not_wait_for_the_host(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	hold_host(fx);
	memnet_close(f);
	release_host(fx);
	close(fd);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

/* An answer to nobody is no reason to be rung: two rings are a connect's and a request's. */
static void the_end_of_a_stream_rings_nobody(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t rings = 0, now;

	for (int i = 0; i < 20; i++) {
		struct memnet_flow *f;
		int fd;

		f = connect_flow(fx, m, &fd);
		hold_host(fx);
		memnet_close(f);
		close(fd);
		release_host(fx);
	}
	if (read(fx->bells[m->channel], &now, sizeof(now)) == sizeof(now))
		rings = now;
	assert_in_range(rings, 20, 25);
	memnet_detach(m);
}

static void complete(struct fixture *fx, struct memnet *m, const struct mn_call *call)
{
	const struct mn_completion c = { .cookie = call->cookie };

	fx->host->ring_channels = 0;
	mn_channel_complete(fx->host, m->channel, &c);
}

/* Who waits takes others' answers when it looks, and is rung for its own nevertheless. */
static void an_answer_to_another_is_no_end_of_waiting(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct mn_submission nothing = { .op = MN_OP_CANCEL };
	struct mn_call other, call;

	hold_host(fx);
	assert_int_equal(mn_control_start(m, &nothing, &other), 0);
	assert_int_equal(mn_control_start(m, &nothing, &call), 0);
	assert_int_equal(mn_control_arm(m, &call), 1);
	complete(fx, m, &other);
	assert_int_equal(fx->host->ring_channels, 1u << m->channel);
	assert_int_equal(mn_control_look(m, &call), 1);
	complete(fx, m, &call);
	assert_int_equal(fx->host->ring_channels, 1u << m->channel);
	assert_int_equal(mn_control_look(m, &call), 0);
	release_host(fx);
	memnet_detach(m);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, many_flows_setup, session_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_peer_that_never_reads_is_given_up_after_a_minute),
		TEST(one_that_reads_slowly_gets_all_of_it),
		TEST(whose_peer_does_not_read_makes_room_for_others),
		TEST(a_connection_that_waits_takes_its_place_and_nothing_else_does),
		TEST(a_connect_whose_flow_is_closed_is_canceled),
		cmocka_unit_test_setup_teardown(nobody_waits_for_the_end_of_a_stream, crowd_setup,
						session_teardown),
		TEST(nobody_is_rung_who_does_not_wait),
		TEST(a_close_does_not_wait_for_the_host),
		TEST(the_end_of_a_stream_rings_nobody),
		TEST(an_answer_to_another_is_no_end_of_waiting),
	};

	return cmocka_run_group_tests_name("left", tests, NULL, NULL);
}
