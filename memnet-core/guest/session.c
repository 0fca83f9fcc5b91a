/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/session.h"

#include <errno.h>
#include <poll.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/waiter.h"

/* The bell may be missing altogether: look so often. */
#define LOOK_MS 10
/* For processes of a session whose owner has gone to finish the piece in hand. */
#define GRACE_MS 100
/* Offers that change under our hands: the host restarts, or two owners came at once. */
#define ATTEMPTS 3

struct host_state {
	const struct mn_session *s;
	enum mn_host_state want;
};

/* 0: it is so; 1: not yet; -EAGAIN: the host offers another session by now. */
static int look_at_host(const struct host_state *state)
{
	const struct mn_header *h = mn_header(state->s->region->base);

	if (mn_fetch(&h->h_magic) == MN_MAGIC && mn_fetch32(&h->h_state) == state->want)
		return 0;
	if (state->want == MN_H_READY && !mn_session_is_current(state->s))
		return -EAGAIN;
	return 1;
}

static bool has_decided(void *arg)
{
	return look_at_host(arg) <= 0;
}

/* Wait until the host's state is @want. 0, -ETIMEDOUT, -EAGAIN (see above), -errno. */
static int wait_host_state(struct mn_session *s, struct mn_waiter *waiter,
			   enum mn_host_state want)
{
	int64_t deadline = mn_now_ns() + MN_ATTACH_TIMEOUT_MS * NSEC_PER_MSEC;
	struct host_state state = { s, want };
	const struct mn_news news = { has_decided, &state };

	for (;;) {
		uint32_t ticket = mn_waiter_ticket(waiter);
		int ret = look_at_host(&state);

		if (ret <= 0)
			return ret;
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		ret = mn_waiter_sleep(waiter, ticket, &news, LOOK_MS);
		if (ret < 0)
			return ret;
	}
}

/* Copy the host's geometry, check the copy, keep it. */
static int take_geometry(struct mn_session *s)
{
	const struct mn_header *h = mn_header(s->region->base);

	s->geometry = (struct mn_geometry){
		.region_bytes = mn_fetch(&h->h_region_bytes),
		.channels = mn_fetch32(&h->h_channels),
		.flows = mn_fetch32(&h->h_flows),
		.fifo_bytes = mn_fetch(&h->h_fifo_bytes),
		.arena_bytes = mn_fetch(&h->h_arena_bytes),
	};
	if (mn_geometry_check(&s->geometry) || s->geometry.region_bytes > s->region->bytes)
		return -EPROTO;
	return 0;
}

/* Of the ways to be rung that both have, the best; and what else both want. */
static uint64_t choose_features(const struct mn_session *s, uint64_t wanted)
{
	uint64_t offered = mn_fetch(&mn_header(s->region->base)->h_features);
	uint64_t bell = 0;

	if (offered & MN_F_VECTORS && s->region->vectors >= s->geometry.channels)
		bell = MN_F_VECTORS;
	else if (offered & MN_F_PORT && s->region->port_fd >= 0)
		bell = MN_F_PORT;
	return bell | (offered & wanted);
}

static int take_offer(struct mn_session *s, uint64_t wanted)
{
	const struct mn_header *h = mn_header(s->region->base);
	int ret;

	s->nonce = mn_fetch(&h->h_session);	/* first: a later offer then has another */
	if (mn_fetch32(&h->h_version_min) > MN_VERSION ||
	    mn_fetch32(&h->h_version_max) < MN_VERSION)
		return -EPROTONOSUPPORT;
	ret = take_geometry(s);
	if (!ret && s->geometry.channels > s->region->bells)
		ret = -EPROTO;
	if (ret)
		return ret;
	s->features = choose_features(s, wanted);
	return 0;
}

static void accept_offer(struct mn_session *s)
{
	struct mn_header *h = mn_header(s->region->base);

	mn_publish32(&h->g_version, MN_VERSION);
	mn_publish(&h->g_features, s->features);
	mn_publish(&h->g_session, s->nonce);
	mn_publish32(&h->g_state, MN_G_ATTACHED);
	mn_region_ring(s->region);
}

/* Accept one offer. 0; -EAGAIN: the host accepted another owner, or has another offer; -errno. */
static int attach_once(struct mn_session *s, struct mn_waiter *waiter, uint64_t features)
{
	const struct mn_header *h = mn_header(s->region->base);
	int ret = wait_host_state(s, waiter, MN_H_OFFER);

	if (!ret)
		ret = take_offer(s, features);
	if (ret)
		return ret;
	accept_offer(s);
	ret = wait_host_state(s, waiter, MN_H_READY);
	if (!ret && (!mn_session_is_current(s) || mn_fetch(&h->h_accepted) != s->features))
		ret = -EAGAIN;
	return ret;
}

int mn_session_attach(struct mn_session *s, struct mn_region *region, struct mn_waiter *waiter,
		      uint64_t features)
{
	struct mn_header *h = mn_header(region->base);
	bool first = !mn_fetch(&h->g_session);
	int ret = -EAGAIN;

	*s = (struct mn_session){ .region = region };
	for (int i = 0; i < ATTEMPTS && ret == -EAGAIN; i++) {
		/* A predecessor that was killed left its session behind: end it. */
		mn_publish32(&h->g_state, MN_G_DETACHED);
		mn_region_ring(region);
		if (!first)
			poll(NULL, 0, GRACE_MS);
		ret = attach_once(s, waiter, features);
	}
	s->host_beat_ns = mn_now_ns();
	if (ret)	/* or the host would be ready for nobody */
		mn_session_detach(s);
	return ret == -EAGAIN ? -ETIMEDOUT : ret;
}

int mn_session_join(struct mn_session *s, struct mn_region *region, uint64_t nonce)
{
	int ret;

	*s = (struct mn_session){
		.region = region, .nonce = nonce, .host_beat_ns = mn_now_ns(),
		.features = mn_fetch(&mn_header(region->base)->g_features),
	};
	ret = take_geometry(s);
	return mn_session_is_current(s) ? ret : -ECONNRESET;
}

int mn_session_check(struct mn_session *s)
{
	const struct mn_header *h = mn_header(s->region->base);
	uint64_t beat = mn_fetch(&h->h_heartbeat);
	uint32_t state = mn_fetch32(&h->h_state);
	int64_t now = mn_now_ns();

	if (mn_fetch(&h->h_magic) != MN_MAGIC || !mn_session_is_current(s))
		return -ECONNRESET;
	if (state != MN_H_READY)
		return state == MN_H_FAILED ? -EPROTO : -ECONNRESET;
	if (beat != mn_fetch(&s->host_beat)) {
		/* The time first: who sees the new beat also sees it. */
		__atomic_store_n(&s->host_beat_ns, now, __ATOMIC_RELAXED);
		mn_publish(&s->host_beat, beat);
		return 0;
	}
	return now - __atomic_load_n(&s->host_beat_ns, __ATOMIC_RELAXED) >
	       MN_DEAD_MS * NSEC_PER_MSEC ? -ECONNRESET : 0;
}

void mn_session_beat(struct mn_session *s)
{
	struct mn_header *h = mn_header(s->region->base);

	mn_publish(&h->g_heartbeat, h->g_heartbeat + 1);
}

void mn_session_detach(struct mn_session *s)
{
	mn_publish32(&mn_header(s->region->base)->g_state, MN_G_DETACHED);
	mn_region_ring(s->region);
}
