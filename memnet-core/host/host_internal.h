/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between host.c (session), host_channel.c (control rings), host_flow.c (what flows are),
 * host_open.c (how they come to be), host_stream.c, host_listener.c, host_datagram.c (what
 * each kind moves), and host_object.c (objects).
 */
#ifndef MEMNET_HOST_INTERNAL_H
#define MEMNET_HOST_INTERNAL_H

#include "memnet-core/address.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/fifo.h"
#include "memnet-core/host/courier.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/set.h"

enum flow_state {
	FLOW_FREE = 0,	/* no socket; FIFOs at rest */
	FLOW_BOUND,	/* a stream's socket has its name; FIFOs at rest */
	FLOW_CONNECTING,/* socket waits for the handshake; completion owed */
	FLOW_OPEN,	/* what its kind moves moves */
	FLOW_DRAINING,	/* nobody's any more; what was sent before still goes out, for a time */
	FLOW_DEAD,	/* socket gone after an error the guest was told; waits for CLOSE */
};

struct host_flow {
	struct mn_watch watch;		/* first: the loop gives it back */
	struct mn_host *host;
	enum flow_state state;
	enum mn_flow_kind kind;
	uint32_t channel;		/* its owner, unless it is FLOW_FREE */
	uint32_t generation;		/* uses of this number so far */
	union mn_sockaddr local;	/* of the socket */
	uint32_t asker;			/* the channel a completion is owed to, */
	uint64_t cookie;		/* and which */
	struct mn_consumer from_guest;
	struct mn_producer to_guest;
	bool readable, writable;	/* edges seen and not yet used up */
	bool sent_fin, got_fin;
	bool broken;			/* an error came after the peer's end */
	bool resets;			/* MN_OPTION_LINGER of 0 */
	bool dual;			/* bound to every address of IPv6 and IPv4 */
	bool hears_all;			/* of datagrams: from whom it may not speak to, too */
	uint32_t errors;		/* of datagrams: told */
	uint32_t listener, listener_generation;	/* that accepted it, */
	uint64_t accepted_at;		/* and where that one's FIFO says so */
	uint64_t left_at;		/* of FLOW_DRAINING: bytes of the guest's; */
	uint64_t acknowledged;		/* so many by the peer; */
	unsigned int still;		/* ticks since that was less */
	uint64_t rests_at;		/* to_guest.head when it last moved, */
	unsigned int rest;		/* ticks ago; */
	bool bare;			/* its pages were given back since */
	size_t moved;	/* guest to network since the send FIFO was last found empty */
	int32_t credit;	/* bytes it may still move in this round of turns: */
	uint32_t round;
	int32_t spent;	/* by mn_flow_work() so far */
};

/* Of what the policy denied and that was told. */
struct denial {
	int64_t told_ns;	/* 0: none */
	enum mn_policy_use use;
	int protocol;
	char addr[INET6_ADDRSTRLEN];
	uint16_t port;
};

#define DENIALS	16	/* told in a minute */

struct host_channel {
	struct mn_consumer submissions;
	struct mn_producer completions;
	uint32_t owed;		/* completions of connects, jobs and resets under way */
	bool reset_owed;	/* channel 0 waits for the reset of this one, */
	uint64_t reset_cookie;	/* by this name */
};

/* What the courier was ordered to do with an object. */
enum job_state {
	JOB_FREE = 0,
	JOB_RUNNING,
	JOB_CANCELLED,	/* the same, and the courier was told to end it */
	JOB_ORPHAN,	/* the same, and nobody waits for its completion */
};

struct object_job {
	enum job_state state;
	unsigned int ticks;	/* of h's, in the last two of them */
	uint32_t channel;
	uint64_t cookie;
};

