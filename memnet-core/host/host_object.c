/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects: what the guest submits is checked here and done by the courier (courier.h). The
 * guest's bytes are looked at by nobody on the host; what is written over meanwhile is sent so.
 *
 * A job of a channel or a session that ended is an orphan until the courier has let go of its
 * extent. The agent gives that to others when the reset of the channel has been completed, or
 * when the next session has begun; so both wait for the orphans.
 *
 * #syscalls close recvfrom sendmsg shutdown
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/courier.h"
#include "memnet-core/host/host_internal.h"

/* One that was told to end a job and has not by then holds up channels and sessions. */
#define LET_GO_TICKS	5
/* One with jobs is asked so often whether it is there: its loop waits for nothing. */
#define ASK_TICKS	10

/* Whatever it is: one that does not take its orders ends, by the end of its socket. */
static void give_up(struct mn_host *h)
{
	shutdown(h->courier.fd, SHUT_WR);
}

static int order(struct mn_host *h, const struct mn_courier_order *o)
{
	return mn_send_fds(h->courier.fd, o, mn_courier_order_size(o->what), NULL, 0);
}

/* --- what is asked --------------------------------------------------------- */

static bool is_in_arena(const struct mn_host *h, uint64_t offset, uint64_t bytes)
{
	uint64_t arena = h->config.geometry.arena_bytes;

	return offset <= arena && bytes <= arena - offset;
}

/* Copied once; no byte that could mean something else in a line of a log or a protocol. */
static int take_url(const struct mn_host *h, const struct mn_submission *s, char *url)
{
	const char *from = (const char *)h->region + mn_arena_offset(&h->config.geometry);

	if (!s->text_bytes || s->text_bytes > MN_URL_BYTES ||
	    !is_in_arena(h, s->text_offset, s->text_bytes))
		return -EINVAL;
	memcpy(url, from + s->text_offset, s->text_bytes);
	url[s->text_bytes] = '\0';
	for (uint32_t i = 0; i < s->text_bytes; i++)
		if (url[i] <= ' ' || url[i] > '~')
			return -EINVAL;
	return 0;
}

static struct object_job *free_job(struct mn_host *h)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (h->jobs[i].state == JOB_FREE)
			return &h->jobs[i];
	return NULL;
}

int mn_object_start(struct mn_host *h, uint32_t channel, const struct mn_submission *s)
{
	struct mn_courier_order o = {
		.what = MN_COURIER_START,
		.start = { .op = s->op, .offset = s->object_offset, .bytes = s->object_bytes },
	};
	struct object_job *job = free_job(h);
	int ret;

	if (!h->config.geometry.arena_bytes)
		return -EOPNOTSUPP;
	if (!is_in_arena(h, s->object_offset, s->object_bytes))
		return -EINVAL;
	ret = take_url(h, s, o.start.url);
	if (ret)
		return ret;
	/* Or the names it asks for would be its way out. */
	if (s->op != MN_OP_SERVE && !mn_host_permits_some(h))
		return -EACCES;
	if (h->courier.fd < 0)
		return -ECONNABORTED;
	if (!job)
		return -EBUSY;
	o.job = job - h->jobs;
	ret = order(h, &o);
	if (ret)
		return ret == -EAGAIN ? -EBUSY : -ECONNABORTED;
	*job = (struct object_job){ .state = JOB_RUNNING, .channel = channel,
				    .cookie = s->cookie };
	h->channels[channel].owed++;
	return 0;
}

static void cancel(struct mn_host *h, struct object_job *job, enum job_state state)
{
	const struct mn_courier_order o = { .what = MN_COURIER_CANCEL, .job = job - h->jobs };

	if (job->state == JOB_RUNNING && order(h, &o))
		give_up(h);
	job->state = state;
}

bool mn_object_cancel(struct mn_host *h, uint32_t channel, uint64_t cookie)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		struct object_job *job = &h->jobs[i];

		if ((job->state != JOB_RUNNING && job->state != JOB_CANCELLED) ||
		    job->channel != channel || job->cookie != cookie)
			continue;
		cancel(h, job, JOB_CANCELLED);
		return true;
	}
	return false;
}

void mn_object_reset_channel(struct mn_host *h, uint32_t channel)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (h->jobs[i].state != JOB_FREE && h->jobs[i].channel == channel)
			cancel(h, &h->jobs[i], JOB_ORPHAN);
}

bool mn_object_orphans(const struct mn_host *h, uint32_t channels)
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (h->jobs[i].state == JOB_ORPHAN && channels & 1u << h->jobs[i].channel)
			return true;
	return false;
}

