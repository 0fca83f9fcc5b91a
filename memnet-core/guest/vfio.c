/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a device comes to vfio-pci (kernel Documentation/driver-api/vfio.rst):
 * `driver_override` names the one driver that may have it, the old driver is
 * unbound, vfio-pci bound. /dev/vfio/<IOMMU group> appears; it goes into a
 * container (/dev/vfio/vfio) with an IOMMU model, and then hands out the device.
 * The group has one opener at a time: that is the lock on the device.
 *
 * No DMA is ever mapped: the device has none, the IOMMU is there only because
 * vfio lets nobody have interrupts whose sender it cannot vouch for.
 *
 * BARs are not touched here. vfio-pci claims a BAR when somebody maps it through
 * vfio, and not before; so it goes on being mapped through sysfs, also in kernels
 * with CONFIG_IO_STRICT_DEVMEM, where sysfs refuses claimed BARs (-EINVAL, as it
 * does for those of virtio-net). harness/test/test_vfio.c has it proven on Debian's
 * cloud kernel: one BAR is mapped before the device is taken, one after.
 */
#include "memnet-core/guest/vfio.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define DRIVERS		"/sys/bus/pci/drivers"
#define DRIVER		"vfio-pci"
#define NO_OVERRIDE	"(null)"	/* as sysfs prints it */
#define PATH_BYTES	384

static const char *address(const struct mn_vfio *v)
{
	return strrchr(v->pci_dir, '/') + 1;
}

/* What the link @name of the device points at, its last part; empty where there is none. */
static void link_target(const struct mn_vfio *v, const char *name, char *target, size_t size)
{
	char path[PATH_BYTES], to[PATH_BYTES];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", v->pci_dir, name);
	n = readlink(path, to, sizeof(to) - 1);
	to[MAX(n, 0)] = '\0';
	snprintf(target, size, "%s", n > 0 && strrchr(to, '/') ? strrchr(to, '/') + 1 : "");
}

static int write_attribute(const struct mn_vfio *v, const char *name, const char *text)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", v->pci_dir, name);
	return mn_write_file(path, text);
}

/* Read or write the command register through sysfs, which works with any driver and none. */
static int command_register(const struct mn_vfio *v, uint16_t *command, bool write)
{
	char path[PATH_BYTES];
	uint16_t wire = htole16(*command);
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/config", v->pci_dir);
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	n = write ? pwrite(fd, &wire, sizeof(wire), PCI_COMMAND) :
		    pread(fd, &wire, sizeof(wire), PCI_COMMAND);
	close(fd);
	*command = le16toh(wire);
	return n == sizeof(wire) ? 0 : -EIO;
}

/* --- the driver ---------------------------------------------------------------- */

static bool driver_is(const struct mn_vfio *v, const char *driver)
{
	char now[64];

	link_target(v, "driver", now, sizeof(now));
	return !strcmp(now, driver);
}

/* Give the device to @driver; empty: to none. */
static int change_driver(const struct mn_vfio *v, const char *driver)
{
	int ret = 0;

	if (driver_is(v, driver))
		return 0;
	if (!driver_is(v, ""))
		ret = write_attribute(v, "driver/unbind", address(v));
	if (!ret && *driver) {
		char path[PATH_BYTES];

		snprintf(path, sizeof(path), DRIVERS "/%s/bind", driver);
		ret = mn_write_file(path, address(v));
	}
	return ret;
}

static int set_override(const struct mn_vfio *v, const char *driver)
{
	return write_attribute(v, "driver_override", *driver ? driver : "\n");
}

static int read_override(const struct mn_vfio *v, char *driver, size_t size)
{
	char path[PATH_BYTES];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/driver_override", v->pci_dir);
	n = mn_read_file(path, driver, size);
	if (n >= 0 && !strcmp(driver, NO_OVERRIDE))
		driver[0] = '\0';
	return n < 0 ? n : 0;
}

/* Best effort, in this order: with the override still there only vfio-pci could bind. */
static void restore(struct mn_vfio *v)
{
	if (!v->bound)
		return;
	set_override(v, v->found_override);
	change_driver(v, v->found_driver);
	command_register(v, &v->found_command, true);
	v->bound = false;
}

