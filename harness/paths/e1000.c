/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A gigabit card of about 2000, emulated register by register: what a guest without
 * virtio drivers gets. The tap is that of virtio-tap; the card has to be another,
 * and the guest's kernel needs a driver that cloud kernels leave out.
 */
#include "harness/paths/tap.h"

static int add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return qemu_add(v, "-netdev", "tap,id=net0,fd=%d,vhost=off", end->fd) ?:
	       qemu_add(v, "-device", "e1000,netdev=net0,romfile=");
}

const struct path path_e1000 = {
	.name = "e1000",
	.summary = "an emulated e1000 on a tap device",
	.transport = "socket",
	.guest = TAP_GUEST, .peer = TAP_PEER, .listen = TAP_PEER,
	.reach = TAP_GUEST_ADDR,
	.module = "e1000",
	.baseline = 1,
	.missing = tap_missing,
	.open = tap_path_open,
	.add_devices = add_devices,
};
