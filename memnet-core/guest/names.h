/* SPDX-License-Identifier: BSD-2-Clause */
/* What memnet_resolve() and the getaddrinfo() of the preload library have in common. */
#ifndef MEMNET_NAMES_H
#define MEMNET_NAMES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct addrinfo;
struct ares_socket_functions;

/* How name servers are spoken to. */
struct mn_asking {
	const struct ares_socket_functions *sockets;	/* NULL: those of c-ares itself */
	/* As poll(), of those sockets. Negative: it is of no use to wait on. */
	int (*poll)(struct pollfd *fds, size_t n, int timeout_ms, void *arg);
	void *arg;	/* of all of these */
};

/* localhost, or what is in it (RFC 6761). */
bool mn_names_is_localhost(const char *node);

/* As getaddrinfo(3), and its list; EAI_AGAIN also where no server could be spoken to. */
int mn_names_resolve(const char *node, const char *service, const struct addrinfo *hints,
		     const struct mn_asking *asking, struct addrinfo **res);

#endif
