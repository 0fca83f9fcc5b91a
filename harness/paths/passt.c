/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passt, one for the VM: it takes Ethernet frames from QEMU over a stream socket
 * and makes the guest's connections with sockets of its own. The guest's card is
 * that of virtio-tap; what stands behind it has to be another: there is no tap in
 * this VM, and virtio-net has no offloads, for QEMU's stream socket carries none.
 * (Newer passt has vhost-user, which does; Debian 12's has not.)
 * Debian 12's (2023-03-09) also stalls many streams towards a guest as slow as one under
 * TCG, for seconds: they do not end in order when told to, and such runs are invalid.
 *
 * The socket is a pair without a name, so passt need not be waited for, and ends
 * when QEMU does; that matters, for as root it changes to nobody, by which the
 * kernel forgets that it was to die with us.
 *
 * Each VM has a network of its own with the same addresses; its peer has a port of its own.
 * passt answers for PASST_GATEWAY and connects to the loopback device, that of
 * the sandbox. It is told all it would look for on the host's interface with the
 * default route: a sandbox has none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/path.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

#define PASST		"passt"
#define PASST_GATEWAY	"198.18.32.1"
#define PASST_GUEST	"198.18.32.2"
#define PASST_MTU	65520		/* what its DHCP would tell */
#define PASST_MAC	"02:00:00:00:00:01"	/* passt's own, locally administered */

static void missing(struct path_reasons *reasons)
{
	if (!mn_program_there(PASST))
		path_reason(reasons, "there is no program passt: apt-get install passt");
}

static int start(struct path_end *end, int fd, const char *log)
{
	char number[16];
	char *argv[] = {
		PASST, "--foreground", "--stderr", "--quiet", "--fd", number, "--ipv4-only",
		"--interface", "lo", "--address", PASST_GUEST, "--netmask", "24",
		"--gateway", PASST_GATEWAY, "--mac-addr", PASST_MAC,
		"--tcp-ports", "none", "--udp-ports", "none", "--no-udp", "--no-icmp", "--no-dhcp",
		NULL
	};
	const int pass[] = { fd, -1 };

	snprintf(number, sizeof(number), "%d", fd);
	return child_start(&end->helper, PASST, argv, log, -1, pass);
}

static int open_pair(struct path_end *end, const char *log, char *why, size_t size)
{
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return mn_explain(why, size, -errno, "cannot make a socket for passt: %s",
				  strerror(errno));
	end->fd = fds[0];
	ret = start(end, fds[1], log);
	close(fds[1]);
	if (ret)
		return mn_explain(why, size, ret, "cannot start passt: %s; apt-get install passt",
				  strerror(-ret));
	return 0;
}

static int add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return qemu_add(v, "-netdev", "stream,id=net0,addr.type=fd,addr.str=%d", end->fd) ?:
	       qemu_add(v, "-device", QEMU_VIRTIO_NET);
}

const struct path path_passt = {
	.name = "passt",
	.summary = "virtio-net on a stream socket to passt, whose sockets are the guest's TCP",
	.transport = "socket",
	.guest = PASST_GUEST "/24", .mtu = PASST_MTU,
	.peer = PASST_GATEWAY ":700%u", .listen = "127.0.0.1:700%u",
	.baseline = 1,
	.missing = missing,
	.open = open_pair,
	.add_devices = add_devices,
};
