/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: what a hostile guest writes, at random but seeded, anywhere into its
 * region: indices, entries, pending words, header; and the bell it rings.
 */
#ifndef MEMNET_TEST_SCRIBBLE_H
#define MEMNET_TEST_SCRIBBLE_H

#include "memnet-core/guest/region.h"
#include "memnet-core/layout.h"

struct scribbler {
	uint64_t seed;
	const struct mn_region *region;
	struct mn_geometry geometry;
};

/* Up to 15 deeds, a ring, a rest of up to 1 ms; attaches where there is no session. The deeds. */
unsigned int scribble_round(struct scribbler *s);

/*
 * Keep the host as busy as a guest can without a breach of the protocol: events in
 * every pending word, and the bell at once. Does not rest.
 */
void scribble_flood(struct scribbler *s);

#endif
