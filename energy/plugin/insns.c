/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCG plugin of QEMU: counts the guest's instructions, user and kernel apart.
 *
 *	-plugin memnet-insns.so,page=PATH
 *
 * QEMU translates the guest's code block by block; the plugin has each block add its
 * number of instructions to a count whenever it runs. There are three ways to add, for
 * the API has changed and inline code is much cheaper than a call:
 *
 *   to the page	inline, where there is one vCPU and the API adds to any address
 *			(up to API 1): exact at any moment
 *   by scoreboard	inline to memory of QEMU's own for each vCPU (from API 3); the page gets
 *			it when 4096 instructions have come together, and when the vCPU goes
 *			idle: the page is behind a busy vCPU by less than that and a block
 *   by call		a call per block (API 1 with several vCPUs, whose inline additions
 *			would overwrite each other; API 2): exact, and the slowest
 *
 * User or kernel is told by the top bit of the block's address: x86-64 addresses are
 * canonical, and Linux has the upper half to itself. A vsyscall is no exception: its
 * page cannot be executed, the kernel emulates the call. What is not 64-bit Linux (firmware,
 * the kernel before it has its page tables) counts as user: at boot only.
 *
 * Not exact: a block left before its end, by an exception or a page fault, is
 * counted whole, and the rest of it again when it goes on. A string instruction with a REP
 * prefix counts once for each round where QEMU leaves the block after each round (7.2
 * does), and once where hardware counts: compare runs of one QEMU only.
 *
 * qemu_plugin_version has to be in the range of the QEMU that loads it, and no value is for
 * all. So it is set while the plugin is loaded, before QEMU looks at it: the older one
 * where QEMU has not got the newer functions.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "energy/plugin/insns_page.h"
#include "energy/plugin/qemu_plugin_api.h"
#include "memnet-core/base/util.h"

#define PUBLISH_INSNS 4096

struct pending {
	uint64_t insns[INSNS_MODES];	/* of one vCPU, that are not in the page yet */
};

static struct insns_page *page;
static struct qemu_plugin_scoreboard *pending;

static void add(unsigned int vcpu, enum insns_mode mode, uint64_t n)
{
	uint64_t *count = &page->vcpu[vcpu].insns[mode];

	__atomic_store_n(count, *count + n, __ATOMIC_RELAXED);
}

/* --- inline, to the page ------------------------------------------------------- */

static bool can_reach_page(const qemu_info_t *info)
{
	return qemu_plugin_register_vcpu_tb_exec_inline && info->system.max_vcpus == 1;
}

static void count_in_page(struct qemu_plugin_tb *tb, enum insns_mode mode, size_t n)
{
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &page->vcpu[0].insns[mode], n);
}

/* --- inline, to a scoreboard ----------------------------------------------------- */

static bool has_scoreboard(const qemu_info_t *info)
{
	return qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu &&
	       qemu_plugin_register_vcpu_tb_exec_cond_cb && qemu_plugin_scoreboard_new &&
	       qemu_plugin_scoreboard_find;
}

static void publish(unsigned int vcpu)
{
	struct pending *p = qemu_plugin_scoreboard_find(pending, vcpu);

	for (int mode = 0; mode < INSNS_MODES; mode++)
		add(vcpu, mode, p->insns[mode]);
	*p = (struct pending){ 0 };
}

static void on_enough(unsigned int vcpu, void *unused)
{
	publish(vcpu);
}

static void on_idle(qemu_plugin_id_t id, unsigned int vcpu)
{
	publish(vcpu);
}

static int start_scoreboard(qemu_plugin_id_t id)
{
	pending = qemu_plugin_scoreboard_new(sizeof(struct pending));
	if (!pending)
		return -ENOMEM;
	qemu_plugin_register_vcpu_idle_cb(id, on_idle);
	return 0;
}

static void count_in_scoreboard(struct qemu_plugin_tb *tb, enum insns_mode mode, size_t n)
{
	const qemu_plugin_u64 entry = {
		pending, offsetof(struct pending, insns) + mode * sizeof(uint64_t)
	};

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, entry, n);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_enough, QEMU_PLUGIN_CB_NO_REGS,
						  QEMU_PLUGIN_COND_GE, entry, PUBLISH_INSNS, NULL);
}

/* --- by a call per block ---------------------------------------------------------- */

static bool always(const qemu_info_t *info)
{
	return true;
}

/* What to add is in the pointer: the number, and the mode in its lowest bit. */
static void on_block(unsigned int vcpu, void *what)
{
	add(vcpu, (uintptr_t)what & 1, (uintptr_t)what >> 1);
}

static void count_by_call(struct qemu_plugin_tb *tb, enum insns_mode mode, size_t n)
{
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(n << 1 | mode));
}

/* --- loading ------------------------------------------------------------------------ */

static const struct way {
	bool (*usable)(const qemu_info_t *info);
	int (*start)(qemu_plugin_id_t id);	/* may be NULL */
	void (*count)(struct qemu_plugin_tb *tb, enum insns_mode mode, size_t n);
} ways[] = {
	{ can_reach_page, NULL, count_in_page },
	{ has_scoreboard, start_scoreboard, count_in_scoreboard },
	{ always, NULL, count_by_call },
}, *way = ways;

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	enum insns_mode mode = qemu_plugin_tb_vaddr(tb) >> 63 ? INSNS_KERNEL : INSNS_USER;

	way->count(tb, mode, qemu_plugin_tb_n_insns(tb));
}

/* Into QEMU's log; QEMU ends then. */
static int refuse(int error, const char *why)
{
	dprintf(STDERR_FILENO, "memnet-insns: %s\n", why);
	return error;
}

static const char *find_path(int argc, char **argv)
{
	static const char key[] = "page=";

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], key, strlen(key)))
			return argv[i] + strlen(key);
	return NULL;
}

/*
 * Always a new file: who still reads that of an earlier QEMU shall not see this one's counts.
 * With its room on the disk: where there was none QEMU would end by SIGBUS at the first count.
 */
static int map_page(const char *path)
{
	int fd, ret;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ret = -posix_fallocate(fd, 0, INSNS_PAGE_BYTES);
	if (!ret) {
		page = mmap(NULL, INSNS_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ret = page == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (ret)
		unlink(path);
	return ret;
}

static void fill_header(const qemu_info_t *info)
{
	struct insns_header *h = &page->header;

	h->version = INSNS_PAGE_VERSION;
	h->vcpus = info->system.max_vcpus;
	h->writer = getpid();
	__atomic_store_n(&h->magic, INSNS_PAGE_MAGIC, __ATOMIC_RELEASE);
}

int qemu_plugin_version = 1;

__attribute__((constructor)) static void choose_version(void)
{
	if (qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu)
		qemu_plugin_version = 2;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *path = find_path(argc, argv);
	int ret;

	if (info->version.cur > QEMU_API_NEWEST)
		return refuse(-EPROTO, "this QEMU's plugin API is newer than those it was written for");
	if (!info->system_emulation || strcmp(info->target_name, "x86_64"))
		return refuse(-ENOTSUP, "it counts in x86-64 machines only");
	if (info->system.max_vcpus > INSNS_MAX_VCPUS)
		return refuse(-E2BIG, "the machine has more than 31 vCPUs");
	if (!path)
		return refuse(-EINVAL, "want page=PATH");
	ret = map_page(path);
	if (ret)
		return refuse(ret, "the file of page= cannot be made and mapped");
	while (!way->usable(info))
		way++;
	ret = way->start ? way->start(id) : 0;
	if (ret)
		return refuse(ret, "out of memory");
	fill_header(info);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
