/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/scribble.h"

#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/pending.h"

static uint32_t below(struct scribbler *s, uint32_t n)
{
	return mn_splitmix64(&s->seed) % n;
}

/* A lie near the truth, at a limit, or wild. */
static uint64_t value(struct scribbler *s, uint64_t truth)
{
	static const uint64_t limits[] = { 0, 1, 63, 64, 2048, 4096, 1ULL << 31, 1ULL << 32,
					   1ULL << 63, UINT64_MAX };

	switch (below(s, 4)) {
	case 0:
		return limits[below(s, ARRAY_SIZE(limits))];
	case 1:
		return mn_splitmix64(&s->seed);
	default:
		return truth + below(s, 4096) - 2048;
	}
}

static void scribble(struct scribbler *s, void *at, size_t bytes)
{
	uint64_t *word = (uint64_t *)at + below(s, bytes / sizeof(*word));

	mn_publish(word, value(s, mn_fetch(word)));
}

static void scribble_flow(struct scribbler *s)
{
	uint32_t flow = below(s, s->geometry.flows);
	struct mn_index *i = &mn_flow(s->region->base, &s->geometry, flow)->send + below(s, 2);
	uint64_t *fields[] = { &i->producer.p_head, &i->producer.p_wake_tail, &i->consumer.c_tail,
			       &i->consumer.c_wake_head };
	uint64_t *field = fields[below(s, ARRAY_SIZE(fields))];

	if (below(s, 8))
		mn_publish(field, value(s, mn_fetch(field)));
	else
		scribble(s, i, sizeof(*i));
}

/* Where the next record begins that the host reads, if the flow is of datagrams. */
static void scribble_record(struct scribbler *s)
{
	uint32_t flow = below(s, s->geometry.flows);
	const struct mn_index *i = &mn_flow(s->region->base, &s->geometry, flow)->send;
	uint64_t tail = mn_fetch(&i->consumer.c_tail) & (s->geometry.fifo_bytes - 8);

	scribble(s, mn_fifo_data(s->region->base, &s->geometry, flow, MN_SEND) + tail, 8);
}

static void scribble_channel(struct scribbler *s)
{
	struct mn_channel *c = mn_channel(s->region->base, below(s, s->geometry.channels));

	if (below(s, 2))
		scribble(s, c, 2 * sizeof(struct mn_index));
	else
		scribble(s, c, sizeof(*c));
}

/* With what looks like an operation, so that the host gets further. */
static void submit(struct scribbler *s)
{
	struct mn_channel *c = mn_channel(s->region->base, below(s, s->geometry.channels));
	uint64_t head = mn_fetch(&c->submission_index.producer.p_head);
	struct mn_submission *entry = &c->submissions[head / sizeof(*entry) % MN_RING_ENTRIES];

	entry->op = below(s, MN_OP_CANCEL + 2);
	entry->flow = below(s, 4) ? below(s, s->geometry.flows + 2) : MN_NO_FLOW;
	entry->kind = below(s, MN_DATAGRAMS + 2);
	entry->option = below(s, MN_OPTION_LINGER + 2);
	entry->value = below(s, 3) - 1;
	if (entry->op == MN_OP_BIND) {	/* mostly to loopback, at a port that the host chooses */
		*entry = (struct mn_submission){ .op = MN_OP_BIND, .kind = entry->kind,
						 .family = MN_IPV4, .addr = { 127, 0, 0, 1 } };
		if (!below(s, 4))
			scribble(s, entry, sizeof(*entry));
	}
	mn_publish(&c->submission_index.producer.p_head, head + sizeof(*entry));
}

/* Seldom: most of it ends the session at once, and the host gets no further. */
static void scribble_header(struct scribbler *s)
{
	struct mn_header *h = mn_header(s->region->base);

	if (!below(s, 16))
		scribble(s, &h->g_state, MN_LINE);
	else if (!below(s, 16))
		scribble(s, h, sizeof(*h));
	else
		mn_publish(&h->g_heartbeat, value(s, 0));
}

static void scribble_pending(struct scribbler *s)
{
	struct mn_header *h = mn_header(s->region->base);

	__atomic_fetch_or(&h->gh_summary, mn_splitmix64(&s->seed), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&h->gh_channels, mn_splitmix64(&s->seed), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&h->gh_flows[below(s, 16)], mn_splitmix64(&s->seed), __ATOMIC_SEQ_CST);
}

/* Where it is a register, also peers and vectors that do not exist. */
static void ring(struct scribbler *s)
{
	if (s->region->doorbell && !below(s, 4))
		*s->region->doorbell = value(s, s->region->doorbell_value);
	mn_region_ring(s->region);
}

/* The only way to get to the host's other states. */
static void attach(struct scribbler *s)
{
	struct mn_header *h = mn_header(s->region->base);

	mn_publish32(&h->g_state, MN_G_DETACHED);
	mn_region_ring(s->region);
	usleep(below(s, 500));
	mn_publish32(&h->g_version, MN_VERSION);
	mn_publish(&h->g_features, mn_fetch(&h->h_features));
	mn_publish(&h->g_session, mn_fetch(&h->h_session));
	mn_publish32(&h->g_state, MN_G_ATTACHED);
	mn_region_ring(s->region);
	usleep(below(s, 500));
}

unsigned int scribble_round(struct scribbler *s)
{
	static void (*const deeds[])(struct scribbler *) = {
		scribble_flow, scribble_flow, scribble_flow, scribble_record, scribble_channel,
		submit, submit, submit,
		scribble_pending, scribble_header, attach,
	};
	unsigned int done = below(s, 16);

	if (mn_fetch32(&mn_header(s->region->base)->h_state) != MN_H_READY && below(s, 2))
		attach(s);
	for (unsigned int n = done; n; n--)
		deeds[below(s, ARRAY_SIZE(deeds))](s);
	if (below(s, 2))
		scribble_pending(s);
	ring(s);
	usleep(below(s, 1000));
	return done;
}

void scribble_flood(struct scribbler *s)
{
	scribble_pending(s);
	ring(s);
}
