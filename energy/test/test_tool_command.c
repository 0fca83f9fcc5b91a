/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: a command is run as if nothing ran it, and its end is told. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/io.h"

/* Too large for a stack of tests. */
static struct tool t;

static void the_exit_status_is_the_commands(void **state)
{
	tool_run(&t, "true");
	assert_int_equal(t.status, 0);
	tool_run(&t, "sh -c 'exit 3'");
	assert_int_equal(t.status, 3);
	tool_said(&t, "(exit status 3)");
	tool_run(&t, "-- sh -c 'exit 143'");		/* 128 + SIGTERM, but nothing ended it */
	tool_said(&t, "(exit status 143)");
	tool_run(&t, "-- sh -c 'kill -KILL $$'");
	assert_int_equal(t.status, 128 + SIGKILL);
	tool_said(&t, "ended by SIGKILL");
}

static void a_command_that_cannot_run_is_not_measured(void **state)
{
	tool_run(&t, "-- no-such-command-here");
	assert_int_equal(t.status, 127);
	tool_said(&t, "no-such-command-here: no such command; nothing was measured");
	tool_not_said(&t, "joules");
	tool_run(&t, "-- ''");
	assert_int_equal(t.status, 127);
	tool_said(&t, ": no such command; nothing was measured");
	tool_run(&t, "-- %s", fake_root());		/* a directory */
	assert_int_equal(t.status, 126);
	tool_said(&t, "nothing was measured");
	tool_not_said(&t, "joules");
	tool_run(&t, "--repeat 3 -- no-such-command-here");
	assert_int_equal(t.status, 127);
}

static void a_script_without_its_interpreter_is_there(void **state)
{
	char path[128], before[4096];

	fake_write("no-interpreter", "#!/no/such/interpreter\n");
	snprintf(path, sizeof(path), "%s/no-interpreter", fake_root());
	assert_int_equal(chmod(path, 0755), 0);
	tool_run(&t, "-- %s", path);
	assert_int_equal(t.status, 126);
	tool_said(&t, "/no-interpreter: its interpreter is missing; nothing was measured");
	snprintf(path, sizeof(path), "/none:%s:/usr/bin:/bin", fake_root());
	snprintf(before, sizeof(before), "%s", getenv("PATH"));
	setenv("PATH", path, 1);
	tool_run(&t, "-- no-interpreter");
	setenv("PATH", before, 1);
	assert_int_equal(t.status, 126);
	tool_said(&t, "no-interpreter: its interpreter is missing");
}

static void the_commands_output_and_input_are_its_own(void **state)
{
	tool_run(&t, "-- sh -c 'read a; echo got $a' <<END\nx y\nEND");
	assert_string_equal(t.out, "got x y");
	tool_not_said(&t, "got x y");
}

/* Wait until the command says it is ready, then signal memnet-energy, and it alone. */
static void signal_it(int sig)
{
	char path[128], text[64] = "";

	snprintf(path, sizeof(path), "%s/out", fake_root());
	for (int i = 0; i < 500 && !strstr(text, "ready"); i++) {
		usleep(10000);
		if (mn_read_file(path, text, sizeof(text)) < 0)
			text[0] = '\0';
	}
	kill(t.pid, sig);
	tool_wait(&t);
}

static void signals_are_passed_on(void **state)
{
	static const struct {
		int sig;
		const char *name;
	} cases[] = { { SIGINT, "INT" }, { SIGTERM, "TERM" }, { SIGHUP, "HUP" },
		      { SIGQUIT, "QUIT" }, { SIGUSR1, "USR1" }, { SIGUSR2, "USR2" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* A shell traps nothing that it was started without. */
		signal(cases[i].sig, SIG_DFL);
		tool_start(&t, "-- sh -c 'trap \"echo got %s; exit 7\" %s; echo ready; "
			   "for i in $(seq 200); do sleep 0.05; done'", cases[i].name,
			   cases[i].name);
		signal_it(cases[i].sig);
		assert_int_equal(t.status, 7);
		assert_non_null(strstr(t.out, cases[i].name));
		tool_said(&t, "(exit status 7)");	/* we live to report */
	}
	tool_start(&t, "-- sh -c 'echo ready; exec sleep 10'");
	signal_it(SIGTERM);
	assert_int_equal(t.status, 128 + SIGTERM);
	tool_said(&t, "ended by SIGTERM");
}

static void a_signal_that_ends_a_repetition_is_no_success(void **state)
{
	signal(SIGTERM, SIG_DFL);
	tool_start(&t, "-r 5 -- sh -c 'trap \"exit 0\" TERM; echo ready; "
		   "for i in $(seq 200); do sleep 0.05; done'");
	signal_it(SIGTERM);
	assert_int_equal(t.status, 128 + SIGTERM);
	tool_said(&t, "stopped by SIGTERM after 1 of 5 runs\n");
	tool_said(&t, " 1 runs of");
	tool_start(&t, "-r 5 -- sh -c 'echo ready; exec sleep 10'");	/* it dies of it */
	signal_it(SIGTERM);
	assert_int_equal(t.status, 128 + SIGTERM);
	tool_said(&t, "stopped by SIGTERM after 0 of 5 runs");
}

/* One that comes with the run's end ends the repetition behind that run, not the next. */
static void a_signal_at_the_end_of_a_run_is_of_that_run(void **state)
{
	cpu_set_t all, one;
	int cpu = 0;

	/* On one CPU the run has often ended when memnet-energy gets to see the signal. */
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	signal(SIGTERM, SIG_DFL);
	for (int i = 0; i < 20; i++) {
		tool_run(&t, "-r 3 -e task-clock -- sh -c 'kill -TERM $PPID; exit 0'");
		assert_int_equal(t.status, 128 + SIGTERM);
		tool_said(&t, "stopped by SIGTERM after 1 of 3 runs\n");
	}
	sched_setaffinity(0, sizeof(all), &all);
}

static const char *soft_limit(void)
{
	static char text[32];
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	snprintf(text, sizeof(text), "\n%llu", (unsigned long long)limit.rlim_cur);
	return text;
}

static void the_command_starts_with_the_signals_we_started_with(void **state)
{
	char status[8192], ours[64];

	/* Whoever runs the tests may ignore some: a shell's background jobs do. */
	assert_true(mn_read_file("/proc/self/status", status, sizeof(status)) > 0);
	snprintf(ours, sizeof(ours), "%.49s", strstr(status, "SigBlk:"));	/* and SigIgn */
	tool_run(&t, "-- sh -c 'grep -E \"SigBlk|SigIgn\" /proc/self/status; ulimit -n'");
	assert_non_null(strstr(t.out, ours));
	assert_non_null(strstr(t.out, soft_limit()));
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(the_exit_status_is_the_commands),
		fake_test(a_command_that_cannot_run_is_not_measured),
		fake_test(a_script_without_its_interpreter_is_there),
		fake_test(the_commands_output_and_input_are_its_own),
		fake_test(signals_are_passed_on),
		fake_test(a_signal_that_ends_a_repetition_is_no_success),
		fake_test(a_signal_at_the_end_of_a_run_is_of_that_run),
		fake_test(the_command_starts_with_the_signals_we_started_with),
	};

	return cmocka_run_group_tests_name("tool_command", tests, NULL, NULL);
}
