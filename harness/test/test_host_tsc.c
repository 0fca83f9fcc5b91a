/* SPDX-License-Identifier: BSD-2-Clause */
/* The rate that guests are told is that of the counter they will read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "harness/host_tsc.h"
#include "memnet-core/base/clock.h"

#if defined(__x86_64__)
#include <x86intrin.h>

static void the_rate_is_that_of_the_counter(void **state)
{
	int64_t begin_ns, span_ns;
	uint64_t begin, ticks;
	double khz;

	assert_true(host_tsc_khz() > 100000);
	begin_ns = mn_now_ns();
	begin = __rdtsc();
	mn_sleep_until_ns(begin_ns + 200 * NSEC_PER_MSEC);
	span_ns = mn_now_ns() - begin_ns;
	ticks = __rdtsc() - begin;
	khz = (double)ticks / span_ns * 1e6;
	/* The kernel believes what it is told to one per cent. */
	assert_true(abs((int)(khz - host_tsc_khz())) < khz / 100);
	assert_int_equal(host_tsc_khz(), host_tsc_khz());
}
#else
static void the_rate_is_that_of_the_counter(void **state)
{
	assert_int_equal(host_tsc_khz(), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_that_of_the_counter),
	};

	return cmocka_run_group_tests_name("host's TSC", tests, NULL, NULL);
}
