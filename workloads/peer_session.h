/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection of `memnet-work peer`. The client is not trusted. */
#ifndef MEMNET_WORKLOADS_PEER_SESSION_H
#define MEMNET_WORKLOADS_PEER_SESSION_H

#include <netinet/in.h>

#include "workloads/progress.h"

struct peer_session {
	int fd;			/* stays the caller's, who closes it */
	struct sockaddr_in from;
	struct workload_progress *progress;
};

/*
 * Serve the connection to its end. Prints one line: its `result` on stdout, also of no
 * bytes (called off, or stopped before the first), or on stderr why it ended otherwise.
 * Of the turns of `conn` those that end as they should print none; the one line is that of
 * the connection which accounts for all.
 */
void peer_session_serve(struct peer_session *s);

/* Answer with @error (an errno) before any hello was read. */
void peer_session_refuse(int fd, int error);

#endif
