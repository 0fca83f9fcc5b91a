/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/ivshmem_server.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define PROTOCOL_VERSION	0
#define HOST_PEER		0
#define QEMU_PEER		1
#define MEMORY_FOLLOWS		-1

/* One message: a little-endian int64, and @fd along with it unless it is -1. */
static int send_message(int to, int64_t value, int fd)
{
	int64_t wire = htole64(value);
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(to, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof(wire) ? 0 : -EPIPE;
}

int mn_ivshmem_greet(int fd, int memfd, int host_eventfd, int guest_eventfd)
{
	const struct { int64_t value; int fd; } greeting[] = {
		{ PROTOCOL_VERSION, -1 },
		{ QEMU_PEER, -1 },
		{ MEMORY_FOLLOWS, memfd },
		{ HOST_PEER, host_eventfd },	/* vector 0 of each */
		{ QEMU_PEER, guest_eventfd },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(greeting) / sizeof(greeting[0]); i++)
		ret = send_message(fd, greeting[i].value, greeting[i].fd);
	return ret;
}
