/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a guest's streams may go. Nothing is allowed that was not named. */
#ifndef MEMNET_POLICY_H
#define MEMNET_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define MN_POLICY_RULES 16

struct mn_policy {
	struct {
		uint32_t net, mask;	/* host byte order */
		uint16_t port;		/* 0: any */
	} allow[MN_POLICY_RULES];
	size_t rules;
};

/* Add "198.18.0.0/15" or "198.18.0.1/32:7000". 0, -EINVAL, -ENOSPC. */
int mn_policy_allow(struct mn_policy *p, const char *rule);

bool mn_policy_permits(const struct mn_policy *p, const struct sockaddr_in *to);

#endif
