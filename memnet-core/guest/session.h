/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's end of the handshake in layout.h. A session has one owner, which
 * attaches, beats and detaches; other processes of the guest join it by its nonce.
 *
 * mn_session_check() may be called by several threads at once; the others belong
 * to one thread.
 *
 * A process of a session that ended may be in the middle of a copy into a FIFO. It
 * looks at the nonce before each piece, so it is out of the region within one; who
 * attaches anew gives it that time before anything is used again.
 */
#ifndef MEMNET_SESSION_H
#define MEMNET_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/guest/region.h"
#include "memnet-core/layout.h"

struct mn_waiter;

struct mn_session {
	struct mn_region *region;
	struct mn_geometry geometry;
	uint64_t nonce;
	uint64_t features;	/* accepted */
	uint64_t host_beat;	/* last seen, */
	int64_t host_beat_ns;	/* and when */
};

/*
 * End what a predecessor left, accept the host's next offer, wait until it is
 * ready. @features: MN_F_HEARTBEAT when mn_session_beat() will be called. Sleeps by
 * @waiter; at most MN_ATTACH_TIMEOUT_MS for each of the host's two answers.
 * 0, -ETIMEDOUT, -EPROTONOSUPPORT: no common version, -EPROTO: the host offers
 * what cannot be, -errno.
 */
int mn_session_attach(struct mn_session *s, struct mn_region *region, struct mn_waiter *waiter,
		      uint64_t features);

/* Is it still the session we attached or joined? One look, for every call. */
static inline bool mn_session_is_current(const struct mn_session *s)
{
	return __atomic_load_n(&mn_header(s->region->base)->h_session, __ATOMIC_ACQUIRE) ==
	       s->nonce;
}

/* Be a client of the session @nonce that the owner attached. 0, -ECONNRESET, -EPROTO. */
int mn_session_join(struct mn_session *s, struct mn_region *region, uint64_t nonce);

/*
 * Is the host that accepted us still there, in the same session? 0; -ECONNRESET: it
 * is gone, or began another; -EPROTO: it found this guest in breach of the protocol.
 */
int mn_session_check(struct mn_session *s);

/* Owner: every MN_HEARTBEAT_MS. */
void mn_session_beat(struct mn_session *s);

/* Owner: the host resets every stream. */
void mn_session_detach(struct mn_session *s);

#endif
