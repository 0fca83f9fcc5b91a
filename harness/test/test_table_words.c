/* SPDX-License-Identifier: BSD-2-Clause */
/* Below the terminal table stands in words what it is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "harness/test/printed.h"

static void the_kind_of_result_is_said_in_words(void **state)
{
	print(ARRAY_SIZE(rows), false);
	says("TCG: QEMU emulated");
	says("MODEL, not measured (band -30 % .. +35 %)");
	says("84: 84 valid, 0 invalid, 0 failed, 0 skipped");
	says("7 valid runs.");
	says("hybrid-paced, equal byte rates (network_rate): spare-core send 1.00;");
	says_not("NOT HELD");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ROW_TEXT(rows[i].accelerator, "kvm");
		ROW_TEXT(rows[i].energy_source, "powercap");
		ROW_TEXT(rows[i].energy_quality, "measured");
	}
	print(ARRAY_SIZE(rows), false);
	says("KVM gain");
	says("KVM, as in the paper.");
	says("Measured by RAPL through powercap");
	says_not("TCG");
	says_not("MODEL");
}

static void what_has_no_vm_is_a_bound_and_nothing_else(void **state)
{
	static struct run_row with[MADE_RUNS(7) * 3 / 2];
	size_t n = ARRAY_SIZE(rows);

	memcpy(with, rows, sizeof(rows));
	n = made_bound(with, n);
	memmove(&with[1], with, n * sizeof(with[0]) - sizeof(with[0]));
	with[0] = with[n - 1];		/* one of it is the first row */
	print_all(with, n, false);
	says("MemNet against virtio-tap");
	says("TCG gain");
	says("TCG: QEMU emulated");
	says("  bound       native has no VM");
	says("Under TCG they must not be set beside the others'");
	says_not("Other paths were measured");
	print(ARRAY_SIZE(rows), false);
	says_not("bound");
	for (size_t i = 0; i < n; i++)
		if (!strcmp(with[i].accelerator, "tcg"))
			ROW_TEXT(with[i].accelerator, "kvm");
	print_all(with, n, false);
	says("KVM, as in the paper");
	says("  bound       native has no VM");
	says_not("TCG");
	for (size_t i = 0; i < n; i++)
		if (strcmp(with[i].accelerator, "kvm"))
			ROW_TEXT(with[i].status, "failed");
	print_all(with, n, false);
	says_not("bound");
}

static void a_link_is_told(void **state)
{
	static struct run_row with[MADE_RUNS(7) * 3 / 2];

	memcpy(with, rows, sizeof(rows));
	print_all(with, ARRAY_SIZE(rows), false);
	says_not("  link  ");
	for (size_t i = 1; i < ARRAY_SIZE(rows); i++)	/* the first row may be an idle window */
		with[i].link_rate_bits_per_s = 200000000;
	print_all(with, ARRAY_SIZE(rows), false);
	says("  link        Between the host and the peer was a link of 200 Mbit/s, the same");
	for (size_t i = 1; i < ARRAY_SIZE(rows); i++)
		with[i].link_delay_ns = 2500000;
	print_all(with, ARRAY_SIZE(rows), false);
	says("a link of 200 Mbit/s with 2.5 ms each way");
	for (size_t i = 1; i < ARRAY_SIZE(rows); i++)
		with[i].link_rate_bits_per_s = ABSENT_INTEGER;
	print_all(with, ARRAY_SIZE(rows), false);
	says("was a link with 2.5 ms each way, the same");
}

static void few_runs_have_no_interval(void **state)
{
	print(MADE_RUNS(5), false);
	says("n < 6: none");
	says("needs 6.");
	says("n < 6: none  need n = ");
	print(ARRAY_SIZE(rows), false);
	says_not("n < 6");
	says_not("needs 6");
}

static void what_was_left_out_is_counted_by_reason(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		ROW_TEXT(rows[5 * i].status, "invalid");
		ROW_TEXT(rows[5 * i].reason, "the vCPU was stolen from");
	}
	ROW_TEXT(rows[1].status, "failed");
	ROW_TEXT(rows[1].reason, "QEMU\nended");
	print(ARRAY_SIZE(rows), false);
	says("84: 80 valid, 3 invalid, 1 failed, 0 skipped");
	says("3 x invalid: the vCPU was stolen from\n");
	says("1 x failed: QEMU ended\n");
	assert_true(strstr(text, "3 x invalid") < strstr(text, "1 x failed"));
}

static void what_is_to_be_known_of_a_valid_run_is_said(void **state)
{
	ROW_TEXT(rows[2].reason, "a hypervisor took 12.5 %% of the host's CPUs, which this plan "
		 "allows");
	ROW_TEXT(rows[7].reason, "a hypervisor took 13.0 %% of the host's CPUs, which this plan "
		 "allows");
	print(ARRAY_SIZE(rows), false);
	says("84: 84 valid, 0 invalid, 0 failed, 0 skipped");
	says("2 x ok: a hypervisor took ");
}

static void of_calibrations_only_remarks_are_said(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		ROW_TEXT(rows[i].kind, "calibrate");
		ROW_TEXT(rows[i].reason, "a hypervisor took %zu.5 %% of the host's CPUs, which a "
			 "calibration allows", 30 + i);
	}
	ROW_TEXT(rows[0].status, "invalid");
	print(ARRAY_SIZE(rows), false);
	says("81: 81 valid, 0 invalid, 0 failed, 0 skipped");
	says("2 x ok: a hypervisor took 31.5 % of the host's CPUs, which a calibration allows");
	says_not("x invalid");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_rows)
	const struct CMUnitTest tests[] = {
		TEST(the_kind_of_result_is_said_in_words),
		TEST(what_has_no_vm_is_a_bound_and_nothing_else),
		TEST(a_link_is_told),
		TEST(few_runs_have_no_interval),
		TEST(what_was_left_out_is_counted_by_reason),
		TEST(what_is_to_be_known_of_a_valid_run_is_said),
		TEST(of_calibrations_only_remarks_are_said),
	};
#undef TEST

	return cmocka_run_group_tests_name("table words", tests, NULL, release);
}
