/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"

static void a_program_finds_what_is_beside_it(void **state)
{
	char path[4096], longer[4096];
	size_t len;

	assert_int_equal(mn_beside_program(1, "test_io", path, sizeof(path)), 0);
	assert_int_equal(access(path, X_OK), 0);
	len = strlen(path);
	assert_int_equal(mn_beside_program(1, "test_io", longer, len + 1), 0);
	assert_string_equal(longer, path);
	assert_int_equal(mn_beside_program(1, "test_io", longer, len), -ENAMETOOLONG);
	assert_int_equal(mn_beside_program(1, "test_io", longer, 4), -ENAMETOOLONG);
	assert_int_equal(mn_beside_program(1000, "x", path, sizeof(path)), -ENOENT);
}

/* In a child with @closed of the standard three closed: are all open, the wrong way round? */
static int open_and_use(unsigned closed)
{
	for (int fd = 0; fd <= 2; fd++)
		if (closed & 1u << fd)
			close(fd);
	if (mn_open_standard_fds())
		return 1;
	for (int fd = 0; fd <= 2; fd++) {
		ssize_t n = fd ? write(fd, "", 0) : read(fd, (char [1]){ 0 }, 0);

		if (fcntl(fd, F_GETFD) < 0)
			return 2;
		if (closed & 1u << fd &&
		    (n != -1 || errno != EBADF || !(fcntl(fd, F_GETFD) & FD_CLOEXEC)))
			return 3;
		if (!(closed & 1u << fd) && n)
			return 4;
	}
	return 0;
}

static void closed_standard_descriptors_are_taken(void **state)
{
	for (unsigned closed = 0; closed < 8; closed++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(open_and_use(closed));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void what_is_appended_is_there_whole_or_not_at_all(void **state)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const struct rlimit limit = { .rlim_cur = 8, .rlim_max = RLIM_INFINITY };
	char path[] = "/tmp/test_io.XXXXXX", text[32];

	close(mkstemp(path));
	unlink(path);
	assert_int_equal(mn_append_file(path, "one", 3), 0);
	assert_int_equal(mn_append_file(path, "two", 3), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(mn_append_file(path, "three", 5), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(mn_read_file(path, text, sizeof(text)), 6);
	assert_string_equal(text, "onetwo");
	unlink(path);
	assert_int_equal(mn_append_file("/dev/full", "x", 1), -ENOSPC);
	assert_int_equal(mn_append_file("/no/where", "x", 1), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_standard_descriptors_are_taken),
		cmocka_unit_test(what_is_appended_is_there_whole_or_not_at_all),
		cmocka_unit_test(a_program_finds_what_is_beside_it),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
