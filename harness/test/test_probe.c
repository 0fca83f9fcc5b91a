/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_probe(), which decides about KVM, with TCG: a kernel that reaches its init is
 * seen to. Skips (77) without QEMU or an image. About 5 s.
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
#include "harness/vm.h"
#include "memnet-core/base/io.h"

static const char *folder;

static void a_kernel_that_reaches_init_is_seen_to(void **state)
{
	char kernel[4200], initrd[4200], why[512] = "", command[200];
	const struct vm_config config = {
		.accel = "tcg", .cpu_model = "max,-erms,-fsrm", .vcpus = 1, .memory_mib = 256,
		.kernel = kernel, .initrd = initrd, .log_dir = folder, .spin = "",
		.ready_timeout_ms = GUEST_VM_BOOT_MS,
	};
	int ret;

	assert_int_equal(mn_beside_program(3, "guest/vmlinuz", kernel, sizeof(kernel)), 0);
	assert_int_equal(mn_beside_program(3, "guest/initrd.img", initrd, sizeof(initrd)), 0);
	ret = vm_probe(&config, why, sizeof(why));
	snprintf(command, sizeof(command), "rm -f %s/*.log", folder);
	assert_int_equal(system(command), 0);
	if (ret)
		fail_msg("%s", why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_that_reaches_init_is_seen_to),
	};
	int failed;

	folder = guest_vm_prepare("initrd.img");
	failed = cmocka_run_group_tests_name("probe", tests, NULL, NULL);
	return guest_vm_clean_up() || failed;
}