struct mn_host {
	struct mn_host_config config;
	void *region;
	uint64_t session;
	uint64_t heartbeat;
	enum mn_host_state state;
	uint64_t features;	/* accepted by the guest */
	uint64_t guest_beat;	/* last seen, */
	int64_t guest_beat_ns;	/* and when */
	int64_t tick_ns;	/* the last one's time */
	unsigned int breaches;	/* of the protocol */
	unsigned int lines;	/* reported lately, */
	int64_t line_ns;	/* and when they last became fewer */
	struct denial denials[DENIALS];
	int64_t memory_told_ns;	/* that it is not enough; 0: not yet */
	bool shrunk;		/* in this tick */
	bool full_told;		/* that all flows are in use, since one was free, */
	int64_t full_told_ns;	/* and when; 0: not yet */
	bool asleep;		/* what h_asleep says */
	int64_t idle_ns;	/* since when there has been nothing to do; 0: there is */
	uint32_t ready_channels;	/* with submissions to run */
	uint32_t ring_channels;		/* one ring per round of work each */
	struct mn_set ready;	/* flows with something to move, */
	struct mn_set backlog;	/* of which these have had a turn, and wait for the next */
	uint32_t turn;		/* of the first of those behind this number, */
	uint32_t round;		/* of their turns */
	struct mn_set bulk;	/* flows to be looked at when the coalescing timer ends */
	struct mn_set starved;	/* listeners for which no flow was free */
	struct mn_watch coalesce;	/* that timer */
	struct mn_watch courier;	/* its socket; fd -1 without */
	bool courier_asked;	/* whether it is there, and has not answered */
	unsigned int courier_ticks;	/* in which it had jobs */
	struct object_job jobs[MN_COURIER_JOBS];
	struct mn_host_counters counters;
	struct host_channel channels[MN_MAX_CHANNELS];
	struct host_flow flows[MN_MAX_FLOWS];
};

/* A turn costs calls however little it moves: about the time in which so much is moved. */
#define MN_TURN_BYTES	(4 << 10)

/* What a stream moves at once, either way, in the rest of its turn. */
static inline size_t mn_flow_piece(const struct host_flow *f)
{
	return MAX(f->credit, MN_TURN_BYTES);
}

static inline uint32_t mn_flow_id(const struct host_flow *f)
{
	return f - f->host->flows;
}

/* The guest broke the protocol in @field: say so, end its session. */
void mn_host_fail(struct mn_host *h, const char *field);

/* Do what the guest's state asks for: begin or end the session. */
void mn_host_follow_guest(struct mn_host *h);

/* Have the channel's bell rung after this round. */
static inline void mn_host_ring(struct mn_host *h, uint32_t channel)
{
	h->ring_channels |= 1u << channel;
}

static inline bool mn_flow_is_moving(const struct host_flow *f)
{
	return f->state == FLOW_OPEN || f->state == FLOW_DRAINING;
}

static inline uint32_t mn_host_channels(const struct mn_host *h)
{
	return ~0u >> (32 - h->config.geometry.channels);
}

/*
 * The same for whom the guest has named at its end of the flow: who sends, who receives. An
 * end is no index that is waited for, so who names itself now and we who tell it have each
 * to see the other's: here is our fence between both, theirs is in the arming.
 */
static inline void mn_flow_ring_sender(struct host_flow *f)
{
	mn_fence();
	f->host->ring_channels |= mn_fetch32(&f->from_guest.theirs->p_bells) &
				  mn_host_channels(f->host);
}

static inline void mn_flow_ring_receiver(struct host_flow *f)
{
	mn_fence();
	f->host->ring_channels |= mn_fetch32(&f->to_guest.theirs->c_bells) &
				  mn_host_channels(f->host);
}

/* A line for the administrator, if there were not too many. */
void mn_host_report(struct mn_host *h, const char *line);

/* --- host_policy.c --- */

/* mn_policy_permits() by the host's policy; a denial is told. False: the guest gets EACCES. */
bool mn_host_permits(struct mn_host *h, enum mn_policy_use use, int protocol,
		     const struct sockaddr *addr);

/* May the guest hear everybody at @at? @both: also over IPv4, of a socket at ::. */
bool mn_host_may_listen(struct mn_host *h, int protocol, const union mn_sockaddr *at, bool both);

/* Somewhere, to connect by TCP? What is denied is told. */
bool mn_host_permits_some(struct mn_host *h);

/* The kernel denied what the policy permits: the port is low. Told as a denial. */
void mn_host_tell_low_port(struct mn_host *h, int protocol, const struct sockaddr *addr);

/* The policy permits it, but a server is not whom it says it is. Told as a denial. */
void mn_host_tell_distrust(struct mn_host *h, const struct sockaddr *addr);

/* --- host_memory.c --- */

/* May there be another flow? Gives back what it can before it says no. */
bool mn_memory_is_left(struct mn_host *h);

/* Give back what has been at rest. */
void mn_memory_tick(struct mn_host *h);

/* --- host_turns.c --- */

/* Those of h->ready that wait for no turn. */
void mn_turns_newcomers(struct mn_host *h);

/* Some of those that do. */
void mn_turns_backlog(struct mn_host *h);

/* --- host_channel.c --- */

/* Empty rings for channel @c, its flows released. */
void mn_channel_reset(struct mn_host *h, uint32_t c);

/* Take and run what channel @c submitted; it stays in ready_channels while there is more. */
void mn_channel_run(struct mn_host *h, uint32_t c);

