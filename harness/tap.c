/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr as_sockaddr(struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };
	struct sockaddr out;

	memcpy(&out, &sin, sizeof(out));
	return out;
}

static int configure(const char *name, struct in_addr addr, int prefix)
{
	struct in_addr mask = { .s_addr = htonl(prefix ? ~0u << (32 - prefix) : 0) };
	int ret = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ifr.ifr_addr = as_sockaddr(addr);
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		goto fail;
	ifr.ifr_netmask = as_sockaddr(mask);
	if (ioctl(fd, SIOCSIFNETMASK, &ifr))
		goto fail;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (!ioctl(fd, SIOCSIFFLAGS, &ifr))
		goto out;
fail:
	ret = -errno;
out:
	close(fd);
	return ret;
}

int tap_open(const char *name, struct in_addr addr, int prefix)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int ret, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ret = ioctl(fd, TUNSETIFF, &ifr) ? -errno : configure(name, addr, prefix);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
