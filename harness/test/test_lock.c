/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's lock: one has it, others are told who, and no end of its owner keeps it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "harness/lock.h"
#include "harness/test/scratch.h"
#include "memnet-core/base/io.h"

static char why[600];

static int take(const char *path, bool wait)
{
	why[0] = '\0';
	return lock_take(path, "smoke.ini", wait, why, sizeof(why));
}

/* Another process that has the lock when this returns. */
static pid_t owner(const char *path)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (lock_take(path, "paper.ini", false, why, sizeof(why)) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void who_has_it_is_named(void **state)
{
	const char *path = scratch("lock");
	pid_t pid = owner(path);
	char words[64];

	assert_int_equal(take(path, false), -EBUSY);
	snprintf(words, sizeof(words), "process %d of user %u, since 20", pid, getuid());
	assert_non_null(strstr(why, words));
	assert_non_null(strstr(why, "Z: paper.ini;"));
	end(pid);
}

static void kill_9_gives_it_back_and_its_file_means_nothing(void **state)
{
	const char *path = scratch("lock");
	int fd;

	end(owner(path));
	fd = take(path, false);
	assert_true(fd >= 0);
	close(fd);
	end(owner(path));
	assert_int_equal(access(path, F_OK), 0);
}

static void a_child_that_runs_another_program_does_not_keep_it(void **state)
{
	const char *path = scratch("lock");
	int fd = take(path, false);
	pid_t pid = fork();

	if (!pid) {
		execlp("sleep", "sleep", "10", NULL);
		_exit(1);
	}
	close(fd);
	fd = take(path, true);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	end(pid);
}

static void who_waits_gets_it(void **state)
{
	const char *path = scratch("lock");
	pid_t pid = owner(path), killer = fork();
	int fd;

	if (!killer) {
		usleep(100000);
		_exit(kill(pid, SIGKILL));
	}
	fd = take(path, true);
	assert_true(fd >= 0);
	close(fd);
	waitpid(killer, NULL, 0);
	end(pid);
}

static void nothing(int sig)
{
}

static void a_signal_ends_the_wait(void **state)
{
	const struct sigaction act = { .sa_handler = nothing };
	pid_t pid = owner(scratch("lock")), us = getpid(), alarm_clock = fork();

	if (!alarm_clock) {
		usleep(100000);
		_exit(kill(us, SIGUSR1));
	}
	sigaction(SIGUSR1, &act, NULL);
	assert_int_equal(take(scratch("lock"), true), -EINTR);
	waitpid(alarm_clock, NULL, 0);
	end(pid);
}

/* What tidies /tmp may remove the file of a lock that is held: then a new one counts. */
static void a_file_that_was_replaced_while_waiting_is_not_the_lock(void **state)
{
	const char *path = scratch("tidied");
	pid_t pid = owner(path), tidier = fork();
	struct stat ours, current;
	int fd;

	if (!tidier) {
		usleep(100000);
		unlink(path);
		_exit(kill(pid, SIGKILL));
	}
	fd = take(path, true);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(stat(path, &current), 0);
	assert_int_equal(ours.st_ino, current.st_ino);
	close(fd);
	waitpid(tidier, NULL, 0);
	end(pid);
}

static void another_user_can_take_it(void **state)
{
	const char *path = scratch("shared");
	struct stat st;
	mode_t former = umask(077);
	int fd = take(path, false);

	umask(former);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	close(fd);
}

static void links_are_not_followed(void **state)
{
	const char *victim = scratch_write("victim", "precious"), *path = scratch("link");
	char text[16];

	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(take(path, false), -ELOOP);
	assert_non_null(strstr(why, "remove it"));
	unlink(path);
	assert_int_equal(link(victim, path), 0);
	assert_int_equal(take(path, false), -EPERM);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(take(path, false), -EISDIR);
	assert_int_equal(mn_read_file(victim, text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_it_is_named),
		cmocka_unit_test(kill_9_gives_it_back_and_its_file_means_nothing),
		cmocka_unit_test(a_child_that_runs_another_program_does_not_keep_it),
		cmocka_unit_test(who_waits_gets_it),
		cmocka_unit_test(a_signal_ends_the_wait),
		cmocka_unit_test(a_file_that_was_replaced_while_waiting_is_not_the_lock),
		cmocka_unit_test(another_user_can_take_it),
		cmocka_unit_test(links_are_not_followed),
	};

	return cmocka_run_group_tests_name("lock", tests, scratch_make, scratch_remove);
}
