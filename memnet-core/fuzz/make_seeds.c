/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the seeds: make_seeds FOLDER. Their names say what happens; see actions.h. */
#include <stdio.h>
#include <stdlib.h>

#include "memnet-core/fuzz/actions.h"
#include "memnet-core/layout.h"

#define ALL		0x3f	/* features */
#define LEN(n)		(n) & 0xff, (n) >> 8
#define DIFF(n)		(uint16_t)(n) & 0xff, (uint16_t)(n) >> 8

#define X10(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
	__VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__

/* An honest guest on channel 1 with flow 0 open to the peer's connection 0. */
#define ATTACHED	A_ATTACH, ALL
#define CONNECTED	ATTACHED, A_CONNECT, 1, T_LISTENER, A_PEER_ACCEPT, A_RUN, A_TAKE, 1

/* Flow 0 of channel 1: a listener with a connection; datagrams. */
#define LISTENING	ATTACHED, A_BIND, 1, MN_STREAM, 0, A_LISTEN, 1, 0, 4
#define CALLED		LISTENING, A_PEER_CALL, 0, A_RUN
#define DATAGRAMS	ATTACHED, A_BIND, 1, MN_DATAGRAMS, 0

/* No flow, its cookie 7, port and address 0 (the peer's). */
#define ZERO8		0, 0, 0, 0, 0, 0, 0, 0
#define NO_FLOW		0xff, 0xff, 0xff, 0xff
#define SUBMISSION(op, family)	op, 0, 0, 0, NO_FLOW, 7, 0, 0, 0, 0, 0, 0, 0, \
				family, 0, 0, 0, 0, 0, 0, 0, ZERO8, ZERO8, ZERO8, ZERO8, ZERO8

/* Its first 4 KiB, to a URL. */
#define OBJECT(channel, op, cookie) \
	A_OBJECT, channel, op, cookie, LEN(0), LEN(256), LEN(256), 1

/* A_NUDGE's fields, in fuzz_host.c's order. */
enum field {
	SEND_HEAD, SEND_WAKE_TAIL, SEND_CLOSED, SEND_TAIL, RECV_TAIL, RECV_WAKE_HEAD, RECV_CLOSED,
	RECV_HEAD, RING_HEAD, RING_CLOSED, DONE_TAIL, DONE_WAKE_HEAD, DONE_CLOSED, G_STATE,
	G_VERSION, G_FEATURES, G_SESSION, G_HEARTBEAT, H_MAGIC, H_SESSION, H_STATE, H_FLOWS,
	H_ASLEEP,
};

struct seed {
	const char *name;
	const uint8_t *bytes;
	size_t n;
};

#define OF(setup, name, ...) { name, (const uint8_t[]){ setup, __VA_ARGS__ }, \
			       sizeof((const uint8_t[]){ setup, __VA_ARGS__ }) }
#define SEED(name, ...)		OF(0, name, __VA_ARGS__)
#define SPINNING(name, ...)	OF(1, name, __VA_ARGS__)
#define BULK(name, ...)		OF(2, name, __VA_ARGS__)
#define SHORT_OF_MEMORY(name, ...) OF(6, name, __VA_ARGS__)

