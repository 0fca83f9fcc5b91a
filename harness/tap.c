/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/netdev.h"

int tap_open(const char *name, struct in_addr addr, int prefix)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int ret, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ret = ioctl(fd, TUNSETIFF, &ifr) ? -errno : netdev_configure(name, addr, prefix);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
