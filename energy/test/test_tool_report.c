/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: where the report goes, who reads it, and who does not. */
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
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/io.h"

/* Too large for a stack of tests. */
static struct tool t;

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

/* As `memnet-energy -a -I 1000 2>&1 | head` has it: nobody would end it. */
static void a_window_without_a_command_ends_when_its_reader_has_gone(void **state)
{
	static const char *const words[] = { "-a", "-p 1", "-a --timeout 9223372036854775807ns" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int fd = open_fifo();

		tool_start(&t, "%s -I 20 --csv -o %s/fifo", words[i], fake_root());
		wait_for_bytes(fd, 1024);
		close(fd);
		tool_wait(&t);
		assert_int_equal(t.status, 125);
		tool_said(&t, "/fifo: Broken pipe");
		fake_remove("fifo");
	}
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

/* ulimit -f: the kernel's answer to more would end us, and leave the command alone. */
static void a_report_over_the_limit_of_sizes_is_no_success(void **state)
{
	struct rlimit before, little;

	getrlimit(RLIMIT_FSIZE, &before);
	little = before;
	little.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &little);
	tool_start(&t, "-I 10 --csv -o %s/report -- sh -c 'sleep 0.3; grep SigIgn /proc/self/status'",
		   fake_root());
	setrlimit(RLIMIT_FSIZE, &before);
	tool_wait(&t);
	assert_int_equal(t.status, 125);
	tool_said(&t, "could not be written");
	tool_said(&t, "File too large");
	/* The command may be told as before. */
	assert_int_equal(strncmp(t.out, "SigIgn:", 7), 0);
	assert_false(strtoull(t.out + 7, NULL, 16) & 1u << (SIGXFSZ - 1));
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_window_without_a_command_ends_when_its_reader_has_gone),
		fake_test(a_reader_that_does_not_read_keeps_nobody_from_ending_it),
		fake_test(a_reader_that_goes_away_does_not_take_the_command_with_it),
		fake_test(a_closed_standard_error_is_refused_and_taken_for_nothing_else),
		fake_test(help_that_cannot_be_written_is_no_success),
		fake_test(a_report_is_kept_until_there_is_another),
		fake_test(a_report_that_cannot_be_written_is_no_success),
		fake_test(a_report_over_the_limit_of_sizes_is_no_success),
	};

	return cmocka_run_group_tests_name("tool_report", tests, NULL, NULL);
}
