/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An experiment runs in namespaces of its own: network, mounts, and without
 * root a user namespace. When its processes end, however they end, the kernel
 * takes the namespaces down, and with them every tap, socket and shared-memory
 * file. The host's network is never touched.
 */
#ifndef HARNESS_SANDBOX_H
#define HARNESS_SANDBOX_H

#include <stddef.h>

/* A private tmpfs inside the sandbox; gone with it. */
#define SANDBOX_TMP "/dev/shm"

/*
 * Move this process into a new sandbox; children follow. Call it early, with
 * one thread. 0, or -errno with one line that names the mend in @why.
 */
int sandbox_enter(char *why, size_t why_size);

#endif
