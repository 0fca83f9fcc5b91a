/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet against the real host code, in two threads over a memfd, with real TCP on
 * loopback behind it: a host with a loop in a thread of its own, as cmocka setup and teardown.
 */
#ifndef MEMNET_TEST_SESSION_FIXTURE_H
#define MEMNET_TEST_SESSION_FIXTURE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>

#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/host/host.h"

#define REGION_BYTES	(1u << 20)
#define FLOWS		2
#define CHANNELS	3
#define BACKLOG		4

struct fixture {
	struct mn_loop loop;
	struct mn_host *host;
	struct mn_watch doorbell, stop;
	int memfd;
	void *mapped;		/* by the host */
	int bells[CHANNELS];	/* eventfds the host rings */
	char said[256];		/* the host's last report */
	pthread_t thread;
	int listener;		/* a TCP peer of the test's own */
	struct sockaddr_in peer;
};

/* FLOWS flows and a policy that allows TCP to loopback; or as many, and those rules. */
int session_setup(void **state);
int session_setup_with(void **state, uint32_t flows, const char *const rules[]);
int session_teardown(void **state);

/* The host's thread, and its end; nothing of it is left but the region. */
void *host_thread(void *arg);
void stop_host(struct fixture *fx);

/* The host stands still in between. */
void hold_host(struct fixture *fx);
void release_host(struct fixture *fx);

/* Is @text in what it said last? */
bool host_said(struct fixture *fx, const char *text);

/* Bytes of the region that are there. */
uint64_t region_in_use(void *fixture);

/* A peer's listener on a port of the kernel's choice: fx->listener, fx->peer. */
void listen_on_loopback(struct fixture *fx);

/* @fd: an eventfd. */
void ring_fd(int fd);

/* A guest: its own mapping; a session; a flow of it, and the peer's socket. */
struct mn_region map_region(struct fixture *fx);
struct memnet *attach(struct fixture *fx);
/* Another process of that guest, as far as the host can tell: with a channel of its own. */
struct memnet *join(struct fixture *fx, uint32_t channel);
/* What the agent does when that process has gone. */
void reset_channel(struct memnet *owner, uint32_t channel);
struct memnet_flow *connect_flow(struct fixture *fx, struct memnet *m, int *socket);

#endif
