/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/address.h"

#include <errno.h>
#include <string.h>

#include "memnet-core/layout.h"

int mn_address_make(union mn_sockaddr *to, uint16_t family, uint16_t port, const uint8_t addr[16],
		    uint32_t scope)
{
	switch (family) {
	case MN_IPV4:
		*to = (union mn_sockaddr){ .in = { .sin_family = AF_INET,
						   .sin_port = htons(port) } };
		memcpy(&to->in.sin_addr, addr, sizeof(to->in.sin_addr));
		return 0;
	case MN_IPV6:
		*to = (union mn_sockaddr){ .in6 = { .sin6_family = AF_INET6,
						    .sin6_port = htons(port),
						    .sin6_scope_id = scope } };
		memcpy(&to->in6.sin6_addr, addr, sizeof(to->in6.sin6_addr));
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

uint16_t mn_address_split(const union mn_sockaddr *from, uint16_t *port, uint8_t addr[16],
			  uint32_t *scope)
{
	memset(addr, 0, 16);
	*port = 0;
	*scope = 0;
	switch (from->sa.sa_family) {
	case AF_INET:
		*port = ntohs(from->in.sin_port);
		memcpy(addr, &from->in.sin_addr, sizeof(from->in.sin_addr));
		return MN_IPV4;
	case AF_INET6:
		*port = ntohs(from->in6.sin6_port);
		*scope = from->in6.sin6_scope_id;
		memcpy(addr, &from->in6.sin6_addr, sizeof(from->in6.sin6_addr));
		return MN_IPV6;
	default:
		return 0;
	}
}

static bool is_own_ipv4(in_addr_t addr)
{
	return ntohl(addr) >> 24 == IN_LOOPBACKNET || addr == htonl(INADDR_ANY);
}

bool mn_is_guests_own(const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;

	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
		return is_own_ipv4(((const struct sockaddr_in *)addr)->sin_addr.s_addr);
	if (addr->sa_family != AF_INET6 || len < sizeof(*sin6))
		return true;	/* whatever it is, the kernel has the right error for it */
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return is_own_ipv4(sin6->sin6_addr.s6_addr32[3]);
	return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr) ||
	       IN6_IS_ADDR_UNSPECIFIED(&sin6->sin6_addr);
}
