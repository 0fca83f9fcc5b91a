/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan's link on a kernel that has all it needs, the guest's: is what we ask of netem and tbf
 * accepted, and kept? And without netem, what does the kernel's refusal come to? In a VM under
 * TCG, for the host may be of either kind. Skips (77) without QEMU or the image. About 10 s.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "harness/test/guest_vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define INITRD	"test-link.img"
#define SLACK_NS (15 * NSEC_PER_MSEC)	/* of an emulated CPU on a busy host */
#define BURST	(128 << 10)

static struct guest_vm vm;

static char said[600];

/* Does @command end well? @said: the first line it writes. */
static bool ends_well(const char *command)
{
	const char *line;
	char text[300];

	snprintf(text, sizeof(text), "spawn 0 %s", command);
	guest_vm_command(&vm, text);
	guest_vm_expect(&vm, "spawned 0 ");
	said[0] = '\0';
	while ((line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS)) &&
	       strncmp(line, "exit 0 ", 7)) {
		print_message("%s\n", line);
		if (!said[0])
			snprintf(said, sizeof(said), "%s", line);
	}
	assert_non_null(line);
	return strstr(line, " status=0");
}

static const char *run(const char *command)
{
	assert_true(ends_well(command));
	return said;
}

/* The kernel takes a namespace apart some time after its last process has ended. */
static void remove_netem(void)
{
	for (int i = 0; i < 50 && !ends_well("busybox rmmod sch_netem"); i++)
		poll(NULL, 0, 100);
}

static int boot(void **state)
{
	const struct guest_vm_setup setup = { .initrd = INITRD, .append = "" };

	guest_vm_boot(&vm, &setup);
	guest_vm_expect_ready(&vm);
	return 0;
}

static int end(void **state)
{
	guest_vm_end(&vm);
	return guest_vm_clean_up();
}

/* Each way by itself. */
static void a_delay_is_there_and_back(void **state)
{
	const char *none = run("link-trip 1000000000 0"), *line;

	assert_in_range(guest_vm_value(none, "there_ns"), 0, SLACK_NS);
	assert_in_range(guest_vm_value(none, "back_ns"), 0, SLACK_NS);
	line = run("link-trip 0 40000000");
	assert_in_range(guest_vm_value(line, "there_ns"), 40000000, 40000000 + SLACK_NS);
	assert_in_range(guest_vm_value(line, "back_ns"), 40000000, 40000000 + SLACK_NS);
	assert_null(strstr(line, "flood"));
}

/* tbf under netem: the burst comes after the delay, the rest at the rate; the queue is full. */
static void a_rate_is_kept_beside_a_delay(void **state)
{
	const char *line = run("link-trip 8000000 40000000");
	int64_t bytes = guest_vm_value(line, "flood_bytes");
	int64_t want_ns = 40000000 + (bytes - BURST) * 1000;	/* a byte a microsecond */

	assert_in_range(guest_vm_value(line, "there_ns"), 40000000, 40000000 + SLACK_NS);
	assert_in_range(bytes, BURST + (256 << 10) - 3000, BURST + (256 << 10) + 60000);
	assert_in_range(guest_vm_value(line, "flood_ns"), want_ns * 0.97, want_ns * 1.1);
}

static void without_netem_the_mend_is_named(void **state)
{
	remove_netem();
	assert_non_null(strstr(run("link-trip 8000000 40000000"), "obstacle: this kernel has no netem, "
			       "which a plan's link_delay needs: modprobe sch_netem"));
	assert_non_null(strstr(run("link-trip 8000000 0"), " trip there_ns="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delay_is_there_and_back),
		cmocka_unit_test(a_rate_is_kept_beside_a_delay),
		cmocka_unit_test(without_netem_the_mend_is_named),
	};

	guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("link kernel", tests, boot, end);
}
