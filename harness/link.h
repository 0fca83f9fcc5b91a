/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link between what serves a path on the host and the peer, where a plan asks for its
 * rate or its delay: then peers, and servers of apps, are in a network namespace of their own
 * behind a veth pair, and every byte of every path crosses that.
 */
#ifndef HARNESS_LINK_H
#define HARNESS_LINK_H

#include <stdint.h>

#include "harness/plan.h"

/* Where all peers behind a link listen, by the VM's number, and all paths find them. */
#define LINK_PEER_ADDR "198.19.0.2"
#define LINK_PEER_PORT "700%u"
#define LINK_PEER LINK_PEER_ADDR ":" LINK_PEER_PORT

/*
 * What it may carry at once beyond its rate: as much as in 2 ms, by which timers may be late,
 * and more than the 64 KiB of a large send, which would be cut for it.
 */
static inline uint32_t link_burst_bytes(uint64_t rate_bits_per_s)
{
	return MAX(128u << 10, rate_bits_per_s / 8 / 500);
}

struct link {
	int host_ns, peer_ns;	/* network namespaces */
};

static inline bool plan_has_link(const struct plan *plan)
{
	return plan->link_rate_bits_per_s || plan->link_delay_ns;
}

/*
 * Make the link in the network namespace of the calling thread, which from now on forwards
 * what guests send to it: either way @rate_bits_per_s (0: as fast as it goes), @delay_ns. 0,
 * or -errno with one line that names the mend in @why. It goes with its namespaces, when
 * link_close() was called and nothing runs in them.
 */
int link_open(struct link *link, uint64_t rate_bits_per_s, int64_t delay_ns, char *why,
	      size_t why_size);
void link_close(struct link *link);

/* The calling thread, and what it starts, is on the peers' side until link_leave(). 0 or -errno. */
int link_enter(const struct link *link);
int link_leave(const struct link *link);

/* Why no link as @plan's can be made on this machine; "": it can. Lasts. */
const char *link_obstacle(const struct plan *plan);

/*
 * Can @p not run on this machine as @plan wants it: by itself (path_missing()), or because the
 * plan's link cannot be made, or is none of its? Then all the reasons are in @reasons.
 */
bool plan_path_missing(const struct plan *plan, const struct path *p, const char *build,
		       struct path_reasons *reasons);

#endif
