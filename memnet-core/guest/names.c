/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's getaddrinfo() asks name servers over the guest's own network, by sockets
 * inside of it. So c-ares asks them, over sockets that are given to it.
 *
 * All else is the C library's. It is asked first, with AI_NUMERICHOST: that answers addresses,
 * and tells what is wrong with the hints and the service. Of what c-ares finds, in /etc/hosts
 * or by asking, it makes the lists, address by address; put together they are one, for its
 * freeaddrinfo() frees each entry by itself (POSIX has parts of a list freed).
 *
 * IPv4 stands first: glibc would sort by the addresses this machine has, but connections are
 * the host's, of which we know none. For the same reason AI_ADDRCONFIG means nothing.
 *
 * localhost is never asked for, nor looked for (RFC 6761).
 *
 * A channel of c-ares is made for each call: threads share nothing, nor does a child.
 */
#include "memnet-core/guest/names.h"

#include <ares.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"

struct question {
	const char *node, *service;
	struct addrinfo hints;
	bool mapped;		/* IPv4 addresses are wanted as IPv6 */
};

struct answer {
	bool done;
	int status;		/* ARES_* */
	struct ares_addrinfo *found;
};

static int wanted_family(const struct question *q)
{
	return q->mapped ? AF_UNSPEC : q->hints.ai_family;
}

/* --- asking -------------------------------------------------------------------------- */

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	*(struct answer *)arg = (struct answer){ true, status, found };
}

static void init_library(void)
{
	ares_library_init(ARES_LIB_INIT_ALL);
}

/*
 * Patience is what resolv.conf says, by glibc's reading: c-ares has other names for that, asks
 * more often, and doubles its patience each time. ARES_*.
 */
static int open_channel(ares_channel *channel, const struct mn_asking *asking,
			int64_t *patience_ns)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static char hosts_then_dns[] = "fb";
	struct ares_options o = { .lookups = hosts_then_dns };
	struct __res_state conf = { 0 };
	int ret;

	pthread_once(&once, init_library);
	if (res_ninit(&conf))
		return ARES_ENOMEM;
	o.timeout = conf.retrans * 1000;
	*patience_ns = MAX(conf.nscount, 1) * MAX(conf.retry, 1) * o.timeout * NSEC_PER_MSEC;
	res_nclose(&conf);
	ret = ares_init_options(channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_LOOKUPS);
	if (!ret && asking->sockets)
		ares_set_socket_functions(*channel, asking->sockets, asking->arg);
	return ret;
}

/* Its own macro shifts into the sign. */
static bool is_set(unsigned int wants, int bit)
{
	return wants >> bit & 1;
}

/* Until something comes, or is due. */
static void wait_a_while(ares_channel channel, const struct mn_asking *asking, int64_t most_ns)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd fds[ARES_GETSOCK_MAXNUM];
	int wants = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM), n = 0, ready;
	struct timeval tv, most = { most_ns / NSEC_PER_SEC, most_ns % NSEC_PER_SEC / 1000 };
	const struct timeval *until = ares_timeout(channel, &most, &tv);

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = (is_set(wants, i) ? POLLIN : 0) |
			       (is_set(wants, i + ARES_GETSOCK_MAXNUM) ? POLLOUT : 0);

		if (events)
			fds[n++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	ready = asking->poll(fds, n, until->tv_sec * 1000 + until->tv_usec / 1000 + 1,
			     asking->arg);
	if (ready < 0)
		ares_cancel(channel);	/* which is an answer */
	for (int i = 0; i < n && ready > 0; i++)
		if (fds[i].revents)
			ares_process_fd(channel,
					fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
					fds[i].revents & ~POLLIN ? fds[i].fd : ARES_SOCKET_BAD);
	ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);	/* what is due */
}

static void ask(ares_channel channel, const struct question *q, const struct mn_asking *asking,
		int64_t patience_ns, struct answer *a)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = wanted_family(q),
		.ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME,
	};
	int64_t end_ns = mn_now_ns() + patience_ns;

	ares_getaddrinfo(channel, q->node, NULL, &hints, answered, a);
	while (!a->done) {
		int64_t left_ns = end_ns - mn_now_ns();

		if (left_ns > 0)
			wait_a_while(channel, asking, left_ns);
		else
			ares_cancel(channel);
	}
}

/* --- the answer ---------------------------------------------------------------------- */

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
		return EAI_NODATA;
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return EAI_NONAME;
	case ARES_ENOMEM:
		return EAI_MEMORY;
	case ARES_EFORMERR:
	case ARES_ENOTIMP:
		return EAI_FAIL;
	default:
		return EAI_AGAIN;	/* no server has answered, or one will not now */
	}
}

