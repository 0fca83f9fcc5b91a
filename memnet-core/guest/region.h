/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a process comes by the shared region, the doorbell and the bells.
 *
 * The doorbell rings the host; bell c is an eventfd that is readable when the host
 * has rung channel c. Both are hints that something may have changed: ringing
 * never blocks, and a waiter has a timeout of its own.
 *
 * A region has one owner (the agent, or a test); its clients get descriptors from it.
 */
#ifndef MEMNET_REGION_H
#define MEMNET_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "memnet-core/guest/cache_type.h"
#include "memnet-core/guest/vfio.h"
#include "memnet-core/layout.h"

struct mn_region;
struct mn_announcement;

struct mn_region_provider {
	const char *name, *summary;
	/* Open; @arg is what followed "name:", or NULL. 0; -ENODEV: not here; -errno. */
	int (*open)(struct mn_region *r, const char *arg);
};

struct mn_region {
	const char *provider;	/* its name */
	void *base;
	size_t bytes;
	int fd;			/* the region, at offset 0 */
	int doorbell_fd;	/* an eventfd, or what maps doorbell's page */
	volatile uint32_t *doorbell;	/* NULL: doorbell_fd is an eventfd */
	uint32_t doorbell_value;
	enum mn_cache_type cache;	/* of base; see mn_region_probe() */
	uint32_t bells;		/* bells 0..bells-1 have an eventfd, */
	uint32_t vectors;	/* of which 0..vectors-1 the host rings by itself */
	int bell_fds[MN_MAX_CHANNELS];
	int port_fd;		/* brings bells as bytes, see mn_region_pump(); -1 without */
	/*
	 * In guest RAM: what the host is told where it is (port.h). Then the doorbell is
	 * the port, which is the owner's alone: what others write to doorbell_fd the
	 * owner passes on by mn_region_ring(). NULL otherwise.
	 */
	struct mn_announcement *announcement;
	int lock_fd;		/* open for as long as the device is ours; -1 without */
	struct mn_vfio *vfio;	/* NULL without */
};

/* BAR0 has 256 bytes; a mapping has a page. */
#define MN_DOORBELL_PAGE 4096

/* The virtio-serial port over which the host rings where there is no interrupt. */
#define MN_BELL_PORT "memnet.bell"

/*
 * Open by "PROVIDER[:ARG]"; "auto" is the first that is there. -ENODEV: none is;
 * -EBUSY: another process has it; -EINVAL: no such provider; -errno.
 */
int mn_region_open(struct mn_region *r, const char *spec);

/* NULL-terminated. */
extern const struct mn_region_provider *const mn_region_providers[];

/*
 * Map the region @fd; the doorbell is @doorbell_fd, bell c is @bell_fds[c]
 * (eventfds, not blocking). Takes every descriptor over, also on failure. 0 or -errno.
 */
int mn_region_open_fds(struct mn_region *r, const char *provider, int fd, int doorbell_fd,
		       const int *bell_fds, uint32_t bells);

/* Make eventfds for @bells bells, for a provider that has none by itself. 0 or -errno. */
int mn_region_make_bells(struct mn_region *r, uint32_t bells);

/* Owner: time the scratch page, fill in r->cache. 0 or -errno. */
int mn_region_probe(struct mn_region *r);

/* Unmap and close everything. */
void mn_region_close(struct mn_region *r);

/* Ring the host. */
void mn_region_ring(const struct mn_region *r);

/* Take up what bell @c has rung so far, so that it is silent until the next. */
void mn_region_drain(const struct mn_region *r, uint32_t c);

/*
 * Hand what the port brought to the bells; answer when the host asks where the
 * region is, which ends the session. Call when port_fd is readable. 0, or
 * -ECONNRESET: the host has closed the port.
 */
int mn_region_pump(const struct mn_region *r);

/* --- for providers (region_*.c) --- */

/*
 * Open the port MN_BELL_PORT into r->port_fd, for bells as bytes. 0; -ENODEV: there
 * is none; -EBUSY: another process has it; -errno.
 */
int mn_region_open_port(struct mn_region *r);

/* Of a region in guest RAM: answer question @number; tell the host to let go. */
void mn_region_announce(const struct mn_region *r, uint8_t number);
void mn_region_retract(const struct mn_region *r);

extern const struct mn_region_provider mn_provider_ivshmem, mn_provider_server,
	mn_provider_guest_ram;

#endif
