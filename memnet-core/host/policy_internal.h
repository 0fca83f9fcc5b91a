/* SPDX-License-Identifier: BSD-2-Clause */
/* Between policy.c (judging) and policy_text.c (reading). */
#ifndef MEMNET_POLICY_INTERNAL_H
#define MEMNET_POLICY_INTERNAL_H

#include "memnet-core/host/policy.h"

/* ::ffff:a.b.c.d, and its test. */
void mn_policy_map_ipv4(uint8_t addr[16], const struct in_addr *ipv4);
bool mn_policy_is_ipv4(const uint8_t addr[16]);

/* "10.0.0.0/8", "2001:db8::/32"; @prefix as in struct mn_policy_rule. */
void mn_policy_format(const uint8_t net[16], unsigned int prefix, char *text, size_t size);

#endif
