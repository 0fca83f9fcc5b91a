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

/* Its flow 0, its cookie 7, port and address 0 (the peer's). */
#define ZERO8		0, 0, 0, 0, 0, 0, 0, 0
#define SUBMISSION(op, family)	op, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, \
				family, 0, 0, 0, 0, 0, 0, 0, ZERO8, ZERO8, ZERO8, ZERO8, ZERO8

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
	     SUBMISSION(MN_OP_CONNECT, 6), A_SUBMIT, 1, SUBMISSION(MN_OP_CONNECT, MN_IPV4)),
	SEED("marks-of-nothing", ATTACHED, A_MARK, 0, 63, A_MARK, 15, 63, A_MARK, 16, 40,
	     A_MARK, 17, 0, A_MARK, 17, 15, A_MARK, 17, 30, A_MARK, 17, 63, A_RUN),
	SEED("features-change", ATTACHED, A_FEATURES, 1, A_DETACH, A_FEATURES, 5, A_ATTACH, 1,
	     A_TICK),
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
