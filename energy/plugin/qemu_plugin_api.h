/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What insns.c uses of QEMU's plugin API, written from its documentation (docs/devel/
 * tcg-plugins.rst, and the comments of qemu-plugin.h). "API 2" is the version that brought
 * or removed a function: QEMU 7.2 has 1, 9.0 has 2, 9.1 has 3, 9.2 has 4. From API 7
 * (QEMU 11.1) callbacks have other parameters, and none of this is true.
 *
 * QEMU loads a plugin whose qemu_plugin_version is within its own range: up to API 1 from
 * 0, since then from 2, each to its own version. Functions that some versions lack are weak:
 * their address is NULL there.
 */
#ifndef MEMNET_ENERGY_PLUGIN_QEMU_PLUGIN_API_H
#define MEMNET_ENERGY_PLUGIN_QEMU_PLUGIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_API_NEWEST 6	/* these declarations are right up to it */

#define QEMU_EXPORT	__attribute__((visibility("default")))
#define QEMU_MAY_LACK	__attribute__((weak))

typedef uint64_t qemu_plugin_id_t;

typedef struct qemu_info_t {
	const char *target_name;	/* "x86_64" */
	struct {
		int min, cur;		/* API versions this QEMU takes, and has */
	} version;
	bool system_emulation;
	union {
		struct {
			int smp_vcpus, max_vcpus;
		} system;
	};
} qemu_info_t;

struct qemu_plugin_tb;			/* valid during the translation callback */
struct qemu_plugin_scoreboard;

typedef struct {			/* a word of each vCPU's element; API 2 */
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cond { QEMU_PLUGIN_COND_GE = 7 };	/* API 3 */

typedef void (*qemu_plugin_vcpu_simple_cb_t)(qemu_plugin_id_t id, unsigned int vcpu);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

/* The plugin's: read, then called, once it is loaded; it is refused unless that gives 0. */
extern QEMU_EXPORT int qemu_plugin_version;
QEMU_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				    char **argv);

/* A block is being translated, by a vCPU's thread; other vCPUs may run meanwhile. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

/* A vCPU has nothing to do; in its own thread. */
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);

/* At each execution of the block: a call in the vCPU's thread. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
					  enum qemu_plugin_cb_flags flags, void *userdata);

/* At each execution *@ptr += @imm, not atomically. Up to API 1. */
QEMU_MAY_LACK
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *ptr, uint64_t imm);

/* The same to the vCPU's own word of a scoreboard. From API 2. */
QEMU_MAY_LACK
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       qemu_plugin_u64 entry, uint64_t imm);
/* One zeroed element per vCPU, in memory of QEMU's. From API 2. */
QEMU_MAY_LACK
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
QEMU_MAY_LACK
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);

/* At each execution with *entry @cond @imm: a call in the vCPU's thread. From API 3. */
QEMU_MAY_LACK
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
					       qemu_plugin_vcpu_udata_cb_t cb,
					       enum qemu_plugin_cb_flags flags,
					       enum qemu_plugin_cond cond, qemu_plugin_u64 entry,
					       uint64_t imm, void *userdata);

#endif
