/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Session and control ring. The states are in layout.h; here they are private
 * (h->state) and published, never read back.
 *
 * A ring tells that something changed, not what: mn_host_kicked() looks at the
 * guest's state and the submission ring, mn_host_work() at the flows. The
 * guest's ring is answered by at most one ring of ours per round of work.
 */
#include "memnet-core/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

/* A guest that breaks the protocol so often means it; it shall not fill our log. */
#define BREACHES 16

static void report(struct mn_host *h, const char *line)
{
	h->config.report(h->config.arg, line);
}

static void publish_state(struct mn_host *h, enum mn_host_state state)
{
	h->state = state;
	mn_publish32(&mn_header(h->region)->h_state, state);
	h->ring_wanted = true;
}

static uint64_t new_nonce(uint64_t old)
{
	uint64_t nonce;

	do {
		if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
			nonce = old + 1;
	} while (!nonce || nonce == old);
	return nonce;
}

static void reset_flows(struct mn_host *h)
{
	for (uint32_t i = 0; i < h->config.geometry.flows; i++)
		mn_flow_reset(&h->flows[i]);
	h->completions_owed = 0;
}

/* Rings empty, flows at rest, a new nonce on offer. */
static void offer_session(struct mn_host *h)
{
	struct mn_rings *r = mn_rings(h->region);

	reset_flows(h);
	memset(r, 0, sizeof(*r));
	mn_consumer_init(&h->submissions, &r->submission_index, (uint8_t *)r->submissions,
			 sizeof(r->submissions));
	mn_producer_init(&h->completions, &r->completion_index, (uint8_t *)r->completions,
			 sizeof(r->completions));
	h->session = new_nonce(h->session);
	mn_publish(&mn_header(h->region)->h_session, h->session);
	publish_state(h, MN_H_OFFER);
}

/* Also after something zeroed the region, as firmware may do to a BAR. */
static void init_region(struct mn_host *h)
{
	const struct mn_geometry *g = &h->config.geometry;
	struct mn_header *header = mn_header(h->region);

	memset(header, 0, sizeof(*header));
	header->h_version_min = MN_VERSION;
	header->h_version_max = MN_VERSION;
	header->h_region_bytes = g->region_bytes;
	header->h_flows = g->flows;
	header->h_ring_entries = MN_RING_ENTRIES;
	header->h_fifo_bytes = g->fifo_bytes;
	offer_session(h);
	mn_publish(&header->h_magic, MN_MAGIC);
}

void mn_host_fail(struct mn_host *h, const char *field)
{
	char line[160];

	if (h->state == MN_H_FAILED)
		return;
	h->breaches++;
	snprintf(line, sizeof(line),
		 "guest broke the protocol: %s is not possible; its session ends%s", field,
		 h->breaches < BREACHES ? "" : ", and it gets no other before its VM restarts");
	report(h, line);
	reset_flows(h);
	publish_state(h, MN_H_FAILED);
}

static void accept_guest(struct mn_host *h)
{
	const struct mn_header *header = mn_header(h->region);

	if (mn_fetch(&header->g_session) != h->session)
		return;	/* a guest of the session before; it will notice */
	if (mn_fetch32(&header->g_version) != MN_VERSION) {
		mn_host_fail(h, "g_version");
		return;
	}
	if (mn_fetch(&header->g_features)) {
		mn_host_fail(h, "g_features");
		return;
	}
	publish_state(h, MN_H_READY);
}

static void follow_guest_state(struct mn_host *h)
{
	uint32_t state = mn_fetch32(&mn_header(h->region)->g_state);

	switch (state) {
	case MN_G_ATTACHED:
		if (h->state == MN_H_OFFER)
			accept_guest(h);
		break;
	case MN_G_DETACHED:
		if (h->state != MN_H_OFFER && h->breaches < BREACHES)
			offer_session(h);
		break;
	default:
		mn_host_fail(h, "g_state");
	}
}

/* --- control ring ------------------------------------------------------------ */

void mn_host_complete(struct mn_host *h, const struct mn_completion *c)
{
	struct iovec spans[2];

	if (mn_producer_reserve(&h->completions, sizeof(*c), spans) != sizeof(*c)) {
		mn_host_fail(h, "completion ring c_tail");
		return;
	}
	memcpy(spans[0].iov_base, c, sizeof(*c));
	h->ring_wanted |= mn_producer_commit(&h->completions, sizeof(*c));
}

/* 0: the completion comes later. 1: done. -errno: refused. */
static int submission_run(struct mn_host *h, const struct mn_submission *s)
{
	struct host_flow *f;
	int ret;

	if (s->flow >= h->config.geometry.flows)
		return -EBADF;
	f = &h->flows[s->flow];
	switch (s->op) {
	case MN_OP_CONNECT:
		if (f->state != FLOW_FREE)
			return -EBUSY;
		ret = mn_flow_connect(f, s);
		h->completions_owed += !ret;
		return ret;
	case MN_OP_CLOSE:
		if (f->state == FLOW_CONNECTING)
			return -EBUSY;
		mn_flow_reset(f);
		return 1;
	default:
		return -EOPNOTSUPP;
	}
}

/*
 * A submission is taken only with room for its completion and those still owed.
 * 1; 0: no room, and the guest will ring when there is; -EPROTO, -EPIPE.
 */
static int completion_room(struct mn_host *h)
{
	struct iovec spans[2];
	ssize_t want = (h->completions_owed + 1) * sizeof(struct mn_completion);
	ssize_t n = mn_producer_reserve(&h->completions, want, spans);

	if (n >= 0 && n < want) {
		n = mn_producer_arm(&h->completions, want);
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_producer_reserve(&h->completions, want, spans);
	}
	return n < 0 ? n : n == want;
}

