/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path without a VM, with the real memnet-native and its programs: what is counted of
 * them, also when they have ended, and how all of it ends. In a sandbox, as experiments are.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/sandbox.h"
#include "harness/test/scratch.h"
#include "harness/threads.h"
#include "harness/vm_set.h"
#include "memnet-core/base/clock.h"

#define PATIENCE_MS 5000

static char native[600], work[600];
static struct vm_set vms;
static struct threads threads;

static int boot(void **state)
{
	const struct vm_config config = {
		.accel = "tcg", .path = path_find("native"), .native = native, .work = work,
		.log_dir = scratch_dir, .spin = "", .ready_timeout_ms = PATIENCE_MS,
	};
	char why[256];

	if (!vm_set_boot(&vms, &config, 1, why, sizeof(why)))
		return 0;
	print_message("%s\n", why);
	return -1;
}

static int stop(void **state)
{
	vm_set_stop(&vms);
	return 0;
}

/* The answer, which lasts until the next. */
static const char *command(const char *text, const char *answer)
{
	static char line[GUEST_LINE];

	if (guest_command(&vms.vm[0].link, text, answer, line, sizeof(line), PATIENCE_MS))
		fail_msg("'%s' got no '%s': %s", text, answer, line);
	return line;
}

static bool is_armed(const struct guest_slot *s)
{
	return s->armed;
}

static bool has_ended(const struct guest_slot *s)
{
	return s->exited;
}

static void wait_until(bool (*done)(const struct guest_slot *))
{
	assert_int_equal(guest_wait_slots(&vms.vm[0].link, done, PATIENCE_MS), 0);
}

/* Start it; armed it waits. Its pid. */
static pid_t spawn(const char *what)
{
	char text[256];
	pid_t pid;

	guest_clear_slots(&vms.vm[0].link);
	snprintf(text, sizeof(text), "spawn 0 memnet-work %s --progress @progress@ --barrier", what);
	pid = atoi(command(text, "spawned") + strlen("spawned 0 "));
	vms.vm[0].link.slots[0].spawned = true;
	wait_until(is_armed);
	return pid;
}

/* Not even a zombie, within some time. */
static bool is_gone(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		if (kill(pid, 0))
			return true;
		usleep(10000);
	}
	return false;
}

/* Within some time; a zombie of somebody who does not look after it has ended too. */
static bool has_died(pid_t pid)
{
	char path[64], *stat;
	bool dead = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; !dead && i < 500; i++) {
		stat = kill(pid, 0) ? NULL : scratch_read(path);
		dead = !stat || strstr(stat, ") Z ");
		free(stat);
		usleep(10000);
	}
	if (!dead)
		kill(pid, SIGKILL);	/* the test has failed; nothing stays behind */
	return dead;
}

static double seconds(uint64_t begin, uint64_t end)
{
	return (end - begin) / 1e9;
}

static void the_time_of_a_program_outlives_it(void **state)
{
	struct threads_reading *r = calloc(2, sizeof(*r));
	int64_t start;
	double cpu;
	pid_t pid = spawn("compute --ops 20000");

	assert_non_null(r);
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	threads_read(&threads, &r[0]);
	start = mn_now_ns();
	command("go", "went");
	wait_until(has_ended);
	threads_read(&threads, &r[1]);
	cpu = seconds(r[0].cpu_ns[CLASS_VCPU], r[1].cpu_ns[CLASS_VCPU]);
	assert_true(cpu > 0.02 && cpu < seconds(start, mn_now_ns()) + 0.01);
	assert_true(r[1].vcpu_ns[0] == r[1].cpu_ns[CLASS_VCPU]);
	assert_true(threads_class_ns(&threads, CLASS_VCPU) >= r[1].cpu_ns[CLASS_VCPU]);
	assert_int_equal(r[1].cpu_ns[CLASS_QEMU] + r[1].cpu_ns[CLASS_MEMNETD], 0);
	threads_close(&threads);

	/* it is nothing to the next run; */
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	assert_int_equal(threads.n_processes, 2);	/* memnet-native, the peer */
	threads_close(&threads);
	/* and the next program takes its place */
	spawn("compute --ops 20000");
	assert_true(is_gone(pid));
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	threads_read(&threads, &r[0]);
	assert_true(seconds(0, r[0].cpu_ns[CLASS_VCPU]) < cpu);
	threads_close(&threads);
	free(r);
}

