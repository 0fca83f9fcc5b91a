/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host wakes a program in the guest by MSI-X through vfio-pci, in a VM under
 * TCG with a virtual IOMMU: vfio-ring here, vfio-echo there (memnet-core/test).
 * Skips (77) without QEMU or an image, or where the guest's kernel has no vfio.
 * About 6 s: two boots.
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
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define INITRD		"test-vfio.img"
#define DEVICES		"/sys/bus/pci/devices/"
#define DOORBELL	DEVICES "0000:00:10.0"
#define PLAIN		DEVICES "0000:00:11.0"	/* ivshmem without MSI-X */
#define NETWORK		DEVICES "0000:00:12.0"	/* has a driver */
#define ROUNDS		"50"
#define PLAIN_OPTIONS	"-object", "memory-backend-ram,size=1M,share=on,id=plain", \
			"-device", "ivshmem-plain,memdev=plain,addr=0x11"

static const char *folder;
static struct guest_vm vm;
static FILE *ring;	/* vfio-ring's output */

static void boot(const struct guest_vm_setup *setup)
{
	guest_vm_boot(&vm, setup);
	guest_vm_expect_ready(&vm);
}

static void spawn(unsigned int slot, const char *program, const char *argument)
{
	char text[300], answer[32];

	snprintf(text, sizeof(text), "spawn %u %s %s", slot, program, argument);
	snprintf(answer, sizeof(answer), "spawned %u ", slot);
	guest_vm_command(&vm, text);
	guest_vm_expect(&vm, answer);
}

/* Run it in slot 0: all it says, and how it exits, as one text. */
static void run(const char *program, const char *argument, char *said, size_t size)
{
	const char *line = "";
	size_t n = 0;

	spawn(0, program, argument);
	while (strncmp(line, "exit 0 ", 7)) {
		line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS);
		assert_non_null(line);
		n += snprintf(said + n, size - n, "%s\n", line);
		assert_in_range(n, 1, size - 1);
	}
}

/* Driver, driver_override and command register of the device, as text. */
static void read_state(const char *device, char *state, size_t size)
{
	static const struct { const char *program, *file; } parts[] = {
		{ "busybox readlink", "driver" },
		{ "busybox cat", "driver_override" },
		{ "busybox hexdump -s 4 -n 2", "config" },
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char path[200];

		snprintf(path, sizeof(path), "%s/%s", device, parts[i].file);
		run(parts[i].program, path, state + n, size - n);
		n += strlen(state + n);
	}
}

static void expect_of_take(const char *device, const char *want)
{
	char before[1000], after[1000], said[1000];

	read_state(device, before, sizeof(before));
	run("vfio-echo take", device, said, sizeof(said));
	assert_string_equal(said, want);
	read_state(device, after, sizeof(after));
	assert_string_equal(before, after);
}

/* --- tests ------------------------------------------------------------------------- */

static void each_vector_arrives_and_the_device_is_left_as_found(void **state)
{
	char before[1000], after[1000], line[200];

	read_state(DOORBELL, before, sizeof(before));
	spawn(1, "vfio-echo", DOORBELL);
	guest_vm_expect(&vm, "out 1 cache write-back ");
	printf("%s\n", vm.line);
	guest_vm_expect(&vm, "exit 1 status=0");
	assert_non_null(fgets(line, sizeof(line), ring));
	printf("%s", line);
	assert_int_equal(strncmp(line, "vectors=16 rings=800 ", 21), 0);
	assert_non_null(fgets(line, sizeof(line), ring));
	assert_string_equal(line, "ok\n");
	read_state(DOORBELL, after, sizeof(after));
	assert_string_equal(before, after);
}

static void a_device_with_a_driver_gets_it_back(void **state)
{
	char state_text[1000], said[1000];

	read_state(NETWORK, state_text, sizeof(state_text));
	assert_non_null(strstr(state_text, "/virtio-pci\n"));
	expect_of_take(NETWORK, "out 0 vectors=3\nexit 0 status=0\n");
	run("busybox ifconfig", "eth1", said, sizeof(said));
	assert_non_null(strstr(said, "exit 0 status=0"));
}

