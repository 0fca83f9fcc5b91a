/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control rings: submissions in, completions out. A submission is taken only with
 * room for its completion and for those still owed, so a completion always fits
 * and a guest that does not read its completions stops itself and nobody else.
 */
#include <errno.h>
#include <string.h>

#include "memnet-core/host/host_internal.h"

void mn_channel_reset(struct mn_host *h, uint32_t c)
{
	struct mn_channel *shared = mn_channel(h->region, c);
	struct host_channel *ch = &h->channels[c];

	for (uint32_t i = 0; i < h->config.geometry.flows; i++) {
		struct host_flow *f = &h->flows[i];

		/* Of a connect that this channel waits for nobody hears, whosever the flow is. */
		if (f->state == FLOW_CONNECTING && f->asker == c)
			mn_flow_reset(f);
		else if (f->state != FLOW_FREE && f->state != FLOW_DRAINING && f->channel == c)
			mn_flow_release(f);
	}
	mn_object_reset_channel(h, c);
	memset(shared, 0, sizeof(*shared));
	mn_consumer_init(&ch->submissions, &shared->submission_index,
			 (uint8_t *)shared->submissions, sizeof(shared->submissions));
	mn_producer_init(&ch->completions, &shared->completion_index,
			 (uint8_t *)shared->completions, sizeof(shared->completions));
	ch->owed = 0;
	h->ready_channels &= ~(1u << c);
}

void mn_channel_complete(struct mn_host *h, uint32_t channel, const struct mn_completion *c)
{
	struct mn_producer *p = &h->channels[channel].completions;
	struct iovec spans[2];

	if (mn_producer_reserve(p, sizeof(*c), spans) != sizeof(*c)) {
		mn_host_fail(h, "completion ring c_tail");
		return;
	}
	memcpy(spans[0].iov_base, c, sizeof(*c));
	if (mn_producer_commit(p, sizeof(*c)))
		mn_host_ring(h, channel);
}

void mn_channel_complete_owed(struct mn_host *h, uint32_t channel, const struct mn_completion *c)
{
	h->channels[channel].owed--;
	h->ready_channels |= 1u << channel;	/* submissions may have waited for its room */
	mn_channel_complete(h, channel, c);
}

/* --- operations ---------------------------------------------------------------- */

/*
 * The flow that @channel names: its own, or one of channel 0's. 0; *@f is NULL for
 * MN_NO_FLOW; -EBADF.
 */
static int find_flow(struct mn_host *h, uint32_t channel, uint32_t flow, struct host_flow **f)
{
	*f = NULL;
	if (flow == MN_NO_FLOW)
		return 0;
	if (flow >= h->config.geometry.flows)
		return -EBADF;
	*f = &h->flows[flow];
	if ((*f)->state == FLOW_FREE || (*f)->state == FLOW_DRAINING ||
	    ((*f)->channel != channel && (*f)->channel != 0))
		return -EBADF;
	return 0;
}

/* The same of one that there is, and whose stream has a socket. */
static int find_live_flow(struct mn_host *h, uint32_t channel, uint32_t flow,
			  struct host_flow **f)
{
	int ret = find_flow(h, channel, flow, f);

	return ret ? ret : !*f ? -EBADF : (*f)->state == FLOW_DEAD ? -ENOTCONN : 0;
}

static int run_connect(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		       struct host_flow **out)
{
	struct host_flow *f;
	int ret = find_flow(h, channel, s->flow, &f);

	if (!ret)
		ret = mn_flow_connect(h, f, channel, s, out);
	h->channels[channel].owed += !ret;
	return ret;
}

static int run_close(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		     struct host_flow **out)
{
	struct host_flow *f;
	int ret = find_flow(h, channel, s->flow, &f);

	if (ret || !f || f->channel != channel)
		return -EBADF;
	mn_flow_release(f);
	return 1;
}

static int run_reset_channel(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
			     struct host_flow **out)
{
	struct host_channel *ch;

	if (channel != 0)
		return -EPERM;
	if (s->channel == 0 || s->channel >= h->config.geometry.channels)
		return -EINVAL;
	ch = &h->channels[s->channel];
	if (ch->reset_owed)
		return -EBUSY;
	mn_channel_reset(h, s->channel);
	if (!mn_object_orphans(h, 1u << s->channel))
		return 1;
	ch->reset_owed = true;
	ch->reset_cookie = s->cookie;
	h->channels[0].owed++;
	return 0;
}

static int run_bind(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		    struct host_flow **out)
{
	return mn_flow_bind(h, channel, s, out);
}

static int run_listen(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		      struct host_flow **out)
{
	struct host_flow *f;
	int ret = find_live_flow(h, channel, s->flow, &f);

	return ret ? ret : mn_flow_listen(f, s);
}

