/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a guest, as root, beside its agent, whose lock it does not ask for: map the ivshmem
 * device through sysfs and scribble over region and doorbell until killed. For MS
 * milliseconds only what costs the host time, then anything.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/sysfs.h"
#include "memnet-core/test/scribble.h"

#define DOORBELL_WORD 3

static int is_ivshmem(const char *path, void *found)
{
	if (!mn_sysfs_says(path, "vendor", "0x1af4") || !mn_sysfs_says(path, "device", "0x1110"))
		return 0;
	strcpy(found, path);
	return 1;
}

static void *map_bar(const char *device, const char *resource, size_t *bytes)
{
	char path[MN_SYSFS_PATH + 32];
	struct stat st;
	void *base;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", device, resource);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	*bytes = st.st_size;
	base = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		err(1, "map %s", path);
	close(fd);
	return base;
}

static void take_device(struct mn_region *r)
{
	char device[MN_SYSFS_PATH];
	uint32_t *registers;
	size_t bytes;

	if (mn_sysfs_find("/sys/bus/pci/devices", is_ivshmem, device) < 0)
		errx(1, "there is no ivshmem device");
	registers = map_bar(device, "resource0", &bytes);
	*r = (struct mn_region){ .doorbell = registers + DOORBELL_WORD };
	r->base = map_bar(device, "resource2", &r->bytes);
}

static struct mn_geometry read_geometry(const struct mn_region *r)
{
	const struct mn_header *h = mn_header(r->base);
	const struct mn_geometry g = {
		.region_bytes = mn_fetch(&h->h_region_bytes),
		.channels = mn_fetch32(&h->h_channels), .flows = mn_fetch32(&h->h_flows),
		.fifo_bytes = mn_fetch(&h->h_fifo_bytes),
	};

	if (mn_geometry_check(&g) || g.region_bytes > r->bytes)
		errx(1, "there is no region");
	return g;
}

int main(int argc, char **argv)
{
	struct mn_region region;
	struct scribbler s = { .region = &region };
	unsigned long floods = 0;
	int64_t end_ns;

	if (argc != 3)
		errx(2, "usage: evil-guest SEED MS");
	s.seed = strtoull(argv[1], NULL, 10);
	end_ns = mn_now_ns() + atoi(argv[2]) * NSEC_PER_MSEC;
	setpriority(PRIO_PROCESS, 0, -20);	/* before those it disturbs */
	take_device(&region);
	s.geometry = read_geometry(&region);
	for (; mn_now_ns() < end_ns; floods++)
		scribble_flood(&s);
	printf("floods=%lu\n", floods);
	fflush(stdout);
	for (;;)
		scribble_round(&s);
}
