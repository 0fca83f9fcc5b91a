/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a courier that was taken over by a server may not do. What it may is not listed: libraries
 * call what they like, and other things in their next version. But none of these is theirs.
 */
#include <errno.h>
#include <seccomp.h>

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

int courier_confine(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int ret = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
					    SCMP_ACT_KILL_PROCESS) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(forbidden) && !ret; i++)
		if (forbidden[i] >= 0)	/* else this machine has no such call */
			ret = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, forbidden[i], 0);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
