/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program that does not block needs: what a flow is ready for, waiting for several,
 * connects under way, bytes in place, options. See session_fixture.h.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"
#include "memnet-core/test/flows_help.h"
#include "memnet-core/test/session_fixture.h"

#define SOON_MS	5000

/* Wait for one of @events; what came. */
static short wait_for(struct memnet_flow *f, short events)
{
	struct memnet_pollfd p = { .flow = f, .events = events };

	assert_int_equal(memnet_poll(&p, 1, SOON_MS), 1);
	return p.revents;
}

static void no_sleep_was_rescued(struct memnet *m)
{
	struct memnet_counters counters;

	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
}

/* --- what a flow is ready for ---------------------------------------------------------------- */

static void a_stream_is_ready_as_a_socket_is(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(memnet_events(f), POLLOUT);
	assert_int_equal(memnet_arm(f, POLLIN | POLLOUT), 0);
	assert_int_equal(memnet_arm(f, POLLIN), 1);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(wait_for(f, POLLIN), POLLIN);
	assert_int_equal(memnet_arm(f, POLLIN), 0);
	assert_int_equal(memnet_recv(f, &byte, 1), 1);
	assert_int_equal(memnet_events(f), POLLOUT);
	shutdown(fd, SHUT_WR);
	assert_int_equal(wait_for(f, POLLRDHUP), POLLRDHUP);
	assert_int_equal(memnet_events(f), POLLIN | POLLOUT | POLLRDHUP);
	assert_int_equal(memnet_shutdown_send(f), 0);
	assert_int_equal(memnet_events(f), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	no_sleep_was_rescued(m);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void a_torn_stream_has_its_error_once(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	assert_int_equal(wait_for(f, 0), POLLERR | POLLHUP);
	assert_int_equal(memnet_take_error(f), ECONNRESET);
	assert_int_equal(memnet_take_error(f), 0);
	assert_int_equal(memnet_events(f), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	no_sleep_was_rescued(m);
	memnet_close(f);
	memnet_detach(m);
}

static void who_has_filled_it_is_told_of_room(void **state)
{
	static char much[1 << 20];
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	size_t in = 0;
	ssize_t out, n;
	int fd;

	f = connect_flow(fx, m, &fd);
	memnet_set_blocking(f, false);
	hold_host(fx);
	out = memnet_send(f, much, sizeof(much));
	assert_int_equal(out, f->out.size);
	assert_int_equal(memnet_send(f, much, 1), -EAGAIN);
	assert_int_equal(memnet_events(f), 0);
	assert_int_equal(memnet_arm(f, POLLOUT), 1);
	release_host(fx);
	assert_int_equal(wait_for(f, POLLOUT), POLLOUT);
	assert_int_equal(memnet_shutdown_send(f), 0);
	while ((n = read(fd, much, sizeof(much))) > 0)
		in += n;
	assert_int_equal(in, out);
	no_sleep_was_rescued(m);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void a_listener_is_ready_for_accept(void **state)
{
	struct memnet *m = attach(*state);
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *f;
	int fd;

	assert_int_equal(memnet_events(listener), 0);
	fd = call(&where);
	assert_int_equal(wait_for(listener, POLLIN), POLLIN);
	assert_int_equal(memnet_accept(listener, &f), 0);
	assert_int_equal(memnet_events(listener), 0);
	no_sleep_was_rescued(m);
	memnet_close(f);
	memnet_close(listener);
	memnet_detach(m);
	close(fd);
}

/* --- connects under way ---------------------------------------------------------------------- */

static void a_connect_ends_as_room_to_send(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = NULL;
	int fd;

	hold_host(fx);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer),
					      &f), 0);
	assert_int_equal(memnet_events(f), 0);
	assert_int_equal(memnet_connect_result(f), -EINPROGRESS);
	release_host(fx);
	assert_int_equal(wait_for(f, POLLOUT), POLLOUT);
	assert_int_equal(memnet_connect_result(f), 0);
	assert_int_equal(memnet_take_error(f), 0);
	fd = accept(fx->listener, NULL, NULL);
	talks(f, fd);
	no_sleep_was_rescued(m);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void one_that_fails_says_why_once(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = NULL;

	close(fx->listener);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer),
					      &f), 0);
	assert_int_equal(wait_for(f, POLLOUT), POLLOUT | POLLERR | POLLHUP);
	assert_int_equal(memnet_take_error(f), ECONNREFUSED);
	assert_int_equal(memnet_take_error(f), 0);
	memnet_close(f);
	listen_on_loopback(fx);
	memnet_detach(m);
}

