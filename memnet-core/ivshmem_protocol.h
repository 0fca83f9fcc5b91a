/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What QEMU's ivshmem device and its server say to each other (QEMU
 * docs/specs/ivshmem-spec, version 0): messages of a little-endian int64, with a
 * descriptor along where one belongs. The daemon is peer 0, its one guest peer 1.
 */
#ifndef MEMNET_IVSHMEM_PROTOCOL_H
#define MEMNET_IVSHMEM_PROTOCOL_H

#define MN_IVSHMEM_VERSION	0	/* the first message */
#define MN_IVSHMEM_MEMORY	-1	/* this one brings the region's descriptor */
#define MN_IVSHMEM_HOST		0
#define MN_IVSHMEM_GUEST	1
#define MN_IVSHMEM_HOST_VECTOR	0	/* of the host; it has one */

#endif
