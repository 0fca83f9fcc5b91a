/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernels against values computed by another program; counting; the copy bound. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/test/run.h"

static void three_operations_give_the_known_check(void **state)
{
	static const struct { const char *kernel, *check; uint64_t bytes; } known[] = {
		{ "sha256", " check=be20942681c290fedf479326cf4715b2"
			    "fba63c56019d4ca33ff9501538284bfb\n", 3 * 16384 },
		{ "matmul", " check=f193c4fb454e6b8f\n", 0 },
	};
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_int_equal(run_whole(&r, "compute --kernel %s --ops 3", known[i].kernel), 0);
		assert_int_equal(run_value(r.stdout_text, "ops"), 3);
		assert_int_equal(run_value(r.stdout_text, "bytes"), known[i].bytes);
		assert_non_null(strstr(r.stdout_text, known[i].check));
	}
}

static void without_a_limit_it_computes_until_sigterm(void **state)
{
	struct run r;

	run_start(&r, "compute --kernel matmul --barrier");
	assert_string_equal(run_line(&r), "armed");
	assert_int_equal(write(r.in, "\n", 1), 1);
	mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	kill(r.pid, SIGTERM);
	assert_int_equal(run_wait(&r), 0);
	assert_in_range(run_value(r.stdout_text, "ops"), 1, 1000000);
}

static void end_of_file_at_the_barrier_is_a_quiet_end(void **state)
{
	struct run r;

	assert_int_equal(run_whole(&r, "compute --barrier"), 0);
	assert_string_equal(r.stdout_text, "armed\n");
	assert_string_equal(r.stderr_text, "");
}

static void a_progress_file_that_cannot_be_is_named(void **state)
{
	struct run r;

	assert_int_equal(run_whole(&r, "compute --progress /nonexistent/file --ops 1"), 1);
	assert_non_null(strstr(r.stderr_text, "/nonexistent/file: No such file"));
}

static void copy_reports_its_fastest_part(void **state)
{
	struct run r;
	uint64_t mean;

	assert_int_equal(run_whole(&r, "copy --bytes 64M"), 0);
	assert_int_equal(run_value(r.stdout_text, "bytes"), 64 << 20);
	mean = (64ULL << 20) * NSEC_PER_SEC / run_value(r.stdout_text, "duration_ns");
	assert_true(run_value(r.stdout_text, "bytes_per_s") >= mean);
}

static void help_is_not_an_error(void **state)
{
	static const char *const lines[] = { "--help", "compute --help", "stream --help",
					     "peer --help", "copy --help" };
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(run_whole(&r, "%s", lines[i]), 0);
		assert_non_null(strstr(r.stdout_text, "Usage: memnet-work"));
		assert_string_equal(r.stderr_text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_operations_give_the_known_check),
		cmocka_unit_test(without_a_limit_it_computes_until_sigterm),
		cmocka_unit_test(end_of_file_at_the_barrier_is_a_quiet_end),
		cmocka_unit_test(a_progress_file_that_cannot_be_is_named),
		cmocka_unit_test(copy_reports_its_fastest_part),
		cmocka_unit_test(help_is_not_an_error),
	};

	return cmocka_run_group_tests_name("compute", tests, NULL, NULL);
}
