/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU time of threads and host: from trees written by hand, and of this very process. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/cputime.h"
#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

static void threads_are_listed_with_their_names(void **state)
{
	struct cputime_thread t[4];

	fake_write("77/task/100/comm", "CPU 0/TCG\n");
	fake_write("77/task/78/comm", "a name longer than the kernel gives\n");
	fake_write("77/task/99/comm", "\n");
	assert_int_equal(cputime_list(fake_root(), 77, t, 4), 3);
	assert_int_equal(t[0].tid, 78);
	assert_string_equal(t[0].comm, "a name longer t");
	assert_int_equal(t[1].tid, 99);
	assert_string_equal(t[1].comm, "");
	assert_int_equal(t[2].tid, 100);
	assert_string_equal(t[2].comm, "CPU 0/TCG");
	assert_int_equal(cputime_list(fake_root(), 77, t, 1), 3);	/* more than fit */
	assert_int_equal(cputime_list(fake_root(), 78, t, 4), -ESRCH);
}

static void write_status(void)
{
	fake_write("77/task/78/status", "Name:\tx\nvoluntary_ctxt_switches:\t150\n"
		   "nonvoluntary_ctxt_switches:\t7\n");
}

static void schedstat_gives_nanoseconds(void **state)
{
	struct cputime_switches sw;
	struct cputime c;
	uint64_t ns;

	write_status();
	fake_write("77/task/78/schedstat", "123456789012 5 6\n");
	assert_int_equal(cputime_open(&c, fake_root(), 77, 78), 0);
	assert_true(c.exact);
	assert_int_equal(cputime_read(&c, &ns), 0);
	assert_true(ns == 123456789012);
	fake_write("77/task/78/schedstat", "123456789999 5 6\n");
	assert_int_equal(cputime_read(&c, &ns), 0);
	assert_true(ns == 123456789999);
	assert_int_equal(cputime_read_switches(&c, &sw), 0);
	assert_true(sw.voluntary == 150 && sw.involuntary == 7);
	cputime_close(&c);
}

static void without_schedstat_ticks_are_used(void **state)
{
	struct cputime c;
	uint64_t ns;

	write_status();
	/* The name holds what it likes; user 250 and system 50 ticks. */
	fake_write("77/task/78/stat", "78 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15\n");
	assert_int_equal(cputime_open(&c, fake_root(), 77, 78), 0);
	assert_false(c.exact);
	assert_int_equal(cputime_read(&c, &ns), 0);
	assert_true(ns == 300 * (uint64_t)NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	cputime_close(&c);
	fake_write("77/task/78/stat", "78 (a");
	assert_int_equal(cputime_open(&c, fake_root(), 77, 78), -EINVAL);
	assert_int_equal(cputime_open(&c, fake_root(), 77, 79), -ENOENT);
}

static void the_hosts_time_is_split_by_cpu(void **state)
{
	uint64_t tick = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	struct cputime_host_reader r;
	struct cputime_host h;
	cpu_set_t cpus;

	fake_write("stat",
		   "cpu  30 3 30 300 30 2 4 30 10 0\n"
		   "cpu0 10 1 10 100 10 1 1 10 5 0\n"
		   "cpu2 20 2 20 200 20 1 3 20 5 0\n"
		   "intr 1 2 3\nctxt 4\n");
	assert_int_equal(cputime_host_open(&r, fake_root()), 0);
	assert_int_equal(cputime_host_read(&r, NULL, &h), 0);
	assert_true(h.busy_ns == 69 * tick);		/* guest time is within user */
	assert_true(h.interrupt_ns == 6 * tick);	/* within busy_ns */
	assert_true(h.idle_ns == 330 * tick);
	assert_true(h.steal_ns == 30 * tick);
	CPU_ZERO(&cpus);
	CPU_SET(2, &cpus);
	assert_int_equal(cputime_host_read(&r, &cpus, &h), 0);
	assert_true(h.busy_ns == 46 * tick && h.idle_ns == 220 * tick && h.steal_ns == 20 * tick);
	assert_true(h.interrupt_ns == 4 * tick);
	CPU_SET(0, &cpus);
	assert_int_equal(cputime_host_read(&r, &cpus, &h), 0);
	assert_true(h.busy_ns == 69 * tick);
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);				/* offline */
	assert_int_equal(cputime_host_read(&r, &cpus, &h), -ENODEV);
	cputime_host_close(&r);
	fake_remove("stat");
	assert_int_equal(cputime_host_open(&r, fake_root()), -ENOENT);
}

