/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest image in a real VM under TCG: boot, control protocol, programs, faults.
 * Skips (77) without QEMU or an image. About 10 s: three boots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/test/guest_vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define INITRD "initrd.img"

static const char *folder;
static struct guest_vm shared;	/* the one VM of the tests that need no special boot */

static void boot(struct guest_vm *vm, const char *append)
{
	const struct guest_vm_setup setup = { .initrd = INITRD, .append = append };

	guest_vm_boot(vm, &setup);
}

/* --- tests ----------------------------------------------------------------------- */

static void it_says_hello_and_then_ready(void **state)
{
	const char *line = guest_vm_next_line(&shared, GUEST_VM_BOOT_MS);

	assert_non_null(line);
	assert_int_equal(strncmp(line, "hello 1 kernel=", 15), 0);
	assert_in_range(guest_vm_value(guest_vm_expect(&shared, "ready "), "boot_ns"), 100 * NSEC_PER_MSEC,
			60 * NSEC_PER_SEC);
}

static void a_program_goes_from_spawn_to_exit(void **state)
{
	uint64_t ops[2], busy_ns[2], t_ns[2];
	const char *line;

	guest_vm_command(&shared, "spawn 1 memnet-work compute --kernel matmul --progress @progress@ "
		"--barrier");
	guest_vm_expect(&shared, "spawned 1 ");
	guest_vm_expect(&shared, "armed 1");
	guest_vm_command(&shared, "go");
	guest_vm_expect(&shared, "went t_ns=");
	for (int i = 0; i < 2; i++) {
		guest_vm_command(&shared, "mark edge");
		line = guest_vm_expect(&shared, "mark edge t_ns=");
		t_ns[i] = guest_vm_value(line, "t_ns");
		ops[i] = guest_vm_value(line, "ops1");
		busy_ns[i] = guest_vm_value(line, "user");
		assert_true(guest_vm_value(line, "intr") > 0 && guest_vm_value(line, "ctxt") > 0);
		assert_int_equal(guest_vm_value(line, "bytes1"), 0);
		assert_null(strstr(line, "ops0="));
		mn_sleep_until_ns(mn_now_ns() + (1 - i) * NSEC_PER_SEC);
	}
	assert_true(ops[1] > ops[0]);
	assert_in_range(t_ns[1] - t_ns[0], NSEC_PER_SEC, 20 * NSEC_PER_SEC);
	assert_in_range(busy_ns[1] - busy_ns[0], (t_ns[1] - t_ns[0]) / 3, t_ns[1] - t_ns[0]
			+ 20 * NSEC_PER_MSEC);
	guest_vm_command(&shared, "stop");
	guest_vm_expect(&shared, "stopped");
	line = guest_vm_expect(&shared, "result 1 workload=compute kernel=matmul");
	assert_true(guest_vm_value(line, "ops") >= ops[1]);
	guest_vm_expect(&shared, "exit 1 status=0");
}

static void other_output_comes_line_by_line_before_the_exit(void **state)
{
	guest_vm_command(&shared, "spawn 0 busybox ls / /nowhere");
	guest_vm_expect(&shared, "spawned 0 ");
	for (bool out = false, err = false; !out || !err;) {
		const char *line = guest_vm_next_line(&shared, GUEST_VM_ANSWER_MS);

		assert_non_null(line);
		out |= !strcmp(line, "out 0 init");
		err |= !strncmp(line, "err 0 ls: /nowhere", 18);
		if (!strncmp(line, "exit", 4))
			fail_msg("the exit came before the output");
	}
	while (strcmp(guest_vm_next_line(&shared, GUEST_VM_ANSWER_MS), "exit 0 status=1"))
		;
}

static void words_in_front_are_the_environments(void **state)
{
	bool first = false, second = false;
	const char *line;

	guest_vm_command(&shared, "spawn 0 MEMNET_SPIN=adaptive:50us A= busybox env B=");
	guest_vm_expect(&shared, "spawned 0 ");
	while ((line = guest_vm_next_line(&shared, GUEST_VM_ANSWER_MS)) && strncmp(line, "exit", 4)) {
		first |= !strcmp(line, "out 0 MEMNET_SPIN=adaptive:50us");
		second |= !strcmp(line, "out 0 A=");
	}
	assert_string_equal(line, "exit 0 status=0");
	assert_true(first && second);
	guest_vm_command(&shared, "spawn 0 A=b");
	guest_vm_expect(&shared, "error spawn 0 ENOENT");
}

static void a_long_line_arrives_in_pieces_and_whole(void **state)
{
	size_t total = 0;
	const char *line;

	guest_vm_command(&shared, "spawn 0 busybox seq -s , 1 5000");
	guest_vm_expect(&shared, "spawned 0 ");
	while ((line = guest_vm_next_line(&shared, GUEST_VM_ANSWER_MS)) && !strncmp(line, "out 0 ", 6))
		total += strlen(line) - 6;
	assert_non_null(line);
	assert_string_equal(line, "exit 0 status=0");
	assert_int_equal(total, 23892);	/* 18893 digits, 4999 commas */
}

