/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a process comes by the shared region and the two bells: a table of
 * providers. `ivshmem` is a guest of QEMU; `memfd` is a second process on the
 * host, for tests and benches.
 *
 * A bell is a hint that something may have changed. Ringing never blocks;
 * waiting is poll() on a descriptor, with a timeout of the waiter's own.
 */
#ifndef MEMNET_REGION_H
#define MEMNET_REGION_H

#include <stddef.h>
#include <stdint.h>

struct mn_region;

struct mn_region_provider {
	const char *name, *summary;
	/* Ring the host. */
	void (*ring)(struct mn_region *r);
	/* Unmap and close everything; @r itself belongs to who opened it. */
	void (*close)(struct mn_region *r);
};

struct mn_region {
	const struct mn_region_provider *provider;
	void *base;
	size_t bytes;
	int wait_fd;	/* readable when the host has rung */

	/* the provider's own */
	volatile uint32_t *doorbell;
	uint32_t doorbell_value;
	int ring_fd;
};

/*
 * Find the first ivshmem device of this machine and map it through sysfs; the
 * host rings through the virtio-serial port MN_BELL_PORT. Takes both for
 * itself: -EBUSY while another process has them, -ENODEV where there is none,
 * else -errno.
 */
int mn_region_open_ivshmem(struct mn_region *r);

/*
 * Map @memfd; ring by @ring_fd, wait on @wait_fd (eventfds). Takes the three
 * descriptors over, also on failure. 0 or -errno.
 */
int mn_region_open_memfd(struct mn_region *r, int memfd, int ring_fd, int wait_fd);

static inline void mn_region_ring(struct mn_region *r)
{
	r->provider->ring(r);
}

static inline void mn_region_close(struct mn_region *r)
{
	r->provider->close(r);
}

/* Take up what has been rung so far, so that wait_fd is silent until the next ring. */
void mn_region_drain(struct mn_region *r);

/* The virtio-serial port over which the host wakes the guest. */
#define MN_BELL_PORT "memnet.bell"

#endif
