/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between fuzz_host.c (the language), fuzz_kinds.c (what is of one kind of flow) and
 * fuzz_objects.c.
 */
#ifndef MEMNET_FUZZ_KINDS_H
#define MEMNET_FUZZ_KINDS_H

#include "memnet-core/fuzz/actions.h"
#include "memnet-core/fuzz/fuzz_world.h"

static inline size_t u16(const uint8_t *a)
{
	return a[0] | a[1] << 8;
}

/* --- fuzz_host.c --- */

void submit(uint8_t channel, const struct mn_submission *s);
uint32_t flow_of(uint8_t byte);

/* --- fuzz_kinds.c --- */

/* @flow, or a new stream (MN_NO_FLOW), to enum target modulo TARGETS. */
void connect_to(uint8_t channel, uint32_t flow, uint8_t target);
void bind_flow(uint8_t channel, uint32_t kind, uint32_t flags);

/* A record into the send FIFO; false: it does not fit. One out of the receive FIFO; 0: none. */
bool push_datagram(uint32_t flow, uint8_t target, size_t len);
size_t pull_record(uint32_t flow);

/*
 * An honest guest on channel 1, whose first submission has opened @open, is served: it
 * listens and is called, it sends and receives datagrams. Two flows are enough.
 */
void serve_every_kind(uint32_t open);

/* Actions: their operands. */
void a_bind(const uint8_t *a);
void a_listen(const uint8_t *a);
void a_connect_flow(const uint8_t *a);
void a_option(const uint8_t *a);
void a_own(const uint8_t *a);
void a_cancel(const uint8_t *a);
void a_bells(const uint8_t *a);
void a_datagram(const uint8_t *a);
void a_record(const uint8_t *a);
void a_peer_call(const uint8_t *a);
void a_peer_say(const uint8_t *a);
void a_peer_hear(const uint8_t *a);

/* --- fuzz_objects.c --- */

void a_object(const uint8_t *a);
void a_courier(const uint8_t *a);
void a_answer(const uint8_t *a);
void a_courier_lies(const uint8_t *a);
void a_courier_dies(const uint8_t *a);

#endif
