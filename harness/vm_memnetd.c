/* SPDX-License-Identifier: BSD-2-Clause */
/* memnetd for VMs: what it is told of each, and that it serves before QEMU starts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/link.h"
#include "harness/paths/tap.h"
#include "harness/plan.h"
#include "harness/sandbox.h"
#include "harness/vm_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

#define MEMNETD_FLOWS	8U	/* fewer would change how large the FIFOs of a case are */
#define OBJECTS_ARENA	"8M"	/* of its region of 32M: what powers of two leave the FIFOs is more */
#define LISTEN_TIMEOUT_MS 3000
#define LINK_RULE	LINK_PEER_ADDR "/32:" LINK_PEER_PORT

/* "vm", "vm2". */
static void vm_name(unsigned int number, char name[16])
{
	snprintf(name, 16, number ? "vm%u" : "vm", number);
}

void vm_tmp_path(unsigned int number, const char *suffix, char path[64])
{
	char name[16];

	vm_name(number, name);
	snprintf(path, 64, SANDBOX_TMP "/%s.%s", name, suffix);
}

bool vm_in_guest_ram(const struct vm_config *c)
{
	return c->region && !strcmp(c->region, PLAN_GUEST_RAM);
}

static int wait_for_file(const char *path, struct child *maker)
{
	int64_t deadline = mn_now_ns() + LISTEN_TIMEOUT_MS * NSEC_PER_MSEC;

	while (access(path, F_OK)) {
		if (child_ended(maker))
			return -EPIPE;
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		mn_sleep_until_ns(mn_now_ns() + 2 * NSEC_PER_MSEC);
	}
	return 0;
}

/* The arguments of a memnetd; what comes before the first --vm is for all. */
struct memnetd_argv {
	char *args[18 + 20 * MAX_VMS];
	char flows[16], names[MAX_VMS][16], rules[MAX_VMS][32], ram[MAX_VMS][64];
};

/*
 * What any program may do: all that there is in the sandbox's own network. A server answers
 * datagrams where they come from, at whatever port.
 */
static const char *const program_rules[] = {
	"any 198.18.0.0/15", "any fd00:198:18::/64", "listen any 198.18.0.0/15",
	"listen any fd00:198:18::/64", "listen any 0.0.0.0", "listen any ::",
};

/* All that guest number @number may reach, and where it may listen. */
static int add_rules(struct memnetd_argv *a, int n, const struct vm_config *c, char *rule,
		     size_t size, unsigned int number)
{
	snprintf(rule, size, c->link ? LINK_RULE : TAP_HOST_ADDR "/32:" TAP_PEER_PORT, number);
	a->args[n++] = "--allow";
	a->args[n++] = rule;
	for (size_t i = 0; c->programs && i < ARRAY_SIZE(program_rules); i++) {
		a->args[n++] = "--allow";
		a->args[n++] = (char *)program_rules[i];
	}
	return n;
}

static void make_memnetd_argv(struct memnetd_argv *a, const struct vm_config *c,
			      unsigned int first, unsigned int n_vms)
{
	/* A server has a listener, and a flow for each client. */
	static const char *const room[] = { "--size", "256M", "--flows", "512" };
	int n = 0;

	memset(a, 0, sizeof(*a));
	a->args[n++] = (char *)c->memnetd;
	a->args[n++] = "--dir";
	a->args[n++] = SANDBOX_TMP;
	if (c->programs) {
		for (size_t i = 0; i < ARRAY_SIZE(room); i++)
			a->args[n++] = (char *)room[i];
	} else {
		snprintf(a->flows, sizeof(a->flows), "%u", MAX(c->flows, MEMNETD_FLOWS));
		a->args[n++] = "--flows";
		a->args[n++] = a->flows;
	}
	if (*c->spin) {
		a->args[n++] = "--spin";
		a->args[n++] = (char *)c->spin;
	}
	if (c->objects && !vm_in_guest_ram(c)) {
		a->args[n++] = "--arena";
		a->args[n++] = OBJECTS_ARENA;
	}
	for (unsigned int i = 0; i < n_vms; i++) {
		vm_name(first + i, a->names[i]);
		a->args[n++] = "--vm";
		a->args[n++] = a->names[i];
		n = add_rules(a, n, c, a->rules[i], sizeof(a->rules[i]), first + i);
		if (!vm_in_guest_ram(c))
			continue;
		vm_tmp_path(first + i, RAM_FILE, a->ram[i]);
		a->args[n++] = "--guest-ram";
		a->args[n++] = a->ram[i];
	}
}

int vm_start_memnetd(struct child *memnetd, const struct vm_config *config, unsigned int first,
		     unsigned int n, char *why, size_t size)
{
	struct memnetd_argv argv;
	char log[512], path[64];
	int ret;

	make_memnetd_argv(&argv, config, first, n);
	for (unsigned int i = 0; i < n; i++) {	/* left by a memnetd that was killed */
		vm_tmp_path(first + i, "ivshmem", path);
		unlink(path);
		vm_tmp_path(first + i, "bell", path);
		unlink(path);
	}
	snprintf(log, sizeof(log), "%s/memnetd.log", config->log_dir);
	ret = child_start(memnetd, "memnetd", argv.args, log, -1, NULL);
	if (!ret)
		ret = wait_for_file(path, memnetd);	/* the last VM's bell: made last */
	if (ret)
		return mn_explain(why, size, ret, "memnetd does not come up (%s): see %s",
				  strerror(-ret), log);
	return 0;
}
