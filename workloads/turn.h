/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A turn of `conn`: a connection for one request and its response. The content of both is made
 * of the seed and the number of the turn; in place, for nothing that costs memory or time may be
 * made anew for each connection. A leaf, but for the peer's side below.
 */
#ifndef MEMNET_WORKLOADS_TURN_H
#define MEMNET_WORKLOADS_TURN_H

#include <stddef.h>
#include <stdint.h>

#include "workloads/flow.h"
#include "workloads/wire.h"

void turn_make(void *buf, size_t len, uint64_t seed, uint64_t number);

/*
 * The peer's side, each after the hello was read: answer the request that follows it; answer for
 * all turns since this hello, when the client ends, with their bytes in *bytes. One client of a
 * peer does this at a time. 0 or -errno.
 */
int turn_answer(struct flow *f, const struct wire_hello *hello);
int turn_account(struct flow *f, const struct wire_hello *hello, struct wire_record *verdict);

#endif
