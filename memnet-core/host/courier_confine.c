/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a courier that was taken over by a server may not do. What it may is not listed: libraries
 * call what they like, and other things in their next version. But none of these is theirs.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/courier_internal.h"

static const int forbidden[] = {
	/* another program; another process, and what is in its memory */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp), SCMP_SYS(process_madvise),
	/* other files, and privilege to be had over namespaces of its own */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(mount_setattr), SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(memfd_create),
	/* parts of the kernel that have much to give to who attacks it */
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key),
	SCMP_SYS(keyctl), SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(personality), SCMP_SYS(modify_ldt), SCMP_SYS(vmsplice), SCMP_SYS(syslog),
};

/* As those of seccomp.c, with what resolves names; rules compare an argument once. */
static int forbid_sockets(scmp_filter_ctx filter)
{
	int ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 1,
				   SCMP_A0_32(SCMP_CMP_GE, AF_MAX));

	for (int family = 0; family < AF_MAX && !ret; family++)
		if (family != AF_INET && family != AF_INET6 && family != AF_UNIX &&
		    family != AF_NETLINK)
			ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 1,
					       SCMP_A0_32(SCMP_CMP_EQ, family));
	if (!ret)
		ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 2,
				       SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK),
				       SCMP_A2_32(SCMP_CMP_NE, NETLINK_ROUTE));
	return ret;
}

/* Threads, no namespaces. A filter cannot look at clone3()'s flags; the C library has clone(). */
static int forbid_namespaces(scmp_filter_ctx filter)
{
	static const int flags[] = {
		CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
		CLONE_NEWPID, CLONE_NEWNET,
	};
	int ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < ARRAY_SIZE(flags) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	return ret;
}

/* Into a terminal one can type; standard error may be one. */
static int forbid_typing(scmp_filter_ctx filter)
{
	int ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
				   SCMP_A1_32(SCMP_CMP_EQ, TIOCSTI));

	return ret ? ret : seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
					    SCMP_A1_32(SCMP_CMP_EQ, TIOCLINUX));
}

int courier_confine(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int ret = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
					    SCMP_ACT_KILL_PROCESS) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(forbidden) && !ret; i++)
		if (forbidden[i] >= 0)	/* else this machine has no such call */
			ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, forbidden[i], 0);
	if (!ret)
		ret = forbid_sockets(filter);
	if (!ret)
		ret = forbid_namespaces(filter);
	if (!ret)
		ret = forbid_typing(filter);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
