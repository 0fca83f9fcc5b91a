/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters on a real thread: what counts, what is absent and how that is said. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/counters.h"
#include "energy/counters_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define MAX_EVENTS	16

/* A thread that works when told: 30 ms of CPU time, 64 page faults, 10 sleeps. */
struct worker {
	pthread_t thread;
	pthread_barrier_t step;
	pid_t tid;
};

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

static void *work(void *arg)
{
	struct worker *w = arg;
	char *pages;

	w->tid = syscall(SYS_gettid);
	pthread_barrier_wait(&w->step);		/* counters open */
	pthread_barrier_wait(&w->step);
	burn_cpu_ms(30);
	pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(pages, 64 * 4096, MADV_NOHUGEPAGE);
	for (int i = 0; i < 64; i++)
		((volatile char *)pages)[i * 4096] = 1;
	munmap(pages, 64 * 4096);
	for (int i = 0; i < 10; i++)
		usleep(100);
	pthread_barrier_wait(&w->step);		/* counters read */
	pthread_barrier_wait(&w->step);
	return NULL;
}

static void worker_start(struct worker *w)
{
	pthread_barrier_init(&w->step, NULL, 2);
	assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
	pthread_barrier_wait(&w->step);
}

static void worker_work(struct worker *w)
{
	pthread_barrier_wait(&w->step);
	pthread_barrier_wait(&w->step);
}

static void worker_end(struct worker *w)
{
	pthread_barrier_wait(&w->step);
	pthread_join(w->thread, NULL);
	pthread_barrier_destroy(&w->step);
}

/* What @names count while a worker works. */
static struct counters *count(const char *const *names, struct counter_value *deltas)
{
	struct counter_value begin[MAX_EVENTS], end[MAX_EVENTS];
	struct counters *c;
	struct worker w;

	worker_start(&w);
	assert_int_equal(counters_open(&c, w.tid, names), 0);
	counters_read(c, begin);
	worker_work(&w);
	counters_read(c, end);
	worker_end(&w);
	for (size_t i = 0; i < counters_count(c); i++)
		counter_delta(&begin[i], &end[i], &deltas[i]);
	return c;
}

static bool may_count_the_kernel(void)
{
	uint64_t paranoid;

	return geteuid() == 0 ||
	       mn_read_u64("/proc/sys/kernel/perf_event_paranoid", &paranoid) || paranoid < 2;
}

static void software_events_count_another_thread(void **state)
{
	static const char *const names[] = { "task-clock", "context-switches", "cpu-migrations",
					     "page-faults", NULL };
	struct counter_value d[MAX_EVENTS];
	struct counters *c;

	if (!may_count_the_kernel()) {
		print_message("skipped: the kernel's part needs root or perf_event_paranoid 1\n");
		skip();
	}
	c = count(names, d);
	assert_int_equal(counters_count(c), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(d[i].error, 0);
		assert_string_equal(counters_note(c, i), "");
		assert_true(d[i].running_ns == d[i].enabled_ns);
	}
	assert_true(d[0].value >= 30 * NSEC_PER_MSEC && d[0].value < NSEC_PER_SEC);
	assert_true(d[1].value >= 10);		/* one per sleep */
	assert_true(d[3].value >= 64);		/* one per page */
	counters_close(c);
}

static void an_event_nobody_knows_is_absent_with_its_errno(void **state)
{
	static const char *const names[] = { "task-clock", "no-such-event", NULL };
	struct counter_value d[MAX_EVENTS];
	struct counters *c = count(names, d);
	char absent[64];

	assert_int_equal(d[0].error, 0);
	assert_int_equal(d[1].error, -ENOENT);
	assert_true(d[1].value == 0 && d[1].enabled_ns == 0);
	assert_non_null(strstr(counters_note(c, 1), "libpfm4"));
	counters_absent(c, absent, sizeof(absent));
	assert_string_equal(absent, "no-such-event:ENOENT");
	counters_close(c);
}

/* libpfm4 leaves them out by itself; a vCPU thread would seem to do nothing. */
static void guests_are_counted_unless_the_name_says_otherwise(void **state)
{
	struct counter_code c;

	assert_int_equal(counter_encode("cycles", &c), 0);
	assert_true(!c.attr.exclude_guest && !c.attr.exclude_host);
	assert_true(!c.attr.exclude_user && !c.attr.exclude_kernel);
	assert_int_equal(counter_encode("instructions:u:mh", &c), 0);
	assert_true(c.attr.exclude_guest && !c.attr.exclude_host && c.attr.exclude_kernel);
	assert_int_equal(counter_encode("INSTRUCTIONS:MG", &c), 0);
	assert_true(!c.attr.exclude_guest && c.attr.exclude_host);
}

