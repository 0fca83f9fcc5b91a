/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's end of the region. Header: the session. Rings: connect and close.
 * FIFOs: the bytes. Sleeping happens in one place, sleep_on_bell(), with the
 * rescue timer; fifo.h tells why a sleeper that armed cannot miss its waker.
 */
#include "memnet-core/guest/memnet.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/fifo.h"
#include "memnet-core/layout.h"
#include "memnet-core/guest/region.h"

/* No sleep is longer. The bell is a hint; this bounds the harm of a lost one. */
#define RESCUE_MS	100
/* A host whose heartbeat (one a second) stands still so long is gone. */
#define HOST_DEAD_NS	(3 * NSEC_PER_SEC)
/* memnet_send() publishes at least this often, so the host starts while we copy. */
#define SEND_PIECE	(64u << 10)

struct memnet_flow {
	struct memnet *m;
	bool in_use;
	struct mn_producer out;
	struct mn_consumer in;
	struct sockaddr_in local, peer;
};

struct memnet {
	struct mn_region region;
	struct mn_geometry geometry;
	uint64_t session;
	uint64_t heartbeat;		/* last seen, */
	int64_t heartbeat_ns;		/* and when */
	uint64_t next_cookie;
	struct mn_producer submissions;
	struct mn_consumer completions;
	struct memnet_counters counters;
	struct memnet_flow flows[];
};

static void ring(struct memnet *m)
{
	m->counters.kicks_to_host++;
	mn_region_ring(&m->region);
}

static void ring_if(struct memnet *m, bool wanted)
{
	if (wanted)
		ring(m);
	else
		m->counters.kicks_suppressed++;
}

/* Is the host that accepted us still there, in the same session? 0 or why not. */
static int check_session(struct memnet *m)
{
	const struct mn_header *h = mn_header(m->region.base);
	uint64_t beat = mn_fetch(&h->h_heartbeat);
	int64_t now = mn_now_ns();

	if (mn_fetch(&h->h_magic) != MN_MAGIC || mn_fetch(&h->h_session) != m->session)
		return -ECONNRESET;
	if (mn_fetch32(&h->h_state) != MN_H_READY)
		return mn_fetch32(&h->h_state) == MN_H_FAILED ? -EPROTO : -ECONNRESET;
	if (beat != m->heartbeat) {
		m->heartbeat = beat;
		m->heartbeat_ns = now;
	}
	return now - m->heartbeat_ns > HOST_DEAD_NS ? -ECONNRESET : 0;
}

/* Sleep until the host rings or the rescue timer ends. 1 rung, 0 timer, -errno. */
static int sleep_on_bell(struct memnet *m)
{
	struct pollfd pfd = { .fd = m->region.wait_fd, .events = POLLIN };
	int ret = poll(&pfd, 1, RESCUE_MS);

	if (ret < 0)
		return -errno;
	if (ret > 0) {
		/* The host closed its end: the port is readable for ever then, and empty. */
		if (pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
			return -ECONNRESET;
		mn_region_drain(&m->region);
	}
	return ret > 0;
}

/*
 * Sleep until @armed (one of the two arm functions below) finds that there is
 * something to do. 0, or -errno; -EINTR when a signal handler ran.
 */
static int wait_for(struct memnet *m, int (*armed)(void *end), void *end)
{
	bool timer = false;

	for (;;) {
		int ret = armed(end);

		if (ret < 0)
			return ret;
		if (!ret) {
			m->counters.timer_rescues += timer;
			return 0;
		}
		ret = check_session(m);
		if (ret)
			return ret;
		ret = sleep_on_bell(m);
		if (ret < 0)
			return ret;
		m->counters.kicks_to_guest += ret;
		timer = !ret;
	}
}

/* Half a FIFO at once: a blocked sender is woken twice a lap, not per segment. */
static int arm_space(void *end)
{
	struct mn_producer *p = end;

	return mn_producer_arm(p, p->size / 2);
}

static int arm_data(void *end)
{
	return mn_consumer_arm(end, 1);
}

/* --- control ring ------------------------------------------------------------ */

static int submit(struct memnet *m, struct mn_submission *s)
{
	struct iovec spans[2];
	ssize_t n;

	s->cookie = m->next_cookie++;
	n = mn_producer_reserve(&m->submissions, sizeof(*s), spans);
	if (n != sizeof(*s))	/* one call at a time: never full */
		return -EPROTO;
	memcpy(spans[0].iov_base, s, sizeof(*s));
	ring_if(m, mn_producer_commit(&m->submissions, sizeof(*s)));
	return 0;
}

/*
 * Submit @s and wait for its completion, through signals: a submission cannot be
 * taken back. The completion's result, or -errno.
 */
static int call(struct memnet *m, struct mn_submission *s, struct mn_completion *c)
{
	struct iovec spans[2];
	int ret = submit(m, s);

	while (!ret) {
		ssize_t n = mn_consumer_peek(&m->completions, sizeof(*c), spans);

		if (n == sizeof(*c)) {
			memcpy(c, spans[0].iov_base, sizeof(*c));
			ring_if(m, mn_consumer_release(&m->completions, sizeof(*c)));
			if (c->cookie == s->cookie)
				return c->result;
		} else {
			ret = n ? -EPROTO : wait_for(m, arm_data, &m->completions);
			if (ret == -EINTR)
				ret = 0;
		}
	}
	return ret;
}

static struct sockaddr_in address(const uint8_t addr[16], uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&sin.sin_addr, addr, sizeof(sin.sin_addr));
	return sin;
}

