/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For benches of the whole service: a memnetd of our own (the program beside
 * memnet-bench), this process in the guest's place, and a TCP peer on loopback.
 */
#ifndef MEMNET_BENCH_SERVICE_H
#define MEMNET_BENCH_SERVICE_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#include "memnet-core/guest/memnet.h"

#define SERVICE_VMS 2

struct service {
	char directory[64];
	pid_t daemon;
	pid_t peer;			/* 0 without */
	struct sockaddr_in peer_addr;
	struct memnet *vm[SERVICE_VMS];	/* attached by service_attach() */
	pid_t worker[SERVICE_VMS];
};

/* What the peer does with each connection, in a process of its own. */
typedef void (*peer_serve)(int listener);

/* Start memnetd with VMs "0", "1", ... and the options @argv (NULL-ended) for all. 0 or -errno. */
int service_start(struct service *s, unsigned int vms, const char *const argv[], peer_serve peer);

/* Come to VM @i as its guest; its worker is known then. 0 or -errno. */
int service_attach(struct service *s, unsigned int i);

/* Detach, end what was started, remove the directory. Safe after a failed start. */
void service_stop(struct service *s);

/* CPU time of another process so far, ns. */
int64_t service_cpu_ns(pid_t pid);

#endif
