/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugin under API 1, as QEMU 7.2 has it: loading, refusals, and both ways to count. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_qemu.h"

static void run_add(const struct fake_op *op, unsigned int vcpu)
{
	*(uint64_t *)op->what += op->imm;
}

void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *ptr, uint64_t imm)
{
	fake_add_op(tb, (struct fake_op){ .run = run_add, .what = ptr, .imm = imm });
}

static void one_vcpu_is_counted_inline(void **state)
{
	const struct fake_qemu q = { .min = 0, .cur = 1, .vcpus = 1 };
	const struct insns_page *page;
	struct qemu_plugin_tb user, kernel;

	assert_int_equal(fake_load(&q), 0);
	page = fake_page();
	assert_non_null(page);
	assert_true(page->header.magic == INSNS_PAGE_MAGIC);
	assert_int_equal(page->header.version, INSNS_PAGE_VERSION);
	assert_int_equal(page->header.vcpus, 1);
	assert_int_equal(page->header.writer, getpid());
	user = fake_translate(FAKE_USER, 5);
	kernel = fake_translate(FAKE_KERNEL, 7);
	assert_int_equal(page->vcpu[0].insns[INSNS_USER], 0);	/* translated, not run */
	for (int i = 0; i < 3; i++)
		fake_run(&user, 0);
	fake_run(&kernel, 0);
	assert_int_equal(page->vcpu[0].insns[INSNS_USER], 15);
	assert_int_equal(page->vcpu[0].insns[INSNS_KERNEL], 7);
	assert_int_equal(fake_calls, 0);
	fake_unload();
}

static void several_vcpus_are_counted_by_calls_each_in_its_line(void **state)
{
	const struct fake_qemu q = { .min = 0, .cur = 1, .vcpus = 3 };
	const struct insns_page *page;
	struct qemu_plugin_tb user, kernel;

	assert_int_equal(fake_load(&q), 0);
	page = fake_page();
	assert_int_equal(page->header.vcpus, 3);
	user = fake_translate(FAKE_USER, 300);
	kernel = fake_translate(FAKE_KERNEL, 1);
	fake_run(&user, 2);
	fake_run(&kernel, 0);
	fake_run(&kernel, 2);
	assert_int_equal(page->vcpu[0].insns[INSNS_USER], 0);
	assert_int_equal(page->vcpu[0].insns[INSNS_KERNEL], 1);
	assert_int_equal(page->vcpu[1].insns[INSNS_USER] + page->vcpu[1].insns[INSNS_KERNEL], 0);
	assert_int_equal(page->vcpu[2].insns[INSNS_USER], 300);
	assert_int_equal(page->vcpu[2].insns[INSNS_KERNEL], 1);
	assert_int_equal(fake_calls, 3);
	fake_unload();
}

static void what_it_cannot_do_it_refuses(void **state)
{
	static const struct {
		struct fake_qemu q;
		int error;
	} cases[] = {
		{ { .min = 0, .cur = 1, .vcpus = 32 }, -E2BIG },
		{ { .min = 0, .cur = 1, .vcpus = 1, .target = "aarch64" }, -ENOTSUP },
		{ { .min = 0, .cur = 1, .vcpus = 1, .no_page = true }, -EINVAL },
		{ { .min = 0, .cur = 0, .vcpus = 1 }, -ERANGE },	/* QEMU refuses it */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(fake_load(&cases[i].q), cases[i].error);
		assert_null(fake_page());
		fake_unload();
	}
}

/* A file system of its own at @dir, without room; false: not permitted. */
static bool mount_full(const char *dir)
{
	static const char block[65536];
	char path[64];
	int fd;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("full", dir, "tmpfs", 0, "size=16k"))
		return false;
	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	return true;
}

static void a_page_there_is_no_room_for_is_refused(void **state)
{
	char dir[] = "/tmp/fake-qemu-XXXXXX";
	const struct fake_qemu q = { .min = 0, .cur = 1, .vcpus = 1, .dir = dir };
	enum { REFUSED, TAKEN, NOT_PERMITTED };
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	pid = fork();
	if (!pid)
		_exit(!mount_full(dir) ? NOT_PERMITTED :
		      fake_load(&q) == -ENOSPC && !fake_page() ? REFUSED : TAKEN);
	waitpid(pid, &status, 0);
	rmdir(dir);
	assert_true(WIFEXITED(status));		/* not by SIGBUS */
	if (WEXITSTATUS(status) == NOT_PERMITTED) {
		print_message("skipped: needs root to mount a file system\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_vcpu_is_counted_inline),
		cmocka_unit_test(several_vcpus_are_counted_by_calls_each_in_its_line),
		cmocka_unit_test(what_it_cannot_do_it_refuses),
		cmocka_unit_test(a_page_there_is_no_room_for_is_refused),
	};

	return cmocka_run_group_tests_name("insns_api1", tests, NULL, NULL);
}
