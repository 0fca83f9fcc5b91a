/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "memnet-core/base/util.h"

static const int allowed[] = {
#include "memnet-core/host/syscalls.h"
};

#define TYPE_MASK 0xf	/* of socket(): its type without SOCK_NONBLOCK, SOCK_CLOEXEC */

/*
 * Sockets are those of flows. Others would be doors: to services at abstract UNIX addresses
 * of the network namespace, to the hypervisor (vsock), to rarely used parts of the kernel.
 */
static int allow_sockets(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6 }, types[] = { SOCK_STREAM, SOCK_DGRAM };
	int ret = 0;

	for (size_t f = 0; f < ARRAY_SIZE(families); f++)
		for (size_t t = 0; t < ARRAY_SIZE(types) && !ret; t++)
			ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
					       SCMP_A0_32(SCMP_CMP_EQ, families[f]),
					       SCMP_A1_32(SCMP_CMP_MASKED_EQ, TYPE_MASK, types[t]),
					       SCMP_A2_32(SCMP_CMP_EQ, 0));
	return ret;
}

/* None of a terminal, into which one can type (TIOCSTI): standard error may be one. */
static int allow_ioctl(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1_32(SCMP_CMP_EQ, SIOCOUTQ));
}

/* Nothing that was written is executed. */
static int allow_mmap(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Pages of the region are given back; it gets no others so. */
static int allow_fallocate(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fallocate), 1,
				SCMP_A1_32(SCMP_CMP_EQ,
					   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE));
}

/* These calls only so; the others with any arguments. */
static const struct {
	int call;
	int (*allow)(scmp_filter_ctx filter);
} narrowed[] = {
	{ SCMP_SYS(socket), allow_sockets },
	{ SCMP_SYS(ioctl), allow_ioctl },
	{ SCMP_SYS(mmap), allow_mmap },
	{ SCMP_SYS(fallocate), allow_fallocate },
};

static int allow(scmp_filter_ctx filter, int call)
{
	for (size_t i = 0; i < ARRAY_SIZE(narrowed); i++)
		if (narrowed[i].call == call)
			return narrowed[i].allow(filter);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

/* Below 0: this machine has no such call, but one that does the same, in the list as well. */
static int allow_all(scmp_filter_ctx filter)
{
	int ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !ret; i++)
		if (allowed[i] >= 0)
			ret = allow(filter, allowed[i]);
	return ret;
}

int mn_seccomp_make(void **out)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? allow_all(filter) : -ENOMEM;

	if (ret) {
		mn_seccomp_free(filter);
		return ret;
	}
	*out = filter;
	return 0;
}

void mn_seccomp_free(void *filter)
{
	if (filter)
		seccomp_release(filter);
}

int mn_seccomp_enter(void *filter)
{
	return seccomp_load(filter);
}
