/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/paths/tap.h"

const struct path path_virtio_tap = {
	.name = "virtio-tap",
	.summary = "virtio-net on a tap device, served by QEMU",
	.transport = "socket",
	.guest = TAP_GUEST, .peer = TAP_PEER, .listen = TAP_PEER,
	.reach = TAP_GUEST_ADDR,
	.baseline = 2,
	.missing = tap_missing,
	.open = tap_path_open,
	.add_devices = tap_add_devices,
};
