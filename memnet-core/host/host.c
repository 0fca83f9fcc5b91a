/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Session, and the round of work. The session's states are in layout.h; here they
 * are private (h->state) and published, never read back.
 *
 * A step of work (mn_host_work) takes the pending set, runs the channels and flows that
 * have something to do (host_turns.c says in which order), and rings bells. A flow is in
 * h->ready for as long as it has more to move; sockets (edge-triggered), the pending set and
 * the coalescing timer put it there. When nothing is left the host spins for its budget, then
 * says that it sleeps, looks once more, and sleeps.
 *
 * Memory is taken by mn_host_create() alone, nothing by a round.
 *
 * #syscalls brk clock_gettime close getrandom mmap munmap read timerfd_create
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

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"
#include "memnet-core/pending.h"

/* What a guest can make us say shall not fill a disk: so many lines at once, then seldom. */
#define LINES		32
#define LINE_NS		(60 * NSEC_PER_SEC)

void mn_host_report(struct mn_host *h, const char *line)
{
	int64_t now = mn_now_ns();

	if (now - h->line_ns > LINE_NS) {
		h->line_ns = now;
		h->lines -= h->lines > 0;
	}
	if (h->lines == LINES)
		return;
	h->config.report(h->config.arg, line);
	if (++h->lines == LINES)
		h->config.report(h->config.arg, "that is much to say about one guest; from now on "
				 "at most a line each minute");
}

static void publish_state(struct mn_host *h, enum mn_host_state state)
{
	h->state = state;
	mn_publish32(&mn_header(h->region)->h_state, state);
	h->ring_channels = mn_host_channels(h);
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

/* Every socket closed, every index 0, no flow in use: whoever wrote otherwise, or was killed. */
static void reset_all(struct mn_host *h)
{
	const struct mn_geometry *g = &h->config.geometry;

	for (uint32_t i = 0; i < g->flows; i++) {
		if (h->flows[i].state != FLOW_FREE)
			mn_flow_reset(&h->flows[i]);
		mn_flow(h->region, g, i)->facts = (struct mn_facts){ 0 };
	}
	for (uint32_t c = 0; c < g->channels; c++)
		mn_channel_reset(h, c);
	for (uint32_t c = 0; c < g->channels; c++)
		h->channels[c].reset_owed = false;	/* who waited is gone as well */
	h->ready = h->backlog = h->bulk = h->starved = (struct mn_set){ 0 };
}

/* Every stream torn, a new nonce on offer. */
static void offer_session(struct mn_host *h)
{
	struct mn_header *header = mn_header(h->region);

	reset_all(h);
	h->features = h->config.features;	/* until one is accepted, ring in every way */
	h->session = new_nonce(h->session);
	mn_publish(&header->h_features, h->features);
	mn_publish(&header->h_session, h->session);
	publish_state(h, MN_H_OFFER);
}

/*
 * What the guest reads before it attaches. Said again at every tick: a process of
 * the guest that wrote over it shall not lock out the next one.
 */
static void publish_header(struct mn_host *h)
{
	const struct mn_geometry *g = &h->config.geometry;
	struct mn_header *header = mn_header(h->region);

	header->h_version_min = MN_VERSION;
	header->h_version_max = MN_VERSION;
	header->h_features = h->config.features;
	header->h_region_bytes = g->region_bytes;
	header->h_channels = g->channels;
	header->h_flows = g->flows;
	header->h_fifo_bytes = g->fifo_bytes;
	header->h_arena_bytes = g->arena_bytes;
	mn_publish(&header->h_session, h->session);
	mn_publish32(&header->h_state, h->state);
}

/* Also after something zeroed the region, as firmware may do to a BAR. */
static void init_region(struct mn_host *h)
{
	struct mn_header *header = mn_header(h->region);

	memset(header, 0, sizeof(*header));
	if (h->breaches < MN_MAX_BREACHES)
		offer_session(h);
	publish_header(h);
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
		 h->breaches < MN_MAX_BREACHES ? "" :
		 ", and it gets no other before its VM restarts");
	mn_host_report(h, line);
	reset_all(h);
	publish_state(h, MN_H_FAILED);
}

static bool is_subset(uint64_t some, uint64_t all)
{
	return !(some & ~all);
}

