/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: a path to a peer that flips one bit. */
#ifndef MEMNET_WORKLOADS_TEST_PROXY_H
#define MEMNET_WORKLOADS_TEST_PROXY_H

#include <stdint.h>
#include <sys/types.h>

enum proxy_way { PROXY_TO_PEER, PROXY_TO_CLIENT };

/*
 * Forward one connection made to 127.0.0.1:*port (chosen) to @peer_port, in a child
 * process; byte @offset of what goes @way comes out changed. The child ends with
 * the connection; reap it with waitpid().
 */
pid_t proxy_start(unsigned int *port, unsigned int peer_port, enum proxy_way way, uint64_t offset);

#endif
