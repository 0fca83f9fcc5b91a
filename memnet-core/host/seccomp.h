/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls a worker may make. Each source file names those it makes itself, in its
 * head, behind "#syscalls"; syscalls.sh collects them when the worker is built. Some are
 * narrowed to what a worker has to do with them. Any other ends the process, with SIGSYS.
 */
#ifndef MEMNET_SECCOMP_H
#define MEMNET_SECCOMP_H

/* The filter, once for all workers. 0 or -errno. */
int mn_seccomp_make(void **out);

void mn_seccomp_free(void *filter);

/* From now on, for good. 0 or -errno. */
int mn_seccomp_enter(void *filter);

#endif