static void accept_guest(struct mn_host *h)
{
	const struct mn_header *header = mn_header(h->region);
	uint64_t features;

	if (mn_fetch(&header->g_session) != h->session)
		return;	/* a guest of the session before; it will notice */
	if (mn_object_orphans(h, ~0u))
		return;	/* comes back when the courier has let go of them */
	features = mn_fetch(&header->g_features);
	if (mn_fetch32(&header->g_version) != MN_VERSION) {
		mn_host_fail(h, "g_version");
		return;
	}
	if (!is_subset(features, h->config.features)) {
		mn_host_fail(h, "g_features");
		return;
	}
	reset_all(h);	/* what processes of the session before wrote since */
	h->features = features;
	h->guest_beat = mn_fetch(&header->g_heartbeat);
	h->guest_beat_ns = mn_now_ns();
	mn_publish(&mn_header(h->region)->h_accepted, features);
	publish_state(h, MN_H_READY);
}

void mn_host_follow_guest(struct mn_host *h)
{
	uint32_t state = mn_fetch32(&mn_header(h->region)->g_state);

	switch (state) {
	case MN_G_ATTACHED:
		if (h->state == MN_H_OFFER)
			accept_guest(h);
		break;
	case MN_G_DETACHED:
		if (h->state != MN_H_OFFER && h->breaches < MN_MAX_BREACHES)
			offer_session(h);
		break;
	default:
		mn_host_fail(h, "g_state");
	}
}

/* --- ticks --------------------------------------------------------------------- */

/*
 * An owner that stopped beating is gone, and whatever it owned with it. Its last beat
 * was seen up to a tick after it was made, and silence is judged up to a tick late,
 * so what is waited for is a tick less. Not judged by a tick that came late itself:
 * then the machine stood still, not the guest.
 */
static bool guest_is_silent(struct mn_host *h)
{
	uint64_t beat = mn_fetch(&mn_header(h->region)->g_heartbeat);
	int64_t now = mn_now_ns(), gap = now - h->tick_ns;

	h->tick_ns = now;
	if (beat != h->guest_beat || gap > 2 * MN_HEARTBEAT_MS * NSEC_PER_MSEC) {
		h->guest_beat = beat;
		h->guest_beat_ns = now;
	}
	return now - h->guest_beat_ns > (MN_DEAD_MS - MN_HEARTBEAT_MS) * NSEC_PER_MSEC;
}

static void check_guest_heartbeat(struct mn_host *h)
{
	if (guest_is_silent(h) && h->state == MN_H_READY && h->features & MN_F_HEARTBEAT) {
		mn_host_report(h, "the guest's owner of the session is silent; its session ends");
		offer_session(h);
	}
}

/* Before anything is written by this tick: is guest RAM the region no more? */
static bool lets_go(struct mn_host *h)
{
	if (!h->config.let_go)
		return false;
	if (mn_fetch(&mn_header(h->region)->h_magic) != MN_MAGIC)
		mn_host_report(h, "the guest uses the region's memory otherwise; it is let go");
	else if (guest_is_silent(h))
		mn_host_report(h, "the guest is silent; its memory is let go");
	else
		return false;
	h->config.let_go(h->config.arg);
	return true;
}

static void look_at_everything(struct mn_host *h)
{
	for (uint32_t i = 0; i < h->config.geometry.flows; i++) {
		if (h->flows[i].state == FLOW_DRAINING)
			mn_flow_drain_tick(&h->flows[i]);
		if (mn_flow_is_moving(&h->flows[i]))
			mn_set_add(&h->ready, i);
	}
	h->ready_channels = mn_host_channels(h);
}

void mn_host_kicked(struct mn_host *h)
{
	h->counters.kicked++;
	mn_host_follow_guest(h);
}

void mn_host_tick(struct mn_host *h)
{
	struct mn_header *header = mn_header(h->region);

	if (lets_go(h))
		return;
	if (mn_fetch(&header->h_magic) != MN_MAGIC) {
		mn_host_report(h, "the region's header was overwritten; it is made anew");
		init_region(h);
	}
	publish_header(h);
	mn_publish(&header->h_heartbeat, ++h->heartbeat);
	mn_host_follow_guest(h);
	check_guest_heartbeat(h);
	mn_memory_tick(h);
	mn_object_tick(h);
	look_at_everything(h);
}

void mn_host_set_features(struct mn_host *h, uint64_t features)
{
	h->config.features = features;
	if (h->state == MN_H_OFFER)
		offer_session(h);
}

/* --- the round of work --------------------------------------------------------- */

