/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/mirror.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int map_at(void *at, int fd, off_t offset, size_t bytes)
{
	void *got = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);

	return got == MAP_FAILED ? -errno : 0;
}

int mn_map_mirrored(void **base, int fd, off_t offset, size_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *room;
	int ret;

	if (!bytes || bytes % page || bytes > SIZE_MAX / 2 || offset < 0 || offset % page)
		return -EINVAL;
	/* Addresses first, so that nobody else's mapping is replaced. */
	room = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	ret = map_at(room, fd, offset, bytes);
	if (!ret)
		ret = map_at(room + bytes, fd, offset, bytes);
	if (ret) {
		munmap(room, 2 * bytes);
		return ret;
	}
	*base = room;
	return 0;
}

void mn_unmap_mirrored(void *base, size_t bytes)
{
	munmap(base, 2 * bytes);
}
