/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control rings of one channel, for any number of threads. A caller lays its
 * submission on the ring and waits; whoever looks takes every completion there is
 * and gives it to the call it belongs to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"

/* What a thread that waits for a call looks at. */
struct call_wait {
	struct memnet *m;
	struct mn_call *call;
};

void mn_control_init(struct memnet *m)
{
	struct mn_channel *c = mn_channel(m->region->base, m->channel);

	m->next_cookie = 1;	/* 0: nobody waits for it */
	mn_producer_init(&m->submissions, &c->submission_index, (uint8_t *)c->submissions,
			 sizeof(c->submissions));
	mn_consumer_init(&m->completions, &c->completion_index, (uint8_t *)c->completions,
			 sizeof(c->completions));
}

/* Lay @s on the ring, where there is room. Lock held. True: the host waits for it. */
static int put(struct memnet *m, const struct mn_submission *s, bool *wanted)
{
	struct iovec spans[2];
	ssize_t n = mn_producer_reserve(&m->submissions, sizeof(*s), spans);

	if (n != sizeof(*s))
		return n < 0 ? n : -EAGAIN;
	memcpy(spans[0].iov_base, s, sizeof(*s));
	*wanted = mn_producer_commit(&m->submissions, sizeof(*s));
	return 0;
}

/*
 * What it opens is for nobody; without room on the ring (-EAGAIN) it ends with the channel.
 * Lock held.
 */
static int cancel(struct memnet *m, const struct mn_call *call)
{
	const struct mn_submission s = { .op = MN_OP_CANCEL, .cookie = call->cookie };
	bool wanted;
	int ret = put(m, &s, &wanted);

	if (!ret)
		mn_tell_channel(m, wanted);
	return ret;
}

/* Lock held. */
static void finish(struct memnet *m, const struct mn_completion *c)
{
	for (struct mn_call **p = &m->calls; *p; p = &(*p)->next) {
		struct mn_call *call = *p;

		if (call->cookie != c->cookie)
			continue;
		*p = call->next;
		call->completion = *c;
		call->done = true;
		m->posted -= call->posted;
		if (call->abandoned)
			free(call);
		return;
	}
}

/* Lock held. */
static void forget(struct memnet *m, struct mn_call *call)
{
	for (struct mn_call **p = &m->calls; *p; p = &(*p)->next)
		if (*p == call) {
			*p = call->next;
			return;
		}
}

/* Lock held. How many completions somebody waits for. */
static unsigned int awaited(const struct memnet *m)
{
	unsigned int n = 0;

	for (const struct mn_call *call = m->calls; call; call = call->next)
		n += !call->abandoned;
	return n;
}

/*
 * Lock held. Be rung for the next completion that somebody waits for. What is posted is done at
 * once, before what was submitted behind it: so a single one comes behind those. No more of them
 * than leave the host room: one that waits for that and we would wait for each other (wake.pml).
 * As mn_consumer_arm().
 */
static int arm_completions(struct memnet *m)
{
	uint32_t before = awaited(m) == 1 ? MIN(m->posted, MN_RING_ENTRIES / 4 - 1) : 0;

	return mn_consumer_arm(&m->completions, (before + 1) * sizeof(struct mn_completion));
}

/* Every completion there is. Lock held. Their number or -EPROTO. */
static int take_some(struct memnet *m)
{
	struct mn_consumer *from = &m->completions;
	struct iovec spans[2];
	struct mn_completion c;
	ssize_t n;
	int taken = 0;

	for (; (n = mn_consumer_peek(from, sizeof(c), spans)) == sizeof(c); taken++) {
		memcpy(&c, spans[0].iov_base, sizeof(c));
		mn_consumer_retire(from, sizeof(c));
		finish(m, &c);
	}
	return n ? -EPROTO : taken;
}

/*
 * Take every completion there is, and tell of their room once. For who sleeps until another one
 * comes, the ring is armed anew: it was armed for one of these. Lock held. 0 or -EPROTO.
 */
static int take_completions(struct memnet *m)
{
	int taken, armed = 1;

	do {
		taken = take_some(m);
		if (taken > 0 && awaited(m))
			armed = arm_completions(m);
	} while (taken > 0 && !armed);
	if (mn_consumer_owes_bell(&m->completions))
		mn_tell_channel(m, mn_consumer_release(&m->completions, 0));
	return taken < 0 || armed < 0 ? -EPROTO : 0;
}

/*
 * Is the call done? When it is not and @arm, the ring is armed under the same hold of
 * the lock: in between, another thread could take our completion and the ring be armed
 * for one that does not come.
 */
static int call_done(struct memnet *m, struct mn_call *call, bool arm)
{
	int armed = 1, ret;

	pthread_mutex_lock(&m->lock);
	do {
		ret = mn_session_is_current(&m->session) ? take_completions(m) : -ECONNRESET;
		if (!ret)
			ret = !call->done;
		if (ret > 0 && arm)
			armed = arm_completions(m);
	} while (ret > 0 && !armed);
	if (ret < 0 || armed < 0)
		forget(m, call);
	pthread_mutex_unlock(&m->lock);
	return ret > 0 && armed < 0 ? armed : ret;
}

int mn_control_look(struct memnet *m, struct mn_call *call)
{
	return call_done(m, call, false);
}

int mn_control_arm(struct memnet *m, struct mn_call *call)
{
	return call_done(m, call, true);
}

