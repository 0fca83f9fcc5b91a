/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real powercap class of a kernel, in a VM under TCG: a module of ours registers zones
 * whose power is known and whose counters wrap (energy/test/powercap_module), and a
 * program with the energy library in it must find the joules. Here, too, a machine
 * of one's own whose clock can be set. Skips (77) without QEMU, an image, or the
 * headers of the guest's kernel. About 25 s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/test/guest_vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define INITRD		"test-powercap.img"
#define MODULE		"/memnet_powercap.ko"
#define PROGRAM		"guest-joules"
#define STEP_MS		1	/* the module's counters advance this often */
#define PREEMPTED_MS	5	/* the vCPU may be, between a clock and its counter */

/* As the module has them. */
static const struct { const char *domain; unsigned int watts; } known[] = {
	{ "package-0", 50 }, { "core-0", 30 }, { "dram-0", 5 }, { "psys", 100 },
	{ "package-1", 20 }, { "dram-1", 3 }, { "total", 50 + 5 + 20 + 3 },
};

static struct guest_vm vm;

static void spawn(unsigned int slot, const char *command)
{
	char text[300], answer[32];

	snprintf(text, sizeof(text), "spawn %u %s", slot, command);
	snprintf(answer, sizeof(answer), "spawned %u ", slot);
	guest_vm_command(&vm, text);
	guest_vm_expect(&vm, answer);
}

/* All that is said until the program of @slot has ended well, as one text. */
static void take(unsigned int slot, char *said, size_t size)
{
	const char *line = "";
	char end[32];
	size_t n = 0;

	snprintf(end, sizeof(end), "exit %u ", slot);
	while (strncmp(line, end, strlen(end))) {
		line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS);
		assert_non_null(line);
		n += snprintf(said + n, size - n, "%s\n", line);
		assert_in_range(n, 1, size - 1);
	}
	if (strcmp(strchr(line + 5, ' '), " status=0"))
		fail_msg("%s", said);
}

static void run(const char *command)
{
	char said[4000];

	spawn(1, command);
	take(1, said, sizeof(said));
}

/* A window of @ms, in the middle of which @meanwhile is run. */
static void measure(unsigned int ms, const char *meanwhile, char *said, size_t size)
{
	char command[100], begun[4000] = "";

	snprintf(command, sizeof(command), PROGRAM " %u powercap", ms);
	spawn(0, command);
	while (!strstr(begun, "out 0 begun")) {
		const char *line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS);
		size_t n = strlen(begun);

		assert_non_null(line);
		assert_in_range(n + strlen(line), 1, sizeof(begun) - 2);
		snprintf(begun + n, sizeof(begun) - n, "%s\n", line);
	}
	if (meanwhile) {
		mn_sleep_until_ns(mn_now_ns() + ms / 2 * NSEC_PER_MSEC);
		run(meanwhile);
	}
	snprintf(said, size, "%s", begun);
	take(0, said + strlen(said), size - strlen(said));
}

/* The line of @domain, as a text of its own. */
static char *line_of(const char *said, const char *domain)
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "out 0 %s ", domain);
	at = strstr(said, start);
	if (!at)
		fail_msg("no line of %s in: %s", domain, said);
	return strndup(at, strcspn(at, "\n"));
}

/* W times ms is mJ: what each domain used, but for the two edges. */
static void expect_known_joules(const char *said)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char *line = line_of(said, known[i].domain);
		uint64_t window_ns = guest_vm_value(line, "window_ns");
		int64_t expected_uj = known[i].watts * window_ns / 1000;
		int64_t uj = guest_vm_value(line, "uj");
		int64_t edges_uj = known[i].watts * 1000 * 2 * (STEP_MS + PREEMPTED_MS);

		print_message("%-9s %3u W x %.6f s: expected %9.3f J, measured %9.3f J, %+.3f J, "
			      "edges may make %.3f J\n", known[i].domain, known[i].watts,
			      window_ns / 1e9, expected_uj / 1e6, uj / 1e6,
			      (uj - expected_uj) / 1e6, edges_uj / 1e6);
		if (!strstr(line, " source=powercap quality=measured gaps=0 "))
			fail_msg("%s", line);
		assert_in_range(uj, expected_uj - edges_uj, expected_uj + edges_uj);
		free(line);
	}
}

/* 250 J of package-0 are two or three times round its counter of 100 J. */
static void known_power_gives_known_joules_over_wraps(void **state)
{
	char said[8000];

	measure(5000, NULL, said, sizeof(said));
	expect_known_joules(said);
	assert_non_null(strstr(said, "intel-rapl-mmio:0 left out: package-0 is already read"));
}

static void a_step_of_the_clock_changes_nothing(void **state)
{
	char said[8000];

	measure(3000, "busybox date -s 2031-01-01", said, sizeof(said));
	expect_known_joules(said);
	measure(3000, "busybox date -s 2021-01-01", said, sizeof(said));
	expect_known_joules(said);
}

static void a_suspend_in_the_window_is_a_gap(void **state)
{
	char said[8000], *line;

	measure(3000, "busybox sh /suspend.sh", said, sizeof(said));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		line = line_of(said, known[i].domain);
		print_message("%s\n", line + strlen("out 0 "));
		if (!strstr(line, " quality=invalid ") || !strstr(line, " uj=none ") ||
		    !strstr(line, "the machine was suspended"))
			fail_msg("%s", line);
		free(line);
	}
}

/* The last test: after it the zones are gone. */
static void a_driver_unloaded_in_the_window_leaves_a_gap(void **state)
{
	char said[8000], *line;

	measure(3000, "busybox rmmod memnet_powercap", said, sizeof(said));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		line = line_of(said, known[i].domain);
		if (!strstr(line, " quality=invalid ") || !strstr(line, " uj=none ") ||
		    !strstr(line, "lost in the window (ENODEV)"))
			fail_msg("%s", line);
		print_message("%s\n", line + strlen("out 0 "));
		free(line);
	}
	measure(100, NULL, said, sizeof(said));
	line = line_of(said, "total");
	assert_non_null(strstr(line, "quality=absent gaps=0"));
	assert_non_null(strstr(line, "no package zone"));
	free(line);
}

/* --- around them ----------------------------------------------------------------- */

static int boot(void **state)
{
	const struct guest_vm_setup setup = { .initrd = INITRD, .append = "" };

	guest_vm_boot(&vm, &setup);
	guest_vm_expect_ready(&vm);
	run("busybox insmod " MODULE);
	return 0;
}

static int end(void **state)
{
	guest_vm_end(&vm);
	return guest_vm_clean_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_power_gives_known_joules_over_wraps),
		cmocka_unit_test(a_step_of_the_clock_changes_nothing),
		cmocka_unit_test(a_suspend_in_the_window_is_a_gap),
		cmocka_unit_test(a_driver_unloaded_in_the_window_leaves_a_gap),
	};

	guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("powercap_abi", tests, boot, end);
}
