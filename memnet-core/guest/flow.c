/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow is: bound to the region, named, looked at, given back. Bytes: stream.c. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/address.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/mirror.h"

/* --- life ------------------------------------------------------------------------------ */

struct memnet_flow *mn_flow_new(struct memnet *m)
{
	struct memnet_flow *f = calloc(1, sizeof(*f));

	if (f) {
		f->m = m;
		f->out_spin = f->in_spin = m->spin;
	}
	return f;
}

static struct mn_flow *shared_flow(const struct memnet_flow *f)
{
	return mn_flow(f->m->region->base, &f->m->session.geometry, f->id);
}

/*
 * One FIFO's data, twice in a row where the region can be mapped so: a span then
 * never wraps. Hugepages of guest RAM cannot.
 */
static void *map_fifo(struct memnet_flow *f, enum mn_direction direction)
{
	const struct mn_geometry *g = &f->m->session.geometry;
	void *base;

	if (!mn_map_mirrored(&base, f->m->region->fd, mn_fifo_offset(g, f->id, direction),
			     g->fifo_bytes))
		return base;
	return NULL;
}

static uint8_t *fifo_data(struct memnet_flow *f, enum mn_direction direction)
{
	f->mirror[direction] = map_fifo(f, direction);
	return f->mirror[direction] ? f->mirror[direction] :
	       mn_fifo_data(f->m->region->base, &f->m->session.geometry, f->id, direction);
}

/* Both ends where the guest has left them: at 0, or where another process has. */
static void init_fifos(struct memnet_flow *f)
{
	uint64_t size = f->m->session.geometry.fifo_bytes;
	struct mn_flow *shared = shared_flow(f);

	mn_producer_init(&f->out, &shared->send, fifo_data(f, MN_SEND), size);
	mn_consumer_init(&f->in, &shared->recv, fifo_data(f, MN_RECV), size);
	f->out.mirrored = f->mirror[MN_SEND];
	f->in.mirrored = f->mirror[MN_RECV];
	mn_flow_take_over(f, MN_SEND);
	mn_flow_take_over(f, MN_RECV);
}

void mn_flow_take_over(struct memnet_flow *f, enum mn_direction direction)
{
	if (direction == MN_SEND) {
		f->out.head = f->out.checked = mn_fetch(&f->out.mine->p_head);
		f->out.tail = mn_fetch(&f->out.theirs->c_tail);
	} else {
		f->in.tail = f->in.checked = mn_fetch(&f->in.mine->c_tail);
		f->in.head = f->in.tail;
	}
}