static int call_look(void *arg)
{
	struct call_wait *w = arg;

	return call_done(w->m, w->call, false);
}

static int call_arm(void *arg)
{
	struct call_wait *w = arg;

	return call_done(w->m, w->call, true);
}

static const struct wait_ops call_ops = { call_look, call_arm };

static int room_look(void *arg)
{
	struct call_wait *w = arg;
	struct iovec spans[2];
	ssize_t n;

	pthread_mutex_lock(&w->m->lock);
	n = mn_producer_reserve(&w->m->submissions, sizeof(struct mn_submission), spans);
	pthread_mutex_unlock(&w->m->lock);
	return n < 0 ? n : n != sizeof(struct mn_submission);
}

static int room_arm(void *arg)
{
	struct call_wait *w = arg;
	int ret;

	pthread_mutex_lock(&w->m->lock);
	ret = mn_producer_arm(&w->m->submissions, sizeof(struct mn_submission));
	pthread_mutex_unlock(&w->m->lock);
	return ret;
}

static const struct wait_ops room_ops = { room_look, room_arm };

/* Put @s on the ring and @call on the list. 0; -EAGAIN: the ring is full; -errno. */
static int submit(struct memnet *m, struct mn_submission *s, struct mn_call *call)
{
	bool wanted = false;
	int ret;

	if (!mn_session_is_current(&m->session))
		return -ECONNRESET;
	pthread_mutex_lock(&m->lock);
	call->cookie = s->cookie = m->next_cookie++;
	/* Of those nobody waits for: without room for more the host makes none for submissions. */
	ret = take_completions(m) ?: put(m, s, &wanted);
	if (!ret) {
		call->next = m->calls;
		m->calls = call;
		m->posted += call->posted;
	}
	pthread_mutex_unlock(&m->lock);
	mn_tell_channel(m, wanted);
	return ret;
}

/* mn_wait_until(), through signals. */
static int wait_through(struct memnet *m, const struct wait_ops *ops, struct call_wait *w,
			int64_t deadline_ns)
{
	int ret;

	do
		ret = mn_wait_until(m, mn_spin_own(&m->spin), ops, w, deadline_ns);
	while (ret == -EINTR);
	return ret;
}

/* As mn_control_start(), of a call that is initialised. */
static int start(struct memnet *m, struct mn_submission *s, struct mn_call *call)
{
	struct call_wait wait = { .m = m };
	int ret;

	while ((ret = submit(m, s, call)) == -EAGAIN) {
		ret = wait_through(m, &room_ops, &wait, INT64_MAX);
		if (ret)
			return ret;
	}
	return ret;
}

int mn_control_start(struct memnet *m, struct mn_submission *s, struct mn_call *call)
{
	*call = (struct mn_call){ 0 };
	return start(m, s, call);
}

static int try_cancel(struct memnet *m, const struct mn_call *call)
{
	int ret = -ECONNRESET;

	pthread_mutex_lock(&m->lock);
	if (mn_session_is_current(&m->session))
		ret = call->done ? 0 : cancel(m, call);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int mn_control_cancel(struct memnet *m, const struct mn_call *call)
{
	struct call_wait wait = { .m = m };
	int ret;

	while ((ret = try_cancel(m, call)) == -EAGAIN) {
		ret = wait_through(m, &room_ops, &wait, INT64_MAX);
		if (ret)
			return ret;
	}
	return ret;
}

int mn_control_wait(struct memnet *m, struct mn_call *call)
{
	return mn_control_wait_until(m, call, INT64_MAX);
}

int mn_control_wait_until(struct memnet *m, struct mn_call *call, int64_t deadline_ns)
{
	struct call_wait wait = { .m = m, .call = call };
	int ret = wait_through(m, &call_ops, &wait, deadline_ns);

	if (ret && ret != -ETIMEDOUT) {
		pthread_mutex_lock(&m->lock);
		forget(m, call);
		pthread_mutex_unlock(&m->lock);
	}
	return ret;
}

void mn_control_abandon(struct memnet *m, struct mn_call *call)
{
	pthread_mutex_lock(&m->lock);
	if (mn_session_is_current(&m->session))
		cancel(m, call);
	if (call->done)
		free(call);
	else
		call->abandoned = true;
	pthread_mutex_unlock(&m->lock);
}

int mn_control_post(struct memnet *m, struct mn_submission *s)
{
	struct mn_call *call = malloc(sizeof(*call));
	struct mn_completion c;
	int ret;

	if (!call)
		return mn_control_call(m, s, &c);
	*call = (struct mn_call){ .abandoned = true, .posted = true };
	ret = start(m, s, call);
	if (ret)
		free(call);
	return ret;
}

void mn_control_end(struct memnet *m)
{
	while (m->calls) {
		struct mn_call *call = m->calls;

		m->calls = call->next;
		if (call->abandoned)
			free(call);
	}
}

static int call(struct memnet *m, struct mn_submission *s, struct mn_completion *c)
{
	struct mn_call waiting;
	int ret = mn_control_start(m, s, &waiting);

	if (!ret)
		ret = mn_control_wait(m, &waiting);
	if (ret)
		return ret;
	*c = waiting.completion;
	return c->result;
}

int mn_control_call(struct memnet *m, struct mn_submission *s, struct mn_completion *c)
{
	int state, ret;

	/* The completion is written to our stack, whenever it comes: nobody leaves before. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	ret = call(m, s, c);
	pthread_setcancelstate(state, NULL);
	return ret;
}
