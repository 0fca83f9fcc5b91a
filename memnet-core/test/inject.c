/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is stopped in a system call stands behind the instruction that made it. Set
 * back by that, with another number in the register for it, it makes that one.
 */
#include "memnet-core/test/inject.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define TRIES	1000	/* of 1 ms: it may be at work */

static int move_registers(pid_t pid, enum __ptrace_request request, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	return ptrace(request, pid, NT_PRSTATUS, &iov) ? -errno : 0;
}

#if defined(__x86_64__)

static bool is_in_call(pid_t pid, const struct user_regs_struct *r)
{
	return (long)r->orig_rax >= 0 &&
	       (ptrace(PTRACE_PEEKTEXT, pid, r->rip - 2, NULL) & 0xffff) == 0x050f;
}

/* Without a call in orig_rax the kernel restarts none. */
static int set_call(pid_t pid, struct user_regs_struct *r, long number, const long args[3])
{
	r->rip -= 2;
	r->rax = number;
	r->orig_rax = -1;
	if (args) {
		r->rdi = args[0];
		r->rsi = args[1];
		r->rdx = args[2];
	}
	return move_registers(pid, PTRACE_SETREGSET, r);
}

#elif defined(__aarch64__)

static bool is_in_call(pid_t pid, const struct user_regs_struct *r)
{
	return (uint32_t)ptrace(PTRACE_PEEKTEXT, pid, r->pc - 4, NULL) == 0xd4000001;
}

static int set_call(pid_t pid, struct user_regs_struct *r, long number, const long args[3])
{
	int none = -1;
	struct iovec iov = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov))
		return -errno;
	r->pc -= 4;
	r->regs[8] = number;
	for (int i = 0; args && i < 3; i++)
		r->regs[i] = args[i];
	return move_registers(pid, PTRACE_SETREGSET, r);
}

#endif

/* Of a process that is stopped. -EAGAIN: not now. */
static int inject_now(pid_t pid, long number, const long args[3])
{
	struct user_regs_struct regs;
	int ret = move_registers(pid, PTRACE_GETREGSET, &regs);

	if (ret)
		return ret;
	return is_in_call(pid, &regs) ? set_call(pid, &regs, number, args) : -EAGAIN;
}

int inject_syscall(pid_t pid, long number, const long args[3])
{
	int ret = -EAGAIN;

	for (int i = 0; i < TRIES && ret == -EAGAIN; i++) {
		if (i)
			poll(NULL, 0, 1);
		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
			return -errno;
		ret = -ESRCH;
		if (!ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) && waitpid(pid, NULL, __WALL) == pid)
			ret = inject_now(pid, number, args);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	return ret;
}
