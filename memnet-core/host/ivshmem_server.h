/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ivshmem server protocol (QEMU docs/specs/ivshmem-spec, version 0), spoken
 * by the daemon as peer 0 to the one QEMU of its VM.
 *
 * QEMU reads up to the memory message while it starts and cannot reconnect, so
 * the socket must be listening before QEMU is launched.
 */
#ifndef MEMNET_IVSHMEM_SERVER_H
#define MEMNET_IVSHMEM_SERVER_H

/*
 * Greet the QEMU at the connected UNIX socket @fd as peer 1: hand it @memfd,
 * @host_eventfd to ring peer 0 with, and @n eventfds for its own vectors. Blocks
 * for as long as QEMU does not read; 0 or -errno.
 */
int mn_ivshmem_greet(int fd, int memfd, int host_eventfd, const int *guest_eventfds,
		     unsigned int n);

#endif