static void commands_that_make_no_sense_are_answered_with_an_error(void **state)
{
	static const struct { const char *text, *answer; } cases[] = {
		{ "dance", "error command dance" },
		{ "spawn", "error spawn - EINVAL" },
		{ "spawn 8 busybox true", "error spawn 8 EINVAL" },
		{ "spawn -1 busybox true", "error spawn -1 EINVAL" },
		{ "spawn 0", "error spawn 0 EINVAL" },
		{ "spawn 0 nothing-like-it", "error spawn 0 ENOENT" },
		{ "mark", "error command mark" },
		{ "mark two words", "error command mark" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		guest_vm_command(&shared, cases[i].text);
		guest_vm_expect(&shared, cases[i].answer);
	}
}

static void a_slot_in_use_is_refused_and_free_again_after_a_kill(void **state)
{
	guest_vm_command(&shared, "spawn 3 memnet-work compute --barrier");
	guest_vm_expect(&shared, "spawned 3 ");
	guest_vm_expect(&shared, "armed 3");
	guest_vm_command(&shared, "spawn 3 busybox true");
	guest_vm_expect(&shared, "error spawn 3 EBUSY");
	guest_vm_command(&shared, "kill");
	guest_vm_expect(&shared, "killed");
	guest_vm_expect(&shared, "exit 3 signal=9");
	guest_vm_command(&shared, "spawn 3 busybox true");
	guest_vm_expect(&shared, "spawned 3 ");
	guest_vm_expect(&shared, "exit 3 status=0");
}

/* Words are split at blanks, so the shell has to make its own. */
static void what_a_program_started_ends_with_it(void **state)
{
	static const char *const endings[] = { "", "stop", "kill" };
	static const char *const commands[] = {
		"spawn 0 sh -c sleep${IFS}7&exit", "spawn 0 sh -c sleep${IFS}7;exit",
		"spawn 0 sh -c sleep${IFS}7;exit",
	};

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		guest_vm_command(&shared, commands[i]);
		guest_vm_expect(&shared, "spawned 0 ");
		if (*endings[i]) {
			guest_vm_command(&shared, endings[i]);
			guest_vm_expect(&shared, endings[i]);
		}
		guest_vm_expect(&shared, "exit 0 ");
		guest_vm_command(&shared, "spawn 1 busybox pidof sleep");
		guest_vm_expect(&shared, "spawned 1 ");
		guest_vm_expect(&shared, "exit 1 status=1");
	}
}

static void the_network_device_has_the_address_of_the_command_line(void **state)
{
	bool address = false, mtu = false;
	const char *line;

	guest_vm_command(&shared, "spawn 0 busybox ifconfig eth0");
	while ((line = guest_vm_next_line(&shared, GUEST_VM_ANSWER_MS)) && strncmp(line, "exit", 4)) {
		address |= strstr(line, "inet addr:198.18.0.2 ") &&
			   strstr(line, "Mask:255.255.255.252");
		mtu |= strstr(line, "MTU:1400 ") != NULL;
	}
	assert_true(address);
	assert_true(mtu);
}

static void quit_turns_the_power_off(void **state)
{
	guest_vm_command(&shared, "quit");
	guest_vm_expect(&shared, "bye");
	guest_vm_expect_power_off(&shared);
}

static void with_fault_hang_all_but_marks_are_answered_and_a_lost_host_is_a_quit(void **state)
{
	struct guest_vm *vm = *state;

	boot(vm, "memnet.fault=hang");
	assert_non_null(guest_vm_next_line(vm, GUEST_VM_BOOT_MS));
	guest_vm_expect(vm, "ready ");
	guest_vm_command(vm, "mark a");
	guest_vm_command(vm, "go");
	guest_vm_expect(vm, "went ");
	close(vm->control);
	vm->control = 0;
	guest_vm_expect_power_off(vm);
}

static void what_cannot_be_done_is_said_on_the_console_and_the_power_goes_off(void **state)
{
	struct guest_vm *vm = *state;
	char path[100], text[16384];

	boot(vm, "memnet.addr=nonsense");
	assert_null(guest_vm_next_line(vm, GUEST_VM_BOOT_MS));
	guest_vm_expect_power_off(vm);
	snprintf(path, sizeof(path), "%s/console", folder);
	assert_true(mn_read_file(path, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "memnet init: understand memnet.addr = nonsense"));
}

/* --- around them ----------------------------------------------------------------- */

static int set_up_vm(void **state)
{
	*state = calloc(1, sizeof(struct guest_vm));
	return *state ? 0 : -1;
}

static int tear_down_vm(void **state)
{
	guest_vm_end(*state);
	free(*state);
	return 0;
}

static int boot_shared(void **state)
{
	boot(&shared, "memnet.addr=198.18.0.2/30 memnet.mtu=1400");
	return 0;
}

static int end_shared(void **state)
{
	guest_vm_end(&shared);
	return guest_vm_clean_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_hello_and_then_ready),
		cmocka_unit_test(a_program_goes_from_spawn_to_exit),
		cmocka_unit_test(other_output_comes_line_by_line_before_the_exit),
		cmocka_unit_test(words_in_front_are_the_environments),
		cmocka_unit_test(a_long_line_arrives_in_pieces_and_whole),
		cmocka_unit_test(commands_that_make_no_sense_are_answered_with_an_error),
		cmocka_unit_test(a_slot_in_use_is_refused_and_free_again_after_a_kill),
		cmocka_unit_test(what_a_program_started_ends_with_it),
		cmocka_unit_test(the_network_device_has_the_address_of_the_command_line),
		cmocka_unit_test(quit_turns_the_power_off),
		cmocka_unit_test_setup_teardown(
			with_fault_hang_all_but_marks_are_answered_and_a_lost_host_is_a_quit,
			set_up_vm, tear_down_vm),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_done_is_said_on_the_console_and_the_power_goes_off,
			set_up_vm, tear_down_vm),
	};

	folder = guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("guest", tests, boot_shared, end_shared);
}
