/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a guest may connect and where it may listen: a list of rules in order. The first
 * that matches decides; what none matches is denied, so without rules everything is.
 *
 * Some ranges are never opened by accident: loopback, link-local, cloud metadata and the
 * others of the table in policy.c. In such a range an allow rule matches only if its
 * network lies within the range: 127.0.0.0/8 opens loopback, 0.0.0.0/0 does not. A deny
 * rule matches wherever its network does.
 *
 * ::ffff:a.b.c.d is the IPv4 address it carries, in rules and in what is judged; a rule of
 * IPv6 matches no IPv4 address in any guise.
 */
#ifndef MEMNET_POLICY_H
#define MEMNET_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MN_POLICY_RULES	256

enum mn_policy_action { MN_POLICY_DENY, MN_POLICY_ALLOW };

enum mn_policy_use {
	MN_POLICY_CONNECT = 1 << 0,	/* also each destination of a datagram */
	MN_POLICY_LISTEN = 1 << 1,	/* also a bind of datagrams; asked again at each accept */
};

struct mn_policy_rule {
	uint8_t action;		/* enum mn_policy_action */
	uint8_t uses;		/* enum mn_policy_use, or'ed */
	bool tcp, udp;
	uint16_t first, last;	/* ports; 0 to 65535: any */
	uint16_t line;		/* of the policy file; 0: of the command line */
	uint8_t prefix;		/* bits of net; IPv4: 96 more than it says */
	uint8_t net[16];	/* IPv4 as ::ffff:a.b.c.d */
};

struct mn_policy {
	struct mn_policy_rule rule[MN_POLICY_RULES];
	size_t rules;
};

/*
 * Add a rule at the end: "[connect|listen] [tcp|udp|any] ADDRESS[/PREFIX][:PORT[-PORT]]";
 * an IPv6 address without a prefix but with a port stands in brackets. An allow rule that
 * does not say is of connect and tcp, a deny rule of both uses and any protocol.
 * 0, -EINVAL or -ENOSPC; then @why, of @size bytes, says what is wrong and the mend.
 */
int mn_policy_add(struct mn_policy *p, enum mn_policy_action action, const char *text,
		  char *why, size_t size);

/*
 * Add the rules of the file @path at the end, all or none: lines of "allow" or "deny" and a
 * rule as above; what follows "#" is a comment. 0 or -errno; then @why says where and what.
 */
int mn_policy_read(struct mn_policy *p, const char *path, char *why, size_t size);

/*
 * May the guest do @use at @addr (AF_INET, AF_INET6) with @protocol (IPPROTO_TCP,
 * IPPROTO_UDP)? Anything else is denied. Port 0, the kernel's choice, is permitted only by
 * a rule of any port, and denied by a deny rule of whichever.
 *
 * A socket that listens at :: has to be IPV6_V6ONLY: 0.0.0.0 was not asked for.
 */
bool mn_policy_permits(const struct mn_policy *p, enum mn_policy_use use, int protocol,
		       const struct sockaddr *addr);

/* Is there a rule to allow it anywhere? */
bool mn_policy_allows_some(const struct mn_policy *p, enum mn_policy_use use, int protocol);

/* Why that is denied, in words for the administrator. */
void mn_policy_explain(const struct mn_policy *p, enum mn_policy_use use, int protocol,
		       const struct sockaddr *addr, char *why, size_t size);

#endif
