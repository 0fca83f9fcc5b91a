/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/ivshmem_server.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>

#include "memnet-core/base/fdpass.h"
#include "memnet-core/ivshmem_protocol.h"


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
		{ MN_IVSHMEM_VERSION, -1 },
		{ MN_IVSHMEM_GUEST, -1 },
		{ MN_IVSHMEM_MEMORY, memfd },
		{ MN_IVSHMEM_HOST, host_eventfd },	/* its vector 0 */
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(greeting) / sizeof(greeting[0]); i++)
		ret = send_message(fd, greeting[i].value, greeting[i].fd);
	for (unsigned int i = 0; !ret && i < n; i++)
		ret = send_message(fd, MN_IVSHMEM_GUEST, guest_eventfds[i]);
	return ret;
}
