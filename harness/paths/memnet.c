/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The very machine of virtio-tap: memnetd's device is in every VM, and the tap
 * is here too. Only which of them carries the bytes differs. memnetd makes its
 * connections to the same address.
 */
#include "harness/paths/tap.h"

const struct path path_memnet = {
	.name = "memnet",
	.summary = "shared memory, streams opened by memnetd on the host",
	.transport = "memnet",
	.guest = TAP_GUEST, .peer = TAP_PEER, .listen = TAP_PEER,
	.reach = TAP_HOST_ADDR,
	.spins = true,
	.region = "ivshmem",
	.missing = tap_missing,
	.open = tap_path_open,
	.add_devices = tap_add_devices,
};