/* --- waiting for several ------------------------------------------------------------------- */

static void the_one_that_is_ready_says_so(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_pollfd p[MANY] = { 0 };
	int fd[MANY];

	for (int i = 1; i < MANY; i++)	/* the first is none */
		p[i] = (struct memnet_pollfd){ .flow = connect_flow(fx, m, &fd[i]),
					       .events = POLLIN };
	for (int i = 1; i < MANY; i++) {
		char byte;

		assert_int_equal(write(fd[i], "x", 1), 1);
		assert_int_equal(memnet_poll(p, MANY, SOON_MS), 1);
		for (int j = 0; j < MANY; j++)
			assert_int_equal(p[j].revents, j == i ? POLLIN : 0);
		assert_int_equal(memnet_recv(p[i].flow, &byte, 1), 1);
	}
	for (int i = 1; i < MANY; i++) {
		memnet_close(p[i].flow);
		close(fd[i]);
	}
	no_sleep_was_rescued(m);
	memnet_detach(m);
}

static void its_time_is_kept(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_pollfd p = { .events = POLLIN };
	int64_t begin_ns;
	int fd;

	assert_int_equal(memnet_poll(&p, 1, 0), -EINVAL);
	assert_int_equal(memnet_poll(NULL, 0, 0), -EINVAL);
	p.flow = connect_flow(fx, m, &fd);
	assert_int_equal(memnet_poll(&p, 1, 0), 0);
	begin_ns = mn_now_ns();
	assert_int_equal(memnet_poll(&p, 1, 150), 0);	/* longer than one sleep */
	assert_in_range(mn_now_ns() - begin_ns, 150 * NSEC_PER_MSEC, NSEC_PER_SEC);
	assert_int_equal(p.revents, 0);
	p.events = POLLIN | POLLOUT;
	assert_int_equal(memnet_poll(&p, 1, -1), 1);
	assert_int_equal(p.revents, POLLOUT);
	memnet_close(p.flow);
	memnet_detach(m);
	close(fd);
}

static void *poll_it(void *arg)
{
	struct memnet_pollfd *p = arg;
	int ret = memnet_poll(p, 1, SOON_MS);

	return (void *)(intptr_t)ret;
}

/* The thread sleeps in it by then. */
static pthread_t start_poll(struct memnet_pollfd *p)
{
	pthread_t thread;

	pthread_create(&thread, NULL, poll_it, p);
	poll(NULL, 0, 20);
	return thread;
}

static void who_polls_is_rung(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_pollfd p = { .events = POLLIN };
	pthread_t thread;
	void *ret;
	char byte;
	int fd;

	p.flow = connect_flow(fx, m, &fd);
	for (int i = 0; i < 20; i++) {
		thread = start_poll(&p);
		assert_int_equal(write(fd, "x", 1), 1);
		pthread_join(thread, &ret);
		assert_int_equal((intptr_t)ret, 1);
		assert_int_equal(memnet_recv(p.flow, &byte, 1), 1);
	}
	p.events = 0;
	thread = start_poll(&p);
	memnet_tear(p.flow);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, 1);
	assert_int_equal(p.revents, POLLERR | POLLHUP);
	no_sleep_was_rescued(m);
	memnet_close(p.flow);
	memnet_detach(m);
	close(fd);
}

static void nothing(int signal)
{
}

static void a_signal_ends_it(void **state)
{
	const struct sigaction sa = { .sa_handler = nothing };
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_pollfd p = { .events = POLLIN };
	struct sigaction before;
	pthread_t thread;
	void *ret;
	int fd;

	p.flow = connect_flow(fx, m, &fd);
	sigaction(SIGUSR1, &sa, &before);
	thread = start_poll(&p);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &ret);
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal((intptr_t)ret, -EINTR);
	memnet_close(p.flow);
	memnet_detach(m);
	close(fd);
}

/* --- in place --------------------------------------------------------------------------------- */

static void copy_in(struct memnet_flow *f, const uint8_t *from, size_t len)
{
	struct iovec spans[2];

	assert_int_equal(memnet_send_spans(f, len, spans), len);
	memcpy(spans[0].iov_base, from, spans[0].iov_len);
	memcpy(spans[1].iov_base, from + spans[0].iov_len, spans[1].iov_len);
	assert_int_equal(memnet_send_done(f, len), 0);
}

