/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: have another process make a system call, as one does that was taken over. */
#ifndef MEMNET_TEST_INJECT_H
#define MEMNET_TEST_INJECT_H

#include <sys/types.h>

/*
 * Process @pid, which sleeps in a system call, makes the call @number instead and goes on. Its
 * first three arguments are @args; NULL: what is in the registers. 0 or -errno.
 */
int inject_syscall(pid_t pid, long number, const long args[3]);

#endif
