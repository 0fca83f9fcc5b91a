/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/layout.h"

void mn_region_drain(struct mn_region *r)
{
	uint64_t buf[8];

	/* An eventfd gives 8 bytes once, the serial port what has come. */
	while (read(r->wait_fd, buf, sizeof(buf)) == sizeof(buf))
		;
}

static void memfd_ring(struct mn_region *r)
{
	const uint64_t one = 1;

	/* EAGAIN: the counter is full, the other side has not slept through it. */
	if (write(r->ring_fd, &one, sizeof(one)) < 0)
		return;
}

static void memfd_close(struct mn_region *r)
{
	munmap(r->base, r->bytes);
	close(r->ring_fd);
	close(r->wait_fd);
}

static const struct mn_region_provider memfd_provider = {
	.name = "memfd", .summary = "a process on the host itself",
	.ring = memfd_ring, .close = memfd_close,
};

int mn_region_open_memfd(struct mn_region *r, int memfd, int ring_fd, int wait_fd)
{
	struct stat st;
	void *base = MAP_FAILED;
	int ret = 0;

	if (fstat(memfd, &st) || st.st_size < (off_t)MN_DATA_OFFSET)
		ret = -EINVAL;
	else
		base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (!ret && base == MAP_FAILED)
		ret = -errno;
	close(memfd);
	if (ret) {
		close(ring_fd);
		close(wait_fd);
		return ret;
	}
	*r = (struct mn_region){
		.provider = &memfd_provider, .base = base, .bytes = st.st_size,
		.wait_fd = wait_fd, .ring_fd = ring_fd,
	};
	return 0;
}
