/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of `stream`, `rr` and `conn`: listens, serves each connection in a thread of its
 * own (peer_session.c), and goes on whatever becomes of one of them.
 *
 * Signals reach only the main thread. At a stop it shuts the connections that
 * are left; their threads find that out, say so and end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/peer_session.h"
#include "workloads/transport.h"
#include "workloads/workload.h"

#define MAX_SESSIONS 128	/* twice what one client opens at most */

struct peer_options {
	struct sockaddr_in listen;
	const char *transport, *progress;
};

static const struct option_spec options[] = {
	{ "listen", "ADDR:PORT", "where to listen", option_addr,
	  offsetof(struct peer_options, listen) },
	{ "transport", "NAME", "what to listen on: socket (default) or vsock", option_text,
	  offsetof(struct peer_options, transport) },
	{ "progress", "FILE", "count all streams into FILE (workloads/progress.h)", option_text,
	  offsetof(struct peer_options, progress) },
	{ NULL },
};

/* A slot is free when its fd is -1. The lock makes sure that no closed fd is shut. */
static struct {
	pthread_mutex_t lock;
	struct peer_session session[MAX_SESSIONS];
} peer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void free_slot(struct peer_session *s)
{
	pthread_mutex_lock(&peer.lock);
	close(s->fd);
	s->fd = -1;
	pthread_mutex_unlock(&peer.lock);
}

static void *session_thread(void *arg)
{
	struct peer_session *s = arg;

	peer_session_serve(s);
	free_slot(s);
	return NULL;
}

static struct peer_session *claim_slot(int fd, const struct sockaddr_in *from)
{
	struct peer_session *s = NULL;

	pthread_mutex_lock(&peer.lock);
	for (size_t i = 0; i < MAX_SESSIONS && !s; i++)
		if (peer.session[i].fd < 0)
			s = &peer.session[i];
	if (s) {
		s->fd = fd;
		s->from = *from;
	}
	pthread_mutex_unlock(&peer.lock);
	return s;
}

/* The new thread inherits a mask that keeps signals for the main thread. */
static int start_thread(struct peer_session *s)
{
	sigset_t all, old;
	pthread_t thread;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, NULL, session_thread, s);
	if (!ret)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static void admit(int fd, const struct sockaddr_in *from)
{
	struct peer_session *s = claim_slot(fd, from);

	if (!s) {
		work_error("peer: %d streams at a time are enough; one more was sent away",
			   MAX_SESSIONS);
		peer_session_refuse(fd, EBUSY);
		close(fd);
	} else if (start_thread(s)) {
		work_error("peer: no thread for a new stream; it was sent away");
		peer_session_refuse(fd, EAGAIN);
		free_slot(s);
	}
}

/* How many are left; @shut: also shut them. */
static unsigned int sessions_left(bool shut)
{
	unsigned int left = 0;

	pthread_mutex_lock(&peer.lock);
	for (size_t i = 0; i < MAX_SESSIONS; i++) {
		if (peer.session[i].fd < 0)
			continue;
		left++;
		if (shut)
			shutdown(peer.session[i].fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&peer.lock);
	return left;
}

static int serve(const struct transport *t, int listener)
{
	while (!stop_requested()) {
		struct sockaddr_in from = { 0 };
		int fd = t->accept(listener, &from);

		if (fd >= 0) {
			admit(fd, &from);
		} else if (fd != -EINTR && fd != -ECONNABORTED) {
			work_error("peer: accept: %s", strerror(-fd));
			return 1;
		}
	}
	sessions_left(true);
	for (int i = 0; i < 200 && sessions_left(false); i++)
		mn_sleep_until_ns(mn_now_ns() + 10 * NSEC_PER_MSEC);
	return 0;
}

/* NULL: there is none of that name, or one that only the client's side can have. */
static const struct transport *choose_transport(const char *name)
{
	const struct transport *t = transport_find(name);

	if (t && t->listen)
		return t;
	work_error("peer: nobody can listen on transport '%s'; it can be:", name);
	for (size_t i = 0; (t = transport_at(i)); i++)
		if (t->listen)
			fprintf(stderr, "  %-8s %s\n", t->name, t->summary);
	return NULL;
}

static int run(int argc, char **argv)
{
	struct workload_progress *progress;
	struct peer_options o = { .transport = "socket" };
	const struct transport *transport;
	char host[INET_ADDRSTRLEN];
	int ret, listener;

	options_parse(&workload_peer, argc, argv, &o);
	if (!o.listen.sin_port) {
		work_error("peer: --listen ADDR:PORT is missing (see memnet-work peer --help)");
		return 2;
	}
	transport = choose_transport(o.transport);
	if (!transport)
		return 2;
	inet_ntop(AF_INET, &o.listen.sin_addr, host, sizeof(host));
	ret = progress_open(o.progress, &progress);
	if (ret) {
		work_error("peer: --progress %s: %s", o.progress, strerror(-ret));
		return 1;
	}
	listener = transport->listen(&o.listen, MAX_SESSIONS);
	if (listener < 0) {
		work_error("peer: cannot listen at %s:%u: %s; give an address of this host "
			   "and a free port",
			   host, ntohs(o.listen.sin_port), strerror(-listener));
		return 1;
	}
	for (size_t i = 0; i < MAX_SESSIONS; i++)
		peer.session[i] = (struct peer_session){ .fd = -1, .progress = progress };
	progress_set(&progress->state, WORKLOAD_RUNNING);
	printf("listening %s:%u\n", host, ntohs(o.listen.sin_port));
	fflush(stdout);
	ret = serve(transport, listener);
	close(listener);
	return ret;
}

const struct workload workload_peer = {
	.name = "peer",
	.summary = "the other end of stream, rr and conn: verifies what comes, sends what is asked for",
	.examples = "  memnet-work peer --listen 198.18.0.1:7000\n",
	.options = options,
	.run = run,
};