static void without_msi_x_there_is_no_device(void **state)
{
	expect_of_take(PLAIN, "err 0 vfio-echo: open: ENODEV\nexit 0 status=1\n");
}

static void no_such_device_is_no_device(void **state)
{
	expect_of_take(DEVICES "0000:00:13.0",
		       "err 0 vfio-echo: open: ENODEV\nexit 0 status=1\n");
}

static void a_second_opener_is_refused_and_one_after_a_kill_is_not(void **state)
{
	char said[1000];

	for (int round = 0; round < 2; round++) {
		spawn(1, "vfio-echo", DOORBELL);
		guest_vm_expect(&vm, "out 1 cache ");
		run("vfio-echo take", DOORBELL, said, sizeof(said));
		assert_string_equal(said, "err 0 vfio-echo: open: EBUSY\nexit 0 status=1\n");
		guest_vm_command(&vm, "kill");
		guest_vm_expect(&vm, "killed");
		guest_vm_expect(&vm, "exit 1 signal=9");
	}
	expect_of_take(DOORBELL, "out 0 vectors=16\nexit 0 status=0\n");
}

static void without_an_iommu_there_is_no_device(void **state)
{
	static const char *const options[] = { PLAIN_OPTIONS, NULL };
	const struct guest_vm_setup setup = {
		.initrd = INITRD, .append = "intel_iommu=on", .options = options,
	};

	guest_vm_end(&vm);
	boot(&setup);
	expect_of_take(PLAIN, "err 0 vfio-echo: open: ENODEV\nexit 0 status=1\n");
}

/* --- around them ----------------------------------------------------------------- */

/* vfio-ring is in the folder above test's, beside memnet-core's tests. */
static int start_ring(const char *socket)
{
	char program[4096], command[4400], line[32];

	if (mn_beside_program(3, "memnet-core/test/vfio-ring", program, sizeof(program)))
		return -1;
	snprintf(command, sizeof(command), "exec %s %s " ROUNDS, program, socket);
	ring = popen(command, "re");
	return ring && fgets(line, sizeof(line), ring) ? 0 : -1;
}

static int end_all(void **state)
{
	int ret;

	guest_vm_end(&vm);
	ret = pclose(ring);
	return guest_vm_clean_up() || ret;
}

/* A kernel of the user's own may lack it; Debian's does not. */
static void skip_without_vfio(void)
{
	char said[1000];

	run("busybox ls -d /sys/bus/pci/drivers/vfio-pci", DOORBELL "/iommu_group", said,
	    sizeof(said));
	if (strstr(said, "exit 0 status=0"))
		return;
	end_all(NULL);
	printf("SKIP: the guest's kernel has no vfio-pci or no IOMMU driver; "
	       "build without KERNEL=\n");
	exit(77);
}

static int boot_with_iommu(void **state)
{
	char socket[100], chardev[200];
	const char *const options[] = {
		"-device", "intel-iommu,intremap=on",
		"-chardev", chardev, "-device", "ivshmem-doorbell,chardev=r,vectors=16,addr=0x10",
		PLAIN_OPTIONS, "-netdev", "user,id=m,restrict=on",
		"-device", "virtio-net-pci,netdev=m,addr=0x12,vectors=3,romfile=", NULL
	};
	const struct guest_vm_setup setup = {
		.initrd = INITRD, .append = "intel_iommu=on", .options = options,
	};

	snprintf(socket, sizeof(socket), "%s/ivshmem", folder);
	snprintf(chardev, sizeof(chardev), "socket,id=r,path=%s", socket);
	if (start_ring(socket))
		return -1;
	boot(&setup);
	unlink(socket);
	skip_without_vfio();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vector_arrives_and_the_device_is_left_as_found),
		cmocka_unit_test(a_device_with_a_driver_gets_it_back),
		cmocka_unit_test(without_msi_x_there_is_no_device),
		cmocka_unit_test(no_such_device_is_no_device),
		cmocka_unit_test(a_second_opener_is_refused_and_one_after_a_kill_is_not),
		cmocka_unit_test(without_an_iommu_there_is_no_device),
	};

	folder = guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("vfio", tests, boot_with_iommu, end_all);
}
