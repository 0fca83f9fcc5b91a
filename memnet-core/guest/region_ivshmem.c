/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's ivshmem-doorbell device, without a driver: BAR2 is the region, BAR0
 * has the doorbell. Both are mapped through sysfs.
 *
 * BAR0 (QEMU docs/specs/ivshmem-spec): 4 IntrStatus, 8 IVPosition, 12 Doorbell,
 * written as (peer << 16 | vector). The daemon is peer 0.
 *
 * No interrupt is used: without a kernel driver nobody could acknowledge it.
 * The host wakes us by a byte on a virtio-serial port, which every Linux guest
 * can sleep on. The port admits one opener: it is also the lock on the device.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/layout.h"
#include "memnet-core/guest/region.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define VIRTIO_PORTS	"/sys/class/virtio-ports"
#define SYSFS_PATH	320	/* a directory above and NAME_MAX */
#define BAR0_BYTES	256
#define DOORBELL_WORD	3	/* byte 12 */
#define HOST_PEER	0u
#define HOST_VECTOR	0u

/* Call @match on each entry of @dir until it returns other than 0. That, -ENODEV, or -errno. */
static int for_each_entry(const char *dir, int (*match)(const char *path, void *arg), void *arg)
{
	char path[SYSFS_PATH];
	struct dirent *e;
	int ret = 0;
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? -ENODEV : -errno;
	while (!ret && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		ret = match(path, arg);
	}
	closedir(d);
	return ret ? ret : -ENODEV;
}

static bool file_says(const char *dir, const char *file, const char *want)
{
	char path[SYSFS_PATH + 32], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return mn_read_file(path, text, sizeof(text)) > 0 && !strcmp(text, want);
}

static int is_ivshmem(const char *path, void *arg)
{
	char *found = arg;

	if (!file_says(path, "vendor", "0x1af4") || !file_says(path, "device", "0x1110"))
		return 0;
	strcpy(found, path);
	return 1;
}

static int is_bell_port(const char *path, void *arg)
{
	char *found = arg;

	if (!file_says(path, "name", MN_BELL_PORT))
		return 0;
	snprintf(found, SYSFS_PATH, "/dev/%s", strrchr(path, '/') + 1);
	return 1;
}

/* Map the whole of @dir/@resource. 0 or -errno. */
static int map_bar(const char *dir, const char *resource, void **base, size_t *bytes)
{
	char path[SYSFS_PATH + 32];
	struct stat st;
	int ret = 0, fd;

	snprintf(path, sizeof(path), "%s/%s", dir, resource);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	if (!ret) {
		*bytes = st.st_size;
		*base = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (*base == MAP_FAILED)
			ret = -errno;
	}
	close(fd);
	return ret;
}

static void ivshmem_ring(struct mn_region *r)
{
	*r->doorbell = r->doorbell_value;
}

static void ivshmem_close(struct mn_region *r)
{
	munmap(r->base, r->bytes);
	munmap((void *)r->doorbell, BAR0_BYTES);
	close(r->wait_fd);
}

static const struct mn_region_provider ivshmem_provider = {
	.name = "ivshmem", .summary = "QEMU's ivshmem-doorbell, BAR2 through sysfs",
	.ring = ivshmem_ring, .close = ivshmem_close,
};

int mn_region_open_ivshmem(struct mn_region *r)
{
	char device[SYSFS_PATH], enable[SYSFS_PATH + 32], port[SYSFS_PATH];
	void *region, *registers;
	size_t bytes, register_bytes;
	int ret, bell;

	ret = for_each_entry(PCI_DEVICES, is_ivshmem, device);
	if (ret < 0)
		return ret;
	ret = for_each_entry(VIRTIO_PORTS, is_bell_port, port);
	if (ret < 0)
		return ret;
	bell = open(port, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (bell < 0)
		return -errno;

	snprintf(enable, sizeof(enable), "%s/enable", device);
	ret = mn_write_file(enable, "1");	/* memory decoding on */
	if (ret)
		goto out_bell;
	ret = map_bar(device, "resource0", &registers, &register_bytes);
	if (ret)
		goto out_bell;
	ret = map_bar(device, "resource2", &region, &bytes);
	if (ret)
		goto out_registers;

	*r = (struct mn_region){
		.provider = &ivshmem_provider, .base = region, .bytes = bytes,
		.wait_fd = bell, .ring_fd = -1,
		.doorbell = (volatile uint32_t *)registers + DOORBELL_WORD,
		.doorbell_value = HOST_PEER << 16 | HOST_VECTOR,
	};
	return 0;

out_registers:
	munmap(registers, register_bytes);
out_bell:
	close(bell);
	return ret;
}
