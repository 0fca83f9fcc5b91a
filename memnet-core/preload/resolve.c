/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getaddrinfo(): guest/names.c, with c-ares' own sockets, which are those of any library and so
 * become flows. A name server at the guest's loopback is the guest's own resolver: its socket
 * is the kernel's then, as any to there; and what localhost is, glibc says.
 */
#include <netdb.h>
#include <poll.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/names.h"
#include "memnet-core/preload/real.h"

/* A signal ends nothing. */
static int wait_for(struct pollfd *fds, size_t n, int timeout_ms, void *arg)
{
	return MAX(poll(fds, n, timeout_ms), 0);
}

EXPORT int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res)
{
	static const struct mn_asking by_sockets = { .poll = wait_for };

	if (node && mn_names_is_localhost(node))
		return mn_real()->getaddrinfo(node, service, hints, res);
	return mn_names_resolve(node, service, hints, &by_sockets, res);
}