static void bytes_are_written_and_read_where_they_lie(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint8_t out[5000], in[5000];
	struct iovec spans[2];
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(memnet_recv_spans(f, 1, spans), -EAGAIN);
	for (unsigned int i = 0; i < 100; i++) {	/* some laps of 64 KiB */
		memset(out, i, sizeof(out));
		copy_in(f, out, sizeof(out));
		assert_int_equal(recv(fd, in, sizeof(in), MSG_WAITALL), sizeof(in));
		assert_memory_equal(in, out, sizeof(in));
		assert_int_equal(write(fd, out, sizeof(out)), sizeof(out));
		while (memnet_unread(f) < (int)sizeof(out))
			wait_for(f, POLLIN);
		/* Looking takes nothing; giving back a part leaves the rest. */
		assert_int_equal(memnet_recv_spans(f, 1, spans), 1);
		assert_int_equal(memnet_recv_spans(f, sizeof(out), spans), sizeof(out));
		assert_int_equal(*(uint8_t *)spans[0].iov_base, i % 256);
		assert_int_equal(memnet_recv_done(f, sizeof(out) - 1), 0);
		assert_int_equal(memnet_recv_spans(f, sizeof(out), spans), 1);
		assert_int_equal(memnet_recv_done(f, 1), 0);
	}
	shutdown(fd, SHUT_WR);
	wait_for(f, POLLRDHUP);
	assert_int_equal(memnet_recv_spans(f, 1, spans), 0);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

/* --- options ------------------------------------------------------------------------------- */

/* Of the host's socket. */
static int option_of(struct fixture *fx, const struct memnet_flow *f, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	hold_host(fx);
	getsockopt(fx->host->flows[f->id].watch.fd, level, option, &value, &len);
	release_host(fx);
	return value;
}

static void options_are_those_of_the_host_s_socket(void **state)
{
	static const struct { int ours, level, option, value; } options[] = {
		{ MN_OPTION_NODELAY, IPPROTO_TCP, TCP_NODELAY, 0 },
		{ MN_OPTION_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ MN_OPTION_KEEPIDLE, IPPROTO_TCP, TCP_KEEPIDLE, 77 },
		{ MN_OPTION_KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL, 7 },
		{ MN_OPTION_KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ MN_OPTION_TOS, IPPROTO_IP, IP_TOS, 16 },
		{ MN_OPTION_TTL, IPPROTO_IP, IP_TTL, 7 },
		{ MN_OPTION_USER_TIMEOUT, IPPROTO_TCP, TCP_USER_TIMEOUT, 4000 },
	};
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(option_of(fx, f, IPPROTO_TCP, TCP_NODELAY), 1);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		assert_int_equal(memnet_set_option(f, options[i].ours, options[i].value), 0);
		assert_int_equal(option_of(fx, f, options[i].level, options[i].option),
				 options[i].value);
	}
	assert_int_equal(memnet_set_option(f, 0, 1), -ENOPROTOOPT);
	assert_int_equal(memnet_set_option(f, 9999, 1), -ENOPROTOOPT);
	assert_int_equal(memnet_set_option(f, MN_OPTION_TTL, 1000), -EINVAL);
	talks(f, fd);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void with_linger_of_0_also_what_was_shut_down_is_reset(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct pollfd pfd = { .events = 0 };
	socklen_t len = sizeof(int);
	struct memnet_flow *f;
	int err = 0;

	f = connect_flow(fx, m, &pfd.fd);
	assert_int_equal(memnet_set_option(f, MN_OPTION_LINGER, 0), 0);
	assert_int_equal(memnet_shutdown_send(f), 0);
	memnet_close(f);
	assert_int_equal(poll(&pfd, 1, SOON_MS), 1);
	getsockopt(pfd.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err != EPIPE)	/* had it read the end before; else */
		assert_int_equal(err, ECONNRESET);
	memnet_detach(m);
	close(pfd.fd);
}

#define readiness_test(f)	cmocka_unit_test_setup_teardown(f, many_flows_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		readiness_test(a_stream_is_ready_as_a_socket_is),
		readiness_test(a_torn_stream_has_its_error_once),
		readiness_test(who_has_filled_it_is_told_of_room),
		readiness_test(a_listener_is_ready_for_accept),
		readiness_test(a_connect_ends_as_room_to_send),
		readiness_test(one_that_fails_says_why_once),
		readiness_test(the_one_that_is_ready_says_so),
		readiness_test(its_time_is_kept),
		readiness_test(who_polls_is_rung),
		readiness_test(a_signal_ends_it),
		readiness_test(bytes_are_written_and_read_where_they_lie),
		readiness_test(options_are_those_of_the_host_s_socket),
		readiness_test(with_linger_of_0_also_what_was_shut_down_is_reset),
	};

	return cmocka_run_group_tests_name("readiness", tests, NULL, NULL);
}
