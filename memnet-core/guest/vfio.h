/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of a PCI device, and nothing else of it, through vfio-pci: each
 * MSI-X vector signals an eventfd. Needs an IOMMU (a virtual one does) that
 * remaps interrupts, and the modules vfio-pci and vfio_iommu_type1 loaded.
 *
 * One thread at a time. All return 0 or -errno.
 */
#ifndef MEMNET_VFIO_H
#define MEMNET_VFIO_H

#include <stdbool.h>
#include <stdint.h>

/* The most of a device's vectors that are used. */
#define MN_VFIO_MAX_VECTORS 64

struct mn_vfio {
	unsigned int vectors;	/* MSI-X vectors the device has, at most the above */

	/* vfio.c's own */
	int container, group, device;
	char pci_dir[256];
	bool bound;		/* by us: the three below are to be restored */
	char found_driver[64], found_override[64];	/* empty: none */
	uint16_t found_command;
};

/*
 * Take the device at @pci_sysfs_dir ("/sys/bus/pci/devices/0000:00:04.0") for
 * this process, away from a driver that has it; memory decoding and bus
 * mastering are on then, interrupts off. The device is as it was after any error:
 *   -ENODEV  no such device, no IOMMU, no vfio modules, no MSI-X, or the device
 *            shares its IOMMU group with another that is in use
 *   -EBUSY   another process has it
 * While it is open, sysfs refuses a write to the device's `enable` (-EBUSY).
 */
int mn_vfio_open(struct mn_vfio *v, const char *pci_sysfs_dir);

/*
 * From now on MSI-X vector i signals @eventfds[i], for i < @n; -1 and the vectors
 * from @n on signal nobody: what comes for those is kept and signalled when they
 * are set again. The eventfds stay the caller's. -EINVAL: @n is above v->vectors,
 * or a descriptor is no eventfd; -ENOSPC: the guest has not so many interrupts left.
 */
int mn_vfio_set_vectors(struct mn_vfio *v, const int *eventfds, unsigned int n);

/*
 * Interrupts off; driver, driver_override and command register as mn_vfio_open()
 * found them. Waits for children that inherited the descriptors by fork() to end or
 * exec. A process that dies without it leaves the device with vfio-pci, where the
 * next mn_vfio_open() finds it and leaves it. After a failed open: does nothing.
 */
void mn_vfio_close(struct mn_vfio *v);

#endif