static void modifiers_are_understood_as_perf_spells_them(void **state)
{
	static const struct {
		const char *name;
		bool no_user, no_kernel, no_guest, no_host;
	} cases[] = {
		{ "cycles:u", false, true, false, false },
		{ "cycles:k", true, false, false, false },
		{ "cycles:uk", false, false, false, false },
		{ "instructions:G", false, false, false, true },
		{ "instructions:H", false, false, true, false },
		{ "instructions:uG", false, true, false, true },
		{ "instructions:kH", true, false, true, false },
		{ "perf::INSTRUCTIONS:kG", true, false, false, true },
	};
	struct counter_code c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(counter_encode(cases[i].name, &c), 0);
		assert_int_equal(c.attr.exclude_user, cases[i].no_user);
		assert_int_equal(c.attr.exclude_kernel, cases[i].no_kernel);
		assert_int_equal(c.attr.exclude_guest, cases[i].no_guest);
		assert_int_equal(c.attr.exclude_host, cases[i].no_host);
	}
	assert_int_equal(counter_encode("cycles:x", &c), -EINVAL);
	if (access("/sys/kernel/tracing", X_OK)) {
		assert_int_equal(counter_encode("kvm:no_such_exit", &c), -EACCES);
		assert_non_null(strstr(c.why, "remount"));
	} else {
		assert_int_equal(counter_encode("kvm:no_such_exit", &c), -ENOENT);
		assert_non_null(strstr(c.why, "trac"));
	}
}

static void tracepoints_count_and_are_filtered(void **state)
{
	static const char *const names[] = { "context-switches", "sched:sched_switch",
					     "sched:sched_switch/prev_pid==0/",
					     "sched:sched_switch/no_such_field==0/", NULL };
	struct counter_value d[MAX_EVENTS];
	struct counters *c;

	if (access("/sys/kernel/tracing/events/sched", R_OK)) {
		print_message("skipped: needs root and: mount -t tracefs tracefs "
			      "/sys/kernel/tracing\n");
		skip();
	}
	c = count(names, d);
	assert_int_equal(d[1].error, 0);
	assert_in_range(d[1].value, 10, d[0].value + 1);
	assert_int_equal(d[2].error, 0);
	assert_true(d[2].value == 0);		/* the thread is not the idle task */
	assert_int_equal(d[3].error, -EINVAL);	/* never counted as if unfiltered */
	assert_non_null(strstr(counters_note(c, 3), "filter"));
	counters_close(c);
}

/* A child that waits, calls exec(), forks again: 3 processes, each with faults. */
static pid_t start_family(int *go)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) != 0)
			_exit(1);
		execl("/bin/sh", "sh", "-c", "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; "
		      "true", NULL);
		_exit(1);
	}
	close(fds[0]);
	*go = fds[1];
	return pid;
}

static void children_are_counted_from_exec_on(void **state)
{
	static const char *const names[] = { "task-clock:u", "page-faults:u", NULL };
	struct counters_config config = { .names = names, .inherit = true, .on_exec = true };
	struct counter_value before[2], family[2], parent[2];
	struct counters *all, *alone;
	int status, go;
	pid_t pid = start_family(&go);

	config.tid = pid;
	assert_int_equal(counters_open_config(&all, &config), 0);
	config.inherit = false;
	assert_int_equal(counters_open_config(&alone, &config), 0);
	usleep(20000);
	counters_read(all, before);
	close(go);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	counters_read(all, family);
	counters_read(alone, parent);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(family[i].error, 0);
		assert_true(before[i].value == 0 && before[i].enabled_ns == 0);
		assert_true(parent[i].value > 0);
		assert_true(family[i].value > parent[i].value);
	}
	counters_close(all);
	counters_close(alone);
}

static void a_cpu_counts_whoever_runs_on_it(void **state)
{
	static const char *const names[] = { "cpu-clock", NULL };
	struct counters_config config = { .names = names, .tid = COUNTERS_ALL, .cpu = 0 };
	struct counter_value v;
	struct counters *c;

	assert_int_equal(counters_open_config(&c, &config), 0);
	usleep(20000);
	counters_read(c, &v);
	if (v.error) {			/* not root, or root of a container */
		assert_int_equal(v.error, -EACCES);
		assert_non_null(strstr(counters_note(c, 0), "paranoid=0"));
	} else {
		assert_true(v.value >= 20 * NSEC_PER_MSEC);
	}
	counters_close(c);
}

/* A machine without a PMU must say so; one with a PMU must count. Never 0. */
static void hardware_events_count_or_are_absent(void **state)
{
	static const char *const names[] = { "cycles", "instructions", NULL };
	struct counter_value d[MAX_EVENTS];
	struct counters *c = count(names, d);

	for (int i = 0; i < 2; i++) {
		if (d[i].error) {
			print_message("absent: %s\n", counters_note(c, i));
			assert_non_null(strstr(counters_note(c, i), strerrorname_np(-d[i].error)));
		} else {
			assert_true(counter_scaled(&d[i]) > 1000000);
		}
	}
	counters_close(c);
}

