/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/ivshmem_server.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>

#include "memnet-core/base/fdpass.h"

#define PROTOCOL_VERSION	0
#define HOST_PEER		0
#define QEMU_PEER		1
#define MEMORY_FOLLOWS		-1

/* One message: a little-endian int64, and @fd along with it unless it is -1. */
static int send_message(int to, int64_t value, int fd)
{
	int64_t wire = htole64(value);

	return mn_send_fds(to, &wire, sizeof(wire), &fd, fd >= 0);
}

int mn_ivshmem_greet(int fd, int memfd, int host_eventfd, const int *guest_eventfds,
		     unsigned int n)
{
	const struct { int64_t value; int fd; } greeting[] = {
		{ PROTOCOL_VERSION, -1 },
		{ QEMU_PEER, -1 },
		{ MEMORY_FOLLOWS, memfd },
		{ HOST_PEER, host_eventfd },	/* its vector 0 */
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(greeting) / sizeof(greeting[0]); i++)
		ret = send_message(fd, greeting[i].value, greeting[i].fd);
	for (unsigned int i = 0; !ret && i < n; i++)
		ret = send_message(fd, QEMU_PEER, guest_eventfds[i]);
	return ret;
}
