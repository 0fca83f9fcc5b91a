/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "memnet-core/base/parse.h"

int mn_policy_allow(struct mn_policy *p, const char *rule)
{
	uint64_t prefix, port = 0;
	struct in_addr addr;
	char text[64], *slash, *colon;

	if (p->rules == MN_POLICY_RULES)
		return -ENOSPC;
	if (strlen(rule) >= sizeof(text))
		return -EINVAL;
	strcpy(text, rule);
	slash = strchr(text, '/');
	if (!slash)
		return -EINVAL;
	*slash++ = '\0';
	colon = strchr(slash, ':');
	if (colon)
		*colon++ = '\0';
	if (inet_pton(AF_INET, text, &addr) != 1 || mn_parse_u64(slash, &prefix) || prefix > 32)
		return -EINVAL;
	if (colon && (mn_parse_u64(colon, &port) || port < 1 || port > 65535))
		return -EINVAL;
	p->allow[p->rules].mask = prefix ? ~0u << (32 - prefix) : 0;
	p->allow[p->rules].net = ntohl(addr.s_addr) & p->allow[p->rules].mask;
	p->allow[p->rules].port = port;
	p->rules++;
	return 0;
}

bool mn_policy_permits(const struct mn_policy *p, const struct sockaddr_in *to)
{
	uint32_t addr = ntohl(to->sin_addr.s_addr);

	for (size_t i = 0; i < p->rules; i++)
		if ((addr & p->allow[i].mask) == p->allow[i].net &&
		    (!p->allow[i].port || p->allow[i].port == ntohs(to->sin_port)))
			return true;
	return false;
}
