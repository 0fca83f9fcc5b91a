/* SPDX-License-Identifier: BSD-2-Clause */
/* What API 2 added to the stand-in for QEMU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_qemu.h"

#define VCPUS 4
#define ELEMENT 64

struct qemu_plugin_scoreboard {
	char element[VCPUS][ELEMENT];
};

static struct qemu_plugin_scoreboard the_one;

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size)
{
	assert_true(element_size <= ELEMENT);
	memset(&the_one, 0, sizeof(the_one));
	return &the_one;
}

void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu)
{
	assert_true(score == &the_one && vcpu < VCPUS);
	return the_one.element[vcpu];
}

static void run_add(const struct fake_op *op, unsigned int vcpu)
{
	char *element = qemu_plugin_scoreboard_find(op->entry.score, vcpu);

	*(uint64_t *)(element + op->entry.offset) += op->imm;
}

void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       qemu_plugin_u64 entry, uint64_t imm)
{
	fake_add_op(tb, (struct fake_op){ .run = run_add, .entry = entry, .imm = imm });
}
