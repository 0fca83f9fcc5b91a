/* SPDX-License-Identifier: BSD-2-Clause */
/* The sampler: exact edges, order, what is lost and late, and an end that ends. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/sampler.h"
#include "memnet-core/base/clock.h"

enum { BOOT, WARMUP, WINDOW, DRAIN };

static int count_up(void *ctx, uint64_t *value)
{
	*value = (*(uint64_t *)ctx)++;
	return 0;
}

/* Periodic samples so far: what is to happen between two samples does not go by the clock. */
static atomic_int n_periodic;

static int count_periodic(void *ctx, uint64_t *value)
{
	n_periodic += gettid() != getpid();
	*value = sched_getcpu();
	return 0;
}

static void wait_for_samples(int n)
{
	for (n += n_periodic; n_periodic < n; )
		usleep(1000);
}

static void wait_until(int64_t t_ns)
{
	while (mn_now_ns() < t_ns)
		usleep(500);
}

static int cannot_read(void *ctx, uint64_t *value)
{
	return -ENODEV;
}

static int read_slowly(void *ctx, uint64_t *value)
{
	usleep(25000);
	return 0;
}

static struct sampler *start(int64_t interval_ns, size_t max_samples, const struct energy *e,
			     const struct sampler_gauge *gauges, size_t n_gauges)
{
	struct sampler_config config = {
		.interval_ns = interval_ns, .max_samples = max_samples, .max_marks = 8, .cpu = -1,
		.energy = e, .gauges = gauges, .n_gauges = n_gauges,
	};
	struct sampler *s;

	assert_int_equal(sampler_start(&s, &config), 0);
	return s;
}

static void marks_are_exact_edges_of_phases(void **state)
{
	uint64_t n = 0;
	const struct sampler_gauge gauges[] = { { count_up, &n }, { cannot_read, NULL } };
	const struct sampler_sample *all, *begin, *end;
	int64_t before_ns, after_ns;
	struct sampler *s = start(20 * NSEC_PER_MSEC, 100, NULL, gauges, 2);
	size_t count, in_window = 0;

	usleep(30000);
	before_ns = mn_now_ns();
	begin = sampler_mark(s, WINDOW);
	after_ns = mn_now_ns();
	usleep(110000);
	end = sampler_mark(s, DRAIN);
	sampler_stop(s);
	assert_true(before_ns <= begin->t_ns && begin->t_ns <= after_ns);
	assert_true(begin->t_ns <= begin->gauges[0].t_ns && begin->gauges[0].t_ns <= after_ns);
	assert_true(begin->mark && begin->phase == WINDOW && end->phase == DRAIN);

	all = sampler_samples(s, &count);
	assert_true(begin > all && end > begin && end < all + count);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || all[i].t_ns >= all[i - 1].t_ns);
		assert_true(all[i].gauges[0].raw == i);		/* each read once, in order */
		assert_int_equal(all[i].gauges[1].error, -ENODEV);
		assert_int_equal(all[i].phase, &all[i] < begin ? BOOT : &all[i] < end ? WINDOW
										     : DRAIN);
		in_window += &all[i] > begin && &all[i] < end;
	}
	/* Every deadline was met or is accounted for. */
	assert_true(in_window + sampler_stats(s).lost >= 4);
	assert_in_range(in_window, 0, (end->t_ns - begin->t_ns) / (20 * NSEC_PER_MSEC) + 1);
	sampler_free(s);
}

static void a_calm_sampler_loses_nothing(void **state)
{
	struct sampler_stats stats = { .lost = 1 };

	/* On a machine busy with something else it takes some turns to find it calm. */
	for (int turn = 0; stats.lost && turn < 20; turn++) {
		struct sampler *s = start(50 * NSEC_PER_MSEC, 10, NULL, NULL, 0);
		size_t count;

		usleep(220000);
		sampler_stop(s);
		sampler_samples(s, &count);
		stats = sampler_stats(s);
		/* A sample may be delayed, but not unseen. */
		assert_true(count + stats.lost >= 4);
		sampler_free(s);
	}
	assert_int_equal(stats.lost, 0);
}

