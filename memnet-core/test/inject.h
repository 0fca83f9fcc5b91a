/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: have another process make a system call, as one does that was taken over. */
#ifndef MEMNET_TEST_INJECT_H
#define MEMNET_TEST_INJECT_H

#include <sys/types.h>

/*
 * Process @pid, which sleeps in a system call, makes the call @number instead, with what
 * is in its registers as arguments, and goes on. 0 or -errno.
 */
int inject_syscall(pid_t pid, long number);

#endif
