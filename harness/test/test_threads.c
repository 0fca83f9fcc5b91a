/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning is seen for what it is: real processes stand in for QEMU, memnetd and the peer. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/threads.h"

#define CALLS	1000	/* of the system */

/*
 * A process that for each byte it is sent makes a thread, or CALLS system calls for CALL_THEM,
 * and ends with its pipe.
 */
#define CALL_THEM 'c'

struct stand_in {
	pid_t pid;
	int more, made;
};

static struct stand_in qemu, memnetd, peer;
static const struct path path = { .name = "test" };
static const struct path bound = { .name = "bound", .no_vm = true };
static struct vm_set vms;
static struct threads threads;
static struct plan plan;
static const struct arm arm = { "test", "", ON_VCPU_CPUS, ON_HOST_CPUS };

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static void serve(int more, int made)
{
	pthread_t thread;
	char c;

	while (read(more, &c, 1) == 1) {
		if (c == CALL_THEM)
			for (int i = 0; i < CALLS; i++)
				syscall(SYS_getppid);
		else
			pthread_create(&thread, NULL, wait_for_ever, NULL);
		if (write(made, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void begin(struct stand_in *s)
{
	int more[2], made[2];

	assert_int_equal(pipe(more) | pipe(made), 0);
	s->pid = fork();
	if (!s->pid) {
		close(more[1]);
		serve(more[0], made[1]);
	}
	close(more[0]);
	close(made[1]);
	s->more = more[1];
	s->made = made[0];
}

static void let(const struct stand_in *s, char what)
{
	assert_int_equal(write(s->more, &what, 1), 1);
	assert_int_equal(read(s->made, &what, 1), 1);
}

static void make_thread(const struct stand_in *s)
{
	let(s, 0);
}

static pid_t newest_thread(pid_t pid)
{
	struct cputime_thread found[16];
	ssize_t n = cputime_list("/proc", pid, found, 16);

	assert_in_range(n, 1, 16);
	return found[n - 1].tid;
}

static void move(pid_t tid, const cpu_set_t *cpus)
{
	assert_int_equal(sched_setaffinity(tid, sizeof(*cpus), cpus), 0);
}

/* Two CPUs of those this process may use, one for each set; else there is nothing to tell apart. */
static int pin(void **state)
{
	cpu_set_t allowed;
	int n = 0;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	if (CPU_COUNT(&allowed) < 2)
		return -1;
	CPU_ZERO(&plan.vcpu_cpus);
	CPU_ZERO(&plan.host_cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, n++ ? &plan.host_cpus : &plan.vcpu_cpus);
	begin(&qemu);
	begin(&memnetd);
	begin(&peer);
	make_thread(&qemu);
	vms = (struct vm_set){ .n = 1, .memnetd.pid = memnetd.pid };
	vms.vm[0] = (struct vm){ .config.path = &path, .qemu.pid = qemu.pid, .peer.pid = peer.pid, .vcpus = 1,
				 .vcpu_tids = { newest_thread(qemu.pid) } };
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	assert_int_equal(threads_pin(&threads, &plan, &arm), 0);
	return 0;
}

static void end(struct stand_in *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->more);
	close(s->made);
}

static int unpin(void **state)
{
	threads_close(&threads);
	end(&qemu);
	end(&memnetd);
	end(&peer);
	return 0;
}

static void all_is_well(void)
{
	const char *astray = threads_astray(&threads, &plan, &arm);

	if (astray)
		fail_msg("%s", astray);
}

static void is_astray(const char *words)
{
	const char *astray = threads_astray(&threads, &plan, &arm);

	assert_string_equal(astray ? astray : "nothing", words);
}

static void each_class_is_seen(void **state)
{
	all_is_well();
	move(vms.vm[0].vcpu_tids[0], &plan.host_cpus);
	is_astray("a vCPU's thread was not where it was pinned");
	move(vms.vm[0].vcpu_tids[0], &plan.vcpu_cpus);
	move(qemu.pid, &plan.host_cpus);
	is_astray("a thread of QEMU was not where it was pinned");
	move(qemu.pid, &plan.vcpu_cpus);
	move(memnetd.pid, &plan.vcpu_cpus);
	is_astray("a thread of memnetd was not where it was pinned");
	move(memnetd.pid, &plan.host_cpus);
	move(peer.pid, &plan.vcpu_cpus);
	is_astray("a thread of the peer was not where it was pinned");
	move(peer.pid, &plan.host_cpus);
	all_is_well();
}

static void a_thread_that_may_use_more_is_astray(void **state)
{
	cpu_set_t both;

	CPU_OR(&both, &plan.vcpu_cpus, &plan.host_cpus);
	move(memnetd.pid, &both);
	is_astray("a thread of memnetd was not where it was pinned");
}

static void new_threads_of_qemu_and_memnetd_are_astray(void **state)
{
	make_thread(&memnetd);
	is_astray("a thread of memnetd came that was not pinned");
	make_thread(&qemu);
	is_astray("a thread of QEMU came that was not pinned");
}

static void the_peers_new_threads_must_be_where_its_others_are(void **state)
{
	make_thread(&peer);
	all_is_well();
	move(newest_thread(peer.pid), &plan.vcpu_cpus);
	is_astray("a thread of the peer was not where it was pinned");
}

static struct counter_sum calls_of(unsigned int classes, const struct threads_reading *begin,
				   const struct threads_reading *end)
{
	struct counter_sum sum;

	threads_counter(&threads, classes, EVENT_SYSCALLS, begin, end, &sum);
	return sum;
}

/* Tracepoints need tracefs, root, and a kernel that has them. */
static void system_calls_are_counted_by_class(void **state)
{
	static struct threads_reading begin, end;
	struct counter_sum sum;

	threads_close(&threads);
	assert_int_equal(threads_open(&threads, &vms, true), 0);
	threads_read(&threads, &begin);
	sum = calls_of(ALL_CLASSES, &begin, &begin);
	if (sum.absent) {
		print_message("no " EVENT_SYSCALLS ": it takes root, and tracefs in the kernel\n");
		skip();
	}
	let(&qemu, CALL_THEM);
	let(&peer, CALL_THEM);
	let(&peer, CALL_THEM);
	threads_read(&threads, &end);
	/* Beside them, what it takes to be told. */
	assert_in_range(calls_of(1u << CLASS_QEMU, &begin, &end).value, CALLS, CALLS + 8);
	assert_in_range(calls_of(1u << CLASS_PEER, &begin, &end).value, 2 * CALLS, 2 * CALLS + 8);
	assert_int_equal(calls_of(1u << CLASS_MEMNETD, &begin, &end).value, 0);
	assert_in_range(calls_of(ALL_CLASSES & ~(1u << CLASS_PEER), &begin, &end).value,
			CALLS, CALLS + 8);
}

/* QEMU's stand-in is memnet-native's here. */
static void without_a_vm_all_is_the_workloads(void **state)
{
	threads_close(&threads);
	vms.vm[0].config.path = &bound;
	vms.memnetd.pid = 0;
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	assert_int_equal(threads_pin(&threads, &plan, &arm), 0);
	assert_int_equal(threads.n, 3);		/* two there, and the peer */
	make_thread(&qemu);
	all_is_well();
	move(newest_thread(qemu.pid), &plan.host_cpus);
	is_astray("a thread of the workloads was not where it was pinned");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, pin, unpin)

/* Where the host has none, one that nobody else sees. */
static void furnish_tracefs(void)
{
	if (access("/sys/kernel/tracing/events", F_OK) && !unshare(CLONE_NEWNS) &&
	    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_class_is_seen),
		TEST(a_thread_that_may_use_more_is_astray),
		TEST(new_threads_of_qemu_and_memnetd_are_astray),
		TEST(the_peers_new_threads_must_be_where_its_others_are),
		TEST(system_calls_are_counted_by_class),
		TEST(without_a_vm_all_is_the_workloads),
	};

	furnish_tracefs();
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
