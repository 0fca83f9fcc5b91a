/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugin under API 2, as QEMU 9.0 has it: scoreboards, but no way to be called in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "energy/test/fake_qemu.h"

static void it_counts_by_calls(void **state)
{
	const struct fake_qemu q = { .min = 2, .cur = 2, .vcpus = 1 };
	struct qemu_plugin_tb kernel;

	assert_int_equal(fake_load(&q), 0);
	kernel = fake_translate(FAKE_KERNEL, 9);
	fake_run(&kernel, 0);
	fake_run(&kernel, 0);
	assert_int_equal(fake_page()->vcpu[0].insns[INSNS_KERNEL], 18);
	assert_int_equal(fake_calls, 2);
	fake_unload();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_counts_by_calls),
	};

	return cmocka_run_group_tests_name("insns_api2", tests, NULL, NULL);
}