static void a_slow_reader_loses_samples_but_holds_nobody_up(void **state)
{
	const struct sampler_gauge slow = { read_slowly, NULL };
	struct sampler *s = start(10 * NSEC_PER_MSEC, 100, NULL, &slow, 1);
	int64_t start_ns = mn_now_ns(), begin_ns;
	size_t count;

	usleep(200000);
	begin_ns = mn_now_ns();
	sampler_stop(s);
	assert_true(mn_now_ns() - begin_ns < 500 * NSEC_PER_MSEC);	/* it reads without end */
	sampler_samples(s, &count);
	assert_in_range(count, 1, (mn_now_ns() - start_ns) / (25 * NSEC_PER_MSEC) + 1);
	assert_true(sampler_stats(s).lost >= 2 * count - 2);	/* two with each */
	sampler_free(s);
}

static void without_room_samples_are_lost_but_not_marks(void **state)
{
	const struct sampler_gauge gauge = { count_periodic, NULL };
	struct sampler *s = start(5 * NSEC_PER_MSEC, 3, NULL, &gauge, 1);
	const struct sampler_sample *mark;
	size_t count;

	for (int i = 0; i < 4; i++)
		assert_non_null(sampler_mark(s, i));
	wait_for_samples(3);
	usleep(30000);
	for (int i = 4; i < 8; i++)
		assert_non_null(sampler_mark(s, i));
	assert_null(sampler_mark(s, 8));
	sampler_stop(s);
	mark = sampler_samples(s, &count);
	assert_int_equal(count, 3 + 8);
	assert_int_equal(mark[10].phase, 7);
	assert_true(sampler_stats(s).lost > 0);
	sampler_free(s);
}

static void the_thread_stays_on_its_cpu(void **state)
{
	const struct sampler_gauge gauge = { count_periodic, NULL };
	struct sampler_config config = {
		.interval_ns = 5 * NSEC_PER_MSEC, .max_samples = 10000,
		.gauges = &gauge, .n_gauges = 1,
	};
	const struct sampler_sample *all;
	struct sampler *s;
	cpu_set_t cpus;
	size_t count;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET(config.cpu, &cpus))
		config.cpu++;
	assert_int_equal(sampler_start(&s, &config), 0);
	wait_for_samples(5);
	sampler_stop(s);
	all = sampler_samples(s, &count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(all[i].gauges[0].raw, config.cpu);
	sampler_free(s);
	config.cpu = CPU_SETSIZE - 1;			/* not there */
	assert_int_equal(sampler_start(&s, &config), -EINVAL);
	config.cpu = -1;
	config.max_samples = 0;
	assert_int_equal(sampler_start(&s, &config), -EINVAL);
}

static void stop_does_not_wait_for_the_next_sample(void **state)
{
	struct sampler *s = start(3600 * NSEC_PER_SEC, 1, NULL, NULL, 0);
	int64_t begin_ns;
	size_t count;

	usleep(20000);					/* it sleeps by now */
	begin_ns = mn_now_ns();
	sampler_stop(s);
	assert_true(mn_now_ns() - begin_ns < NSEC_PER_SEC);
	sampler_stop(s);				/* again: nothing */
	assert_non_null(sampler_mark(s, DRAIN));	/* a last edge is still possible */
	sampler_samples(s, &count);
	assert_int_equal(count, 1);
	sampler_free(s);
}

struct drained {
	uint64_t n, marks;
	int64_t last_ns;
};

static void drain_one(void *ctx, const struct sampler_sample *sample)
{
	struct drained *d = ctx;

	assert_true(sample->gauges[0].raw == d->n);	/* none twice, none left out */
	assert_true(sample->t_ns >= d->last_ns);
	d->last_ns = sample->t_ns;
	d->marks += sample->mark;
	d->n++;
}

static void drained_samples_give_their_room_back(void **state)
{
	uint64_t n = 0;
	const struct sampler_gauge gauge = { count_up, &n };
	struct sampler *s = start(5 * NSEC_PER_MSEC, 20, NULL, &gauge, 1);
	struct drained d = { 0 };
	struct sampler_stats stats;
	size_t left;

	for (int i = 0; i < 10; i++) {		/* 60 samples and 20 marks, room for 20 and 8 */
		assert_non_null(sampler_mark(s, WINDOW));
		usleep(30000);
		assert_non_null(sampler_mark(s, WINDOW));
		sampler_drain(s, drain_one, &d);
	}
	sampler_stop(s);
	stats = sampler_drain(s, drain_one, &d);
	sampler_samples(s, &left);
	assert_int_equal(left, 0);
	assert_int_equal(d.marks, 20);
	assert_true(d.n == n && d.n + stats.lost >= 20 + 55);
	assert_true(stats.lost == sampler_stats(s).lost);
	sampler_free(s);
}

