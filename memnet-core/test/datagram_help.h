/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of datagrams; fail the test themselves. */
#ifndef MEMNET_TEST_DATAGRAM_HELP_H
#define MEMNET_TEST_DATAGRAM_HELP_H

#include "memnet-core/test/session_fixture.h"

/* FIFOs of 128 KiB, of 4 KiB; UDP to and at 127.0.0.1 is allowed, to ::1, and TCP to loopback. */
int datagrams_setup(void **state);
int small_fifos_setup(void **state);

/* A peer of the kernel's; port 0: the kernel chooses. */
struct udp {
	int fd;
	struct sockaddr_in addr;
};

struct udp udp_at(const char *addr, uint16_t port);

void peer_sends(const struct udp *p, struct memnet_flow *to, const void *buf, size_t len);

/* The guest's flow of datagrams; as sendto(); the errno that comes back, soon, or 0. */
struct memnet_flow *bound(struct memnet *m, const char *addr, uint16_t port);
ssize_t send_to(struct memnet_flow *f, const void *buf, size_t len, const struct sockaddr_in *to);
int wait_for_error(struct memnet_flow *f);

#endif
