/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: known joules, statuses, signals, and what it says when it cannot. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/io.h"

/* Too large for a stack of tests. */
static struct tool t;

#define ENERGY_UJ	"%s/class/powercap/intel-rapl:0/energy_uj"

/*
 * Steps stay under 3 J: the zone's 200 W allow no more between two readings. They come at
 * once: a package that stands still for 100 ms and then goes on has lost something.
 */
/* --- joules -------------------------------------------------------------------- */

static void the_joules_of_a_command_are_those_of_its_counter(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000000);
	fake_zone("intel-rapl:0:0", "core", 500000);
	tool_run(&t, "-- sh -c 'echo 3250000 > " ENERGY_UJ "'", fake_root());
	assert_int_equal(t.status, 0);
	tool_said(&t, "         2.250 ");		/* 3.25 J - 1 J, in package and total */
	tool_said(&t, "powercap    measured");
	tool_said(&t, "(not in the total)");
	tool_not_said(&t, "MODEL");
}

static void a_counter_that_goes_round_is_followed(void **state)
{
	/* From 1 J before the end to 1.5 J: 2.5 J. */
	fake_zone("intel-rapl:0", "package-0", RANGE_UJ - 1000000);
	tool_run(&t, "-- sh -c 'echo 1500000 > " ENERGY_UJ "'", fake_root());
	tool_said(&t, "         2.500 ");
}

static void without_a_counter_the_model_is_named_with_its_band(void **state)
{
	tool_run(&t, "-- sleep 0.2");
	assert_int_equal(t.status, 0);
	tool_said(&t, "total            MODEL       estimated ");
	tool_said(&t, " .. ");
	tool_said(&t, "MODEL, not a measurement");
	tool_said(&t, "no powercap: no package zone");
	tool_said(&t, "modprobe intel_rapl_msr");
}

/* Measured, but not all: what is lacking is said with its mend, in every form. */
static void what_a_measured_total_lacks_is_said(void **state)
{
	static const char *const forms[] = { "", "-r 2", "-I 1000" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		fake_zone("intel-rapl:0", "package-0", 1000000);
		fake_zone("intel-rapl-mmio:0", "package-0", 1000000);
		fake_zone("intel-rapl:0:0", "dram", 0);
		fake_remove("class/powercap/intel-rapl:0:0/energy_uj");
		tool_run(&t, "%s -- sh -c 'read a < " ENERGY_UJ "; echo $((a + 1000000)) > " ENERGY_UJ
			 "'", forms[i], fake_root(), fake_root());
		assert_int_equal(t.status, 0);
		tool_said(&t, "intel-rapl:0:0: energy counter or its range cannot be read");
		tool_said(&t, "intel-rapl-mmio:0 left out: package-0 is already read");
		tool_said(&t, "dram-0: cannot be read");
		tool_not_said(&t, "no perf-power");
	}
}

static void a_model_of_a_short_window_says_that_it_is_rough(void **state)
{
	static const char *const forms[] = { "--csv", "--json", "-r 2", "-r 2 --csv", "-I 1000" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		tool_run(&t, "%s true", forms[i]);
		tool_said(&t, "few ticks of 10 ms");
	}
}

static void a_forced_source_that_is_not_there_stops_before_the_command(void **state)
{
	tool_run(&t, "--source powercap -- sh -c 'echo ran'");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	tool_said(&t, "--source powercap: no package zone");
	tool_said(&t, "modprobe");
	tool_not_said(&t, "MODEL");
	tool_run(&t, "--source powercup -- sh -c 'echo ran'");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	tool_said(&t, "did you mean 'powercap'?");
}

/* 0.02 J at 200 W are over in 100 us: nobody samples that fast without a miss. */
static void a_counter_that_may_have_gone_round_twice_is_no_number(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 0);
	fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "20000\n");
	tool_run(&t, "-- sleep 0.2");
	assert_int_equal(t.status, 0);
	tool_said(&t, "package-0        powercap    invalid    ");
	tool_said(&t, "             -            -   total");
	tool_said(&t, "may have gone round");
	tool_said(&t, "0.000 .. ");			/* bounds, as far as they are known */
}

static void a_sensor_that_dies_in_the_window_leaves_bounds(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000000);
	tool_run(&t, "-- sh -c 'for i in $(seq 10 30); do echo 30000$i 1<> " ENERGY_UJ
		 "; sleep 0.02; done; : > " ENERGY_UJ "; sleep 0.3'",
		 fake_root(), fake_root());
	assert_int_equal(t.status, 0);
	tool_said(&t, "invalid");
	tool_said(&t, "2.000 .. ");			/* 2 J are known */
	tool_said(&t, "lost in the window");
}

static void a_counter_that_stands_still_under_load_is_absent_not_0(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000000);
	tool_run(&t, "-- sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'");
	tool_said(&t, "total            powercap    absent");
	tool_said(&t, "never moved");
}

