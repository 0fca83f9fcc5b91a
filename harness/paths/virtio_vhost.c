/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine of virtio-tap; its rings are served by a thread of the kernel instead of QEMU's. */
#include <unistd.h>

#include "harness/paths/tap.h"

static void missing(struct path_reasons *reasons)
{
	tap_missing(reasons);
	if (access("/dev/vhost-net", R_OK | W_OK))
		path_reason(reasons, "no access to /dev/vhost-net: load the vhost_net module "
			    "(modprobe vhost_net)");
}

static int add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return qemu_add(v, "-netdev", "tap,id=net0,fd=%d,vhost=on", end->fd) ?:
	       qemu_add(v, "-device", QEMU_VIRTIO_NET);
}

const struct path path_virtio_vhost = {
	.name = "virtio-vhost",
	.summary = "virtio-net on a tap device, served by the kernel's vhost",
	.transport = "socket",
	.guest = TAP_GUEST, .peer = TAP_PEER, .listen = TAP_PEER,
	.reach = TAP_GUEST_ADDR,
	.baseline = 3,
	.vhost = true,
	.missing = missing,
	.open = tap_path_open,
	.add_devices = add_devices,
};
