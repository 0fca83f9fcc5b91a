/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_finds_what_is_beside_it),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
