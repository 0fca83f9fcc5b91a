/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
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
		if (closed & 1u << fd && (n != -1 || errno != EBADF || !(fcntl(fd, F_GETFD) & FD_CLOEXEC)))
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_standard_descriptors_are_taken),
		cmocka_unit_test(a_program_finds_what_is_beside_it),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