static int bind_driver(struct mn_vfio *v)
{
	int ret;

	link_target(v, "driver", v->found_driver, sizeof(v->found_driver));
	if (!strcmp(v->found_driver, DRIVER))
		return 0;
	ret = command_register(v, &v->found_command, false);
	if (!ret)
		ret = read_override(v, v->found_override, sizeof(v->found_override));
	if (ret)
		return ret;
	v->bound = true;
	ret = set_override(v, DRIVER);
	return ret ? ret : change_driver(v, DRIVER);
}

/* --- vfio ------------------------------------------------------------------------- */

static int open_node(const char *name, int *fd)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	return errno == ENOENT ? -ENODEV : -errno;
}

static int join_container(struct mn_vfio *v)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (ioctl(v->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) != 1)
		return -ENODEV;
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -ENODEV;
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return -errno;
	/* -EPERM: interrupts are not remapped. */
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
		return errno == EPERM ? -ENODEV : -errno;
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, address(v));
	return v->device < 0 ? -errno : 0;
}

/* Whatever can be missing is looked for before the device is touched. */
static int open_device(struct mn_vfio *v)
{
	char group[32];
	int ret;

	link_target(v, "iommu_group", group, sizeof(group));
	if (!*group || access(DRIVERS "/" DRIVER, F_OK))
		return -ENODEV;
	ret = open_node("vfio", &v->container);
	if (!ret)
		ret = bind_driver(v);
	if (!ret)
		ret = open_node(group, &v->group);
	return ret ? ret : join_container(v);
}

static int count_vectors(struct mn_vfio *v)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };

	if (ioctl(v->device, VFIO_DEVICE_GET_IRQ_INFO, &info))
		return -errno;
	v->vectors = MIN(info.count, (uint32_t)MN_VFIO_MAX_VECTORS);
	return v->vectors ? 0 : -ENODEV;
}

/* An MSI is a write by the device: without bus mastering there is none. */
static int switch_on(struct mn_vfio *v)
{
	uint16_t command = 0;
	int ret = command_register(v, &command, false);

	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return ret ? ret : command_register(v, &command, true);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int mn_vfio_open(struct mn_vfio *v, const char *pci_sysfs_dir)
{
	int ret;

	*v = (struct mn_vfio){ .container = -1, .group = -1, .device = -1 };
	if (strlen(pci_sysfs_dir) >= sizeof(v->pci_dir) || !strchr(pci_sysfs_dir, '/'))
		return -EINVAL;
	strcpy(v->pci_dir, pci_sysfs_dir);
	ret = open_device(v);
	if (!ret)
		ret = count_vectors(v);
	if (!ret)
		ret = switch_on(v);
	if (ret)
		mn_vfio_close(v);
	return ret;
}

int mn_vfio_set_vectors(struct mn_vfio *v, const int *eventfds, unsigned int n)
{
	union {
		struct vfio_irq_set set;
		char bytes[sizeof(struct vfio_irq_set) + MN_VFIO_MAX_VECTORS * sizeof(int)];
	} irqs;
	int *fds = (int *)irqs.set.data;
	int ret;

	if (n > v->vectors)
		return -EINVAL;
	/* All at once: older kernels cannot add vectors to those they have given out. */
	irqs.set = (struct vfio_irq_set){
		.argsz = sizeof(irqs.set) + v->vectors * sizeof(int),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX, .count = v->vectors,
	};
	for (unsigned int i = 0; i < v->vectors; i++)
		fds[i] = i < n ? eventfds[i] : -1;
	ret = ioctl(v->device, VFIO_DEVICE_SET_IRQS, &irqs);
	/* Above 0: so many would have been there. */
	return ret < 0 ? -errno : ret ? -ENOSPC : 0;
}

/*
 * Closing the device ends its interrupts. Unbinding waits for openers of the
 * device and, in older kernels, for the container; holding on to the group keeps
 * new openers out meanwhile.
 */
void mn_vfio_close(struct mn_vfio *v)
{
	close_fd(v->device);
	if (v->group >= 0)
		ioctl(v->group, VFIO_GROUP_UNSET_CONTAINER);
	restore(v);
	close_fd(v->group);
	close_fd(v->container);
	v->device = v->group = v->container = -1;
}
