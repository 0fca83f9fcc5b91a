/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: of sockets, and as they stand in the region. */
#ifndef MEMNET_ADDRESS_H
#define MEMNET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union mn_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* What a guest names: its fields, copied. @family: enum mn_family. 0 or -EAFNOSUPPORT. */
int mn_address_make(union mn_sockaddr *to, uint16_t family, uint16_t port, const uint8_t addr[16],
		    uint32_t scope);

/* The reverse; returns enum mn_family, 0 for no address. @addr is filled wholly. */
uint16_t mn_address_split(const union mn_sockaddr *from, uint16_t *port, uint8_t addr[16],
			  uint32_t *scope);

/* Is @addr the guest's own business: loopback, unspecified for connect, or no address of ours? */
bool mn_is_guests_own(const struct sockaddr *addr, socklen_t len);

static inline socklen_t mn_address_len(const union mn_sockaddr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

static inline uint16_t mn_address_port(const union mn_sockaddr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

#endif
