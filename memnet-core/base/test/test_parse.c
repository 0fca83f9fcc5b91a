/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers with units: what is accepted, what is refused, what is left untouched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

static void bytes_scale_by_powers_of_1024(void **state)
{
	static const struct { const char *text; uint64_t want; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "64k", 65536 }, { "64K", 65536 },
		{ "2M", 2 << 20 }, { "3g", 3ULL << 30 },
		{ "18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t v = 1;

		assert_int_equal(mn_parse_bytes(good[i].text, &v), 0);
		assert_true(v == good[i].want);
	}
}

static void bad_numbers_are_refused_and_leave_the_result(void **state)
{
	static const struct { const char *text; int want; } bad[] = {
		{ "", -EINVAL }, { "-1", -EINVAL }, { " 1", -EINVAL },
		{ "1 k", -EINVAL }, { "1.5M", -EINVAL }, { "k", -EINVAL },
		{ "1kk", -EINVAL }, { "0x10", -EINVAL },
		{ "18446744073709551616", -ERANGE }, { "17179869184g", -ERANGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t v = 7;

		assert_int_equal(mn_parse_bytes(bad[i].text, &v), bad[i].want);
		assert_true(v == 7);
	}
}

static void durations_need_a_unit(void **state)
{
	int64_t ns = 0;

	assert_int_equal(mn_parse_duration_ns("250ms", &ns), 0);
	assert_true(ns == 250 * NSEC_PER_MSEC);
	assert_int_equal(mn_parse_duration_ns("40us", &ns), 0);
	assert_true(ns == 40 * NSEC_PER_USEC);
	assert_int_equal(mn_parse_duration_ns("2", &ns), -EINVAL);
	assert_int_equal(mn_parse_duration_ns("2h", &ns), -EINVAL);
	assert_int_equal(mn_parse_duration_ns("18446744073s", &ns), -ERANGE);
}

static void addresses_need_a_host_and_a_port(void **state)
{
	struct sockaddr_in a;

	assert_int_equal(mn_parse_addr("198.18.0.1:7000", &a), 0);
	assert_int_equal(ntohs(a.sin_port), 7000);
	assert_int_equal(ntohl(a.sin_addr.s_addr), 0xc6120001);
	assert_int_equal(mn_parse_addr("198.18.0.1", &a), -EINVAL);
	assert_int_equal(mn_parse_addr("198.18.0.1:0", &a), -ERANGE);
	assert_int_equal(mn_parse_addr("198.18.0.1:65536", &a), -ERANGE);
	assert_int_equal(mn_parse_addr("somewhere:80", &a), -EINVAL);
}

static void cpu_lists_as_the_kernel_writes_them(void **state)
{
	cpu_set_t cpus;

	assert_int_equal(mn_parse_cpu_list("0,32", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 2);
	assert_true(CPU_ISSET(32, &cpus));
	assert_int_equal(mn_parse_cpu_list("0-3,8", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 5);
	assert_int_equal(mn_parse_cpu_list("3-1", &cpus), -EINVAL);
	assert_int_equal(mn_parse_cpu_list("", &cpus), -EINVAL);
	assert_int_equal(mn_parse_cpu_list("1,", &cpus), -EINVAL);
	assert_int_equal(mn_parse_cpu_list("99999", &cpus), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_scale_by_powers_of_1024),
		cmocka_unit_test(bad_numbers_are_refused_and_leave_the_result),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(addresses_need_a_host_and_a_port),
		cmocka_unit_test(cpu_lists_as_the_kernel_writes_them),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
