/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that share a bell: who has news is woken, nobody else, and no ring is lost. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/waiter.h"

#define THREADS	6
#define LONG_MS	20000	/* would be a hang */
#define ROUNDS	20000

struct fixture {
	struct mn_region region;
	struct mn_waiter waiter;
	int end[2];	/* the session's owner holds the second */
};

/* One that sleeps, as wait.c does it, until it is given something. */
struct sleeper {
	struct fixture *fx;
	pthread_t thread;
	int timeout_ms, result;
	unsigned int given, taken, sleeps;
	bool stays;	/* goes to sleep again, until it is given UINT32_MAX */
	bool is_over;
};

static bool has_news(void *arg)
{
	struct sleeper *s = arg;

	return __atomic_load_n(&s->given, __ATOMIC_SEQ_CST) != s->taken;
}

static void *sleep_here(void *arg)
{
	struct sleeper *s = arg;
	const struct mn_news news = { has_news, s };
	int ret = 1;

	do {
		uint32_t ticket = mn_waiter_ticket(&s->fx->waiter);

		if (has_news(s)) {
			__atomic_store_n(&s->taken, __atomic_load_n(&s->given, __ATOMIC_SEQ_CST),
					 __ATOMIC_SEQ_CST);
			if (!s->stays || s->taken == UINT32_MAX)
				break;
			continue;
		}
		__atomic_add_fetch(&s->sleeps, 1, __ATOMIC_SEQ_CST);
		ret = mn_waiter_sleep(&s->fx->waiter, ticket, &news, s->timeout_ms);
	} while (ret > 0);
	s->result = ret;
	__atomic_store_n(&s->is_over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void ring(struct fixture *fx)
{
	const uint64_t one = 1;

	assert_int_equal(write(fx->region.bell_fds[0], &one, sizeof(one)), sizeof(one));
}

static void give(struct sleeper *s, unsigned int n)
{
	__atomic_store_n(&s->given, n, __ATOMIC_SEQ_CST);
	ring(s->fx);
}

static int sleeping(struct mn_waiter *w)
{
	int n = 0;

	pthread_mutex_lock(&w->lock);
	n += w->led;
	for (const struct mn_sleeper *s = w->sleepers; s; s = s->next)
		n++;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void until_asleep(struct fixture *fx, int n)
{
	int64_t end_ns = mn_now_ns() + LONG_MS * NSEC_PER_MSEC;

	while (sleeping(&fx->waiter) != n) {
		assert_true(mn_now_ns() < end_ns);
		poll(NULL, 0, 1);
	}
}

/* In order: the first leads. */
static void start(struct fixture *fx, struct sleeper *s, int n, int timeout_ms, bool stays)
{
	for (int i = 0; i < n; i++) {
		s[i] = (struct sleeper){ .fx = fx, .timeout_ms = timeout_ms, .stays = stays };
		assert_int_equal(pthread_create(&s[i].thread, NULL, sleep_here, &s[i]), 0);
		until_asleep(fx, i + 1);
	}
}

static int result(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
	return s->result;
}

/* --- who is woken --------------------------------------------------------------------------- */

static void only_whom_it_concerns_is_woken(void **state)
{
	struct fixture *fx = *state;
	static const int order[THREADS] = { 2, 0, 5, 1, 3, 4 };	/* 0 leads */
	struct sleeper s[THREADS];

	start(fx, s, THREADS, LONG_MS, false);
	for (int i = 0; i < THREADS; i++) {
		give(&s[order[i]], 1);
		assert_int_equal(result(&s[order[i]]), 1);
		until_asleep(fx, THREADS - 1 - i);
		for (int k = i + 1; k < THREADS; k++) {
			assert_false(s[order[k]].is_over);
			assert_int_equal(s[order[k]].sleeps, 1);
		}
	}
	assert_int_equal(fx->waiter.idle_rings, 0);
}

static void a_ring_that_brings_nothing_wakes_nobody(void **state)
{
	struct fixture *fx = *state;
	struct sleeper s[2];

	start(fx, s, 2, LONG_MS, false);
	ring(fx);
	while (__atomic_load_n(&fx->waiter.idle_rings, __ATOMIC_RELAXED) != 1)
		poll(NULL, 0, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s[i].sleeps, 1);
		give(&s[i], 1);
		assert_int_equal(result(&s[i]), 1);
	}
}

/* Between the ticket and the sleep another thread took the bell up. */
static void who_comes_late_does_not_sleep(void **state)
{
	struct fixture *fx = *state;
	uint32_t ticket = mn_waiter_ticket(&fx->waiter);
	struct sleeper late = { .fx = fx }, s[2];
	const struct mn_news news = { has_news, &late };

	start(fx, s, 2, LONG_MS, false);
	give(&s[1], 1);
	assert_int_equal(result(&s[1]), 1);
	assert_int_equal(mn_waiter_sleep(&fx->waiter, ticket, &news, LONG_MS), 1);
	give(&s[0], 1);
	assert_int_equal(result(&s[0]), 1);
}

/* Many threads, whose turn it is at random; each answer is awaited, and none by a timeout. */
static void no_ring_is_lost(void **state)
{
	struct fixture *fx = *state;
	struct sleeper s[THREADS];
	unsigned int given[THREADS] = { 0 }, seed = 1;

	start(fx, s, THREADS, LONG_MS, true);
	for (int i = 0; i < ROUNDS; i++) {
		int whose = rand_r(&seed) % THREADS;
		int64_t end_ns = mn_now_ns() + LONG_MS / 2 * NSEC_PER_MSEC;

		give(&s[whose], ++given[whose]);
		if (rand_r(&seed) % 4 == 0)
			continue;	/* two at once */
		while (__atomic_load_n(&s[whose].taken, __ATOMIC_SEQ_CST) != given[whose])
			assert_true(mn_now_ns() < end_ns);
	}
	for (int i = 0; i < THREADS; i++) {
		give(&s[i], UINT32_MAX);
		assert_int_equal(result(&s[i]), 1);
	}
}

/* --- other ends of a sleep ------------------------------------------------------------------ */

static void each_has_a_timeout(void **state)
{
	struct fixture *fx = *state;
	struct sleeper s[THREADS];
	int64_t begin_ns = mn_now_ns();

	start(fx, s, THREADS, 1000, false);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(result(&s[i]), 0);
	assert_true(mn_now_ns() - begin_ns >= NSEC_PER_SEC);
	assert_int_equal(sleeping(&fx->waiter), 0);
}

static void do_nothing(int signal)
{
}

static void a_signal_ends_the_sleep_of_its_thread(void **state)
{
	struct fixture *fx = *state;
	const struct sigaction action = { .sa_handler = do_nothing };
	struct sleeper s[3];

	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	start(fx, s, 3, LONG_MS, false);
	for (int i = 0; i < 2; i++) {	/* the leader, and one that has led since or sleeps */
		while (!__atomic_load_n(&s[i].is_over, __ATOMIC_SEQ_CST)) {
			pthread_kill(s[i].thread, SIGUSR1);
			poll(NULL, 0, 1);
		}
		assert_int_equal(result(&s[i]), -EINTR);
	}
	until_asleep(fx, 1);
	give(&s[2], 1);
	assert_int_equal(result(&s[2]), 1);
}

/* Who leads is cancelled when its sleep is over: another leads then. */
static void a_cancelled_leader_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct sleeper s[2];

	start(fx, s, 2, LONG_MS, false);
	pthread_cancel(s[0].thread);
	give(&s[1], 1);
	assert_int_equal(result(&s[1]), 1);
	give(&s[0], 1);
	pthread_join(s[0].thread, NULL);
	assert_int_equal(sleeping(&fx->waiter), 0);
}

static void all_hear_that_the_owner_is_gone(void **state)
{
	struct fixture *fx = *state;
	struct sleeper s[THREADS];

	start(fx, s, THREADS, LONG_MS, false);
	close(fx->end[1]);
	fx->end[1] = -1;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(result(&s[i]), -ECONNRESET);
}

/* --- fixture -------------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx || pipe(fx->end))
		return -1;
	fx->region = (struct mn_region){ .port_fd = -1, .bells = 1 };
	fx->region.bell_fds[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mn_waiter_init(&fx->waiter, &fx->region, 0, fx->end[0]);
	*state = fx;
	return fx->waiter.epoll_fd < 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	mn_waiter_close(&fx->waiter);
	close(fx->region.bell_fds[0]);
	close(fx->end[0]);
	if (fx->end[1] >= 0)
		close(fx->end[1]);
	free(fx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_whom_it_concerns_is_woken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_brings_nothing_wakes_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_comes_late_does_not_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(no_ring_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(each_has_a_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_ends_the_sleep_of_its_thread, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_leader_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(all_hear_that_the_owner_is_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