int memnet_connect(struct memnet *m, const struct sockaddr_in *peer, struct memnet_flow **out)
{
	struct mn_submission s = {
		.op = MN_OP_CONNECT, .family = MN_IPV4, .port = ntohs(peer->sin_port),
	};
	struct mn_completion c;
	struct memnet_flow *f = m->flows;
	struct mn_flow *shared;
	int ret;

	while (f < m->flows + m->geometry.flows && f->in_use)
		f++;
	if (f == m->flows + m->geometry.flows)
		return -EMFILE;
	s.flow = f - m->flows;
	memcpy(s.addr, &peer->sin_addr, sizeof(peer->sin_addr));
	ret = call(m, &s, &c);
	if (ret)
		return ret;
	shared = mn_flow(m->region.base, s.flow);
	mn_producer_init(&f->out, &shared->send,
			 mn_fifo_data(m->region.base, &m->geometry, s.flow, MN_SEND),
			 m->geometry.fifo_bytes);
	mn_consumer_init(&f->in, &shared->recv,
			 mn_fifo_data(m->region.base, &m->geometry, s.flow, MN_RECV),
			 m->geometry.fifo_bytes);
	f->local = address(c.local_addr, c.local_port);
	f->peer = address(c.peer_addr, c.peer_port);
	f->m = m;
	f->in_use = true;
	*out = f;
	return 0;
}

void memnet_close(struct memnet_flow *f)
{
	struct mn_submission s = { .op = MN_OP_CLOSE, .flow = f - f->m->flows };
	struct mn_completion c;

	/* A session that died took the flow with it: nothing to undo. */
	call(f->m, &s, &c);
	f->in_use = false;
}

void memnet_addresses(const struct memnet_flow *f, struct sockaddr_in *local,
		      struct sockaddr_in *peer)
{
	*local = f->local;
	*peer = f->peer;
}

/* --- streams ----------------------------------------------------------------- */

ssize_t memnet_send(struct memnet_flow *f, const void *buf, size_t len)
{
	const char *from = buf;
	struct iovec spans[2];
	size_t left = len;

	while (left) {
		ssize_t n = mn_producer_reserve(&f->out, MIN(left, SEND_PIECE), spans);

		if (n == 0) {
			n = wait_for(f->m, arm_space, &f->out);
			if (n == 0)
				continue;
		}
		if (n < 0)
			return left < len ? (ssize_t)(len - left) : n;
		memcpy(spans[0].iov_base, from, spans[0].iov_len);
		memcpy(spans[1].iov_base, from + spans[0].iov_len, spans[1].iov_len);
		ring_if(f->m, mn_producer_commit(&f->out, n));
		from += n;
		left -= n;
	}
	return len;
}

ssize_t memnet_recv(struct memnet_flow *f, void *buf, size_t len)
{
	struct iovec spans[2];
	ssize_t n;

	while (!(n = mn_consumer_peek(&f->in, len, spans))) {
		int ret = mn_consumer_at_end(&f->in);

		if (ret)
			return ret < 0 ? ret : 0;
		ret = wait_for(f->m, arm_data, &f->in);
		if (ret)
			return ret;
	}
	if (n < 0)
		return n;
	memcpy(buf, spans[0].iov_base, spans[0].iov_len);
	memcpy((char *)buf + spans[0].iov_len, spans[1].iov_base, spans[1].iov_len);
	ring_if(f->m, mn_consumer_release(&f->in, n));
	return n;
}

