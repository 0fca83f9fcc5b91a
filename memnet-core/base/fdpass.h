/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors over UNIX sockets (SCM_RIGHTS, unix(7)). */
#ifndef MEMNET_BASE_FDPASS_H
#define MEMNET_BASE_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

#define MN_FDPASS_MAX 4	/* descriptors in one message */

/* Send @len bytes (at least 1) and @n descriptors as one message, whole. 0 or -errno. */
int mn_send_fds(int sock, const void *buf, size_t len, const int *fds, size_t n);

/*
 * Receive one message: at most @size bytes and @max descriptors, which are
 * close-on-exec and the caller's. @n tells how many came; those beyond @max are
 * closed. Returns the bytes, 0 at the end, -errno.
 */
ssize_t mn_recv_fds(int sock, void *buf, size_t size, int *fds, size_t max, size_t *n);

#endif
