/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The language of fuzz_host.c's inputs. The first byte chooses the host's set-up
 * (bit 0: it spins before it sleeps; bit 1: few flows, large FIFOs; bit 2: its memory runs
 * out now and then); then come actions: a byte (modulo ACTIONS) and its operands. An action that the end of the
 * input cuts is not run.
 *
 * Actions marked L lie. Without one of them the host must not find a breach.
 */
#ifndef MEMNET_FUZZ_ACTIONS_H
#define MEMNET_FUZZ_ACTIONS_H

#include <stddef.h>
#include <stdint.h>

enum action {
	/* the guest's owner of the session */
	A_ATTACH,	/* features: of those offered, those in this mask (L: ATTACH_*); and ring */
	A_DETACH,	/* and ring */
	A_BEAT,
	/* the guest's processes; what does not fit (a ring or FIFO that is full) is left out */
	A_CONNECT,	/* channel, target (enum target); the cookie is 1 */
	A_CLOSE,	/* channel, flow */
	A_RESET,	/* channel that asks, channel to reset */
	A_SUBMIT,	/* channel, 64 bytes; addresses of 0 become the peer's */
	A_TAKE,		/* channel: take every completion */
	A_PUSH,		/* flow, bytes (2): into the send FIFO */
	A_PULL,		/* flow, bytes (2): out of the receive FIFO */
	A_PUMP,		/* flow, laps: push, mark, run, and the peer reads; many times */
	A_FIN,		/* flow, enum mn_end modulo 3 */
	A_DEAF,		/* flow: reads no more */
	A_MARK,		/* word (0-15 flows, 16 channels, 17 summary), bit */
	A_WRITE,	/* L: place (enum place), index, offset (3), width, value (8) */
	A_NUDGE,	/* L: field (see fuzz_host.c), index, difference (2) */
	/* its flows of every kind (fuzz_kinds.c); A_PUSH and A_PULL are of one record there */
	A_BIND,		/* channel, enum mn_flow_kind, MN_BIND_*: at LISTEN_ADDR, port 0 */
	A_LISTEN,	/* channel, flow, backlog */
	A_CONNECT_FLOW,	/* channel, flow, target */
	A_OPTION,	/* channel, flow, option, value */
	A_OWN,		/* channel, flow: MN_OP_TAKE */
	A_CANCEL,	/* channel, cookie */
	A_BELLS,	/* flow, enum mn_direction modulo 2, bells (4) */
	A_DATAGRAM,	/* flow, target, bytes (2) */
	A_RECORD,	/* L: flow, bytes of the record (2), header (32) */
	/* the host's surroundings */
	A_KICK,		/* doorbell */
	A_TICK,
	A_TIME,		/* in units of 100 ms */
	A_RUN,		/* the loop, until it would sleep */
	A_TIMER,	/* let the coalescing timer end */
	A_FEATURES,	/* offer these from now on */
	/* the peer; connections count from the first one accepted */
	A_PEER_ACCEPT,
	A_PEER_WRITE,	/* connection, bytes (2) */
	A_PEER_READ,	/* connection, bytes (2) */
	A_PEER_SHUT,	/* connection */
	A_PEER_CLOSE,	/* connection */
	A_PEER_RESET,	/* connection */
	A_PEER_CALL,	/* flow: connect to it, if it listens */
	A_PEER_SAY,	/* flow, bytes (2): a datagram to it, if it is of datagrams */
	A_PEER_HEAR,	/* every datagram that came */
	/* objects (fuzz_objects.c), and the courier */
	A_OBJECT,	/* channel, op, cookie, offset (2), bytes (2), URL (2), its bytes; in 16s */
	A_COURIER,	/* it reads its orders */
	A_ANSWER,	/* and ends that job, if it has it; errno */
	A_COURIER_LIES,	/* a byte, how many of them */
	A_COURIER_DIES,	/* bit 0: another comes */
	ACTIONS
};

/* The peer's (the first of TCP, the third of UDP), ports that are closed, nobody's. */
enum target { T_LISTENER, T_CLOSED_PORT, T_FORBIDDEN, T_UDP, T_UDP_CLOSED, T_NONE, TARGETS };

/* Of this machine's loopback, and the only address where inputs may listen. */
#define LISTEN_ADDR	"127.77.0.1"

#define ATTACH_VERSION	0x40	/* one that is not offered */
#define ATTACH_FEATURE	0x80

/* Where A_WRITE writes; the offset is modulo the place's size. */
enum place { P_HEADER, P_CHANNEL, P_FLOW, P_ANYWHERE, PLACES };

/* A_WRITE's width: bits 0-1 the power of two, and these. */
#define W_ADD		4	/* to what is there */
#define W_ALIGN		8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
