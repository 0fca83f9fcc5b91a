/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest instructions by the TCG plugin in real VMs: a fixed job counts the same in every
 * boot. Skips (77) without QEMU or an image, or where QEMU takes no plugin. About 20 s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/guest_insns.h"
#include "harness/insns_plugin.h"
#include "harness/test/guest_vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"

#define INITRD	"initrd.img"
#define JOB	"spawn 0 memnet-work compute --kernel sha256 --ops 500 --barrier"
#define REST_NS	(300 * NSEC_PER_MSEC)	/* of the guest before and after the job */

static const char *folder;
static char plugin[4200], page[128];
static uint64_t first[GUEST_MODES];	/* what the job took in the first boot */

static void rest(void)
{
	mn_sleep_until_ns(mn_now_ns() + REST_NS);
}

/* The instructions of the job, and of REST_NS on either side. */
static void count_job(struct guest_vm *vm, uint64_t insns[GUEST_MODES])
{
	struct guest_insns_reading begin, end;
	struct guest_insns *g;
	char why[256];

	guest_vm_expect_ready(vm);
	if (guest_insns_open_page(&g, page, vm->pid, why, sizeof(why)))
		fail_msg("%s", why);
	guest_vm_command(vm, JOB);
	guest_vm_expect(vm, "spawned 0 ");
	guest_vm_expect(vm, "armed 0");
	guest_insns_read(g, &begin);
	rest();
	guest_vm_command(vm, "go");
	guest_vm_expect(vm, "went ");
	guest_vm_expect(vm, "result 0 workload=compute kernel=sha256 ops=500 ");
	guest_vm_expect(vm, "exit 0 status=0");
	rest();
	guest_insns_read(g, &end);
	for (int mode = 0; mode < GUEST_MODES; mode++)
		assert_int_equal(guest_insns_delta(&begin, &end, mode, &insns[mode]), 0);
	guest_insns_close(g);
	print_message("user %llu, kernel %llu\n", (unsigned long long)insns[GUEST_USER],
		      (unsigned long long)insns[GUEST_KERNEL]);
}

/* A fresh boot with @vcpus, the job in it, and the end. */
static void boot_and_count(const char *vcpus, uint64_t insns[GUEST_MODES])
{
	char option[4400];
	const char *const options[] = { "-plugin", option, "-smp", vcpus, NULL };
	const struct guest_vm_setup setup = { .initrd = INITRD, .append = "", .options = options };
	struct guest_vm vm;

	snprintf(option, sizeof(option), "%s,page=%s", plugin, page);
	guest_vm_boot(&vm, &setup);
	count_job(&vm, insns);
	guest_vm_end(&vm);
	unlink(page);
}

static void within_half_a_percent(uint64_t a, uint64_t b)
{
	if (llabs((long long)(a - b)) > (long long)(b / 200))
		fail_msg("%llu is not within 0.5 %% of %llu", (unsigned long long)a,
			 (unsigned long long)b);
}

/* 500 blocks of 16 KiB: some forty instructions a byte, and all of them in user mode. */
static void user_and_kernel_are_told_apart(void **state)
{
	boot_and_count("1", first);
	assert_in_range(first[GUEST_USER], 100000000, 1000000000);
	assert_in_range(first[GUEST_KERNEL], 1000, first[GUEST_USER] / 20);
}

static void a_fixed_job_counts_the_same_in_another_boot(void **state)
{
	uint64_t insns[GUEST_MODES];

	boot_and_count("1", insns);
	within_half_a_percent(insns[GUEST_USER], first[GUEST_USER]);
}

/* QEMU 7.2 counts otherwise there (insns.c). */
static void two_vcpus_count_as_much_as_one(void **state)
{
	uint64_t insns[GUEST_MODES];

	boot_and_count("2", insns);
	within_half_a_percent(insns[GUEST_USER], first[GUEST_USER]);
}

static int clean_up(void **state)
{
	return guest_vm_clean_up();
}

/* $BUILD/lib, where this is $BUILD/harness/test/NAME. */
static void find_plugin(void)
{
	char why[256];

	if (mn_beside_program(3, INSNS_PLUGIN, plugin, sizeof(plugin)))
		abort();
	snprintf(page, sizeof(page), "%s/page", folder);
	if (insns_plugin_try(plugin, folder, why, sizeof(why))) {
		guest_vm_clean_up();
		printf("SKIP: %s\n", why);
		exit(77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_and_kernel_are_told_apart),
		cmocka_unit_test(a_fixed_job_counts_the_same_in_another_boot),
		cmocka_unit_test(two_vcpus_count_as_much_as_one),
	};

	folder = guest_vm_prepare(INITRD);
	find_plugin();
	return cmocka_run_group_tests_name("insns", tests, NULL, clean_up);
}
