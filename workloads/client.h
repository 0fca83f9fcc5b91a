/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the clients of `memnet-work peer` have in common: finding it, greeting it,
 * and saying what became of it. Errors are told by work_error() under the name
 * of the workload; the functions then give an exit status.
 */
#ifndef MEMNET_WORKLOADS_CLIENT_H
#define MEMNET_WORKLOADS_CLIENT_H

#include <netinet/in.h>

#include "workloads/flow.h"
#include "workloads/wire.h"

struct client {
	const char *workload;
	const struct transport *transport;
	struct sockaddr_in peer;
};

/* Set the transport called @name. 0, or 2 after saying which there are. */
int client_choose_transport(struct client *c, const char *name);

/* Connect: @f gets its transport and stream, which the caller closes. 0; 1 and @f as it was. */
int client_connect(const struct client *c, struct flow *f);

/* Send @hello; 0 when the peer welcomed it, else 1. */
int client_greet(const struct client *c, struct flow *f, const struct wire_hello *hello);

/* End our side, and take the peer's word on what arrived. 0 or -errno. */
int client_take_verdict(struct flow *f, struct wire_record *verdict);

/* @ret (an -errno) came after @bytes bytes. 1. */
int client_broke(const struct client *c, uint64_t bytes, int ret);

/* " key=value" for all the transport counts and knows, on stdout. */
void client_print_transport(const struct flow *f);

#endif
