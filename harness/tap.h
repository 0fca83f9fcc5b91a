/* SPDX-License-Identifier: BSD-2-Clause */
/* The baseline's end on the host: a tap device in the sandbox's network namespace. */
#ifndef HARNESS_TAP_H
#define HARNESS_TAP_H

#include <netinet/in.h>

/*
 * Make tap device @name with a virtio-net header (so that checksum and
 * segmentation offload work), give it @addr/@prefix and bring it up. Returns
 * the descriptor QEMU takes; the device goes when it is closed. -errno: -ENOENT
 * and -EACCES are about /dev/net/tun.
 */
int tap_open(const char *name, struct in_addr addr, int prefix);

#endif
