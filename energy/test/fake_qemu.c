/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/test/fake_qemu.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"

#define ID 77

unsigned int fake_calls;

static qemu_plugin_vcpu_tb_trans_cb_t on_translation;
static qemu_plugin_vcpu_simple_cb_t on_idle;
static void *plugin;
static char path[64];
static const struct insns_page *page;

/* $BUILD/lib, where this is $BUILD/energy/test/NAME. */
static void *open_plugin(void)
{
	char file[4096];
	void *handle;

	assert_int_equal(mn_beside_program(3, "lib/memnet-insns.so", file, sizeof(file)), 0);
	handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail_msg("%s", dlerror());
	return handle;
}

int fake_load(const struct fake_qemu *q)
{
	const qemu_info_t info = {
		.target_name = q->target ? q->target : "x86_64", .version = { q->min, q->cur },
		.system_emulation = true, .system = { q->vcpus, q->vcpus },
	};
	int (*install)(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);
	char argument[80], *argv[] = { "other=on", argument };
	const int *version;

	snprintf(path, sizeof(path), "%s/fake-qemu-%d", q->dir ? q->dir : "/tmp", getpid());
	snprintf(argument, sizeof(argument), "page=%s", path);
	plugin = open_plugin();
	version = dlsym(plugin, "qemu_plugin_version");
	*(void **)&install = dlsym(plugin, "qemu_plugin_install");
	assert_true(version && install);
	if (*version < q->min || *version > q->cur)
		return -ERANGE;
	return install(ID, &info, q->no_page ? 1 : 2, argv);
}

void fake_unload(void)
{
	if (page)
		munmap((void *)page, INSNS_PAGE_BYTES);
	dlclose(plugin);
	unlink(path);
	page = NULL;
	on_translation = NULL;
	on_idle = NULL;
	fake_calls = 0;
}

const struct insns_page *fake_page(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	page = mmap(NULL, INSNS_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(page != MAP_FAILED);
	return page;
}

struct qemu_plugin_tb fake_translate(uint64_t vaddr, size_t n_insns)
{
	struct qemu_plugin_tb tb = { .vaddr = vaddr, .n_insns = n_insns };

	assert_non_null(on_translation);
	on_translation(ID, &tb);
	return tb;
}

void fake_run(const struct qemu_plugin_tb *tb, unsigned int vcpu)
{
	for (size_t i = 0; i < tb->n_ops; i++)
		tb->ops[i].run(&tb->ops[i], vcpu);
}

void fake_idle(unsigned int vcpu)
{
	if (on_idle)
		on_idle(ID, vcpu);
}

void fake_add_op(struct qemu_plugin_tb *tb, struct fake_op op)
{
	assert_true(tb->n_ops < 4);
	tb->ops[tb->n_ops++] = op;
}

/* --- the API, as far as all versions have it ------------------------------------------ */

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb)
{
	assert_true(id == ID);
	on_translation = cb;
}

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb)
{
	return tb->n_insns;
}

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb)
{
	return tb->vaddr;
}

void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb)
{
	assert_true(id == ID);
	on_idle = cb;
}

static void run_call(const struct fake_op *op, unsigned int vcpu)
{
	fake_calls++;
	op->cb(vcpu, op->what);
}

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
					  enum qemu_plugin_cb_flags flags, void *userdata)
{
	fake_add_op(tb, (struct fake_op){ .run = run_call, .cb = cb, .what = userdata });
}