/* The next submission, copied once. 1; 0: none, and the guest will ring; -EPROTO. */
static int next_submission(struct mn_host *h, struct mn_submission *s)
{
	struct iovec spans[2];
	ssize_t n = mn_consumer_peek(&h->submissions, sizeof(*s), spans);

	if (n == 0) {
		n = mn_consumer_arm(&h->submissions, sizeof(*s));
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_consumer_peek(&h->submissions, sizeof(*s), spans);
	}
	if (n != sizeof(*s))	/* a ring that is closed, or cut within an entry */
		return -EPROTO;
	memcpy(s, spans[0].iov_base, sizeof(*s));
	mn_consumer_release(&h->submissions, sizeof(*s));
	return 1;
}

static void run_submissions(struct mn_host *h)
{
	struct mn_submission s;
	int ret;

	h->submissions_left = false;
	for (unsigned int i = 0; h->state == MN_H_READY; i++) {
		ret = completion_room(h);
		if (ret < 0)
			mn_host_fail(h, "completion ring c_tail or c_closed");
		if (ret <= 0)
			return;
		if (i == MN_RING_ENTRIES) {	/* others want their turn */
			h->submissions_left = true;
			return;
		}
		ret = next_submission(h, &s);
		if (ret < 0)
			mn_host_fail(h, "submission ring p_head or p_closed");
		if (ret <= 0)
			return;
		ret = submission_run(h, &s);
		if (ret) {
			struct mn_completion c = {
				.cookie = s.cookie, .flow = s.flow, .result = ret < 0 ? ret : 0,
			};

			mn_host_complete(h, &c);
		}
	}
}

/* --- the loop's entries ------------------------------------------------------ */

void mn_host_kicked(struct mn_host *h)
{
	follow_guest_state(h);
	run_submissions(h);
}

void mn_host_tick(struct mn_host *h)
{
	struct mn_header *header = mn_header(h->region);

	if (mn_fetch(&header->h_magic) != MN_MAGIC) {
		report(h, "the region's header was overwritten; it is made anew");
		init_region(h);
	}
	mn_publish(&header->h_heartbeat, ++h->heartbeat);
	mn_host_kicked(h);
}

void mn_host_guest_gone(struct mn_host *h)
{
	/* The next VM shall not read what this one left; the new nonce outdates g_session. */
	reset_flows(h);
	fallocate(h->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		  h->config.geometry.region_bytes);
	h->breaches = 0;
	init_region(h);
}

bool mn_host_work(void *host)
{
	struct mn_host *h = host;
	bool more = false;

	if (h->submissions_left)
		run_submissions(h);
	more = h->submissions_left;
	for (uint32_t i = 0; i < h->config.geometry.flows && h->state == MN_H_READY; i++)
		if (h->flows[i].state == FLOW_OPEN)
			more |= mn_flow_work(&h->flows[i]);
	if (h->ring_wanted) {
		h->ring_wanted = false;
		h->config.ring_guest(h->config.arg);
	}
	return more;
}

#define COALESCE_NS 500000

void mn_host_look_soon(struct mn_host *h)
{
	const struct itimerspec soon = { .it_value.tv_nsec = COALESCE_NS };

	timerfd_settime(h->coalesce.fd, 0, &soon, NULL);
}

/* mn_host_work() follows every event: that is the look. */
static void coalesce_ends(struct mn_watch *w, uint32_t events)
{
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) < 0)
		return;
}

static int make_timer(struct mn_host *h)
{
	h->coalesce.ready = coalesce_ends;
	h->coalesce.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return h->coalesce.fd < 0 ? -errno : mn_loop_add(h->config.loop, &h->coalesce, EPOLLIN);
}

static int make_memfd(uint64_t bytes)
{
	int fd = memfd_create("memnet-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	/* Sealed: whoever holds it cannot shrink it under our feet (SIGBUS). */
	if (ftruncate(fd, bytes) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int mn_host_create(struct mn_host **out, const struct mn_host_config *config)
{
	struct mn_host *h;
	int ret = mn_geometry_check(&config->geometry);

	if (ret)
		return ret;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->config = *config;
	for (uint32_t i = 0; i < config->geometry.flows; i++) {
		h->flows[i].watch.fd = -1;
		h->flows[i].host = h;
	}
	h->memfd = make_memfd(config->geometry.region_bytes);
	if (h->memfd < 0) {
		ret = h->memfd;
		goto out_free;
	}
	h->region = mmap(NULL, config->geometry.region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 h->memfd, 0);
	if (h->region == MAP_FAILED) {
		ret = -errno;
		goto out_close;
	}
	ret = make_timer(h);
	if (ret)
		goto out_unmap;
	init_region(h);
	*out = h;
	return 0;

out_unmap:
	mn_loop_close_fd(config->loop, &h->coalesce);
	munmap(h->region, config->geometry.region_bytes);
out_close:
	close(h->memfd);
out_free:
	free(h);
	return ret;
}

void mn_host_destroy(struct mn_host *h)
{
	if (!h)
		return;
	reset_flows(h);
	publish_state(h, MN_H_NONE);
	h->config.ring_guest(h->config.arg);
	mn_loop_close_fd(h->config.loop, &h->coalesce);
	munmap(h->region, h->config.geometry.region_bytes);
	close(h->memfd);
	free(h);
}

int mn_host_memfd(const struct mn_host *h)
{
	return h->memfd;
}
