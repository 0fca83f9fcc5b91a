/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of listeners and of flows that several channels use; fail the test themselves. */
#ifndef MEMNET_TEST_FLOWS_HELP_H
#define MEMNET_TEST_FLOWS_HELP_H

#include "memnet-core/test/session_fixture.h"

#define MANY	4	/* flows */

/* MANY flows; the guest may connect to loopback over TCP, and listen at 127.0.0.1 and ::1. */
int many_flows_setup(void **state);

socklen_t length_of(const struct sockaddr_storage *ss);

/* A listener at @at, or 127.0.0.1; *@at becomes its address with the real port. */
struct memnet_flow *listener_at(struct memnet *m, struct sockaddr_storage *at);
struct memnet_flow *loopback_listener(struct memnet *m, struct sockaddr_storage *at);

/* A peer of the kernel's that connects to @to. fd, or -errno. */
int call(const struct sockaddr_storage *to);

/* The peer hears of its end by a reset; a byte goes there and another comes back. */
void is_reset(int fd);
void talks(struct memnet_flow *f, int fd);

void all_flows_are_free(struct fixture *fx, struct memnet *m);

#endif