/* Put the entries of one address at the end of *@list. */
static int add_address(const struct question *q, const struct ares_addrinfo_node *node,
		       struct addrinfo **list)
{
	struct addrinfo hints = q->hints;
	char text[NI_MAXHOST];
	int ret = getnameinfo(node->ai_addr, node->ai_addrlen, text, sizeof(text), NULL, 0,
			      NI_NUMERICHOST);

	if (ret)
		return ret;
	hints.ai_flags = (hints.ai_flags & ~AI_CANONNAME) | AI_NUMERICHOST;
	while (*list)
		list = &(*list)->ai_next;
	return getaddrinfo(text, q->service, &hints, list);
}

static int set_canonical(const struct question *q, const struct ares_addrinfo *found,
			 struct addrinfo *first)
{
	const struct ares_addrinfo_cname *c = found->cnames;

	while (c && c->next)
		c = c->next;
	first->ai_canonname = strdup(c ? c->name : found->name ? found->name : q->node);
	return first->ai_canonname ? 0 : EAI_MEMORY;
}

/* IPv6 first only where it was asked for, and IPv4 stands in for it. */
static int make_list(const struct question *q, const struct ares_addrinfo *found,
		     struct addrinfo **res)
{
	const int order[] = { q->mapped ? AF_INET6 : AF_INET, q->mapped ? AF_INET : AF_INET6 };
	struct addrinfo *list = NULL;
	int ret = 0;

	for (int i = 0; i < 2; i++) {
		if (q->mapped && list && !(q->hints.ai_flags & AI_ALL))
			break;
		for (const struct ares_addrinfo_node *n = found->nodes; n && !ret; n = n->ai_next)
			if (n->ai_family == order[i])
				ret = add_address(q, n, &list);
	}
	if (!ret && !list)
		ret = EAI_NODATA;
	if (!ret && q->hints.ai_flags & AI_CANONNAME)
		ret = set_canonical(q, found, list);
	if (!ret)
		*res = list;
	else if (list)
		freeaddrinfo(list);
	return ret;
}

static int look_up(const struct question *q, const struct mn_asking *asking,
		   struct addrinfo **res)
{
	struct answer a = { 0 };
	ares_channel channel;
	int64_t patience_ns;
	int ret = error_of(open_channel(&channel, asking, &patience_ns));

	if (ret)
		return ret;
	ask(channel, q, asking, patience_ns, &a);
	ret = error_of(a.status);
	if (!ret)
		ret = make_list(q, a.found, res);
	ares_freeaddrinfo(a.found);
	ares_destroy(channel);
	return ret;
}

/* --- the call ------------------------------------------------------------------------ */

bool mn_names_is_localhost(const char *node)
{
	static const char local[] = "localhost";
	const size_t n = sizeof(local) - 1;
	size_t len = strlen(node);

	if (len && node[len - 1] == '.')
		len--;
	return len >= n && !strncasecmp(node + len - n, local, n) &&
	       (len == n || node[len - n - 1] == '.');
}

static int answer_localhost(const struct question *q, struct addrinfo **res)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct ares_addrinfo_node six = {
		.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&in6, .ai_addrlen = sizeof(in6),
	}, four = {
		.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&in, .ai_addrlen = sizeof(in),
		.ai_next = wanted_family(q) == AF_INET ? NULL : &six,
	};
	const struct ares_addrinfo found = {
		.nodes = wanted_family(q) == AF_INET6 ? &six : &four,
	};

	return make_list(q, &found, res);
}

/* Of both it says EAI_NONAME: of a node that is no address, and a service that is no number. */
static bool is_service_wrong(const struct question *q)
{
	char *end;

	if (!q->service || !(q->hints.ai_flags & AI_NUMERICSERV))
		return false;
	strtoul(q->service, &end, 10);
	return *end;
}

int mn_names_resolve(const char *node, const char *service, const struct addrinfo *hints,
		     const struct mn_asking *asking, struct addrinfo **res)
{
	static const struct addrinfo none = { .ai_flags = AI_V4MAPPED };	/* as glibc */
	struct question q = { node, service, hints ? *hints : none };
	struct addrinfo numeric;
	int ret;

	if (!node || q.hints.ai_flags & AI_NUMERICHOST)
		return getaddrinfo(node, service, hints, res);
	q.hints.ai_flags &= ~AI_ADDRCONFIG;
	q.mapped = q.hints.ai_family == AF_INET6 && q.hints.ai_flags & AI_V4MAPPED;
	numeric = q.hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	ret = getaddrinfo(node, service, &numeric, res);
	if (ret != EAI_NONAME || !*node || is_service_wrong(&q))
		return ret;
	return mn_names_is_localhost(node) ? answer_localhost(&q, res) : look_up(&q, asking, res);
}