static int run_option(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		      struct host_flow **out)
{
	struct host_flow *f;
	int ret = find_live_flow(h, channel, s->flow, &f);

	return ret ? ret : mn_flow_set_option(f, s);
}

static int run_take(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		    struct host_flow **out)
{
	if (channel != 0)
		return -EPERM;
	if (s->flow >= h->config.geometry.flows || h->flows[s->flow].state == FLOW_FREE)
		return -EBADF;
	h->flows[s->flow].channel = 0;
	return 1;
}

static int run_cancel(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		      struct host_flow **out)
{
	return mn_object_cancel(h, channel, s->cookie) ? 0 :
	       mn_flow_cancel(h, channel, s->cookie);
}

static int run_object(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		      struct host_flow **out)
{
	return mn_object_start(h, channel, s);
}

/* 0: the completion comes later. 1: done; *@out is a flow that is new. -errno: refused. */
static int run_submission(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
			  struct host_flow **out)
{
	static int (*const run[])(struct mn_host *, uint32_t, const struct mn_submission *,
				  struct host_flow **) = {
		[MN_OP_CONNECT] = run_connect,
		[MN_OP_CLOSE] = run_close,
		[MN_OP_RESET_CHANNEL] = run_reset_channel,
		[MN_OP_BIND] = run_bind,
		[MN_OP_LISTEN] = run_listen,
		[MN_OP_OPTION] = run_option,
		[MN_OP_TAKE] = run_take,
		[MN_OP_CANCEL] = run_cancel,
		[MN_OP_PUT] = run_object,
		[MN_OP_GET] = run_object,
		[MN_OP_SERVE] = run_object,
	};

	if (s->op >= sizeof(run) / sizeof(run[0]) || !run[s->op])
		return -EOPNOTSUPP;
	return run[s->op](h, channel, s, out);
}

/* --- the ring ------------------------------------------------------------------ */

/* Is there room for one completion more? 1; 0: no, and the guest will say when; -EPROTO, -EPIPE. */
static int completion_room(struct host_channel *ch)
{
	struct iovec spans[2];
	ssize_t want = (ch->owed + 1) * sizeof(struct mn_completion);
	ssize_t n = mn_producer_reserve(&ch->completions, want, spans);

	if (n >= 0 && n < want) {
		n = mn_producer_arm(&ch->completions, want);
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_producer_reserve(&ch->completions, want, spans);
	}
	return n < 0 ? n : n == want;
}

/* The next submission, copied once. 1; 0: none, and the guest will say when; -EPROTO. */
static int next_submission(struct host_channel *ch, struct mn_submission *s)
{
	struct iovec spans[2];
	ssize_t n = mn_consumer_peek(&ch->submissions, sizeof(*s), spans);

	if (n == 0) {
		n = mn_consumer_arm(&ch->submissions, sizeof(*s));
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_consumer_peek(&ch->submissions, sizeof(*s), spans);
	}
	if (n != sizeof(*s))	/* a ring that is closed, or cut within an entry */
		return -EPROTO;
	memcpy(s, spans[0].iov_base, sizeof(*s));
	return 1;
}

/* Take and run one. 1; 0: not now; -errno. */
static int run_one(struct mn_host *h, uint32_t c)
{
	struct host_channel *ch = &h->channels[c];
	struct host_flow *made = NULL;
	struct mn_submission s;
	int ret = completion_room(ch);

	if (ret < 0)
		mn_host_fail(h, "completion ring c_tail or c_closed");
	if (ret <= 0)
		return ret;
	ret = next_submission(ch, &s);
	if (ret < 0)
		mn_host_fail(h, "submission ring p_head or p_closed");
	if (ret <= 0)
		return ret;
	mn_consumer_retire(&ch->submissions, sizeof(s));
	ret = run_submission(h, c, &s, &made);
	if (ret) {
		struct mn_completion done = {
			.cookie = s.cookie, .flow = s.flow, .result = ret < 0 ? ret : 0,
		};

		if (made) {
			done.flow = mn_flow_id(made);
			done.generation = made->generation;
		}
		mn_channel_complete(h, c, &done);
	}
	return 1;
}

/* Run what there is, a ring at most: others want their turn. */
static void run_submissions(struct mn_host *h, uint32_t c)
{
	for (unsigned int i = 0; i < MN_RING_ENTRIES; i++) {
		if (h->state != MN_H_READY || run_one(h, c) <= 0) {
			h->ready_channels &= ~(1u << c);
			return;
		}
	}
}

void mn_channel_run(struct mn_host *h, uint32_t c)
{
	struct mn_consumer *from = &h->channels[c].submissions;

	run_submissions(h, c);
	if (h->state == MN_H_READY && mn_consumer_owes_bell(from) && mn_consumer_release(from, 0))
		mn_host_ring(h, c);
}