static const struct seed seeds[] = {
	SEED("attach-detach", ATTACHED, A_TICK, A_DETACH, ATTACHED, A_DETACH),
	SEED("silent-owner", CONNECTED, A_TICK, A_TIME, 4, A_TICK, A_TIME, 4, A_TICK, A_TIME, 4,
	     A_TICK, A_TIME, 4, A_TICK, A_TIME, 4, A_TICK, ATTACHED, A_BEAT, A_TIME, 8, A_TICK),
	SEED("stream-out-fin", CONNECTED, A_PUSH, 0, LEN(3000), A_RUN, A_PUSH, 0, LEN(3000), A_RUN,
	     A_FIN, 0, MN_FIN, A_RUN, A_PEER_READ, 0, LEN(60000), A_PEER_CLOSE, 0, A_RUN,
	     A_CLOSE, 1, 0, A_TAKE, 1),
	SEED("stream-in-fin", CONNECTED, A_PEER_WRITE, 0, LEN(9000), A_RUN, A_PULL, 0, LEN(4000),
	     A_RUN, A_PULL, 0, LEN(9000), A_RUN, A_PEER_SHUT, 0, A_RUN, A_PULL, 0, LEN(9000),
	     A_FIN, 0, MN_FIN, A_RUN, A_CLOSE, 1, 0),
	SPINNING("pump", CONNECTED, A_PUMP, 0, 20, A_PUSH, 0, LEN(100), A_RUN, A_CLOSE, 1, 0),
	BULK("bulk-and-timer", CONNECTED, A_PUMP, 0, 2, A_TIMER, A_PUMP, 0, 1, A_PUSH, 0, LEN(100),
	     A_RUN, A_TIMER, A_PUMP, 0, 7, A_CLOSE, 1, 0, A_TIMER),
	BULK("bulk-peer-full", CONNECTED, X10(X10(A_PUSH, 0, LEN(65535), A_RUN)),
	     X10(A_PEER_READ, 0, LEN(65535)), A_RUN),
	BULK("bulk-in", CONNECTED, X10(A_PEER_WRITE, 0, LEN(65535), A_RUN), X10(A_PULL, 0,
	     LEN(65535), A_RUN), A_CONNECT, 1, 0, A_CONNECT, 2, 0, A_CLOSE, 1, 1),
	SEED("peer-full-then-reads", CONNECTED, A_PUSH, 0, LEN(4096), A_RUN, A_PUSH, 0, LEN(4096),
	     A_RUN, A_PEER_READ, 0, LEN(60000), A_RUN, A_PUSH, 0, LEN(4096), A_RUN),
	SEED("peer-resets", CONNECTED, A_PUSH, 0, LEN(100), A_PEER_RESET, 0, A_RUN, A_CLOSE, 1, 0,
	     A_CONNECT, 1, T_LISTENER),
	SEED("guest-resets", CONNECTED, A_PUSH, 0, LEN(100), A_FIN, 0, MN_RESET, A_RUN, A_RUN,
	     A_CLOSE, 1, 0),
	SEED("guest-deaf", CONNECTED, A_DEAF, 0, A_PEER_WRITE, 0, LEN(10), A_RUN, A_CLOSE, 1, 0),
	SEED("refused", ATTACHED, A_CONNECT, 0, T_CLOSED_PORT, A_RUN, A_CONNECT, 0, T_FORBIDDEN,
	     A_CLOSE, 1, 200, A_CLOSE, 1, 3, A_RESET, 1, 2, A_RESET, 0, 0, A_RESET, 0, 9),
	SEED("many-connects", ATTACHED, A_CONNECT, 1, 0, A_CONNECT, 1, 0, A_CONNECT, 1, 0,
	     A_CONNECT, 2, 0, A_CONNECT, 2, 0, A_CONNECT, 2, 0, A_CONNECT, 1, 0, A_CONNECT, 1, 0,
	     A_CLOSE, 2, 7, A_PEER_ACCEPT, A_PEER_ACCEPT, A_RUN, A_RESET, 0, 1, A_RESET, 0, 2),
	SEED("reset-channel", CONNECTED, A_PEER_WRITE, 0, LEN(50), A_RUN, A_RESET, 0, 1,
	     A_CONNECT, 1, 0, A_PEER_ACCEPT, A_RUN),
	SEED("completions-not-taken", ATTACHED, X10(A_CLOSE, 1, 0, A_CLOSE, 1, 1, A_CLOSE, 1, 2,
	     A_CLOSE, 1, 3), A_TAKE, 1, A_TAKE, 1),
	SEED("submission-unknown", ATTACHED, A_SUBMIT, 1, SUBMISSION(99, MN_IPV4), A_SUBMIT, 1,
	     SUBMISSION(MN_OP_CONNECT, 77), A_SUBMIT, 1, SUBMISSION(MN_OP_CONNECT, MN_IPV4),
	     A_SUBMIT, 1, SUBMISSION(MN_OP_CONNECT, MN_IPV6)),
	SEED("accept-and-talk", CALLED, A_PULL, 0, LEN(8), A_PEER_WRITE, 0, LEN(3000), A_RUN,
	     A_PULL, 1, LEN(3000), A_PUSH, 1, LEN(3000), A_RUN, A_PEER_READ, 0, LEN(3000),
	     A_FIN, 1, MN_FIN, A_RUN, A_CLOSE, 1, 1, A_CLOSE, 1, 0, A_PEER_CALL, 0),
	SEED("listener-closed-unaccepted", CALLED, X10(A_PEER_CALL, 0, A_RUN), A_PULL, 0, LEN(8),
	     A_CLOSE, 1, 0, A_BIND, 1, MN_STREAM, 0, A_LISTEN, 1, 0, 1, A_PEER_CALL, 0, A_RUN),
	SEED("listener-deaf", CALLED, A_DEAF, 0, A_PEER_CALL, 0, A_RUN, A_CLOSE, 1, 0),
	BULK("listener-starves", CALLED, A_PEER_CALL, 0, A_PEER_CALL, 0, A_RUN, A_PULL, 0, LEN(8),
	     A_CLOSE, 1, 1, A_RUN, A_CLOSE, 1, 1, A_RUN, A_CLOSE, 1, 0),
	SEED("listener-not", ATTACHED, A_LISTEN, 1, 0, 1, A_BIND, 1, 9, 0, A_BIND, 1, MN_STREAM, 7,
	     A_LISTEN, 1, 0, 1, A_LISTEN, 1, 0, 9, A_CONNECT_FLOW, 1, 0, T_LISTENER,
	     A_BIND, 1, MN_DATAGRAMS, 3, A_LISTEN, 1, 1, 1),
	SEED("bound-connects", ATTACHED, A_BIND, 1, MN_STREAM, 1, A_CONNECT_FLOW, 1, 0, T_FORBIDDEN,
	     A_CONNECT_FLOW, 1, 0, T_LISTENER, A_PEER_ACCEPT, A_RUN, A_CONNECT_FLOW, 1, 0, 0,
	     A_PUSH, 0, LEN(9), A_RUN, A_PEER_READ, 0, LEN(9), A_CLOSE, 1, 0,
	     A_BIND, 1, MN_STREAM, 1, A_CONNECT_FLOW, 1, 0, T_CLOSED_PORT, A_RUN),
	SEED("owned-by-0", CALLED, A_OWN, 1, 0, A_OWN, 0, 0, A_OWN, 0, 1, A_RESET, 0, 1,
	     A_PEER_CALL, 0, A_RUN, A_PULL, 0, LEN(8), A_CLOSE, 1, 0, A_CLOSE, 0, 0, A_CLOSE, 0, 1),
	SEED("connecting-owned-by-0", ATTACHED, X10(A_CONNECT, 1, 0), A_OWN, 0, 0, A_OWN, 0, 3,
	     A_OWN, 0, 193, A_OWN, 0, 200, A_RESET, 0, 1, A_CONNECT, 1, 0, A_RUN),
	SEED("cancel", CONNECTED, A_CANCEL, 2, 1, A_CANCEL, 1, 2, A_CANCEL, 1, 1, A_CANCEL, 1, 1,
	     A_CONNECT, 1, T_LISTENER, A_OWN, 0, 0, A_CANCEL, 1, 1, A_CLOSE, 0, 0),
	SEED("cancel-connecting", ATTACHED, X10(A_CONNECT, 1, T_LISTENER), A_CANCEL, 1, 1,
	     A_OWN, 0, 7, A_CANCEL, 1, 1, X10(A_CANCEL, 1, 1), A_TAKE, 1, A_CONNECT, 1, T_LISTENER),
	SEED("close-connecting", ATTACHED, X10(A_CONNECT, 1, T_LISTENER), A_OWN, 0, 200,
	     X10(A_CLOSE, 1, 199), A_CLOSE, 0, 200, A_CLOSE, 1, 201, A_TAKE, 1),
	BULK("left-unread", CONNECTED, X10(X10(A_PUSH, 0, LEN(65535), A_RUN)), A_FIN, 0, MN_FIN,
	     A_CLOSE, 1, 0, A_CONNECT, 1, T_LISTENER, A_CONNECT, 1, T_LISTENER, X10(A_TICK),
	     A_CONNECT, 1, T_LISTENER, A_PEER_ACCEPT, X10(A_PUSH, 0, LEN(65535), A_RUN), A_FIN, 0,
	     MN_FIN, A_CLOSE, 1, 0, X10(X10(A_TICK)), X10(X10(A_TICK))),
	SHORT_OF_MEMORY("memory-runs-out", CONNECTED, A_PEER_WRITE, 0, LEN(60000), A_RUN,
			X10(A_TICK), X10(A_TICK), A_PULL, 0, LEN(60000), X10(A_TICK), X10(A_TICK),
			A_PEER_WRITE, 0, LEN(9000), A_RUN, A_TICK, A_PULL, 0, LEN(9000),
			X10(A_CONNECT, 1, T_LISTENER), A_PUSH, 0, LEN(9000), X10(A_TICK),
			X10(A_TICK), A_CLOSE, 1, 0, X10(A_TICK), X10(A_TICK)),
	SHORT_OF_MEMORY("memory-runs-out-accepting", LISTENING, A_PEER_CALL, 0, A_RUN, A_TICK,
			A_RUN, A_TICK, A_PULL, 0, LEN(8), A_PEER_CALL, 0, A_RUN, A_TICK, A_TICK),
	SEED("options", CALLED, A_OPTION, 1, 0, 1, 0, A_OPTION, 1, 1, 2, 1, A_OPTION, 1, 1, 14, 0,
	     A_OPTION, 1, 1, 14, 255, A_OPTION, 1, 1, 6, 1, A_OPTION, 1, 1, 99, 0, A_FIN, 1, MN_FIN,
	     A_CLOSE, 1, 1),
	SEED("bells", CONNECTED, A_BELLS, 0, 0, 0xff, 0xff, 0xff, 0xff, A_BELLS, 0, 1, 6, 0, 0, 0x80,
	     A_PEER_WRITE, 0, LEN(9), A_RUN, A_PUSH, 0, LEN(9), A_RUN, A_PEER_RESET, 0, A_RUN),
	SEED("datagrams", DATAGRAMS, A_DATAGRAM, 0, T_UDP, LEN(0), A_DATAGRAM, 0, T_UDP, LEN(100),
	     A_RUN, A_PEER_HEAR, A_PEER_SAY, 0, LEN(0), A_PEER_SAY, 0, LEN(1000), A_RUN,
	     A_PULL, 0, LEN(0), A_PULL, 0, LEN(0), A_DATAGRAM, 0, T_FORBIDDEN, LEN(3),
	     A_DATAGRAM, 0, T_NONE, LEN(3), A_RUN, A_CLOSE, 1, 0),
	SEED("datagrams-wrap", DATAGRAMS, X10(A_DATAGRAM, 0, T_UDP, LEN(1001), A_RUN, A_PEER_SAY, 0,
	     LEN(1001), A_RUN, A_PULL, 0, LEN(0), A_PEER_HEAR)),
	SEED("datagrams-cut", DATAGRAMS, A_PEER_SAY, 0, LEN(4064), A_PEER_SAY, 0, LEN(4065),
	     A_PEER_SAY, 0, LEN(65507), A_RUN, A_PULL, 0, LEN(0), A_RUN, A_PULL, 0, LEN(0), A_RUN,
	     A_PULL, 0, LEN(0), A_DATAGRAM, 0, T_UDP, LEN(4065), A_DATAGRAM, 0, T_UDP, LEN(4064)),
	BULK("datagrams-large", DATAGRAMS, A_DATAGRAM, 0, T_UDP, LEN(65507), A_DATAGRAM, 0, T_UDP,
	     LEN(65507), A_RUN, A_PEER_HEAR, A_PEER_SAY, 0, LEN(65507), A_PEER_SAY, 0, LEN(65507),
	     A_RUN, A_PULL, 0, LEN(0), A_RUN, A_PULL, 0, LEN(0)),
	SEED("datagrams-refused", DATAGRAMS, A_CONNECT_FLOW, 1, 0, T_UDP_CLOSED, X10(A_DATAGRAM, 0,
	     T_NONE, LEN(5), A_DATAGRAM, 0, T_UDP, LEN(5)), A_RUN, A_PEER_HEAR, A_CONNECT_FLOW, 1, 0,
	     T_FORBIDDEN, A_CONNECT_FLOW, 1, 0, T_NONE, A_CONNECT_FLOW, 1, 0, T_UDP, A_DATAGRAM, 0,
	     T_NONE, LEN(5), A_RUN, A_FIN, 0, MN_FIN, A_DEAF, 0, A_PEER_SAY, 0, LEN(9), A_RUN,
	     A_CONNECT_FLOW, 1, 0, T_UDP, A_CLOSE, 1, 0),
	SEED("lie-record-long", DATAGRAMS, A_RECORD, 0, LEN(40), 9, 0, 0, 0, 0, 0, 0, 0, ZERO8, ZERO8,
	     ZERO8, A_RUN, A_DETACH),
	SEED("lie-record-huge", DATAGRAMS, A_RECORD, 0, LEN(40), 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0,
	     ZERO8, ZERO8, ZERO8, A_RUN, A_DETACH),
	SEED("lie-record-short", DATAGRAMS, A_RECORD, 0, LEN(31), ZERO8, ZERO8, ZERO8, ZERO8, A_RUN),
	BULK("lie-record-many", DATAGRAMS, X10(X10(A_RECORD, 0, LEN(1280), ZERO8, ZERO8, ZERO8,
	     ZERO8)), A_RUN),
	SEED("lie-record-family", DATAGRAMS, A_RECORD, 0, LEN(32), 0, 0, 0, 0, 77, 0, 0, 0, ZERO8,
	     ZERO8, ZERO8, A_RUN, A_RECORD, 0, LEN(32), 0, 0, 0, 0, MN_IPV6, 0, 9, 0, ZERO8, ZERO8,
	     ZERO8, A_RUN),
	SEED("lie-facts", ATTACHED, A_WRITE, P_FLOW, 1, 0x04, 0x04, 0, W_ALIGN | 2, 9, 0, 0, 0,
	     0, 0, 0, 0),
	SEED("lie-datagram-tail", DATAGRAMS, A_PEER_SAY, 0, LEN(4064), A_RUN, A_NUDGE, RECV_TAIL, 0,
	     DIFF(-8), A_PEER_SAY, 0, LEN(9), A_RUN),
	SEED("lie-listener-tail", CALLED, A_NUDGE, RECV_TAIL, 0, DIFF(-8), A_CLOSE, 1, 0),
	SEED("marks-of-nothing", ATTACHED, A_MARK, 0, 63, A_MARK, 15, 63, A_MARK, 16, 40,
	     A_MARK, 17, 0, A_MARK, 17, 15, A_MARK, 17, 30, A_MARK, 17, 63, A_RUN),
	SEED("features-change", ATTACHED, A_FEATURES, 1, A_DETACH, A_FEATURES, 5, A_ATTACH, 1,
	     A_TICK),
	SEED("object-put", ATTACHED, OBJECT(1, 0, 3), A_ANSWER, 0, 0, A_TAKE, 1, OBJECT(2, 2, 3),
	     A_COURIER, A_ANSWER, 0, 13, A_TAKE, 2),
	SEED("object-cancel", ATTACHED, OBJECT(1, 1, 3), A_COURIER, A_CANCEL, 1, 3, A_ANSWER, 0,
	     125, OBJECT(1, 1, 3), A_CANCEL, 1, 3, A_CANCEL, 1, 3, A_COURIER, A_ANSWER, 0, 0),
	SEED("object-reset", ATTACHED, OBJECT(1, 1, 3), OBJECT(1, 0, 4), OBJECT(2, 0, 4), A_RESET,
	     0, 1, A_RESET, 0, 1, A_ANSWER, 0, 125, A_ANSWER, 1, 125, A_TAKE, 0, A_ANSWER, 2, 0),
	SEED("object-session-ends", ATTACHED, OBJECT(1, 1, 3), A_COURIER, A_DETACH, ATTACHED,
	     A_TICK, A_ANSWER, 0, 125, A_TICK),
	SEED("object-reset-session-ends", ATTACHED, OBJECT(1, 1, 3), A_RESET, 0, 1, A_DETACH,
	     ATTACHED, A_ANSWER, 0, 125, A_TICK, OBJECT(1, 1, 3), A_ANSWER, 0, 0),
	SEED("object-courier-dies", ATTACHED, OBJECT(1, 1, 3), OBJECT(2, 1, 3), A_RESET, 0, 2,
	     A_COURIER_DIES, 0, OBJECT(1, 1, 3), A_COURIER_DIES, 1, OBJECT(1, 1, 3), A_COURIER_LIES,
	     9, 63, OBJECT(1, 1, 3), A_COURIER_LIES, 0, 3),
	SEED("object-courier-hangs", ATTACHED, OBJECT(1, 1, 3), A_CANCEL, 1, 3, A_TIME, 10, A_TICK,
	     A_TIME, 15, A_TICK, A_RUN, A_TAKE, 1, A_COURIER_DIES, 1, OBJECT(1, 1, 3)),
	SEED("object-courier-silent", ATTACHED, OBJECT(1, 1, 3), X10(A_TICK), A_COURIER, X10(A_TICK),
	     X10(A_TICK), A_RUN, A_TAKE, 1, A_COURIER_DIES, 1, OBJECT(1, 1, 3)),
	SEED("object-too-many", ATTACHED, X10(OBJECT(1, 1, 3)), X10(OBJECT(2, 1, 3)),
	     X10(OBJECT(1, 1, 3)), A_COURIER, A_DETACH, ATTACHED, A_COURIER_DIES, 1, A_TICK),
	SEED("object-outside", ATTACHED, A_OBJECT, 1, 0, 1, LEN(4096), LEN(1), LEN(0), 1, A_OBJECT,
	     1, 0, 1, LEN(1), LEN(4096), LEN(0), 1, A_OBJECT, 1, 0, 1, LEN(1), LEN(1), LEN(65535),
	     2, A_OBJECT, 1, 0, 1, LEN(1), LEN(1), LEN(0), 0, A_OBJECT, 1, 0, 1, LEN(1), LEN(1),
	     LEN(0), 254, A_COURIER),
	SEED("lie-send-head", CONNECTED, A_NUDGE, SEND_HEAD, 0, DIFF(30000), A_MARK, 0, 0, A_MARK,
	     17, 0, A_RUN, A_DETACH, ATTACHED),
	SEED("lie-send-head-back", CONNECTED, A_PUSH, 0, LEN(9), A_RUN, A_NUDGE, SEND_HEAD, 0,
	     DIFF(-5), A_TICK, A_DETACH),
	SEED("lie-recv-tail", CONNECTED, A_NUDGE, RECV_TAIL, 0, DIFF(-1),
	     A_PEER_WRITE, 0, LEN(9000), A_RUN, A_RUN),
	SEED("lie-closed", CONNECTED, A_NUDGE, SEND_CLOSED, 0, DIFF(77), A_TICK),
	SEED("lie-ring", ATTACHED, A_NUDGE, RING_HEAD, 1, DIFF(32), A_TICK, A_DETACH, ATTACHED,
	     A_NUDGE, DONE_TAIL, 1, DIFF(1), A_CLOSE, 1, 0, A_CLOSE, 1, 0, A_TICK, A_DETACH,
	     ATTACHED, A_NUDGE, RING_CLOSED, 2, DIFF(1), A_TICK, A_DETACH, ATTACHED,
	     A_NUDGE, DONE_CLOSED, 0, DIFF(1), A_TICK),
	SEED("lie-header", ATTACHED, A_NUDGE, G_STATE, 0, DIFF(9), A_KICK, A_DETACH, A_NUDGE,
	     H_SESSION, 0, DIFF(1), A_TICK, A_NUDGE, H_MAGIC, 0, DIFF(1), A_TICK, ATTACHED),
	SEED("lie-for-the-log", X10(X10(A_NUDGE, H_MAGIC, 0, DIFF(1), A_TICK))),
	SEED("lie-too-often", X10(ATTACHED, A_NUDGE, G_STATE, 0, DIFF(9), A_KICK, A_DETACH),
	     X10(ATTACHED, A_NUDGE, G_STATE, 0, DIFF(9), A_KICK, A_DETACH),
	     A_NUDGE, H_MAGIC, 0, DIFF(1), A_TICK, ATTACHED, A_TICK, ATTACHED),
	SEED("lie-attach", A_ATTACH, ALL | ATTACH_VERSION, A_DETACH, A_ATTACH, ALL | ATTACH_FEATURE,
	     A_TICK, A_DETACH, ATTACHED),
	SEED("lie-anywhere", CONNECTED, A_WRITE, P_ANYWHERE, 0, 0, 0, 2, W_ALIGN | 3,
	     1, 2, 3, 4, 5, 6, 7, 8, A_WRITE, P_FLOW, 0, 0, 0, 0, W_ADD | W_ALIGN | 3,
	     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, A_TICK),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		char path[4096];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", argv[1], seeds[i].name);
		f = fopen(path, "wb");
		if (!f || fwrite(seeds[i].bytes, 1, seeds[i].n, f) != seeds[i].n || fclose(f)) {
			perror(path);
			return EXIT_FAILURE;
		}
	}
	return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
