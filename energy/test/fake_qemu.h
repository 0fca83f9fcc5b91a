/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for QEMU's side of the plugin API: loads the plugin as QEMU does, and
 * runs blocks by hand. What only some API versions have is in the test of that version.
 * Link with -rdynamic: the plugin finds the functions in the program.
 */
#ifndef MEMNET_ENERGY_TEST_FAKE_QEMU_H
#define MEMNET_ENERGY_TEST_FAKE_QEMU_H

#include "energy/plugin/insns_page.h"
#include "energy/plugin/qemu_plugin_api.h"

#define FAKE_USER	0x0000555555554000u
#define FAKE_KERNEL	0xffffffff81000000u

struct fake_op {			/* what a block does when it runs */
	void (*run)(const struct fake_op *op, unsigned int vcpu);
	qemu_plugin_vcpu_udata_cb_t cb;
	void *what;			/* the address, or the call's userdata */
	qemu_plugin_u64 entry;
	uint64_t imm;
};

struct qemu_plugin_tb {
	uint64_t vaddr;
	size_t n_insns, n_ops;
	struct fake_op ops[4];
};

struct fake_qemu {
	int min, cur, vcpus;
	const char *target;		/* NULL: x86_64 */
	bool no_page;			/* without the argument */
	const char *dir;		/* of the page; NULL: /tmp */
};

extern unsigned int fake_calls;		/* of the plugin by blocks */

/* Load and install; 0, what the plugin returned, or -ERANGE: its API version is refused. */
int fake_load(const struct fake_qemu *q);
void fake_unload(void);

/* The page it was told to make, mapped; NULL if there is none. */
const struct insns_page *fake_page(void);

/* Have a block of @n_insns at @vaddr translated. */
struct qemu_plugin_tb fake_translate(uint64_t vaddr, size_t n_insns);
void fake_run(const struct qemu_plugin_tb *tb, unsigned int vcpu);
void fake_idle(unsigned int vcpu);

void fake_add_op(struct qemu_plugin_tb *tb, struct fake_op op);

#endif
