/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that others fetch from the host: GET and HEAD, with one range, by libmicrohttpd, whose
 * sockets send straight from the region. A server for each address that a job names; it ends
 * with its last job.
 *
 * A connection may be in the middle of an object when that ends. It is shut down then, before
 * the worker is told: nothing that comes to lie in that extent leaves by it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/courier_internal.h"

#define BACKLOG		64
/* At once, of a server: MN_COURIER_JOBS of them leave descriptors for what is moved. */
#define CONNECTIONS	32u
#define STALL_S		30u

/* What a connection is sending. */
struct sending {
	struct sending *next;
	const struct courier_job *job;
	int fd;
};

struct courier_server {
	struct courier *c;
	struct MHD_Daemon *daemon;	/* NULL: not in use */
	union mn_sockaddr at;
	struct sending *sending;
};

/* --- ranges ---------------------------------------------------------------- */

enum range { WHOLE, PART, NOWHERE };

/* "bytes=FIRST-LAST", "bytes=FIRST-", "bytes=-SUFFIX" of @bytes; all else counts as none. */
static enum range parse_range(const char *text, uint64_t bytes, uint64_t *first, uint64_t *n)
{
	unsigned long long from, to = UINT64_MAX;
	int end = 0;

	if (!text || strncmp(text, "bytes=", 6))
		return WHOLE;
	text += 6;
	if (strspn(text, "0123456789-") != strlen(text))
		return WHOLE;	/* several, or signs and blanks that sscanf() would take */
	if (*text == '-') {
		if (sscanf(text + 1, "%llu%n", &from, &end) != 1 || text[1 + end])
			return WHOLE;
		*n = MIN(from, bytes);
		*first = bytes - *n;
		return *n ? PART : NOWHERE;
	}
	if (sscanf(text, "%llu-%n", &from, &end) != 1 || !end)
		return WHOLE;
	if (text[end]) {
		text += end;
		if (sscanf(text, "%llu%n", &to, &end) != 1 || text[end] || to < from)
			return WHOLE;
	}
	if (from >= bytes)
		return NOWHERE;
	*first = from;
	*n = MIN(to, bytes - 1) - from + 1;
	return PART;
}

/* --- answers --------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status,
			      struct MHD_Response *r, const char *range)
{
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (range)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, range);
	ret = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result answer_nothing(struct MHD_Connection *connection, unsigned int status,
				      const char *range)
{
	return answer(connection, status,
		      MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT), range);
}

static enum MHD_Result answer_object(struct MHD_Connection *connection,
				     const struct courier_job *job)
{
	uint64_t first = 0, n = job->bytes;
	unsigned int status = MHD_HTTP_OK;
	char range[80];

	/* An object has no version by which a range could be conditional. */
	if (!MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_RANGE))
		switch (parse_range(MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
								MHD_HTTP_HEADER_RANGE),
				    job->bytes, &first, &n)) {
		case NOWHERE:
			snprintf(range, sizeof(range), "bytes */%" PRIu64, job->bytes);
			return answer_nothing(connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, range);
		case PART:
			status = MHD_HTTP_PARTIAL_CONTENT;
			break;
		case WHOLE:
			break;
		}
	snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
		 first + n - 1, job->bytes);
	return answer(connection, status,
		      MHD_create_response_from_buffer(n, job->data + first, MHD_RESPMEM_PERSISTENT),
		      status == MHD_HTTP_OK ? NULL : range);
}

static const struct courier_job *find_job(const struct courier_server *s, const char *path)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		const struct courier_job *job = &s->c->jobs[i];

		if (job->used && job->server == s && !strcmp(job->path, path))
			return job;
	}
	return NULL;
}