static void burn_cpu_ms(int ms)
{
	struct timespec ts;
	int64_t end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	end = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec + ms * NSEC_PER_MSEC;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	while (ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec < end);
}

static void *burn_30_ms(void *arg)
{
	burn_cpu_ms(30);
	return NULL;
}

static void a_real_thread_is_seen_to_work(void **state)
{
	struct cputime_switches sw;
	uint64_t before, after;
	struct cputime c;

	assert_int_equal(cputime_open(&c, "/proc", getpid(), syscall(SYS_gettid)), 0);
	assert_int_equal(cputime_read(&c, &before), 0);
	burn_cpu_ms(40);
	assert_int_equal(cputime_read(&c, &after), 0);
	/* Up to a tick (10 ms) may not be accounted yet. */
	assert_true(after - before >= 29 * NSEC_PER_MSEC);
	assert_true(after - before < 60 * NSEC_PER_MSEC);
	assert_int_equal(cputime_read_switches(&c, &sw), 0);
	cputime_close(&c);
}

static void a_process_keeps_the_time_of_its_ended_threads(void **state)
{
	uint64_t before, after;
	pthread_t thread;

	assert_int_equal(cputime_process(getpid(), &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, burn_30_ms, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(cputime_process(getpid(), &after), 0);
	assert_true(after - before >= 30 * NSEC_PER_MSEC);
	assert_int_equal(cputime_process(0x3fffff, &after), -ESRCH);
}

static void *wait_for_it(void *arg)
{
	pthread_barrier_t *steps = arg;

	pthread_barrier_wait(steps);
	pthread_barrier_wait(steps);
	return NULL;
}

static void a_thread_that_ended_is_an_error_not_a_0(void **state)
{
	struct cputime_thread t[8];
	pthread_barrier_t steps;
	struct cputime c;
	pthread_t thread;
	ssize_t n, i;
	uint64_t ns;

	pthread_barrier_init(&steps, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &steps), 0);
	pthread_setname_np(thread, "waiter");
	pthread_barrier_wait(&steps);
	n = cputime_list("/proc", getpid(), t, 8);
	assert_in_range(n, 2, 8);
	for (i = 0; i < n && strcmp(t[i].comm, "waiter"); i++)
		;
	assert_true(i < n);
	assert_int_equal(cputime_open(&c, "/proc", getpid(), t[i].tid), 0);
	pthread_barrier_wait(&steps);
	pthread_join(thread, NULL);
	/* Joined is a little before gone. */
	for (i = 0; i < 1000 && !cputime_read(&c, &ns); i++)
		usleep(1000);
	assert_int_equal(cputime_read(&c, &ns), -ESRCH);
	cputime_close(&c);
	pthread_barrier_destroy(&steps);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(threads_are_listed_with_their_names),
		fake_test(schedstat_gives_nanoseconds),
		fake_test(without_schedstat_ticks_are_used),
		fake_test(the_hosts_time_is_split_by_cpu),
		cmocka_unit_test(a_real_thread_is_seen_to_work),
		cmocka_unit_test(a_process_keeps_the_time_of_its_ended_threads),
		cmocka_unit_test(a_thread_that_ended_is_an_error_not_a_0),
	};

	return cmocka_run_group_tests_name("cputime", tests, NULL, NULL);
}
