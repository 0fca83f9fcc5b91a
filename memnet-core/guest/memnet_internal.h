/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between memnet.c (opening), wait.c (waiting, telling), control.c (submissions),
 * flow.c (streams), and memnet-agent.
 */
#ifndef MEMNET_INTERNAL_H
#define MEMNET_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "memnet-core/fifo.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/guest/session.h"
#include "memnet-core/guest/waiter.h"
#include "memnet-core/spin.h"

struct mn_flow_lock;

/* A submission whose completion is awaited. */
struct mn_call {
	struct mn_call *next;
	uint64_t cookie;
	bool done;
	bool abandoned;		/* nobody waits; allocated, and freed when it has come */
	bool posted;		/* so from its beginning, and done at once */
	struct mn_completion completion;
};

struct memnet {
	struct mn_region *region;	/* owned_region, or the agent's */
	struct mn_region owned_region;
	bool owns_session;
	int agent_fd;			/* -1: no agent in between */
	uint32_t channel;
	struct mn_session session;
	struct mn_waiter waiter;
	struct mn_flow_lock *locks;	/* share.h; NULL without an agent */
	struct mn_spin spin;		/* as configured; each flow and thread adapts a copy */
	struct memnet_counters counters;	/* added to atomically */

	pthread_mutex_t lock;		/* of what follows; never held over a sleep */
	uint64_t next_cookie;
	struct mn_producer submissions;
	struct mn_consumer completions;
	struct mn_call *calls;	/* whose completion is awaited, */
	uint32_t posted;	/* of which so many are posted */
};

struct memnet_flow {
	struct memnet *m;
	uint32_t id, generation;	/* once it is connected or bound */
	int kind;			/* enum mn_flow_kind; 0 while it is not bound to the region */
	bool nonblocking;
	struct mn_call *connecting;	/* NULL: not so */
	int connect_error;		/* -errno of it */
	uint32_t errors_seen;		/* of datagrams */
	bool error_told;		/* of a stream that was torn */
	struct mn_producer out;		/* of the thread that sends */
	struct mn_spin out_spin;
	struct mn_consumer in;		/* of the thread that receives */
	struct mn_spin in_spin;
	void *mirror[2];		/* by enum mn_direction: data mapped twice, NULL without */
};

/*
 * Own the session over @region, which stays the caller's; @features: MN_F_HEARTBEAT
 * when the caller will beat. 0 or -errno.
 */
int memnet_attach(struct memnet **out, struct mn_region *region, uint64_t features);

/*
 * Without an agent: own the session over @region, which is taken over, also on
 * failure. -EPROTONOSUPPORT: no common version.
 */
int memnet_open_region(struct memnet **out, const struct mn_region *region);

/* --- wait.c --- */

static inline void mn_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/*
 * What a thread waits for: an end of a FIFO or a ring. Both return 1: not yet; 0:
 * look, there is something to do; -errno. look() leaves the other side alone,
 * arm() asks it to tell. pause() comes between two looks; NULL: mn_pause().
 */
struct wait_ops {
	int (*look)(void *end);
	int (*arm)(void *end);
	void (*pause)(void *end);
};

/* Spin, then sleep, until there is something to do. 0, -EINTR, -errno. */
int mn_wait_for(struct memnet *m, struct mn_spin *spin, const struct wait_ops *ops, void *end);

/* The same until @deadline_ns of mn_now_ns() at most: -ETIMEDOUT. */
int mn_wait_until(struct memnet *m, struct mn_spin *spin, const struct wait_ops *ops, void *end,
		  int64_t deadline_ns);

/* No sleep is longer: a bell is a hint, and where there is none a timer stands for it. */
int mn_longest_sleep_ms(const struct memnet *m);

/* A sleep of that time brought what a bell should have told of. */
void mn_count_rescue(struct memnet *m);

/* A step on @flow, or on our channel's rings: @wanted when it passed what the host waits for. */
void mn_tell_flow(struct memnet *m, uint32_t flow, bool wanted);
void mn_tell_channel(struct memnet *m, bool wanted);

/* --- control.c --- */

void mn_control_init(struct memnet *m);

/*
 * Submit @s and wait for its completion, through signals: a submission cannot be
 * taken back. The completion's result, or -errno.
 */
int mn_control_call(struct memnet *m, struct mn_submission *s, struct mn_completion *c);

/* Submit @s, and let it be done in its turn: before whatever is submitted next. 0 or -errno. */
int mn_control_post(struct memnet *m, struct mn_submission *s);

/* Submit @s; @call, which is the caller's, is for its completion. 0 or -errno. */
int mn_control_start(struct memnet *m, struct mn_submission *s, struct mn_call *call);

/* Has it come? 0: yes; 1: no; -errno: it never will. */
int mn_control_look(struct memnet *m, struct mn_call *call);

/* The same, and with 1 the bell rings when it comes. */
int mn_control_arm(struct memnet *m, struct mn_call *call);

/* Wait for it, through signals. 0 or -errno. */
int mn_control_wait(struct memnet *m, struct mn_call *call);

/* The same until @deadline_ns of mn_now_ns() at most: -ETIMEDOUT, and it goes on. */
int mn_control_wait_until(struct memnet *m, struct mn_call *call, int64_t deadline_ns);

/* Have the host end what it does for @call; its completion tells how. 0 or -errno. */
int mn_control_cancel(struct memnet *m, const struct mn_call *call);

/* Nobody waits for anything any more. */
void mn_control_end(struct memnet *m);

/* Nobody waits for it any more; takes @call, which was allocated, over. */
void mn_control_abandon(struct memnet *m, struct mn_call *call);

/* --- flow.c --- */

/* An unbound one. NULL: no memory. */
struct memnet_flow *mn_flow_new(struct memnet *m);

/* @f is that flow of the region. 0; -ESTALE: there is none; -EPROTO. */
int mn_flow_attach(struct memnet_flow *f, uint32_t id, uint32_t generation);

/* Of a session that is over, indices are somebody else's: what looks like a breach is its end. */
static inline ssize_t mn_of_this_session(const struct memnet_flow *f, ssize_t n)
{
	return mn_session_is_current(&f->m->session) ? n : -ECONNRESET;
}

static inline struct mn_facts *mn_flow_facts(const struct memnet_flow *f)
{
	return &mn_flow(f->m->region->base, &f->m->session.geometry, f->id)->facts;
}

/* Our index as the region has it: another process has moved it since. */
void mn_flow_take_over(struct memnet_flow *f, enum mn_direction direction);

/* The header at the beginning of @spans, which have as many bytes. */
void mn_datagram_header(const struct iovec spans[2], struct mn_datagram *d);

/* Wait until the receive FIFO has something, or its end; half the send FIFO is free. */
int mn_flow_wait_data(struct memnet_flow *f);
int mn_flow_wait_space(struct memnet_flow *f);

#endif