static enum MHD_Result request(void *arg, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *data,
			       size_t *bytes, void **state)
{
	struct courier_server *s = arg;
	const struct courier_job *job = find_job(s, path);
	struct sending *sending = *state;

	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_nothing(connection, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
	if (!sending) {		/* the head: wait for the end */
		sending = calloc(1, sizeof(*sending));
		if (!sending)
			return MHD_NO;
		sending->fd = MHD_get_connection_info(connection,
						      MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		sending->next = s->sending;
		s->sending = *state = sending;
		return MHD_YES;
	}
	if (*bytes)
		return MHD_NO;	/* nobody gives us anything */
	if (!job)
		return answer_nothing(connection, MHD_HTTP_NOT_FOUND, NULL);
	sending->job = job;
	return answer_object(connection, job);
}

static void request_done(void *arg, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode how)
{
	struct courier_server *s = arg;

	for (struct sending **p = &s->sending; *p; p = &(*p)->next)
		if (*p == *state) {
			struct sending *gone = *p;

			*p = gone->next;
			free(gone);
			break;
		}
	*state = NULL;
}

/* --- servers --------------------------------------------------------------- */

static bool may_listen(const struct courier *c, const union mn_sockaddr *at)
{
	return mn_policy_permits(&c->policy, MN_POLICY_LISTEN, IPPROTO_TCP, &at->sa);
}

/* Asked again for each connection, as of any listener. */
static enum MHD_Result accept_peer(void *arg, const struct sockaddr *peer, socklen_t len)
{
	const struct courier_server *s = arg;

	return may_listen(s->c, &s->at) ? MHD_YES : MHD_NO;
}

static int listen_at(const union mn_sockaddr *at)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ret;
	const int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, &at->sa, mn_address_len(at)) && !listen(fd, BACKLOG))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int start_server(struct courier_server *s)
{
	unsigned int flags = MHD_USE_EPOLL | (s->at.sa.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	int fd = listen_at(&s->at);

	if (fd < 0)
		return fd;
	s->daemon = MHD_start_daemon(flags, 0, accept_peer, s, request, s,
				     MHD_OPTION_LISTEN_SOCKET, fd,
				     MHD_OPTION_NOTIFY_COMPLETED, request_done, s,
				     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				     MHD_OPTION_CONNECTION_TIMEOUT, STALL_S, MHD_OPTION_END);
	if (s->daemon)
		return 0;
	close(fd);
	return -EIO;
}

static bool is_same(const union mn_sockaddr *a, const union mn_sockaddr *b)
{
	return a->sa.sa_family == b->sa.sa_family && !memcmp(a, b, mn_address_len(a));
}

/* The server at that address, made if there is none. 0 or -errno. */
static int find_server(struct courier *c, const union mn_sockaddr *at, struct courier_server **out)
{
	struct courier_server *s = NULL;
	int ret;

	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		if (c->servers[i] && is_same(&c->servers[i]->at, at)) {
			*out = c->servers[i];
			return 0;
		}
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct courier_server){ .c = c, .at = *at };
	ret = start_server(s);
	if (ret) {
		free(s);
		return ret;
	}
	for (size_t i = 0; i < MN_COURIER_JOBS && *out != s; i++)
		if (!c->servers[i])
			c->servers[i] = *out = s;
	return 0;
}

/* --- jobs ------------------------------------------------------------------ */

static int parse_host(const char *host, const char *port, union mn_sockaddr *at)
{
	char bare[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	*at = (union mn_sockaddr){ .in = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) } };
	if (inet_pton(AF_INET, host, &at->in.sin_addr) == 1)
		return 0;
	*at = (union mn_sockaddr){ .in6 = { .sin6_family = AF_INET6,
					    .sin6_port = htons(atoi(port)) } };
	if (host[0] != '[' || n - 2 >= sizeof(bare))
		return -EINVAL;
	snprintf(bare, sizeof(bare), "%.*s", (int)n - 2, host + 1);
	return inet_pton(AF_INET6, bare, &at->in6.sin6_addr) == 1 ? 0 : -EINVAL;
}

/* "http://ADDRESS[:PORT]/PATH" */
static int parse_url(const char *url, union mn_sockaddr *at, char path[MN_URL_BYTES + 1])
{
	char *scheme = NULL, *host = NULL, *port = NULL, *where = NULL;
	CURLU *u = curl_url();
	int ret = -EINVAL;

	if (!u)
		return -ENOMEM;
	if (!curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    !curl_url_get(u, CURLUPART_PATH, &where, CURLU_URLDECODE))
		ret = strcmp(scheme, "http") ? -EPROTONOSUPPORT : parse_host(host, port, at);
	if (!ret)
		snprintf(path, MN_URL_BYTES + 1, "%s", where);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(where);
	curl_url_cleanup(u);
	return ret;
}

int serve_start(struct courier_job *job, const char *url)
{
	struct courier_server *s = NULL;
	union mn_sockaddr at;
	int ret = parse_url(url, &at, job->path);

	if (ret)
		return ret;
	if (!may_listen(job->c, &at)) {
		job->to = at;
		job->denied_use = MN_POLICY_LISTEN;
		return -EACCES;
	}
	ret = find_server(job->c, &at, &s);
	if (ret == -EACCES) {		/* the kernel's, of a low port */
		job->to = at;
		job->denied_use = MN_POLICY_LISTEN;
	}
	if (!ret && find_job(s, job->path))
		return -EADDRINUSE;	/* another has it, so the server stays as well */
	job->server = s;
	return ret;
}

static bool is_needed(const struct courier_server *s)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (s->c->jobs[i].used && s->c->jobs[i].server == s)
			return true;
	return false;
}

void serve_end(struct courier_job *job)
{
	struct courier_server *s = job->server;

	for (struct sending *at = s->sending; at; at = at->next)
		if (at->job == job)
			shutdown(at->fd, SHUT_RDWR);
	job->server = NULL;
	if (is_needed(s))
		return;
	MHD_stop_daemon(s->daemon);
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (job->c->servers[i] == s)
			job->c->servers[i] = NULL;
	free(s);
}

/* --- the loop -------------------------------------------------------------- */

unsigned int serve_wait_for(struct courier *c, struct curl_waitfd *fds, int *timeout_ms)
{
	unsigned int n = 0;

	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		if (!c->servers[i])
			continue;
		fds[n++] = (struct curl_waitfd){
			.fd = MHD_get_daemon_info(c->servers[i]->daemon,
						  MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			.events = CURL_WAIT_POLLIN,
		};
		if (MHD_get_timeout(c->servers[i]->daemon, &ms) == MHD_YES)
			*timeout_ms = MIN((MHD_UNSIGNED_LONG_LONG)*timeout_ms, ms);
	}
	return n;
}

void serve_work(struct courier *c)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (c->servers[i])
			MHD_run(c->servers[i]->daemon);
}
