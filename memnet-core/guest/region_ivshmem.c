/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's ivshmem-doorbell device: BAR2 is the region, BAR0 has the doorbell. Both
 * are mapped through sysfs, whatever driver is bound.
 *
 * BAR0 (QEMU docs/specs/ivshmem-spec): 4 IntrStatus, 8 IVPosition, 12 Doorbell,
 * written as (peer << 16 | vector). The daemon is peer 0.
 *
 * The host wakes us by the device's interrupts where vfio-pci can have them (an
 * IOMMU is needed; vfio.h), else by a byte on a virtio-serial port, which every Linux
 * guest can sleep on. The device's own directory entry is the lock: one owner at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/ivshmem_protocol.h"
#include "memnet-core/guest/sysfs.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define DOORBELL_WORD	3	/* byte 12 */

static int is_ivshmem(const char *path, void *arg)
{
	char *found = arg;

	if (!mn_sysfs_says(path, "vendor", "0x1af4") || !mn_sysfs_says(path, "device", "0x1110"))
		return 0;
	strcpy(found, path);
	return 1;
}

/* Open @dir/@resource and map the whole of it. Its descriptor, or -errno. */
static int map_bar(const char *dir, const char *resource, void **base, size_t *bytes)
{
	char path[MN_SYSFS_PATH + 32];
	struct stat st;
	int ret, fd;

	snprintf(path, sizeof(path), "%s/%s", dir, resource);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st)) {
		*bytes = st.st_size;
		*base = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (*base != MAP_FAILED)
			return fd;
	}
	ret = -errno;
	close(fd);
	return ret;
}

static int map_doorbell(struct mn_region *r, const char *device)
{
	void *registers;
	size_t bytes;
	int fd = map_bar(device, "resource0", &registers, &bytes);

	if (fd < 0)
		return fd;
	r->doorbell_fd = fd;
	r->doorbell = (volatile uint32_t *)registers + DOORBELL_WORD;
	r->doorbell_value = MN_IVSHMEM_HOST << 16 | MN_IVSHMEM_HOST_VECTOR;
	return 0;
}

static int map_region(struct mn_region *r, const char *device)
{
	void *base;
	int fd = map_bar(device, "resource2", &base, &r->bytes);

	if (fd < 0)
		return fd;
	r->fd = fd;
	r->base = base;
	return 0;
}

/* One owner: the lock goes with the descriptor. -EBUSY while another has it. */
static int lock_device(struct mn_region *r, const char *device)
{
	r->lock_fd = open(device, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock_fd < 0)
		return -errno;
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static int open_port(struct mn_region *r)
{
	int ret = mn_region_open_port(r);

	return ret == -ENODEV ? 0 : ret;
}

/* Whatever stands against interrupts: the port is there, or the waiters' timers. */
static void open_vectors(struct mn_region *r, const char *device)
{
	uint32_t vectors;

	r->vfio = malloc(sizeof(*r->vfio));
	if (!r->vfio)
		return;
	if (mn_vfio_open(r->vfio, device)) {
		free(r->vfio);
		r->vfio = NULL;
		return;
	}
	vectors = MIN(r->vfio->vectors, r->bells);
	if (!mn_vfio_set_vectors(r->vfio, r->bell_fds, vectors))
		r->vectors = vectors;
}

/* Memory decoding on. A driver that is bound (vfio-pci, of an agent that was killed) did it. */
static int enable_device(const char *device)
{
	char enable[MN_SYSFS_PATH + 32];
	int ret;

	snprintf(enable, sizeof(enable), "%s/enable", device);
	ret = mn_write_file(enable, "1");
	return ret == -EBUSY ? 0 : ret;
}

static int ivshmem_open(struct mn_region *r, const char *arg)
{
	char device[MN_SYSFS_PATH];
	int ret = mn_sysfs_find(PCI_DEVICES, is_ivshmem, device);

	if (ret < 0)
		return ret;
	*r = (struct mn_region){
		.provider = mn_provider_ivshmem.name, .base = MAP_FAILED,
		.fd = -1, .doorbell_fd = -1, .port_fd = -1, .lock_fd = -1,
	};
	ret = lock_device(r, device);
	if (!ret)
		ret = enable_device(device);
	if (!ret)
		ret = map_doorbell(r, device);
	if (!ret)
		ret = map_region(r, device);
	if (!ret)
		ret = open_port(r);
	if (!ret)
		ret = mn_region_make_bells(r, MN_MAX_CHANNELS);
	if (ret)
		mn_region_close(r);
	else
		open_vectors(r, device);
	return ret;
}

const struct mn_region_provider mn_provider_ivshmem = {
	.name = "ivshmem", .summary = "QEMU's ivshmem-doorbell device of this VM",
	.open = ivshmem_open,
};