int memnet_shutdown_send(struct memnet_flow *f)
{
	mn_producer_close(&f->out, MN_FIN);
	ring(f->m);
	return check_session(f->m);
}

/* --- session ----------------------------------------------------------------- */

/* Wait until the host's state is @want. Attaching is rare: a short sleep in between will do. */
static int wait_host_state(struct memnet *m, enum mn_host_state want)
{
	const struct mn_header *h = mn_header(m->region.base);
	int64_t deadline = mn_now_ns() + MN_ATTACH_TIMEOUT_MS * NSEC_PER_MSEC;

	while (mn_fetch(&h->h_magic) != MN_MAGIC || mn_fetch32(&h->h_state) != want) {
		int ret = sleep_on_bell(m);

		if (ret < 0)
			return ret;
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

/* Copy the host's offer, check the copy, keep it. */
static int take_offer(struct memnet *m)
{
	const struct mn_header *h = mn_header(m->region.base);
	uint32_t version_min = mn_fetch32(&h->h_version_min);
	uint32_t version_max = mn_fetch32(&h->h_version_max);

	if (version_min > MN_VERSION || version_max < MN_VERSION)
		return -EPROTONOSUPPORT;
	m->geometry = (struct mn_geometry){
		.region_bytes = mn_fetch(&h->h_region_bytes),
		.flows = mn_fetch32(&h->h_flows),
		.fifo_bytes = mn_fetch(&h->h_fifo_bytes),
	};
	if (mn_geometry_check(&m->geometry) || m->geometry.region_bytes > m->region.bytes ||
	    mn_fetch32(&h->h_ring_entries) != MN_RING_ENTRIES)
		return -EPROTO;
	m->session = mn_fetch(&h->h_session);
	return 0;
}

static void accept_offer(struct memnet *m)
{
	struct mn_header *h = mn_header(m->region.base);

	mn_publish32(&h->g_version, MN_VERSION);
	mn_publish(&h->g_features, 0);
	mn_publish(&h->g_session, m->session);
	mn_publish32(&h->g_state, MN_G_ATTACHED);
	ring(m);
}

static void bind_rings(struct memnet *m)
{
	struct mn_rings *r = mn_rings(m->region.base);

	mn_producer_init(&m->submissions, &r->submission_index, (uint8_t *)r->submissions,
			 sizeof(r->submissions));
	mn_consumer_init(&m->completions, &r->completion_index, (uint8_t *)r->completions,
			 sizeof(r->completions));
}

static int attach(struct memnet *m)
{
	struct mn_header *h = mn_header(m->region.base);
	int ret;

	/* A predecessor that was killed left its session behind: end it. */
	mn_publish32(&h->g_state, MN_G_DETACHED);
	ring(m);
	ret = wait_host_state(m, MN_H_OFFER);
	if (!ret)
		ret = take_offer(m);
	if (ret)
		return ret;
	accept_offer(m);
	ret = wait_host_state(m, MN_H_READY);
	if (ret)
		return ret;
	m->heartbeat_ns = mn_now_ns();
	bind_rings(m);
	return 0;
}

int memnet_open_region(struct memnet **out, const struct mn_region *region)
{
	struct memnet *m = calloc(1, sizeof(*m) + MN_MAX_FLOWS * sizeof(m->flows[0]));
	struct mn_region given = *region;
	int ret;

	if (!m) {
		mn_region_close(&given);
		return -ENOMEM;
	}
	m->region = given;
	ret = attach(m);
	if (ret) {
		memnet_detach(m);
		return ret;
	}
	*out = m;
	return 0;
}

int memnet_open(struct memnet **out)
{
	struct mn_region region;
	int ret = mn_region_open_ivshmem(&region);

	return ret ? ret : memnet_open_region(out, &region);
}

void memnet_detach(struct memnet *m)
{
	if (!m)
		return;
	mn_publish32(&mn_header(m->region.base)->g_state, MN_G_DETACHED);
	ring(m);
	mn_region_close(&m->region);
	free(m);
}

void memnet_read_counters(const struct memnet *m, struct memnet_counters *out)
{
	*out = m->counters;
}
