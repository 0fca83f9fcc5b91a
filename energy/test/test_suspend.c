/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine that slept in the window. Real suspend is not to be had in a test: here
 * it is fed by hand, and read for true by a process in a time namespace, whose
 * CLOCK_BOOTTIME is an hour ahead. (A step of CLOCK_REALTIME is harness/test's: it takes
 * a machine of one's own.)
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NO_NAMESPACE	77
#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-6)

static struct energy *one_package(void)
{
	fake_zone("intel-rapl:0", "package-0", 0);
	return fake_open("powercap");
}

static void sleep_in_the_window_is_a_gap(void **state)
{
	struct energy *e = one_package();
	/* 10 J, an interval of 0.1 s and 30 s asleep, 10 J. At most 200 W through all that. */
	const struct energy_reading r[] = {
		{ .t_ns = 0, .slept_ns = 7, .raw = 0 },
		{ .t_ns = NSEC_PER_SEC / 10, .slept_ns = 9, .raw = 10000000 },
		{ .t_ns = NSEC_PER_SEC / 5, .slept_ns = 30 * NSEC_PER_SEC + 9, .raw = 20000000 },
		{ .t_ns = NSEC_PER_SEC / 2, .slept_ns = 30 * NSEC_PER_SEC + 9, .raw = 30000000 },
	};
	struct energy_value v;
	struct energy_sum sum;

	energy_sum_begin(e, &sum, &r[0]);
	for (size_t i = 1; i < ARRAY_SIZE(r); i++)
		energy_sum_add(e, &sum, &r[i]);
	energy_total(e, &sum, 0.1, &v);
	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_int_equal(v.gaps, 1);
	assert_true(isnan(v.joules));
	/* 2 ms at either end together, at 300 W, and a step. */
	close_to(v.low_j, 20 - 0.6 - 100e-6);
	close_to(v.high_j, 20 + 1.5 * 200 * 30.11 + 0.6 + 100e-6);
	assert_non_null(strstr(v.reason, "the machine was suspended"));
	energy_close(e);
}

static void the_model_does_not_know_either(void **state)
{
	struct energy *e = fake_open("model");
	struct energy_reading r = { .t_ns = 0 };
	struct energy_value v;
	struct energy_sum sum;

	energy_sum_begin(e, &sum, &r);
	r.t_ns = r.slept_ns = NSEC_PER_SEC;
	energy_sum_add(e, &sum, &r);
	energy_total(e, &sum, 0.1, &v);
	assert_int_equal(v.quality, ENERGY_INVALID);
	assert_int_equal(v.gaps, 1);
	assert_true(isnan(v.joules));
	assert_non_null(strstr(v.reason, "suspended"));
	energy_close(e);
}

/* From the second on in a namespace an hour ahead; the quality is the exit status. */
static void window_in_namespace(const struct energy *e, const char *offset)
{
	struct energy_reading r;
	struct energy_value v;
	struct energy_sum sum;
	int status;

	energy_read(e, &r);
	energy_sum_begin(e, &sum, &r);
	if (unshare(CLONE_NEWTIME) || mn_write_file("/proc/self/timens_offsets", offset))
		_exit(NO_NAMESPACE);
	if (!fork()) {
		fake_energy("intel-rapl:0", 100000);
		energy_read(e, &r);
		energy_sum_add(e, &sum, &r);
		energy_total(e, &sum, 0, &v);
		_exit(v.quality);
	}
	wait(&status);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static int quality_in_namespace(const struct energy *e, const char *offset)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		window_in_namespace(e, offset);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void readings_tell_how_long_it_slept(void **state)
{
	struct energy *e = one_package();
	int quality = quality_in_namespace(e, "boottime 0 0\n");

	if (quality == NO_NAMESPACE) {
		print_message("skipped: needs root and time namespaces\n");
		energy_close(e);
		skip();
	}
	assert_int_equal(quality, ENERGY_MEASURED);
	fake_energy("intel-rapl:0", 0);
	assert_int_equal(quality_in_namespace(e, "boottime 3600 0\n"), ENERGY_INVALID);
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(sleep_in_the_window_is_a_gap),
		fake_test(the_model_does_not_know_either),
		fake_test(readings_tell_how_long_it_slept),
	};

	return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