/* Put @c on @channel's completion ring; room was reserved when the submission was taken. */
void mn_channel_complete(struct mn_host *h, uint32_t channel, const struct mn_completion *c);

/* The same of one that its submission did not wait for: it was owed. */
void mn_channel_complete_owed(struct mn_host *h, uint32_t channel, const struct mn_completion *c);

/* --- host_flow.c --- */

/*
 * Operations of submissions, on a flow that @channel may name (NULL: MN_NO_FLOW). 0: the
 * completion comes later; 1: it is done, and *@out is the flow, if a new one; -errno.
 */
int mn_flow_connect(struct mn_host *h, struct host_flow *f, uint32_t channel,
		    const struct mn_submission *s, struct host_flow **out);
int mn_flow_bind(struct mn_host *h, uint32_t channel, const struct mn_submission *s,
		 struct host_flow **out);
int mn_flow_listen(struct host_flow *f, const struct mn_submission *s);
int mn_flow_set_option(struct host_flow *f, const struct mn_submission *s);
int mn_flow_cancel(struct mn_host *h, uint32_t channel, uint64_t cookie);

/*
 * A flow of a socket that is open already, ready to move. Takes @fd over, also on failure.
 * NULL: none is free, or the loop cannot watch it.
 */
struct host_flow *mn_flow_accept(struct mn_host *h, struct host_flow *listener, int fd);

/* One that is FLOW_FREE, or NULL. */
struct host_flow *mn_flow_free(struct mn_host *h);

/*
 * The same for who needs one: if there is none, one that drains and whose peer does not read.
 * 0; -EMFILE: there is none; -ENOBUFS: the VM has no memory for another.
 */
int mn_flow_claim(struct mn_host *h, struct host_flow **out);

/* A free one is @channel's, for the socket @fd, which it takes over; nothing is watched yet. */
void mn_flow_take(struct host_flow *f, uint32_t channel, enum mn_flow_kind kind, int fd);

/* Say what it is, before the guest hears of it or of its change. */
void mn_flow_publish_facts(struct host_flow *f);

/* Have its socket's edges told. 0 or -errno. */
int mn_flow_watch(struct host_flow *f);

/* Does closing the socket @fd tear its stream? */
void mn_flow_set_reset(int fd, bool on);

/* Back to FLOW_FREE; unsent data is dropped, the peer sees RST. */
void mn_flow_reset(struct host_flow *f);

/*
 * Its owner leaves it: what it has shut down still goes out, else as mn_flow_reset(). A connect
 * ends with ECANCELED.
 */
void mn_flow_release(struct host_flow *f);

/* Of one that drains, at each tick: it ends if its peer does not read any more. */
void mn_flow_drain_tick(struct host_flow *f);

/* Move what can be moved now, for its credit, which gets less. True: there is more. */
bool mn_flow_work(struct host_flow *f);

/* Has the guest shut its stream down? */
bool mn_flow_is_shut(const struct host_flow *f);

/* The stream is torn by @err: tell the guest both ways. Its CLOSE frees the flow. */
void mn_flow_dies(struct host_flow *f, int err);

/* One message from spans, or into them. Bytes, or -errno. */
ssize_t mn_flow_sendmsg(const struct host_flow *f, struct msghdr *msg);
ssize_t mn_flow_recvmsg(const struct host_flow *f, struct msghdr *msg);

/* --- by kind: move one piece. True: more at once. --- */

bool mn_stream_send(struct host_flow *f);
bool mn_stream_recv(struct host_flow *f);
bool mn_listener_recv(struct host_flow *f);
bool mn_datagram_send(struct host_flow *f);
bool mn_datagram_recv(struct host_flow *f);

/* The listener is closed: reset what it has accepted and nobody has taken. */
void mn_listener_ends(struct host_flow *f);

/* --- host_object.c --- */

/* Of @channel: MN_OP_PUT, MN_OP_GET, MN_OP_SERVE. 0: the completion comes later; -errno. */
int mn_object_start(struct mn_host *h, uint32_t channel, const struct mn_submission *s);

/* End what @channel started with @cookie. False: there is nothing such. */
bool mn_object_cancel(struct mn_host *h, uint32_t channel, uint64_t cookie);

/* Of what @channel started nobody waits any more. */
void mn_object_reset_channel(struct mn_host *h, uint32_t channel);

/* Does the courier still have an extent of what one of @channels (a bit each) left? */
bool mn_object_orphans(const struct mn_host *h, uint32_t channels);

/* At each tick: a courier that does not let go of what it was to end, or is silent, is ended. */
void mn_object_tick(struct mn_host *h);

/* Tell the courier, if there is one. */
void mn_object_send_policy(struct mn_host *h);

#endif