/* From now on the host rings us for it, or no longer. */
static void set_bells(struct memnet_flow *f, bool on)
{
	uint32_t bit = 1u << f->m->channel;
	struct mn_flow *shared = shared_flow(f);

	if (on) {
		__atomic_fetch_or(&shared->send.producer.p_bells, bit, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&shared->recv.consumer.c_bells, bit, __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_and(&shared->send.producer.p_bells, ~bit, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&shared->recv.consumer.c_bells, ~bit, __ATOMIC_SEQ_CST);
	}
}

int mn_flow_attach(struct memnet_flow *f, uint32_t id, uint32_t generation)
{
	struct mn_facts *facts;

	if (id >= f->m->session.geometry.flows)
		return -EPROTO;
	f->id = id;
	f->generation = generation;
	facts = mn_flow_facts(f);
	if (mn_fetch32(&facts->h_generation) != generation)
		return mn_of_this_session(f, -ESTALE);
	f->kind = facts->h_kind;
	f->errors_seen = 0;
	init_fifos(f);
	set_bells(f, true);
	return 0;
}

void mn_flow_disown(struct memnet_flow *f)
{
	for (int i = 0; i < 2; i++)
		if (f->mirror[i])
			mn_unmap_mirrored(f->mirror[i], f->m->session.geometry.fifo_bytes);
	free(f);
}

int memnet_adopt(struct memnet *m, uint32_t id, uint32_t generation, struct memnet_flow **out)
{
	struct memnet_flow *f = mn_flow_new(m);
	int ret = f ? mn_flow_attach(f, id, generation) : -ENOMEM;

	if (ret)
		free(f);
	else
		*out = f;
	return ret;
}

/* Not of a flow that has this one's number by now. */
static void ring_no_more(struct memnet_flow *f)
{
	if (f->kind && mn_session_is_current(&f->m->session) &&
	    mn_fetch32(&mn_flow_facts(f)->h_generation) == f->generation)
		set_bells(f, false);
}

void memnet_release(struct memnet_flow *f)
{
	if (f->connecting)
		mn_control_abandon(f->m, f->connecting);
	ring_no_more(f);
	mn_flow_disown(f);
}

/*
 * Of a stream nobody waits for that, as in close(2): all that this process asks for afterwards
 * comes behind it. A port that was listened at, or bound, may be another process's next.
 */
void memnet_close(struct memnet_flow *f)
{
	struct mn_submission s = { .op = MN_OP_CLOSE, .flow = f->id };
	struct mn_completion c;

	/* A session that died took the flow with it: nothing to undo. */
	if (f->kind == MN_STREAM) {
		ring_no_more(f);
		mn_control_post(f->m, &s);
		mn_flow_disown(f);
	} else {
		if (f->kind)
			mn_control_call(f->m, &s, &c);
		memnet_release(f);
	}
}

/* --- facts ----------------------------------------------------------------------------- */

void memnet_flow_name(const struct memnet_flow *f, uint32_t *id, uint32_t *generation)
{
	*id = f->id;
	*generation = f->generation;
}

int memnet_flow_kind(const struct memnet_flow *f)
{
	return f->kind ? f->kind : MN_STREAM;
}

static void give_address(uint16_t family, uint16_t port, const uint8_t addr[16], uint32_t scope,
			 struct sockaddr_storage *out)
{
	union mn_sockaddr a;

	*out = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (!mn_address_make(&a, family, port, addr, scope))
		memcpy(out, &a, mn_address_len(&a));
}

void memnet_local(const struct memnet_flow *f, struct sockaddr_storage *out)
{
	const struct mn_facts *facts = mn_flow_facts(f);

	give_address(f->kind ? facts->h_family : 0, facts->h_local_port, facts->h_local_addr,
		     facts->h_local_scope, out);
}

void memnet_peer(const struct memnet_flow *f, struct sockaddr_storage *out)
{
	const struct mn_facts *facts = mn_flow_facts(f);

	give_address(f->kind && facts->h_peer_port ? facts->h_family : 0, facts->h_peer_port,
		     facts->h_peer_addr, facts->h_peer_scope, out);
}

void memnet_set_blocking(struct memnet_flow *f, bool on)
{
	f->nonblocking = !on;
}

/* Of a stream the errno of its end, of datagrams of the last one that came back; each once. */
int memnet_take_error(struct memnet_flow *f)
{
	const struct mn_facts *facts = mn_flow_facts(f);
	uint32_t errors, err;

	if (f->connecting || !f->kind) {
		err = f->connecting ? 0 : -f->connect_error;
		f->connect_error = 0;
		return err;
	}
	if (f->kind == MN_DATAGRAMS) {
		errors = mn_fetch32(&facts->h_errors);
		if (errors == f->errors_seen)
			return 0;
		f->errors_seen = errors;
		return mn_fetch32(&facts->h_error);
	}
	if (f->error_told || mn_fetch32(&f->in.theirs->p_closed) != MN_RESET)
		return 0;
	f->error_told = true;
	err = mn_fetch32(&f->in.theirs->p_error);
	return err ? err : ECONNRESET;
}

/* --- readiness --------------------------------------------------------------------------- */

/*
 * Who waits for room waits for so much. Of a stream half a FIFO: a blocked sender is woken
 * twice a lap, not per segment. Of datagrams also for the largest: it goes whole or not.
 */
static uint64_t room_wanted(const struct memnet_flow *f)
{
	uint64_t half = f->out.size / 2;

	return f->kind == MN_DATAGRAMS ? MIN(MAX(half, mn_datagram_room(MN_DATAGRAM_MOST)),
					     f->out.size) : half;
}

static bool has_room(struct memnet_flow *f)
{
	struct iovec spans[2];
	uint64_t wanted = room_wanted(f);
	ssize_t n = mn_producer_reserve(&f->out, wanted, spans);

	return n < 0 || (uint64_t)n == wanted;
}

static bool has_data(struct memnet_flow *f)
{
	struct iovec spans[2];

	return mn_consumer_peek(&f->in, 1, spans) > 0;
}

/* One that listens no more, whoever has ended that, is as a socket that never did. */
static short listener_events(struct memnet_flow *f)
{
	if (mn_fetch32(&f->in.theirs->p_closed) != MN_OPEN)
		return POLLOUT | POLLHUP;
	return has_data(f) ? POLLIN : 0;
}

static short stream_events(struct memnet_flow *f)
{
	uint32_t end = mn_fetch32(&f->in.theirs->p_closed);
	bool shut = mn_fetch32(&f->out.mine->p_closed) != MN_OPEN;
	short events = 0;

	if (end != MN_OPEN || has_data(f))
		events |= POLLIN;
	if (end != MN_OPEN)
		events |= POLLRDHUP;
	if (end == MN_RESET || (end == MN_FIN && shut))
		events |= POLLHUP;
	if (end == MN_RESET && !f->error_told)
		events |= POLLERR;
	if (shut || has_room(f))
		events |= POLLOUT;
	return events;
}

static short datagram_events(struct memnet_flow *f)
{
	bool error = mn_fetch32(&mn_flow_facts(f)->h_errors) != f->errors_seen;
	bool ended = mn_fetch32(&f->in.theirs->p_closed) != MN_OPEN;
	short events = ended ? POLLHUP : 0;

	if (ended || has_data(f))
		events |= POLLIN;
	if (error)
		events |= POLLERR;
	if (has_room(f))
		events |= POLLOUT;
	return events;
}

short memnet_events(struct memnet_flow *f)
{
	if (memnet_connect_result(f) == -EINPROGRESS)
		return 0;
	if (!f->kind || !mn_session_is_current(&f->m->session))
		return POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR;
	switch (f->kind) {
	case MN_LISTENER:
		return listener_events(f);
	case MN_DATAGRAMS:
		return datagram_events(f);
	default:
		return stream_events(f);
	}
}

int memnet_arm(struct memnet_flow *f, short events)
{
	int ret = 1;

	if (f->connecting)
		return mn_control_arm(f->m, f->connecting) > 0;
	if (!f->kind || !mn_session_is_current(&f->m->session))
		return 0;
	if (events & POLLIN)
		ret = mn_consumer_arm(&f->in, 1);
	if (ret > 0 && events & POLLOUT)
		ret = mn_producer_arm(&f->out, room_wanted(f));
	return ret < 0 ? mn_of_this_session(f, ret) : ret;
}

int64_t memnet_spin_ns(const struct memnet *m)
{
	return m->spin.budget_ns;
}

/* --- waiting ------------------------------------------------------------------------------ */

static int space_arm(void *arg)
{
	struct memnet_flow *f = arg;

	return mn_producer_arm(&f->out, room_wanted(f));
}

static int space_look(void *arg)
{
	return !has_room(arg);
}

static int data_arm(void *arg)
{
	return mn_consumer_arm(&((struct memnet_flow *)arg)->in, 1);
}

static int data_look(void *arg)
{
	struct memnet_flow *f = arg;
	struct iovec spans[2];

	return !mn_consumer_peek(&f->in, 1, spans) && !mn_consumer_at_end(&f->in);
}

static void data_pause(void *arg)
{
	mn_consumer_pause(&((struct memnet_flow *)arg)->in);
}

static const struct wait_ops space_ops = { space_look, space_arm };
static const struct wait_ops data_ops = { data_look, data_arm, data_pause };

int mn_flow_wait_data(struct memnet_flow *f)
{
	return f->nonblocking ? -EAGAIN : mn_wait_for(f->m, &f->in_spin, &data_ops, f);
}

int mn_flow_wait_space(struct memnet_flow *f)
{
	return f->nonblocking ? -EAGAIN : mn_wait_for(f->m, &f->out_spin, &space_ops, f);
}
