/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said over the virtio-serial port "memnet.bell". Little-endian.
 *
 * Host to guest, bytes:
 *   c < MN_MAX_CHANNELS	bell c
 *   MN_PORT_ASK | n		where is the region in your RAM? (question n)
 *
 * Guest to host, words of 8 bytes, and only when the region is in guest RAM:
 *   MN_PORT_RING		the doorbell
 *   MN_PORT_RETRACT		let go of the region; what was said before is void
 *   struct mn_announcement	the answer to a question
 *
 * A host that has no region, or has lost it, asks, each time with another number,
 * and takes only the answer to its last question. A guest answers every question:
 * being asked means that no session is left. Before it answers, page i of the
 * region begins with the two words stamp and i, so that the host never writes to a
 * page it took for another, whatever it believes of the machine's memory map.
 */
#ifndef MEMNET_PORT_H
#define MEMNET_PORT_H

#include <assert.h>
#include <stdint.h>

#include "memnet-core/layout.h"

#define MN_PORT_ASK		0x80u
#define MN_PORT_NUMBER_MASK	0x7fu

#define MN_PORT_RING		1ULL
#define MN_PORT_RETRACT		2ULL
#define MN_PORT_ANNOUNCE	0x314d4152544e4d02ULL

#define MN_RAM_PAGE_SHIFT	21
#define MN_RAM_PAGE		(1ULL << MN_RAM_PAGE_SHIFT)	/* a hugepage of x86 */
#define MN_RAM_MAX_PAGES	512u

struct mn_announcement {
	uint64_t word;		/* MN_PORT_ANNOUNCE */
	uint64_t number;	/* of the question */
	uint64_t stamp;
	uint64_t pages;		/* a power of two, at most MN_RAM_MAX_PAGES */
	uint64_t frames[MN_RAM_MAX_PAGES];	/* guest-physical address / MN_RAM_PAGE */
};

static_assert((MN_PORT_ASK & (MN_MAX_CHANNELS - 1)) == 0 && MN_PORT_ASK >= MN_MAX_CHANNELS,
	      "a question is no bell");

static inline uint64_t mn_announcement_bytes(uint64_t pages)
{
	return offsetof(struct mn_announcement, frames) + pages * sizeof(uint64_t);
}

#endif
