/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy -p and -a: processes that run already, and the machine. */
#include <errno.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/read_report.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/io.h"

/* Too large for a stack of tests. */
static struct tool t;

static pid_t start_sleeper(const char *seconds)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("sleep", "sleep", seconds, NULL);
		_exit(1);
	}
	return pid;
}

static void a_process_is_measured_until_it_ends(void **state)
{
	pid_t pid = start_sleeper("0.4");

	tool_run(&t, "-p %d", pid);
	waitpid(pid, NULL, 0);
	assert_int_equal(t.status, 0);
	tool_said(&t, "during process");
	tool_said(&t, "context-switches");
}

static pid_t start_shell(const char *script)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(1);
	}
	return pid;
}

static void a_process_named_twice_is_counted_once(void **state)
{
	pid_t pid = start_sleeper("10");

	tool_run(&t, "-p %d,%d -p %d --csv -e task-clock --timeout 100ms", pid, pid, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(t.status, 0);
	/* user_only, threads, threads_absent: of one */
	tool_said(&t, ",\"0\",\"1\",\"0\",,,,,,");
}

/* The counts have the children, which do all the work here; the clock has not. */
static void the_time_of_a_process_is_said_to_be_without_its_children(void **state)
{
	pid_t pid = start_shell("for i in $(seq 100); do "
				"timeout 0.05 sh -c 'while :; do :; done'; done");

	tool_run(&t, "-p %d --timeout 500ms", pid);
	tool_said(&t, "CPU, the process itself\n");
	tool_not_said(&t, "% of its busy time");
	tool_not_said(&t, "of it, ");
	tool_run(&t, "-p %d --csv --timeout 100ms", pid);
	tool_said(&t, "of the processes themselves, without their children");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Of the line "0.201   duration"; never shorter than asked for, but for a busy machine longer. */
static double said_duration(void)
{
	const char *line = strstr(t.err, "   duration\n");

	assert_non_null(line);
	while (line[-1] != '\n')
		line--;
	return atof(line);
}

static void ctrl_c_and_the_timeout_end_a_window_without_a_command(void **state)
{
	pid_t pid = start_sleeper("60");

	tool_run(&t, "-p %d --timeout 200ms", pid);
	assert_int_equal(t.status, 0);
	close_to(said_duration(), 0.5, 0.3);
	assert_int_equal(kill(pid, 0), 0);		/* it goes on */
	tool_start(&t, "-p %d -o %s/report", pid, fake_root());
	tool_ready(&t);
	kill(t.pid, SIGINT);
	tool_wait(&t);
	assert_int_equal(t.status, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tool_run(&t, "-a --timeout 200ms");
	assert_int_equal(t.status, 0);
	tool_said(&t, "task-clock");
}

/* Run -p on a sleeper, which the kernel collects as it ends. */
static void measure_collected(void)
{
	char script[512], path[128];
	uint64_t sleeper = 0;
	pid_t shell;

	snprintf(script, sizeof(script), "trap '' CHLD; sleep 0.3 & echo $! >%s/new; "
		 "mv %s/new %s/pid; sleep 0.4", fake_root(), fake_root(), fake_root());
	shell = start_shell(script);
	snprintf(path, sizeof(path), "%s/pid", fake_root());
	for (int i = 0; i < 100 && mn_read_u64(path, &sleeper); i++)
		usleep(5000);
	fake_remove("pid");
	tool_run(&t, "-p %d -e task-clock", (int)sleeper);
	waitpid(shell, NULL, 0);
}

/* Nobody can ask for the time of a process that has been collected. */
static void time_that_could_not_be_read_is_said_to_be_missing(void **state)
{
	static const char said[] = "the process itself  (up to 100 ms before its end may be missing)";
	int tries = 0;
	pid_t pid;

	do		/* we may be so fast that it is not collected yet */
		measure_collected();
	while (!strstr(t.err, said) && ++tries < 10);
	tool_said(&t, said);
	pid = start_sleeper("0.3");
	tool_run(&t, "-p %d -e task-clock", pid);
	waitpid(pid, NULL, 0);
	tool_not_said(&t, "may be missing");
}

static void spin_ms(int ms)
{
	while (clock() < ms * (CLOCKS_PER_SEC / 1000))
		;
}

/* Another process of number @pid, which nobody has now, that has used 400 ms when it ends. */
static void reuse(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1,
	};
	pid_t child = syscall(SYS_clone3, &args, sizeof(args));

	if (!child) {
		spin_ms(400);
		_exit(0);
	}
	assert_int_equal(child, pid);
	waitpid(child, NULL, 0);
}

static void the_next_process_of_its_number_is_another(void **state)
{
	pid_t one, two;
	char path[128], text[64];
	double used;
	json_t *all;

	if (geteuid()) {
		print_message("skipped: needs root to choose the number of a process\n");
		skip();
	}
	one = start_sleeper("60");
	two = start_sleeper("60");
	tool_start(&t, "-p %d,%d --json -I 50 -e task-clock", one, two);
	snprintf(path, sizeof(path), "%s/err", fake_root());
	while (mn_read_file(path, text, sizeof(text)) != -E2BIG)	/* there is an interval */
		usleep(10000);
	kill(one, SIGKILL);
	waitpid(one, NULL, 0);
	reuse(one);
	kill(two, SIGKILL);
	waitpid(two, NULL, 0);
	tool_wait(&t);
	assert_int_equal(t.status, 0);
	all = report_read(t.err);
	used = report_value(json_array_get(all, json_array_size(all) - 1), "cpu_command_s", "",
			    "value");
	assert_true(used >= 0 && used < 0.1);
	json_decref(all);
}

static void a_process_that_is_not_there_is_an_error(void **state)
{
	tool_run(&t, "-p 4194303");
	assert_int_equal(t.status, 125);
	tool_said(&t, "-p 4194303: no such process");
	tool_not_said(&t, "joules");
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_process_is_measured_until_it_ends),
		fake_test(a_process_named_twice_is_counted_once),
		fake_test(the_time_of_a_process_is_said_to_be_without_its_children),
		fake_test(ctrl_c_and_the_timeout_end_a_window_without_a_command),
		fake_test(time_that_could_not_be_read_is_said_to_be_missing),
		fake_test(the_next_process_of_its_number_is_another),
		fake_test(a_process_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("tool_pids", tests, NULL, NULL);
}
