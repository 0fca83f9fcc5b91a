/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/paths/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/tap.h"
#include "memnet-core/base/explain.h"

void tap_missing(struct path_reasons *reasons)
{
	if (access("/dev/net/tun", R_OK | W_OK))
		path_reason(reasons, "no access to /dev/net/tun (%s): load the tun module "
			    "(modprobe tun), and let this user open it", strerror(errno));
}

int tap_path_open(struct path_end *end, const char *log, char *why, size_t size)
{
	char name[16], text[PATH_ADDR_SIZE];
	struct in_addr addr;

	snprintf(name, sizeof(name), "memnet%u", end->number);
	snprintf(text, sizeof(text), TAP_HOST_ADDR, end->number);
	inet_pton(AF_INET, text, &addr);
	end->fd = tap_open(name, addr, TAP_PREFIX);
	if (end->fd < 0)
		return mn_explain(why, size, end->fd, "cannot make a tap device: %s; load the tun "
				  "module (modprobe tun), and let this user open /dev/net/tun",
				  strerror(-end->fd));
	return 0;
}

int tap_add_devices(struct qemu_argv *v, const struct path_end *end)
{
	return qemu_add(v, "-netdev", "tap,id=net0,fd=%d,vhost=off", end->fd) ?:
	       qemu_add(v, "-device", QEMU_VIRTIO_NET);
}