/* Who only waits for a job would wait for a courier that stands still for ever. */
static bool is_silent(struct mn_host *h)
{
	static const struct mn_courier_order ask = { .what = MN_COURIER_ASK };
	bool silent = h->courier_asked;

	if (++h->courier_ticks % ASK_TICKS)
		return false;
	h->courier_asked = true;
	if (!silent)
		order(h, &ask);	/* where that fails it does not read, or is gone */
	return silent;
}

void mn_object_tick(struct mn_host *h)
{
	bool running = false, hangs = false;

	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		struct object_job *job = &h->jobs[i];

		if (job->state == JOB_CANCELLED || job->state == JOB_ORPHAN)
			hangs |= !(++job->ticks % LET_GO_TICKS);
		running |= job->state == JOB_RUNNING;
	}
	hangs |= running && is_silent(h);
	if (hangs && h->courier.fd >= 0 && h->config.end_courier)
		h->config.end_courier(h->config.arg);
}

/* --- what the courier answers ---------------------------------------------- */

static void orphan_gone(struct mn_host *h, uint32_t channel)
{
	struct host_channel *ch = &h->channels[channel];
	const struct mn_completion done = { .cookie = ch->reset_cookie, .flow = channel };

	if (ch->reset_owed && !mn_object_orphans(h, 1u << channel)) {
		ch->reset_owed = false;
		mn_channel_complete_owed(h, 0, &done);
	}
	if (!mn_object_orphans(h, ~0u))
		mn_host_follow_guest(h);
}

static void end_job(struct mn_host *h, struct object_job *job, const struct mn_courier_answer *a)
{
	const struct mn_completion c = {
		.cookie = job->cookie, .flow = MN_NO_FLOW, .result = a->result,
		.status = a->status, .bytes = a->bytes,
	};
	bool orphan = job->state == JOB_ORPHAN;
	uint32_t channel = job->channel;

	job->state = JOB_FREE;
	if (orphan)
		orphan_gone(h, channel);
	else
		mn_channel_complete_owed(h, channel, &c);
}

/*
 * The courier was denied, or did not trust a server: it tells where. What is the policy's is judged
 * here, which tells the administrator, too.
 */
static void tell_refusal(struct mn_host *h, const struct mn_courier_answer *a)
{
	int family = a->to.sa.sa_family;

	if (family != AF_INET && family != AF_INET6)
		return;
	if (a->result == -EKEYREJECTED)
		mn_host_tell_distrust(h, &a->to.sa);
	if (a->result == -EACCES &&
	    (a->use == MN_POLICY_CONNECT || a->use == MN_POLICY_LISTEN) &&
	    mn_host_permits(h, a->use, IPPROTO_TCP, &a->to.sa) && a->use == MN_POLICY_LISTEN)
		mn_host_tell_low_port(h, IPPROTO_TCP, &a->to.sa);
}

static void courier_gone(struct mn_host *h)
{
	mn_loop_close_fd(h->config.loop, &h->courier);
	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		const struct mn_courier_answer died = { .result = -ECONNABORTED };

		if (h->jobs[i].state != JOB_FREE)
			end_job(h, &h->jobs[i], &died);
	}
}

static void courier_speaks(struct mn_watch *w, uint32_t events)
{
	struct mn_host *h = (struct mn_host *)((char *)w - offsetof(struct mn_host, courier));
	struct mn_courier_answer a;
	ssize_t n = recv(w->fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == sizeof(a) && a.job == MN_COURIER_THERE) {
		h->courier_asked = false;
		return;
	}
	if (n != sizeof(a) || a.job >= MN_COURIER_JOBS || h->jobs[a.job].state == JOB_FREE) {
		courier_gone(h);
		return;
	}
	tell_refusal(h, &a);
	end_job(h, &h->jobs[a.job], &a);
}

/* --- the courier itself ---------------------------------------------------- */

void mn_object_send_policy(struct mn_host *h)
{
	const struct mn_courier_order o = {
		.what = MN_COURIER_POLICY, .policy = h->config.policy,
	};

	if (h->courier.fd >= 0 && order(h, &o))
		give_up(h);
}

void mn_host_set_courier(struct mn_host *h, int fd)
{
	courier_gone(h);
	h->courier_asked = false;
	h->courier = (struct mn_watch){ .fd = fd, .ready = courier_speaks };
	if (mn_loop_add(h->config.loop, &h->courier, EPOLLIN | EPOLLRDHUP)) {
		mn_loop_close_fd(h->config.loop, &h->courier);
		return;
	}
	mn_object_send_policy(h);
}
