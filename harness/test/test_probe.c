/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_probe(), which decides about KVM, with TCG: a kernel that reaches its init is
 * seen to; what is told of one that does not. Skips (77) without QEMU or an image. About 5 s.
 */
#include <errno.h>
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

static int probe(const char *log_dir, int timeout_ms, char why[512])
{
	char kernel[4200], initrd[4200], command[200];
	const struct vm_config config = {
		.accel = "tcg", .cpu_model = "max,-erms,-fsrm", .vcpus = 1, .memory_mib = 256,
		.kernel = kernel, .initrd = initrd, .log_dir = log_dir, .spin = "",
		.ready_timeout_ms = timeout_ms,
	};
	int ret;

	why[0] = '\0';
	assert_int_equal(mn_beside_program(3, "guest/vmlinuz", kernel, sizeof(kernel)), 0);
	assert_int_equal(mn_beside_program(3, "guest/initrd.img", initrd, sizeof(initrd)), 0);
	ret = vm_probe(&config, why, 512);
	snprintf(command, sizeof(command), "rm -f %s/*.log", log_dir);
	assert_int_equal(system(command), 0);
	return ret;
}

static void a_kernel_that_reaches_init_is_seen_to(void **state)
{
	char why[512];

	if (probe(folder, GUEST_VM_BOOT_MS, why))
		fail_msg("%s", why);
}

/* What is in the /dev/shm of an experiment nobody else finds. */
static void a_log_is_named_where_it_can_be_read(void **state)
{
	char dir[] = "/dev/shm/memnet-test-probe.XXXXXX", why[512], see[200];

	assert_int_equal(probe(folder, 10, why), -ETIMEDOUT);
	snprintf(see, sizeof(see), "; see %s/console.log", folder);
	assert_non_null(strstr(why, see));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(probe(dir, 10, why), -ETIMEDOUT);
	assert_int_equal(rmdir(dir), 0);
	assert_non_null(strstr(why, "was not ready within 0.01 s (accel tcg)"));
	assert_null(strstr(why, "see"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_that_reaches_init_is_seen_to),
		cmocka_unit_test(a_log_is_named_where_it_can_be_read),
	};
	int failed;

	folder = guest_vm_prepare("initrd.img");
	failed = cmocka_run_group_tests_name("probe", tests, NULL, NULL);
	return guest_vm_clean_up() || failed;
}
