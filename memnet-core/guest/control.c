/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control rings of one channel, for any number of threads. A caller lays its
 * submission on the ring and waits; whoever looks takes every completion there is
 * and gives it to the call it belongs to.
 */
#include <errno.h>
#include <string.h>

#include "memnet-core/guest/memnet_internal.h"

struct control_call {
	struct control_call *next;
	uint64_t cookie;
	bool done;
	struct mn_completion *completion;
};

/* What a thread that waits for a call looks at. */
struct call_wait {
	struct memnet *m;
	struct control_call *call;
};

void mn_control_init(struct memnet *m)
{
	struct mn_channel *c = mn_channel(m->region->base, m->channel);

	mn_producer_init(&m->submissions, &c->submission_index, (uint8_t *)c->submissions,
			 sizeof(c->submissions));
	mn_consumer_init(&m->completions, &c->completion_index, (uint8_t *)c->completions,
			 sizeof(c->completions));
}

static void finish(struct memnet *m, const struct mn_completion *c)
{
	for (struct control_call **p = &m->calls; *p; p = &(*p)->next) {
		struct control_call *call = *p;

		if (call->cookie != c->cookie)
			continue;
		*call->completion = *c;
		call->done = true;
		*p = call->next;
		return;
	}
}

static void forget(struct memnet *m, struct control_call *call)
{
	for (struct control_call **p = &m->calls; *p; p = &(*p)->next)
		if (*p == call) {
			*p = call->next;
			return;
		}
}

/* Take every completion there is, and tell of their room once. Lock held. 0 or -EPROTO. */
static int take_completions(struct memnet *m)
{
	struct mn_consumer *from = &m->completions;
	struct iovec spans[2];
	struct mn_completion c;
	ssize_t n;

	while ((n = mn_consumer_peek(from, sizeof(c), spans)) == sizeof(c)) {
		memcpy(&c, spans[0].iov_base, sizeof(c));
		mn_consumer_retire(from, sizeof(c));
		finish(m, &c);
	}
	if (mn_consumer_owes_bell(from))
		mn_tell_channel(m, mn_consumer_release(from, 0));
	return n ? -EPROTO : 0;
}

/*
 * Is the call done? When it is not and @arm, the ring is armed under the same hold of
 * the lock: in between, another thread could take our completion and the ring be armed
 * for one that does not come.
 */
static int call_done(struct call_wait *w, bool arm)
{
	struct memnet *m = w->m;
	int armed = 1, ret;

	pthread_mutex_lock(&m->lock);
	do {
		ret = mn_session_is_current(&m->session) ? take_completions(m) : -ECONNRESET;
		if (!ret)
			ret = !w->call->done;
		if (ret > 0 && arm)
			armed = mn_consumer_arm(&m->completions, sizeof(struct mn_completion));
	} while (ret > 0 && !armed);
	pthread_mutex_unlock(&m->lock);
	return ret > 0 && armed < 0 ? armed : ret;
}

static int call_look(void *arg)
{
	return call_done(arg, false);
}

static int call_arm(void *arg)
{
	return call_done(arg, true);
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
static int submit(struct memnet *m, struct mn_submission *s, struct control_call *call)
{
	struct iovec spans[2];
	bool wanted;
	ssize_t n;

	if (!mn_session_is_current(&m->session))
		return -ECONNRESET;
	pthread_mutex_lock(&m->lock);
	n = mn_producer_reserve(&m->submissions, sizeof(*s), spans);
	if (n != sizeof(*s)) {
		pthread_mutex_unlock(&m->lock);
		return n < 0 ? n : -EAGAIN;
	}
	call->cookie = s->cookie = m->next_cookie++;
	call->next = m->calls;
	m->calls = call;
	memcpy(spans[0].iov_base, s, sizeof(*s));
	wanted = mn_producer_commit(&m->submissions, sizeof(*s));
	pthread_mutex_unlock(&m->lock);
	mn_tell_channel(m, wanted);
	return 0;
}

/* mn_wait_for(), through signals. */
static int wait_through(struct memnet *m, const struct wait_ops *ops, struct call_wait *w)
{
	struct mn_spin spin = m->spin;
	int ret;

	do
		ret = mn_wait_for(m, &spin, ops, w);
	while (ret == -EINTR);
	return ret;
}

int mn_control_call(struct memnet *m, struct mn_submission *s, struct mn_completion *c)
{
	struct control_call call = { .completion = c };
	struct call_wait wait = { .m = m, .call = &call };
	int ret;

	while ((ret = submit(m, s, &call)) == -EAGAIN) {
		ret = wait_through(m, &room_ops, &wait);
		if (ret)
			return ret;
	}
	if (ret)
		return ret;
	ret = wait_through(m, &call_ops, &wait);
	if (ret) {
		pthread_mutex_lock(&m->lock);
		forget(m, &call);
		pthread_mutex_unlock(&m->lock);
		return ret;
	}
	return c->result;
}
