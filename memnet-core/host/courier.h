/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a worker and its courier, the process memnet-courier that moves objects by libcurl:
 * a SOCK_SEQPACKET socket pair. The worker may take no memory, open no file and make few
 * system calls; libcurl needs all of it. So the courier is another process, with files to read
 * and without the rings: it maps the arena alone, and what it does is ordered here, checked.
 *
 * It judges each address by the policy it was sent: after the name is resolved, before the
 * socket is made, and again when a connection is used once more. Each order to start is
 * answered once. After the answer the extent is not touched any more.
 *
 * The socket's end ends the courier; the end of the courier ends its jobs.
 */
#ifndef MEMNET_COURIER_H
#define MEMNET_COURIER_H

#include <stddef.h>
#include <stdint.h>

#include "memnet-core/address.h"
#include "memnet-core/host/policy.h"
#include "memnet-core/layout.h"

/* At once; fewer than a ring has completions, or none could be cancelled. */
#define MN_COURIER_JOBS		24

#define MN_COURIER_THERE	MN_COURIER_JOBS

/* Descriptors it is started with; its arguments are the region's and the arena's bytes. */
#define MN_COURIER_MEMORY	3
#define MN_COURIER_SOCKET	4

enum mn_courier_what {
	MN_COURIER_START = 1,
	MN_COURIER_CANCEL,
	MN_COURIER_POLICY,
	MN_COURIER_ASK,		/* is it there? Answered as job MN_COURIER_THERE. */
};

/* Sent as far as it is used: mn_courier_order_size(). */
struct mn_courier_order {
	uint32_t what;		/* enum mn_courier_what */
	uint32_t job;		/* below MN_COURIER_JOBS; the worker's number for it */
	union {
		struct mn_courier_start {
			uint32_t op;		/* MN_OP_PUT, MN_OP_GET, MN_OP_SERVE */
			uint64_t offset, bytes;	/* within the arena */
			char url[MN_URL_BYTES + 1];
		} start;
		struct mn_policy policy;
	};
};

struct mn_courier_answer {
	uint32_t job;
	int32_t result;		/* 0 or -errno, as in memnet_object.h */
	uint32_t status;	/* of HTTP; 0: none */
	uint32_t use;		/* of -EACCES: enum mn_policy_use that was denied */
	uint64_t bytes;
	union mn_sockaddr to;	/* of -EACCES and -EKEYREJECTED: where */
};

static inline size_t mn_courier_order_size(enum mn_courier_what what)
{
	return offsetof(struct mn_courier_order, start) +
	       (what == MN_COURIER_START ? sizeof(struct mn_courier_start) :
		what == MN_COURIER_POLICY ? sizeof(struct mn_policy) : 0);
}

#endif
