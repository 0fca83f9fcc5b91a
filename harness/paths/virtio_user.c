/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's own TCP (libslirp): no device and no right on the host, QEMU is an
 * ordinary program with sockets. The guest's card is that of virtio-tap; what
 * stands behind it has to be another: there is no tap in this VM, and virtio-net
 * has no offloads, for slirp has none to give.
 *
 * Each VM has a network of its own with the same addresses; its peer has a port of its own.
 * slirp answers for SLIRP_HOST and connects to the loopback device, that of the
 * sandbox. It works in QEMU's main thread, and is counted as QEMU's.
 */
#include "harness/path.h"

#define SLIRP_NET	"198.18.16.0/24"
#define SLIRP_HOST	"198.18.16.2"
#define SLIRP_GUEST	"198.18.16.15/24"

static void missing(struct path_reasons *reasons)
{
}

static int add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return qemu_add(v, "-netdev", "user,id=net0,ipv6=off,net=" SLIRP_NET ",host=" SLIRP_HOST) ?:
	       qemu_add(v, "-device", QEMU_VIRTIO_NET);
}

const struct path path_virtio_user = {
	.name = "virtio-user",
	.summary = "virtio-net on QEMU's own TCP (slirp)",
	.transport = "socket",
	.guest = SLIRP_GUEST, .peer = SLIRP_HOST ":700%u", .listen = "127.0.0.1:700%u",
	.baseline = 1,
	.missing = missing,
	.add_devices = add_devices,
};