static void a_thread_that_is_not_there_has_no_counters(void **state)
{
	struct counter_value v[MAX_EVENTS];
	struct counters *c;
	char absent[16];

	assert_int_equal(counters_open(&c, 0x3fffff, counters_default), 0);
	counters_read(c, v);
	assert_int_equal(v[0].error, -ESRCH);
	counters_absent(c, absent, sizeof(absent));	/* cut, not overrun */
	assert_string_equal(absent, "task-clock:ESRC");
	counters_close(c);
}

static void without_privilege_the_kernels_part_is_left_out_and_noted(void **state)
{
	static const char *const names[] = { "page-faults", "context-switches", "page-faults:k",
					     NULL };
	struct counter_value v[MAX_EVENTS];
	struct counters *c;
	uint64_t paranoid;

	if (mn_read_u64("/proc/sys/kernel/perf_event_paranoid", &paranoid) || paranoid != 2) {
		print_message("skipped: perf_event_paranoid is not 2\n");
		skip();
	}
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(counters_open(&c, 0, names), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	counters_read(c, v);
	assert_int_equal(v[0].error, 0);
	assert_true(v[0].user_only);
	assert_non_null(strstr(counters_note(c, 0), "user mode only"));
	/* In user mode alone there are no context switches: absent, not 0. */
	assert_int_equal(v[1].error, -EACCES);
	assert_non_null(strstr(counters_note(c, 1), "sysctl kernel.perf_event_paranoid=1"));
	/* Nor is anything left of what was to be the kernel's alone. */
	assert_int_equal(v[2].error, -EACCES);
	counters_close(c);
}

static void counts_are_scaled_by_the_time_on_the_pmu(void **state)
{
	struct counter_value begin = { .value = 100, .enabled_ns = 1000, .running_ns = 500 };
	struct counter_value end = { .value = 400, .enabled_ns = 5000, .running_ns = 1500 };
	struct counter_value d;

	counter_delta(&begin, &end, &d);
	assert_true(d.value == 300 && d.enabled_ns == 4000 && d.running_ns == 1000);
	assert_true(counter_scaled(&d) == 1200);
	end.running_ns = begin.running_ns;	/* never had its turn: unknown, not 0 */
	counter_delta(&begin, &end, &d);
	assert_int_equal(d.error, -EBUSY);
	assert_non_null(strstr(counters_mend(d.error), "sysctl kernel.nmi_watchdog=0, or fewer"));
	counter_delta(&begin, &begin, &d);	/* the thread slept: truly 0 */
	assert_int_equal(d.error, 0);
	assert_true(counter_scaled(&d) == 0);
	end = (struct counter_value){ .value = UINT64_MAX / 2, .enabled_ns = 3, .running_ns = 2 };
	assert_true(counter_scaled(&end) == UINT64_MAX / 2 / 2 * 3 + 1);
}

static void a_sum_over_threads_counts_who_lacks_the_event(void **state)
{
	const struct counter_value a = { .value = 10, .enabled_ns = 8, .running_ns = 4 };
	const struct counter_value b = { .value = 5, .enabled_ns = 2, .running_ns = 2,
					 .user_only = true };
	const struct counter_value gone = { .error = -ESRCH };
	struct counter_sum sum = { 0 };

	counter_sum_add(&sum, &a);
	counter_sum_add(&sum, &gone);
	counter_sum_add(&sum, &b);
	assert_true(sum.value == 25 && sum.counted == 15 && sum.enabled_ns == 10 && sum.running_ns == 6);
	assert_int_equal(sum.threads, 2);
	assert_int_equal(sum.absent, 1);
	assert_int_equal(sum.error, -ESRCH);
	assert_true(sum.user_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(software_events_count_another_thread),
		cmocka_unit_test(an_event_nobody_knows_is_absent_with_its_errno),
		cmocka_unit_test(guests_are_counted_unless_the_name_says_otherwise),
		cmocka_unit_test(modifiers_are_understood_as_perf_spells_them),
		cmocka_unit_test(tracepoints_count_and_are_filtered),
		cmocka_unit_test(children_are_counted_from_exec_on),
		cmocka_unit_test(a_cpu_counts_whoever_runs_on_it),
		cmocka_unit_test(hardware_events_count_or_are_absent),
		cmocka_unit_test(a_thread_that_is_not_there_has_no_counters),
		cmocka_unit_test(without_privilege_the_kernels_part_is_left_out_and_noted),
		cmocka_unit_test(counts_are_scaled_by_the_time_on_the_pmu),
		cmocka_unit_test(a_sum_over_threads_counts_who_lacks_the_event),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