static void programs_are_pinned_where_vcpus_would_be(void **state)
{
	const struct arm arm = { "test", "", ON_VCPU_CPUS, ON_HOST_CPUS };
	struct plan plan = { 0 };
	cpu_set_t allowed, now;
	pid_t pid = spawn("compute");

	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, CPU_COUNT(&plan.vcpu_cpus) ? &plan.host_cpus : &plan.vcpu_cpus);
	if (CPU_COUNT(&allowed) < 2)
		skip();
	assert_int_equal(threads_open(&threads, &vms, false), 0);
	assert_int_equal(threads_pin(&threads, &plan, &arm), 0);
	sched_getaffinity(pid, sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &plan.vcpu_cpus));
	sched_getaffinity(vms.vm[0].peer.pid, sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &plan.host_cpus));
	assert_null(threads_astray(&threads, &plan, &arm));
	sched_setaffinity(pid, sizeof(allowed), &allowed);
	assert_string_equal(threads_astray(&threads, &plan, &arm),
			    "a thread of the workloads was not where it was pinned");
	threads_close(&threads);
}

static void a_mark_counts_programs_and_not_the_machine(void **state)
{
	int64_t value;
	const char *mark;

	spawn("compute --ops 5");
	command("go", "went");
	wait_until(has_ended);
	mark = command("mark edge", "mark");
	assert_int_equal(guest_value(mark, "ops0", &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(guest_value(mark, "user", &value), -ENOENT);
	assert_int_equal(guest_value(mark, "intr", &value), -ENOENT);
}

static void guest_instructions_are_absent_with_their_reason(void **state)
{
	assert_ptr_equal(vm_set_without_insns(&vms), &vms.vm[0]);
	assert_string_equal(vms.vm[0].no_insns, "there is no guest: the path native has no VM");
	assert_null(vms.memnetd.name);
	assert_null(vm_set_casualty(&vms));
}

static void programs_end_with_memnet_native(void **state)
{
	pid_t pid = spawn("compute");

	command("go", "went");
	kill(vms.vm[0].qemu.pid, SIGKILL);
	assert_true(has_died(pid));
	assert_string_equal(vm_set_vital_casualty(&vms), "memnet-native ended (signal 9)");
}

static void all_ends_with_who_started_it(void **state)
{
	pid_t pids[3], harness;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	harness = fork();
	if (!harness) {
		if (boot(NULL))
			_exit(1);
		pids[0] = spawn("compute");
		pids[1] = vms.vm[0].qemu.pid;
		pids[2] = vms.vm[0].peer.pid;
		_exit(write(fds[1], pids, sizeof(pids)) < 0 || pause());
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], pids, sizeof(pids)), sizeof(pids));
	close(fds[0]);
	kill(harness, SIGKILL);
	waitpid(harness, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_true(has_died(pids[i]));
}

/* Where this program is $BUILD/harness/test/NAME. */
static int enter(void **state)
{
	char self[512], why[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(native, sizeof(native), "%s/bin/memnet-native", self);
	snprintf(work, sizeof(work), "%s/bin/memnet-work", self);
	if (sandbox_enter(why, sizeof(why))) {
		puts(why);
		exit(77);
	}
	return scratch_make(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, boot, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_time_of_a_program_outlives_it),
		TEST(programs_are_pinned_where_vcpus_would_be),
		TEST(a_mark_counts_programs_and_not_the_machine),
		TEST(guest_instructions_are_absent_with_their_reason),
		TEST(programs_end_with_memnet_native),
		cmocka_unit_test(all_ends_with_who_started_it),
	};

	return cmocka_run_group_tests_name("native", tests, enter, scratch_remove);
}
