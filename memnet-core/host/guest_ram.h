/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region in guest RAM, on the host's side: what the guest says on the port
 * (port.h) is read, checked, and its pages are mapped one after another out of
 * the file that is the VM's RAM.
 *
 * Everything read is hostile. An announcement that is refused has touched nothing.
 */
#ifndef MEMNET_GUEST_RAM_H
#define MEMNET_GUEST_RAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "memnet-core/host/ram_map.h"
#include "memnet-core/port.h"

struct mn_guest_ram_config {
	const char *path;	/* of the RAM file; NULL: the region is not in guest RAM */
	struct mn_ram_map map;	/* n = 0: a q35 machine whose RAM is the whole file */
};

/* --- the words of the guest ------------------------------------------------------ */

enum mn_port_event {
	MN_PORT_NOTHING,	/* no whole message is left */
	MN_PORT_RUNG,
	MN_PORT_RETRACTED,
	MN_PORT_ANNOUNCED,	/* @announcement was filled in; not checked */
	MN_PORT_NONSENSE,	/* skipped, up to what makes sense again; told once for each */
};

struct mn_port_reader {
	size_t at, end;		/* of what was read and not yet used */
	bool lost;		/* in what makes no sense, and said so */
	uint8_t bytes[2 * sizeof(struct mn_announcement)];
};

/* Take what @fd has, without blocking. As recv(), or -errno. */
ssize_t mn_port_read(struct mn_port_reader *r, int fd);

/* The next message. Call until MN_PORT_NOTHING. */
enum mn_port_event mn_port_next(struct mn_port_reader *r, struct mn_announcement *announcement);

/* --- its pages -------------------------------------------------------------------- */

/* The VM's RAM file. Its descriptor, close-on-exec, or -errno. */
int mn_guest_ram_open(const struct mn_guest_ram_config *c);

/*
 * Check @a and map its pages out of @fd, the RAM file. 0, and @pages pages are at *@base;
 * or -EPROTO or -errno, and one line in @why that names the field.
 */
int mn_guest_ram_map(const struct mn_guest_ram_config *c, int fd, const struct mn_announcement *a,
		     void **base, char *why, size_t why_size);

/*
 * The guest may have left these pages to others: put empty memory of our own in
 * their place. What is still written to the region reaches nobody. 0 or -errno.
 */
int mn_guest_ram_let_go(void *base, uint64_t bytes);

#endif
