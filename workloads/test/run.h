/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: memnet-work as a child with its three streams in our hands. Fails the test itself. */
#ifndef MEMNET_WORKLOADS_TEST_RUN_H
#define MEMNET_WORKLOADS_TEST_RUN_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

struct run {
	pid_t pid;
	int in, out, err;	/* our ends of its stdin, stdout, stderr */
	char stdout_text[4096], stderr_text[4096];	/* after run_wait() */
	int status;		/* exit status, or 1000 + signal */
};

/* memnet-work with the words of @line as its arguments. */
void run_start(struct run *r, const char *line, ...) __attribute__((format(printf, 2, 3)));

/*
 * The next line of its stdout, without the newline; valid until the next call. The test
 * fails where none comes within a minute.
 */
const char *run_line(struct run *r);

void run_close_stdin(struct run *r);

/* Take all it still prints, wait for its end. Returns the status. */
int run_wait(struct run *r);

/* run_start() with an empty stdin, and run_wait(). */
int run_whole(struct run *r, const char *line, ...) __attribute__((format(printf, 2, 3)));

/* The value of " key=" in a result line; UINT64_MAX where it is not there. */
uint64_t run_value(const char *text, const char *key);

/* A TCP port nobody listens on. */
unsigned int free_port(void);

/* Wait until `memnet-work peer` listens at 127.0.0.1:@port. */
void peer_start(struct run *peer, unsigned int port);
void peer_stop(struct run *peer);

/* For cmocka: a peer in *state before each test, stopped after it. */
struct peer_fixture {
	struct run peer;
	unsigned int port;
};

int peer_set_up(void **state);
int peer_tear_down(void **state);

/* Connect to 127.0.0.1:@port. */
int connect_to(unsigned int port);

#endif
