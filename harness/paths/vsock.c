/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_VSOCK: streams to the host without a network, served by the kernel's vhost.
 * The machine of virtio-tap with one device more, which has to be in this VM
 * alone, for it needs /dev/vhost-vsock.
 *
 * No network namespace holds AF_VSOCK: the guest's CID and the peer's port are
 * the whole machine's. The CID is our process id, which nobody else has, and the VM's number.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/paths/tap.h"

static void missing(struct path_reasons *reasons)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tap_missing(reasons);
	if (fd < 0)
		path_reason(reasons, "no AF_VSOCK on the host (%s): modprobe vsock",
			    strerror(errno));
	else
		close(fd);
	if (access("/dev/vhost-vsock", R_OK | W_OK))
		path_reason(reasons, "no access to /dev/vhost-vsock: load the vhost_vsock module "
			    "(modprobe vhost_vsock)");
}

static int add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return tap_add_devices(v, end) ?:
	       qemu_add(v, "-device", "vhost-vsock-pci,guest-cid=%u", getpid() + end->number);
}

const struct path path_vsock = {
	.name = "vsock",
	.summary = "AF_VSOCK to the host, served by the kernel's vhost",
	.transport = "vsock", .peer_transport = "vsock",
	.guest = TAP_GUEST, .peer = "0.0.0.2:700%u", .listen = "0.0.0.2:700%u",	/* CID 2 */
	.module = "vmw_vsock_virtio_transport",
	.baseline = 1,
	.vhost = true,
	.no_link = true,
	.missing = missing,
	.open = tap_path_open,
	.add_devices = add_devices,
};