/* --- the command --------------------------------------------------------------- */

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
	} cases[] = { { SIGINT, "INT" }, { SIGTERM, "TERM" }, { SIGHUP, "HUP" }, { SIGQUIT, "QUIT" },
		      { SIGUSR1, "USR1" }, { SIGUSR2, "USR2" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* A shell traps nothing that it was started without. */
		signal(cases[i].sig, SIG_DFL);
		tool_start(&t, "-- sh -c 'trap \"echo got %s; exit 7\" %s; echo ready; "
			   "for i in $(seq 200); do sleep 0.05; done'", cases[i].name, cases[i].name);
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

/* --- processes and the machine ------------------------------------------------- */

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

static void a_process_that_is_not_there_is_an_error(void **state)
{
	tool_run(&t, "-p 4194303");
	assert_int_equal(t.status, 125);
	tool_said(&t, "-p 4194303: no such process");
	tool_not_said(&t, "joules");
}

/* --- who reads the report -------------------------------------------------------- */

/* A FIFO "fifo" beside the tree, open to read. */
static int open_fifo(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/fifo", fake_root());
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Wait until there are @least bytes to read. */
static void wait_for_bytes(int fd, int least)
{
	int n = 0;

	for (int i = 0; i < 1000 && n < least; i++) {
		usleep(10000);
		ioctl(fd, FIONREAD, &n);
	}
	assert_true(n >= least);
}

static void a_reader_that_does_not_read_keeps_nobody_from_ending_it(void **state)
{
	int fd = open_fifo();

	tool_start(&t, "-a -I 10 --csv -o %s/fifo", fake_root());
	wait_for_bytes(fd, 32768);			/* 64 KiB, but a page may not be full */
	usleep(200000);
	kill(t.pid, SIGINT);
	tool_wait(&t);
	close(fd);
	assert_int_equal(t.status, 125);
	tool_said(&t, "/fifo: nobody read it, and a signal came");
}

static void a_reader_that_goes_away_does_not_take_the_command_with_it(void **state)
{
	int fd = open_fifo();

	tool_start(&t, "-I 20 -o %s/fifo -- sh -c 'sleep 0.5; echo lived'", fake_root());
	wait_for_bytes(fd, 1);
	close(fd);
	tool_wait(&t);
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "lived");
	tool_said(&t, "could not be written to");
	tool_said(&t, "Broken pipe");
}

/* Else a descriptor of ours is number 2: a pipe of the command's, or the report. */
static void a_closed_standard_error_is_refused_and_taken_for_nothing_else(void **state)
{
	static char report[65536];
	char path[128];

	snprintf(path, sizeof(path), "%s/report", fake_root());
	tool_run(&t, "-- sh -c 'echo ran' 2>&-");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	fake_write("report", "%s", "old\n");
	tool_run(&t, "--csv -r 3 -o %s -- sh -c 'echo ran; exit 1' 2>&-", path);
	assert_int_equal(t.status, 1);
	assert_string_equal(t.out, "ran");
	assert_true(mn_read_file(path, report, sizeof(report)) > 0);
	assert_null(strstr(report, "old"));
	assert_null(strstr(report, "memnet-energy:"));	/* a complaint */
	/* The command has closed what we had closed; with all three it is no different. */
	tool_run(&t, "-o %s -- sh -c 'for i in 0 1 2; do [ -e /proc/self/fd/$i ] && exit 9; done' "
		 "<&- >&- 2>&-", path);
	assert_int_equal(t.status, 1);			/* of the last test */
}

static void help_that_cannot_be_written_is_no_success(void **state)
{
	static const char *const words[] = { "--help", "-V", "doctor" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		tool_run(&t, "%s > /dev/full", words[i]);
		assert_int_equal(t.status, 125);
		tool_run(&t, "%s >&-", words[i]);
		assert_int_equal(t.status, 125);
		tool_run(&t, "%s", words[i]);
		assert_int_equal(t.status, 0);
	}
}

/* --- options ------------------------------------------------------------------- */

static void bad_options_are_named_with_what_was_meant(void **state)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{ "--jsno true", "no option --jsno; did you mean --json?" },
		{ "--evnts=x true", "did you mean --events?" },
		{ "--wholly-unlike true", "no option --wholly-unlike;" },
		{ "--events", "--events: an argument is missing" },
		{ "--csv=x true", "--csv: an argument is missing, or one too many" },
		{ "-z true", "'-z': no such option" },
		{ "", "measure what?" },
		{ "--interval 5 true", "milliseconds from 10" },
		{ "--timeout 5 -a", "a time with its unit" },
		{ "--timeout 5s true", "timeout 10s COMMAND" },
		{ "--repeat 0 true", "a number from 1" },
		{ "--repeat 3 -a", "--repeat wants a command" },
		{ "doctor --csv", "no options of its own" },
		{ "--csv doctor", "go --source and --sysfs alone" },
		{ "--hold 1s true", "an option of calibrate" },
		{ "--sysfs /nonexistent true", "--sysfs /nonexistent: No such file" },
		{ "-z, true", "'-z,': no such option" },
		{ "-p 12x", "not a process id" },
		{ "-p 1,,2", "-p: an empty process id" },
		{ "-p ''", "-p: an empty process id" },
		{ "-p ,", "-p: an empty process id" },
		{ "--source nope doctor", "--source: there is no such source" },
		{ "--source powercup doctor", "did you mean 'powercap'?" },
		{ "-p 1 true", "neither a command" },
		{ "--csv --json true", "not both" },
		{ "-o /nonexistent/x true", "-o /nonexistent/x: No such file" },
		{ "-e @/nonexistent/x true", "event set /nonexistent/x: No such file" },
		{ "-e task-clock,,page-faults true", "an empty name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tool_run(&t, "%s", cases[i].words);
		assert_int_equal(t.status, 125);
		tool_said(&t, cases[i].said);
		tool_not_said(&t, "joules");
		assert_null(strchr(t.err, '\n'));	/* one line */
	}
}

static void options_of_the_command_are_not_ours(void **state)
{
	tool_run(&t, "echo --json -p x");
	assert_string_equal(t.out, "--json -p x");
	tool_run(&t, "-- echo --json");
	assert_string_equal(t.out, "--json");
	tool_run(&t, "-- doctor");			/* a command, not our doctor */
	assert_int_equal(t.status, 127);
}

static void a_report_is_kept_until_there_is_another(void **state)
{
	static char kept[16384];
	char path[128];

	fake_write("report", "precious\n");
	snprintf(path, sizeof(path), "%s/report", fake_root());
	tool_run(&t, "--csv -o %s -- no-such-program", path);
	assert_int_equal(t.status, 127);
	assert_true(mn_read_file(path, kept, sizeof(kept)) >= 0);
	assert_string_equal(kept, "precious");
	tool_run(&t, "-o %s -- true", path);
	assert_int_equal(t.status, 0);
	assert_true(mn_read_file(path, kept, sizeof(kept)) > 0);
	assert_null(strstr(kept, "precious"));
}

static void a_report_that_cannot_be_written_is_no_success(void **state)
{
	tool_run(&t, "-o /dev/full true");
	assert_int_equal(t.status, 125);
	tool_said(&t, "could not be written to /dev/full: No space left on device");
	tool_run(&t, "-o /dev/full --csv sh -c 'exit 4'");
	assert_int_equal(t.status, 4);
	tool_said(&t, "could not be written");
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(the_joules_of_a_command_are_those_of_its_counter),
		fake_test(a_counter_that_goes_round_is_followed),
		fake_test(without_a_counter_the_model_is_named_with_its_band),
		fake_test(what_a_measured_total_lacks_is_said),
		fake_test(a_model_of_a_short_window_says_that_it_is_rough),
		fake_test(a_forced_source_that_is_not_there_stops_before_the_command),
		fake_test(a_counter_that_may_have_gone_round_twice_is_no_number),
		fake_test(a_sensor_that_dies_in_the_window_leaves_bounds),
		fake_test(a_counter_that_stands_still_under_load_is_absent_not_0),
		fake_test(the_exit_status_is_the_commands),
		fake_test(a_command_that_cannot_run_is_not_measured),
		fake_test(a_script_without_its_interpreter_is_there),
		fake_test(the_commands_output_and_input_are_its_own),
		fake_test(signals_are_passed_on),
		fake_test(a_signal_that_ends_a_repetition_is_no_success),
		fake_test(the_command_starts_with_the_signals_we_started_with),
		fake_test(a_process_is_measured_until_it_ends),
		fake_test(a_process_named_twice_is_counted_once),
		fake_test(the_time_of_a_process_is_said_to_be_without_its_children),
		fake_test(ctrl_c_and_the_timeout_end_a_window_without_a_command),
		fake_test(a_process_that_is_not_there_is_an_error),
		fake_test(a_reader_that_does_not_read_keeps_nobody_from_ending_it),
		fake_test(a_reader_that_goes_away_does_not_take_the_command_with_it),
		fake_test(a_closed_standard_error_is_refused_and_taken_for_nothing_else),
		fake_test(help_that_cannot_be_written_is_no_success),
		fake_test(bad_options_are_named_with_what_was_meant),
		fake_test(options_of_the_command_are_not_ours),
		fake_test(a_report_is_kept_until_there_is_another),
		fake_test(a_report_that_cannot_be_written_is_no_success),
	};

	return cmocka_run_group_tests_name("tool", tests, NULL, NULL);
}
