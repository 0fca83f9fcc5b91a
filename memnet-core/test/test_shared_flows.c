/* SPDX-License-Identifier: BSD-2-Clause */
/* Connects that are given up, and flows that several channels use. See session_fixture.h. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/test/flows_help.h"
#include "memnet-core/test/session_fixture.h"

#define SOON_MS	5000

/* --- connects that are given up --------------------------------------------------------- */

static struct memnet_flow *connect_start(struct fixture *fx, struct memnet *m)
{
	struct memnet_flow *f = NULL;

	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer),
					      &f), 0);
	return f;
}

static void one_that_goes_on_frees_its_flow(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f[MANY];
	struct sockaddr_storage where;
	int full[BACKLOG + 1];

	for (int i = 0; i <= BACKLOG; i++) {	/* the next ones have to wait */
		full[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(full[i], (struct sockaddr *)&fx->peer,
					 sizeof(fx->peer)), 0);
	}
	for (int i = 0; i < 3 * MANY; i++)
		memnet_close(connect_start(fx, m));
	for (int i = 0; i < MANY; i++)
		f[i] = loopback_listener(m, &where);
	for (int i = 0; i < MANY; i++)
		memnet_close(f[i]);
	for (int i = 0; i <= BACKLOG; i++)
		close(full[i]);
	memnet_detach(m);
}

/* Its completion is there, and nobody looks for it any more. */
static void one_that_has_ended_is_reset_at_once(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f = connect_start(fx, m);
	int fd = accept(fx->listener, NULL, NULL);

	poll(NULL, 0, 20);
	memnet_close(f);
	is_reset(fd);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

static void a_cookie_of_nobody_is_told(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct mn_submission s = { .op = MN_OP_CANCEL };
	struct mn_completion c;
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(mn_control_call(m, &s, &c), -ENOENT);
	talks(f, fd);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

/* --- several processes ---------------------------------------------------------------- */

static struct memnet_flow *adopt(struct memnet *m, const struct memnet_flow *of)
{
	struct memnet_flow *f = NULL;
	uint32_t id, generation;

	memnet_flow_name(of, &id, &generation);
	assert_int_equal(memnet_adopt(m, id, generation, &f), 0);
	return f;
}

static void a_listener_ends_with_its_process(void **state)
{
	struct fixture *fx = *state;
	struct memnet *owner = attach(fx), *m = join(fx, 1);
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *f;
	int taken = call(&where), waits;

	assert_int_equal(memnet_accept(listener, &f), 0);
	waits = call(&where);
	reset_channel(owner, 1);
	is_reset(taken);
	is_reset(waits);
	assert_int_equal(call(&where), -ECONNREFUSED);
	memnet_release(f);
	memnet_release(listener);
	memnet_detach(m);
	all_flows_are_free(fx, owner);
	memnet_detach(owner);
}

static void one_that_channel_0_took_outlives_it(void **state)
{
	struct fixture *fx = *state;
	struct memnet *owner = attach(fx), *m = join(fx, 1);
	struct mn_submission take = { .op = MN_OP_TAKE };
	struct mn_completion c;
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *heir, *f;
	int fd;

	take.flow = listener->id;
	assert_int_equal(mn_control_call(m, &take, &c), -EPERM);
	assert_int_equal(mn_control_call(owner, &take, &c), 0);
	heir = adopt(owner, listener);
	reset_channel(owner, 1);
	fd = call(&where);
	assert_int_equal(memnet_accept(heir, &f), 0);
	talks(f, fd);
	memnet_close(f);
	memnet_close(heir);
	memnet_release(listener);
	memnet_detach(m);
	all_flows_are_free(fx, owner);
	memnet_detach(owner);
	close(fd);
}

struct reader {
	struct memnet_flow *flow;
	ssize_t got;
	char byte;
};

static void *read_a_byte(void *arg)
{
	struct reader *r = arg;

	r->got = memnet_recv(r->flow, &r->byte, 1);
	return NULL;
}

static bool sleeps_in(struct memnet *m)
{
	bool led;

	pthread_mutex_lock(&m->waiter.lock);
	led = m->waiter.led;
	pthread_mutex_unlock(&m->waiter.lock);
	return led;
}

static pthread_t start_reader(struct reader *r)
{
	pthread_t thread;

	pthread_create(&thread, NULL, read_a_byte, r);
	for (int ms = 0; ms < SOON_MS && !sleeps_in(r->flow->m); ms++)
		poll(NULL, 0, 1);
	return thread;
}

/* Whoever opened it: the bell is that of who waits. */
static void a_flow_rings_whom_it_has_to_wake(void **state)
{
	struct fixture *fx = *state;
	struct memnet *owner = attach(fx), *m = join(fx, 1);
	struct memnet_counters counters;
	struct reader r = { 0 };
	struct memnet_flow *f;
	pthread_t thread;
	int fd;

	f = connect_flow(fx, owner, &fd);
	r.flow = adopt(m, f);
	for (int i = 0; i < 20; i++) {
		thread = start_reader(&r);
		assert_int_equal(write(fd, "b", 1), 1);
		pthread_join(thread, NULL);
		assert_int_equal(r.got, 1);
	}
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	assert_true(counters.kicks_to_guest >= 20);
	memnet_release(r.flow);
	memnet_close(f);
	memnet_detach(m);
	memnet_detach(owner);
	close(fd);
}

static void who_waits_hears_that_another_has_closed_it(void **state)
{
	struct fixture *fx = *state;
	struct memnet *owner = attach(fx), *m = join(fx, 1);
	struct memnet_counters counters;
	struct reader r = { 0 };
	struct memnet_flow *f;
	uint32_t id, generation;
	pthread_t thread;
	int64_t begin_ns;
	int fd;

	f = connect_flow(fx, owner, &fd);
	memnet_flow_name(f, &id, &generation);
	r.flow = adopt(m, f);
	thread = start_reader(&r);
	begin_ns = mn_now_ns();
	memnet_close(f);
	pthread_join(thread, NULL);
	assert_int_equal(r.got, -ECONNRESET);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	assert_true(mn_now_ns() - begin_ns < NSEC_PER_SEC);	/* not by a host that is silent */
	assert_int_equal(memnet_adopt(m, id, generation, &f), -ESTALE);
	memnet_release(r.flow);
	memnet_detach(m);
	memnet_detach(owner);
	close(fd);
}

#define shared_test(f)	cmocka_unit_test_setup_teardown(f, many_flows_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		shared_test(one_that_goes_on_frees_its_flow),
		shared_test(one_that_has_ended_is_reset_at_once),
		shared_test(a_cookie_of_nobody_is_told),
		shared_test(a_listener_ends_with_its_process),
		shared_test(one_that_channel_0_took_outlives_it),
		shared_test(a_flow_rings_whom_it_has_to_wake),
		shared_test(who_waits_hears_that_another_has_closed_it),
	};

	return cmocka_run_group_tests_name("shared flows", tests, NULL, NULL);
}
