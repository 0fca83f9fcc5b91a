/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loops that move the pattern over a transport, the same for both ends. One thread
 * per flow. An exchange of messages is two flows over one stream, one each way. All
 * return 0 or -errno; -ETIMEDOUT: a stop was asked for and the other side did not let it
 * come to an end within 5 s.
 */
#ifndef MEMNET_WORKLOADS_FLOW_H
#define MEMNET_WORKLOADS_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workloads/pace.h"
#include "workloads/pattern.h"
#include "workloads/progress.h"
#include "workloads/transport.h"

struct flow {
	const struct transport *transport;
	void *stream;
	struct workload_progress *progress;	/* gets calls as ops, and bytes */
	struct pattern pattern;
	size_t chunk;
	uint64_t limit;		/* bytes; UINT64_MAX: none */
	uint64_t bytes, calls;	/* so far */
	int64_t begin_ns;	/* about the first byte; 0: none yet */

	/* Receivers only: bytes right from the start on; where bad, also the first wrong offset. */
	uint64_t verified_bytes;
	bool bad;
};

/* Whole records; flow_read gives -EPIPE where the stream ends first. */
int flow_read(struct flow *f, void *record, size_t len);
int flow_write(struct flow *f, const void *record, size_t len);

/* How much of @len bytes came: fewer only at the end of the stream. Or -errno. */
ssize_t flow_read_some(struct flow *f, void *buf, size_t len);

/*
 * A message of @len bytes, at most the chunk: write the next one of the pattern and
 * count it; hold one that was read against the pattern and count it. No progress.
 */
int flow_write_message(struct flow *f, size_t len);
void flow_check_message(struct flow *f, const void *buf, size_t len);

/* Send at @pace until the limit is reached or @ended(@f), asked before each write, says so. */
int flow_send_pattern(struct flow *f, struct pace *pace, bool (*ended)(const struct flow *f));

/*
 * Receive to the end of the stream and verify, up to the first wrong byte; after
 * that only count. Once @stop() is true a stop is sent, so that the other ends.
 */
int flow_recv_pattern(struct flow *f, void *buf, bool (*stop)(void));

#endif