/* Take the words that @words names. The guest's bits mean "look", so masking is checking enough. */
static void take_pending(struct mn_host *h)
{
	struct mn_header *header = mn_header(h->region);
	uint64_t summary = mn_pending_any(header) ? mn_pending_take(&header->gh_summary) : 0;

	if (summary & MN_SUMMARY_CHANNELS)
		h->ready_channels |= mn_pending_take(&header->gh_channels) & mn_host_channels(h);
	for (uint32_t w = 0; w < MN_SET_WORDS; w++)
		if (summary & 1ULL << w)
			h->ready.word[w] |= mn_pending_take(&header->gh_flows[w]);
}

static void run_channels(struct mn_host *h)
{
	uint32_t left = h->ready_channels;

	for (; left; left &= left - 1)
		mn_channel_run(h, __builtin_ctz(left));
}

static void ring_bells(struct mn_host *h)
{
	if (!h->ring_channels)
		return;
	h->counters.rings += __builtin_popcount(h->ring_channels);
	h->config.ring_guest(h->config.arg, h->ring_channels, h->features);
	h->ring_channels = 0;
}

static void set_asleep(struct mn_host *h, bool asleep)
{
	h->asleep = asleep;
	mn_publish32(&mn_header(h->region)->h_asleep, asleep);
}

static bool has_work(const struct mn_host *h)
{
	return h->ready_channels || !mn_set_empty(&h->ready) ||
	       mn_pending_any(mn_header(h->region));
}

/* Nothing to do: spin for the budget. True: keep looking. */
static bool spin(struct mn_host *h)
{
	int64_t now;

	if (!h->config.spin.max_ns)
		return false;
	now = mn_now_ns();
	if (!h->idle_ns)
		h->idle_ns = now;
	return now - h->idle_ns < h->config.spin.budget_ns;
}

/* There is work again. */
static void spin_ends(struct mn_host *h)
{
	int64_t waited;

	if (!h->idle_ns)
		return;
	waited = mn_now_ns() - h->idle_ns;
	h->counters.spin_ns += MIN(waited, h->config.spin.budget_ns);
	mn_spin_waited(&h->config.spin, waited);
	h->idle_ns = 0;
}

bool mn_host_work(void *host)
{
	struct mn_host *h = host;

	if (h->asleep)
		set_asleep(h, false);
	if (h->state == MN_H_READY && has_work(h)) {
		spin_ends(h);
		h->counters.rounds++;
		take_pending(h);
		run_channels(h);
		mn_turns_newcomers(h);
		ring_bells(h);	/* not behind the bulk */
		mn_turns_backlog(h);
	}
	ring_bells(h);
	if (h->state != MN_H_READY) {
		h->ready_channels = 0;
		return false;	/* only the doorbell and the clock change that */
	}
	if (has_work(h) || spin(h))
		return true;
	set_asleep(h, true);
	mn_fence();
	return mn_pending_any(mn_header(h->region));
}

/* --- making and ending --------------------------------------------------------- */

static void coalesce_ends(struct mn_watch *w, uint32_t events)
{
	struct mn_host *h = (struct mn_host *)((char *)w - offsetof(struct mn_host, coalesce));
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) == sizeof(count))
		mn_set_move(&h->ready, &h->bulk);
}

static int make_timer(struct mn_host *h)
{
	h->coalesce.ready = coalesce_ends;
	h->coalesce.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return h->coalesce.fd < 0 ? -errno : mn_loop_add(h->config.loop, &h->coalesce, EPOLLIN);
}

int mn_host_make_memfd(uint64_t bytes)
{
	int fd = memfd_create("memnet-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	/* Or whoever holds it could end us with SIGBUS, or forbid the next worker to write. */
	if (ftruncate(fd, bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
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
	h->region = config->region;
	h->breaches = config->breaches;
	h->courier.fd = -1;
	for (uint32_t i = 0; i < config->geometry.flows; i++) {
		h->flows[i].watch.fd = -1;
		h->flows[i].host = h;
	}
	ret = make_timer(h);
	if (ret) {
		mn_loop_close_fd(config->loop, &h->coalesce);
		free(h);
		return ret;
	}
	init_region(h);
	*out = h;
	return 0;
}

void mn_host_destroy(struct mn_host *h)
{
	if (!h)
		return;
	reset_all(h);
	publish_state(h, MN_H_NONE);
	ring_bells(h);
	mn_loop_close_fd(h->config.loop, &h->coalesce);
	mn_loop_close_fd(h->config.loop, &h->courier);
	free(h);
}

unsigned int mn_host_breaches(const struct mn_host *h)
{
	return h->breaches - h->config.breaches;
}

void mn_host_read_counters(const struct mn_host *h, struct mn_host_counters *out)
{
	*out = h->counters;
}