static atomic_int signalled_tid;

static void on_signal(int sig)
{
	signalled_tid = gettid();
}

static void signals_stay_with_the_program(void **state)
{
	struct sampler *s = start(NSEC_PER_MSEC, 100, NULL, NULL, 0);
	sigset_t usr1;

	signal(SIGUSR1, on_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	kill(getpid(), SIGUSR1);
	usleep(20000);
	assert_int_equal(signalled_tid, 0);		/* the sampler does not take it */
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	assert_int_equal(signalled_tid, gettid());
	signal(SIGUSR1, SIG_DFL);
	sampler_free(s);
}

static size_t periodic_samples(const struct sampler *s)
{
	const struct sampler_sample *all;
	size_t count, n = 0;

	all = sampler_samples(s, &count);
	for (size_t i = 0; i < count; i++)
		n += !all[i].mark;
	return n;
}

/* Started after @begin_ns, it is stopped here: each deadline is a sample or counted as lost. */
static void assert_all_accounted_for(struct sampler *s, int64_t interval_ns, int64_t begin_ns,
				     int64_t started_ns)
{
	int64_t least = (mn_now_ns() - started_ns) / interval_ns, accounted;

	sampler_stop(s);
	accounted = periodic_samples(s) + sampler_stats(s).lost;
	assert_in_range(accounted, least, (mn_now_ns() - begin_ns) / interval_ns);
}

static void marks_that_hold_the_readers_lose_no_deadline_unseen(void **state)
{
	const struct sampler_gauge slow = { read_slowly, NULL };
	int64_t begin_ns = mn_now_ns();
	struct sampler *s = start(10 * NSEC_PER_MSEC, 100, NULL, &slow, 1);
	int64_t started_ns = mn_now_ns();

	for (int i = 0; i < 8; i++, usleep(1000))
		assert_non_null(sampler_mark(s, WINDOW));	/* 25 ms each */
	assert_all_accounted_for(s, 10 * NSEC_PER_MSEC, begin_ns, started_ns);
	assert_true(sampler_stats(s).lost > 0);
	/* On a busy machine it may never have got in between two marks. */
	assert_true(sampler_stats(s).late > 0 || !periodic_samples(s));
	sampler_free(s);
}

static void a_mark_just_before_the_end_loses_none_unseen(void **state)
{
	const struct sampler_gauge slow = { read_slowly, NULL };

	for (int i = 0; i < 5; i++) {
		int64_t begin_ns = mn_now_ns();
		struct sampler *s = start(10 * NSEC_PER_MSEC, 100, NULL, &slow, 1);
		int64_t started_ns = mn_now_ns();

		assert_non_null(sampler_mark(s, WINDOW));
		assert_all_accounted_for(s, 10 * NSEC_PER_MSEC, begin_ns, started_ns);
		sampler_free(s);
	}
}

static void without_room_each_deadline_is_lost_once(void **state)
{
	int64_t begin_ns = mn_now_ns();
	struct sampler *s = start(5 * NSEC_PER_MSEC, 3, NULL, NULL, 0);
	int64_t started_ns = mn_now_ns();

	usleep(150000);
	assert_all_accounted_for(s, 5 * NSEC_PER_MSEC, begin_ns, started_ns);
	sampler_free(s);
}

static void what_is_lost_in_a_stretch_of_time_is_known(void **state)
{
	const struct sampler_gauge slow = { read_slowly, NULL };
	int64_t begin_ns = mn_now_ns(), middle_ns;
	struct sampler *s = start(10 * NSEC_PER_MSEC, 100, NULL, &slow, 1);
	struct sampler_coverage all, first, second;

	wait_until(begin_ns + 300 * NSEC_PER_MSEC);
	sampler_stop(s);
	middle_ns = begin_ns + 100 * NSEC_PER_MSEC;
	all = sampler_coverage(s, begin_ns, mn_now_ns());
	first = sampler_coverage(s, begin_ns, middle_ns);
	second = sampler_coverage(s, middle_ns + 1, mn_now_ns());
	assert_int_equal(all.taken, periodic_samples(s));
	assert_in_range(all.due - all.taken, sampler_stats(s).lost - 1, sampler_stats(s).lost + 1);
	assert_true(first.due <= 10);			/* fewer if it began late */
	assert_true(first.taken <= first.due / 2 + 1);	/* two are lost with each */
	assert_int_equal(first.taken + second.taken, all.taken);
	assert_in_range(first.due + second.due, all.due, all.due + 1);
	all = sampler_coverage(s, begin_ns - NSEC_PER_SEC, begin_ns);	/* nothing was due */
	assert_true(!all.due && !all.taken && !all.late);
	sampler_free(s);
}

/* Marks that hold the readers for 25 of 40 ms, at all places between two deadlines. */
static void late_samples_of_a_stretch_are_counted(void **state)
{
	const struct sampler_gauge slow = { read_slowly, NULL };
	int64_t begin_ns = mn_now_ns();
	struct sampler *s = start(40 * NSEC_PER_MSEC, 100, NULL, &slow, 1);
	struct sampler_coverage c;

	for (int i = 1; i < 8; i++) {
		wait_until(begin_ns + (100 * i + 5 * i) * NSEC_PER_MSEC);
		sampler_mark(s, WINDOW);
	}
	sampler_stop(s);
	c = sampler_coverage(s, begin_ns, mn_now_ns());
	if (sampler_stats(s).max_late_ns < 40 * NSEC_PER_MSEC)	/* else a late one is a lost one */
		assert_int_equal(c.late, sampler_stats(s).late);
	assert_true(c.late > 0 || c.due > c.taken);
	sampler_free(s);
}

#define MARKERS		4
#define MARKS_EACH	100

static void *make_marks(void *arg)
{
	for (int i = 0; i < MARKS_EACH; i++) {
		if (!sampler_mark(arg, WINDOW))
			return arg;
		usleep(200);
	}
	return NULL;
}

/* Two readers at once would both see the same. */
static int count_up_slowly(void *ctx, uint64_t *value)
{
	*value = *(uint64_t *)ctx;
	usleep(20);
	*(uint64_t *)ctx = *value + 1;
	return 0;
}

static void many_threads_may_mark_at_once(void **state)
{
	uint64_t n = 0;
	const struct sampler_gauge gauge = { count_up_slowly, &n };
	struct sampler_config config = {
		.interval_ns = NSEC_PER_MSEC, .max_samples = 5000,
		.max_marks = MARKERS * MARKS_EACH, .cpu = -1, .gauges = &gauge, .n_gauges = 1,
	};
	const struct sampler_sample *all;
	pthread_t thread[MARKERS];
	size_t count, marks = 0;
	struct sampler *s;
	void *failed;

	assert_int_equal(sampler_start(&s, &config), 0);
	for (int i = 0; i < MARKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, make_marks, s), 0);
	for (int i = 0; i < MARKERS; i++) {
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	sampler_stop(s);
	all = sampler_samples(s, &count);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || all[i].t_ns >= all[i - 1].t_ns);
		assert_true(all[i].gauges[0].raw == i);		/* one slot, one reading each */
		marks += all[i].mark;
	}
	assert_int_equal(marks, MARKERS * MARKS_EACH);
	assert_true(count > marks);
	sampler_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_exact_edges_of_phases),
		cmocka_unit_test(a_calm_sampler_loses_nothing),
		cmocka_unit_test(a_slow_reader_loses_samples_but_holds_nobody_up),
		cmocka_unit_test(without_room_samples_are_lost_but_not_marks),
		cmocka_unit_test(without_room_each_deadline_is_lost_once),
		cmocka_unit_test(marks_that_hold_the_readers_lose_no_deadline_unseen),
		cmocka_unit_test(a_mark_just_before_the_end_loses_none_unseen),
		cmocka_unit_test(what_is_lost_in_a_stretch_of_time_is_known),
		cmocka_unit_test(late_samples_of_a_stretch_are_counted),
		cmocka_unit_test(many_threads_may_mark_at_once),
		cmocka_unit_test(the_thread_stays_on_its_cpu),
		cmocka_unit_test(stop_does_not_wait_for_the_next_sample),
		cmocka_unit_test(drained_samples_give_their_room_back),
		cmocka_unit_test(signals_stay_with_the_program),
	};

	return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
