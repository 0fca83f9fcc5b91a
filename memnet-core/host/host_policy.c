/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy in the host's hands. A denial is told to the administrator once a minute for
 * each destination; a guest that tries one after the other gets so many lines in a minute.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"

#define SILENT_NS	(60 * NSEC_PER_SEC)

static bool is_same(const struct denial *a, const struct denial *b)
{
	return a->use == b->use && a->protocol == b->protocol && a->port == b->port &&
	       !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static struct denial make_denial(enum mn_policy_use use, int protocol, const struct sockaddr *addr)
{
	struct denial d = { .use = use, .protocol = protocol, .told_ns = mn_now_ns() };
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	bool ipv4 = addr->sa_family == AF_INET;

	inet_ntop(addr->sa_family, ipv4 ? (void *)&in->sin_addr : (void *)&in6->sin6_addr,
		  d.addr, sizeof(d.addr));
	d.port = ntohs(ipv4 ? in->sin_port : in6->sin6_port);
	return d;
}

/* To be told? Then remember it; @last: no other will be in this minute. */
static bool is_news(struct mn_host *h, const struct denial *d, bool *last)
{
	struct denial *room = NULL;
	size_t rooms = 0;

	for (size_t i = 0; i < ARRAY_SIZE(h->denials); i++) {
		struct denial *old = &h->denials[i];

		if (old->told_ns && d->told_ns - old->told_ns < SILENT_NS) {
			if (is_same(old, d))
				return false;
			continue;
		}
		room = old;
		rooms++;
	}
	if (!room)
		return false;
	*room = *d;
	*last = rooms == 1;
	return true;
}

/* @why NULL: the policy's reason. */
static void tell(struct mn_host *h, enum mn_policy_use use, int protocol,
		 const struct sockaddr *addr, const char *why)
{
	struct denial d = make_denial(use, protocol, addr);
	bool ipv6 = strchr(d.addr, ':');
	char reason[160], line[320];
	bool last;

	if (!is_news(h, &d, &last))
		return;
	if (!why) {
		mn_policy_explain(&h->config.policy, use, protocol, addr, reason, sizeof(reason));
		why = reason;
	}
	snprintf(line, sizeof(line), "denied: %s %s %s%s%s:%u (%s)%s",
		 use == MN_POLICY_CONNECT ? "connect" : "listen",
		 protocol == IPPROTO_TCP ? "tcp" : "udp", ipv6 ? "[" : "", d.addr, ipv6 ? "]" : "",
		 d.port, why, last ? "; other denials of this minute are not told" : "");
	mn_host_report(h, line);
}

bool mn_host_permits(struct mn_host *h, enum mn_policy_use use, int protocol,
		     const struct sockaddr *addr)
{
	bool permitted = mn_policy_permits(&h->config.policy, use, protocol, addr);

	if (!permitted)
		tell(h, use, protocol, addr, NULL);
	return permitted;
}

bool mn_host_may_listen(struct mn_host *h, int protocol, const union mn_sockaddr *at, bool both)
{
	union mn_sockaddr ipv4 = { .in = { .sin_family = AF_INET,
					   .sin_port = htons(mn_address_port(at)) } };

	return mn_host_permits(h, MN_POLICY_LISTEN, protocol, &at->sa) &&
	       (!both || mn_host_permits(h, MN_POLICY_LISTEN, protocol, &ipv4.sa));
}

bool mn_host_permits_some(struct mn_host *h)
{
	static const struct sockaddr_in somewhere = { .sin_family = AF_INET };
	bool permitted = mn_policy_allows_some(&h->config.policy, MN_POLICY_CONNECT, IPPROTO_TCP);

	if (!permitted)
		tell(h, MN_POLICY_CONNECT, IPPROTO_TCP, (const struct sockaddr *)&somewhere,
		     "an object; no rule allows to connect anywhere, so no name is resolved");
	return permitted;
}

void mn_host_tell_low_port(struct mn_host *h, int protocol, const struct sockaddr *addr)
{
	tell(h, MN_POLICY_LISTEN, protocol, addr, "the policy allows it, but workers have no right "
	     "to low ports; lower sysctl net.ipv4.ip_unprivileged_port_start");
}

void mn_host_tell_distrust(struct mn_host *h, const struct sockaddr *addr)
{
	tell(h, MN_POLICY_CONNECT, IPPROTO_TCP, addr, "an object; this host does not know the "
	     "server: put HTTPS's CA among its own (update-ca-certificates), SFTP's host key into "
	     "/etc/ssh/ssh_known_hosts (ssh-keyscan)");
}

void mn_host_set_policy(struct mn_host *h, const struct mn_policy *policy)
{
	h->config.policy = *policy;
	memset(h->denials, 0, sizeof(h->denials));
	mn_object_send_policy(h);
}
