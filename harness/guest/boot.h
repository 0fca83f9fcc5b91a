/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bare initramfs needs before it can serve anybody. Each step gives 0, or
 * -errno after it has said on stderr (the console) what failed.
 */
#ifndef MEMNET_HARNESS_GUEST_BOOT_H
#define MEMNET_HARNESS_GUEST_BOOT_H

#include <stddef.h>

/* proc, sys, dev, a tmpfs on /run with /run/progress in it; stdio on the console. */
int boot_mount(void);

/* The modules named in /modules/order, a file name a line, in that order. No such file: none. */
int boot_load_modules(void);

/*
 * The first Ethernet device gets what the kernel command line says with
 * memnet.addr=A.B.C.D/BITS, memnet.mtu=BYTES and memnet.gateway=A.B.C.D. No memnet.addr:
 * nothing.
 */
int boot_network(void);

/*
 * Start /bin/memnet-agent, if the image has it, with the region that memnet.region= of the
 * kernel command line names, and wait until it listens. One that
 * ends at once (no region in this machine) is no failure: it has said so.
 */
int boot_start_agent(void);

/* Wait for the virtio-serial port of that name and open it. An open descriptor or -errno. */
int boot_open_port(const char *name);

/* The value of "@key=" on the kernel command line. NULL where it is not there. Lasts. */
const char *boot_parameter(const char *key);

#endif
