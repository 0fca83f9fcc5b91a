/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugin under API 3 to 6, as QEMU 9.1 and later have it: by scoreboards; and under 7. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "energy/test/fake_qemu.h"

static void run_cond_call(const struct fake_op *op, unsigned int vcpu)
{
	char *element = qemu_plugin_scoreboard_find(op->entry.score, vcpu);

	if (*(uint64_t *)(element + op->entry.offset) < op->imm)
		return;
	fake_calls++;
	op->cb(vcpu, op->what);
}

void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
					       qemu_plugin_vcpu_udata_cb_t cb,
					       enum qemu_plugin_cb_flags flags,
					       enum qemu_plugin_cond cond, qemu_plugin_u64 entry,
					       uint64_t imm, void *userdata)
{
	assert_int_equal(cond, QEMU_PLUGIN_COND_GE);
	fake_add_op(tb, (struct fake_op){ .run = run_cond_call, .cb = cb, .entry = entry,
					  .imm = imm, .what = userdata });
}

static void load(int vcpus)
{
	const struct fake_qemu q = { .min = 2, .cur = 4, .vcpus = vcpus };

	assert_int_equal(fake_load(&q), 0);
}

static void the_page_gets_what_has_come_together(void **state)
{
	const struct insns_page *page;
	struct qemu_plugin_tb user;

	load(1);
	page = fake_page();
	user = fake_translate(FAKE_USER, 100);
	for (int i = 0; i < 40; i++)
		fake_run(&user, 0);
	assert_int_equal(page->vcpu[0].insns[INSNS_USER], 0);
	fake_run(&user, 0);
	assert_int_equal(page->vcpu[0].insns[INSNS_USER], 4100);
	for (int i = 0; i < 1000; i++)
		fake_run(&user, 0);
	assert_in_range(page->vcpu[0].insns[INSNS_USER], 104100 - 4095, 104100);
	assert_in_range(fake_calls, 25, 26);
	fake_unload();
}

static void a_vcpu_at_rest_is_up_to_date_and_alone_in_its_line(void **state)
{
	struct qemu_plugin_tb user, kernel;
	const struct insns_page *page;

	load(3);
	page = fake_page();
	user = fake_translate(FAKE_USER, 11);
	kernel = fake_translate(FAKE_KERNEL, 2);
	fake_run(&user, 2);
	fake_run(&kernel, 2);
	fake_run(&kernel, 1);
	fake_idle(2);
	fake_idle(2);			/* nothing twice */
	assert_int_equal(page->vcpu[2].insns[INSNS_USER], 11);
	assert_int_equal(page->vcpu[2].insns[INSNS_KERNEL], 2);
	assert_int_equal(page->vcpu[1].insns[INSNS_KERNEL], 0);
	fake_idle(1);
	assert_int_equal(page->vcpu[1].insns[INSNS_KERNEL], 2);
	fake_unload();
}

static void callbacks_of_another_form_are_not_tried(void **state)
{
	const struct fake_qemu q = { .min = 2, .cur = 7, .vcpus = 1 };

	assert_int_equal(fake_load(&q), -EPROTO);
	assert_null(fake_page());
	fake_unload();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_gets_what_has_come_together),
		cmocka_unit_test(a_vcpu_at_rest_is_up_to_date_and_alone_in_its_line),
		cmocka_unit_test(callbacks_of_another_form_are_not_tried),
	};

	return cmocka_run_group_tests_name("insns_api3", tests, NULL, NULL);
}
