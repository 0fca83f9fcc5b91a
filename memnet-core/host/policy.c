/* SPDX-License-Identifier: BSD-2-Clause */
/* Judging; how rules are written is in policy_text.c. */
#include "memnet-core/host/policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/policy_internal.h"

#define V4(a, b, c, d) { [10] = 0xff, 0xff, a, b, c, d }

/*
 * Opened only by a rule within. The innermost counts: 169.254.0.0/16 opens link-local, but
 * not the metadata in it. What carries an IPv4 address in an IPv6 one reaches that address
 * where there is a gateway, past any rule of IPv4; so it has to be named as well.
 */
static const struct special {
	uint8_t net[16];
	uint8_t prefix;
	const char *name;
} specials[] = {
	/* connect() to 0.0.0.0 or :: reaches loopback; a bind to them is one to every address */
	{ V4(0, 0, 0, 0), 96 + 8, "unspecified" },
	{ V4(127, 0, 0, 0), 96 + 8, "the host's loopback" },
	{ V4(169, 254, 0, 0), 96 + 16, "link-local" },
	{ V4(169, 254, 169, 254), 128, "cloud metadata" },
	{ V4(100, 100, 100, 200), 128, "cloud metadata" },	/* Alibaba */
	{ V4(168, 63, 129, 16), 128, "cloud metadata" },	/* Azure's WireServer */
	{ V4(224, 0, 0, 0), 96 + 4, "multicast" },
	{ V4(240, 0, 0, 0), 96 + 4, "broadcast or reserved" },
	{ { 0 }, 128, "unspecified" },
	{ { [15] = 1 }, 128, "the host's loopback" },
	{ { 0 }, 96, "IPv4-compatible" },
	{ { [8] = 0xff, 0xff }, 96, "IPv4-translated" },
	{ { 0, 0x64, 0xff, 0x9b }, 96, "NAT64" },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, "NAT64" },
	{ { 0x20, 0x01 }, 32, "Teredo" },
	{ { 0x20, 0x02 }, 16, "6to4" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfd, 0, 0x0e, 0xc2 }, 32, "cloud metadata" },	/* Amazon's services */
	{ { 0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54 }, 128, "cloud metadata" },	/* Google */
	{ { 0xff }, 8, "multicast" },
};

struct request {
	enum mn_policy_use use;
	int protocol;
	uint8_t addr[16];
	uint16_t port;
};

bool mn_policy_is_ipv4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	return !memcmp(addr, mapped, sizeof(mapped));
}

void mn_policy_map_ipv4(uint8_t addr[16], const struct in_addr *ipv4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	memcpy(addr, mapped, sizeof(mapped));
	memcpy(addr + sizeof(mapped), ipv4, sizeof(*ipv4));
}

/* False: nothing a rule could be of. */
static bool make_request(struct request *r, enum mn_policy_use use, int protocol,
			 const struct sockaddr *addr)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

	*r = (struct request){ .use = use, .protocol = protocol };
	if (addr->sa_family == AF_INET) {
		mn_policy_map_ipv4(r->addr, &in->sin_addr);
		r->port = ntohs(in->sin_port);
	} else if (addr->sa_family == AF_INET6) {
		memcpy(r->addr, &in6->sin6_addr, sizeof(r->addr));
		r->port = ntohs(in6->sin6_port);
	} else {
		return false;
	}
	return (use == MN_POLICY_CONNECT || use == MN_POLICY_LISTEN) &&
	       (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
}

static bool is_within(const uint8_t addr[16], const uint8_t net[16], unsigned int prefix)
{
	unsigned int bytes = prefix / 8, bits = prefix % 8;

	return !memcmp(addr, net, bytes) &&
	       (!bits || !((addr[bytes] ^ net[bytes]) >> (8 - bits)));
}

static const struct special *innermost_special(const uint8_t addr[16])
{
	const struct special *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		if (is_within(addr, specials[i].net, specials[i].prefix) &&
		    (!best || specials[i].prefix > best->prefix))
			best = &specials[i];
	return best;
}

static bool port_matches(const struct mn_policy_rule *rule, uint16_t port)
{
	if (!port)
		return rule->action == MN_POLICY_DENY || (!rule->first && rule->last == 65535);
	return port >= rule->first && port <= rule->last;
}

static bool matches(const struct mn_policy_rule *rule, const struct request *r)
{
	return rule->uses & r->use && (r->protocol == IPPROTO_TCP ? rule->tcp : rule->udp) &&
	       port_matches(rule, r->port) && is_within(r->addr, rule->net, rule->prefix) &&
	       (rule->prefix >= 96 || !mn_policy_is_ipv4(r->addr));
}

/* The rule that decides, or NULL. */
static const struct mn_policy_rule *decide(const struct mn_policy *p, const struct request *r)
{
	const struct special *special = innermost_special(r->addr);

	for (size_t i = 0; i < p->rules; i++) {
		const struct mn_policy_rule *rule = &p->rule[i];

		if (matches(rule, r) && (rule->action == MN_POLICY_DENY || !special ||
					 rule->prefix >= special->prefix))
			return rule;
	}
	return NULL;
}

bool mn_policy_permits(const struct mn_policy *p, enum mn_policy_use use, int protocol,
		       const struct sockaddr *addr)
{
	const struct mn_policy_rule *rule;
	struct request r;

	if (!make_request(&r, use, protocol, addr))
		return false;
	rule = decide(p, &r);
	return rule && rule->action == MN_POLICY_ALLOW;
}

bool mn_policy_allows_some(const struct mn_policy *p, enum mn_policy_use use, int protocol)
{
	for (size_t i = 0; i < p->rules; i++) {
		const struct mn_policy_rule *rule = &p->rule[i];

		if (rule->action == MN_POLICY_ALLOW && rule->uses & use &&
		    (protocol == IPPROTO_TCP ? rule->tcp : rule->udp))
			return true;
	}
	return false;
}

void mn_policy_format(const uint8_t net[16], unsigned int prefix, char *text, size_t size)
{
	bool ipv4 = mn_policy_is_ipv4(net) && prefix >= 96;
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? net + 12 : net, addr, sizeof(addr));
	snprintf(text, size, "%s/%u", addr, ipv4 ? prefix - 96 : prefix);
}

void mn_policy_explain(const struct mn_policy *p, enum mn_policy_use use, int protocol,
		       const struct sockaddr *addr, char *why, size_t size)
{
	const struct mn_policy_rule *rule;
	const struct special *special;
	char net[64];
	struct request r;

	if (!make_request(&r, use, protocol, addr)) {
		snprintf(why, size, "no rule can allow it");
		return;
	}
	rule = decide(p, &r);
	special = innermost_special(r.addr);
	if (rule && rule->line) {
		snprintf(why, size, "line %u of the policy file denies it", rule->line);
	} else if (rule) {
		snprintf(why, size, "a --deny denies it");
	} else if (special) {
		mn_policy_format(special->net, special->prefix, net, sizeof(net));
		snprintf(why, size, "it is %s; only a rule of %s%s allows it", special->name, net,
			 special->prefix < 128 ? " or of a part of it" : "");
	} else {
		snprintf(why, size, "no rule allows it; --allow or policy file");
	}
}
