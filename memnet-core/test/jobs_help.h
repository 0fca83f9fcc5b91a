/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of what the host does with objects: the real programs, for one VM whose client is
 * this process, which is the server as well.
 */
#ifndef MEMNET_TEST_JOBS_HELP_H
#define MEMNET_TEST_JOBS_HELP_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/guest/memnet_object.h"
#include "memnet-core/test/parties.h"

#define SOON_MS		6000
#define DENIED_PORT	9	/* of 127.0.0.1, where all others are allowed */
#define HUNG	"a: the courier died (killed, for it hung: signal 9); another starts in 0 ms"

extern struct parties p;
extern struct memnet *m;
extern struct memnet_store *s;
extern int listener;	/* the server's, */
extern char url[64];	/* by HTTP */

int setup(void **state);
int teardown(void **state);

void open_store(void);
void close_store(void);

/* Listens at a port of 127.0.0.1 that is free. */
int listen_somewhere(uint16_t *port);

/* The next connection's socket, */
int accept_soon(int from);

/* and that of @listener's, its request's head read. */
int request(void);

struct memnet_object *room(uint64_t bytes);

/* Its error. */
int wait_for(struct memnet_job *job);

/* A whole transfer by HTTP, to see that the next one works. */
bool delivers(void *arg);

bool was_said(void *line);

#endif
