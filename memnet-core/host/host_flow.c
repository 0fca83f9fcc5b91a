/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One flow: a socket of the host on one side, two FIFOs on the other. What it is, how it
 * comes to be and ends; what moves is in host_stream.c, host_listener.c, host_datagram.c.
 *
 * Sockets are watched edge-triggered, both directions, once: an edge sets
 * readable or writable, EAGAIN clears it, and no epoll_ctl() is spent on the
 * data path. FIFOs are watched by their event index. A flow in its turn (host_turns.c) moves a
 * piece each way.
 *
 * #syscalls close getpeername getsockname getsockopt ioctl recvmsg sendmsg setsockopt
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

#define EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/*
 * A stream that nobody owns is given up when its peer has acknowledged nothing for so many
 * ticks, as Linux gives up its orphans after a minute or so (tcp_orphan_retries); and after
 * fewer, the one that has stood still longest first, where there is no other flow to be had.
 */
#define STILL_TICKS	(60 * 1000 / MN_HEARTBEAT_MS)
#define STILL_TICKS_NEED (3 * 1000 / MN_HEARTBEAT_MS)

/* That all flows are in use is not said again before. */
#define FULL_SILENT_NS	(60 * NSEC_PER_SEC)

/* A wake-up index that no step passes: the one before the first. */
#define NO_STEP UINT64_MAX

/* What a kind moves. NULL: nothing that way. */
static const struct {
	bool (*send)(struct host_flow *f);
	bool (*recv)(struct host_flow *f);
} kinds[] = {
	[MN_STREAM] = { mn_stream_send, mn_stream_recv },
	[MN_LISTENER] = { NULL, mn_listener_recv },
	[MN_DATAGRAMS] = { mn_datagram_send, mn_datagram_recv },
};

/*
 * A torn stream must not look whole: a socket is closed by RST unless what it sent was
 * shut down. From its first moment on, for the kernel closes it when we are killed.
 */
void mn_flow_set_reset(int fd, bool on)
{
	const struct linger reset = { .l_onoff = on, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static void close_socket(struct host_flow *f)
{
	if (f->watch.fd >= 0 && f->sent_fin && !f->resets)
		mn_flow_set_reset(f->watch.fd, false);
	mn_loop_close_fd(f->host->config.loop, &f->watch);
}

bool mn_flow_is_shut(const struct host_flow *f)
{
	return mn_fetch32(&f->from_guest.theirs->p_closed) == MN_FIN;
}

/* --- beginning ------------------------------------------------------------------------ */

static struct mn_flow *shared_flow(const struct host_flow *f)
{
	return mn_flow(f->host->region, &f->host->config.geometry, mn_flow_id(f));
}

/*
 * Whatever a flow of before left in the indices, this one begins at 0. But for the first bytes of
 * the guest, for which we wait, nobody waits for a step from there before it has armed.
 */
static void make_fifos(struct host_flow *f)
{
	const struct mn_geometry *g = &f->host->config.geometry;
	uint32_t id = mn_flow_id(f);
	struct mn_flow *shared = shared_flow(f);

	memset(shared, 0, sizeof(*shared));
	shared->send.producer.p_wake_tail = NO_STEP;
	shared->recv.producer.p_wake_tail = NO_STEP;
	shared->recv.consumer.c_wake_head = NO_STEP;
	mn_consumer_init(&f->from_guest, &shared->send,
			 mn_fifo_data(f->host->region, g, id, MN_SEND), g->fifo_bytes);
	mn_producer_init(&f->to_guest, &shared->recv,
			 mn_fifo_data(f->host->region, g, id, MN_RECV), g->fifo_bytes);
}

void mn_flow_publish_facts(struct host_flow *f)
{
	struct mn_facts *facts = &shared_flow(f)->facts;
	union mn_sockaddr peer = { 0 };
	socklen_t len = sizeof(f->local);

	getsockname(f->watch.fd, &f->local.sa, &len);
	len = sizeof(peer);
	if (getpeername(f->watch.fd, &peer.sa, &len))
		peer.sa.sa_family = AF_UNSPEC;
	facts->h_family = mn_address_split(&f->local, &facts->h_local_port, facts->h_local_addr,
					   &facts->h_local_scope);
	mn_address_split(&peer, &facts->h_peer_port, facts->h_peer_addr, &facts->h_peer_scope);
	facts->h_kind = f->kind;
	mn_publish32(&facts->h_generation, f->generation);
}

struct host_flow *mn_flow_free(struct mn_host *h)
{
	for (uint32_t i = 0; i < h->config.geometry.flows; i++)
		if (h->flows[i].state == FLOW_FREE)
			return &h->flows[i];
	return NULL;
}

static void socket_ready(struct mn_watch *w, uint32_t events);

void mn_flow_take(struct host_flow *f, uint32_t channel, enum mn_flow_kind kind, int fd)
{
	make_fifos(f);
	f->watch = (struct mn_watch){ fd, socket_ready };
	f->channel = channel;
	f->kind = kind;
	f->generation += f->generation + 1 ? 1 : 2;	/* never 0 */
	f->resets = f->hears_all = false;
	f->round = f->host->round - 1;	/* it has had no turn in this one */
	f->bare = false;
	f->cookie = 0;
	f->listener_generation = 0;
}

int mn_flow_watch(struct host_flow *f)
{
	return mn_loop_add(f->host->config.loop, &f->watch, EDGES);
}

struct host_flow *mn_flow_accept(struct mn_host *h, struct host_flow *listener, int fd)
{
	struct host_flow *f = mn_flow_free(h);
	const int one = 1;

	if (!f) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	mn_flow_set_reset(fd, true);
	mn_flow_take(f, listener->channel, MN_STREAM, fd);
	f->state = FLOW_OPEN;
	f->listener = mn_flow_id(listener);
	f->listener_generation = listener->generation;
	mn_flow_publish_facts(f);
	if (!mn_flow_watch(f))
		return f;
	mn_flow_reset(f);
	return NULL;
}

/* --- ending --------------------------------------------------------------------------- */

/* To both ends, whoever uses them: nothing moves any more. */
static void tell_end(struct host_flow *f, int err)
{
	mn_consumer_close(&f->from_guest);	/* first: who has seen the reset gets EPIPE */
	f->to_guest.mine->p_error = err;
	mn_producer_close(&f->to_guest, MN_RESET);
	mn_flow_ring_sender(f);
	mn_flow_ring_receiver(f);
}

/* Other processes may use it, or have its name: for them it is gone, until it is another. */
static void retract_facts(struct host_flow *f)
{
	mn_publish32(&shared_flow(f)->facts.h_generation, 0);
	shared_flow(f)->facts.h_kind = 0;
	tell_end(f, 0);
}

void mn_flow_reset(struct host_flow *f)
{
	struct mn_host *h = f->host;

	if (f->state == FLOW_OPEN && f->kind == MN_LISTENER)
		mn_listener_ends(f);
	close_socket(f);
	retract_facts(f);
	f->state = FLOW_FREE;
	h->full_told = false;
	f->readable = f->writable = f->broken = false;
	f->sent_fin = f->got_fin = false;
	f->moved = 0;
	f->bare = false;
	f->rest = 0;
	mn_set_remove(&h->ready, mn_flow_id(f));
	mn_set_remove(&h->backlog, mn_flow_id(f));
	mn_set_remove(&h->bulk, mn_flow_id(f));
	mn_set_remove(&h->starved, mn_flow_id(f));
	mn_set_move(&h->ready, &h->starved);	/* there is a free flow now */
}

void mn_flow_dies(struct host_flow *f, int err)
{
	if (f->kind == MN_LISTENER)
		mn_listener_ends(f);
	close_socket(f);
	mn_set_remove(&f->host->starved, mn_flow_id(f));
	f->state = FLOW_DEAD;
	tell_end(f, err);
}

/* --- events --------------------------------------------------------------------------- */

/* The completion that is owed: @err, or the flow is open. */
static void complete_connect(struct host_flow *f, int err)
{
	struct mn_host *h = f->host;
	struct mn_completion c = { .cookie = f->cookie, .flow = mn_flow_id(f),
				   .generation = f->generation };
	uint32_t asker = f->asker;

	if (err) {
		c.result = -err;
		mn_flow_reset(f);
	} else {
		mn_flow_publish_facts(f);
		f->state = FLOW_OPEN;
	}
	mn_channel_complete_owed(h, asker, &c);
}

static void finish_connect(struct host_flow *f)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(f->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	complete_connect(f, err);
}

/* The flow of what @channel submitted with @cookie, unless it was taken from it since. */
static struct host_flow *find_connect(struct mn_host *h, uint32_t channel, uint64_t cookie)
{
	for (uint32_t i = 0; i < h->config.geometry.flows; i++) {
		struct host_flow *f = &h->flows[i];

		if (f->cookie == cookie && f->asker == channel &&
		    (f->state == FLOW_CONNECTING ||
		     ((f->state == FLOW_OPEN || f->state == FLOW_DEAD) && f->channel == channel)))
			return f;
	}
	return NULL;
}

int mn_flow_cancel(struct mn_host *h, uint32_t channel, uint64_t cookie)
{
	struct host_flow *f = cookie ? find_connect(h, channel, cookie) : NULL;

	if (!f)
		return -ENOENT;
	if (f->state == FLOW_CONNECTING)
		complete_connect(f, ECANCELED);
	else
		mn_flow_reset(f);
	return 0;
}

static void socket_ready(struct mn_watch *w, uint32_t events)
{
	struct host_flow *f = (struct host_flow *)w;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		f->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		f->writable = true;
	f->broken |= events & EPOLLERR && f->got_fin;
	mn_set_add(&f->host->ready, mn_flow_id(f));
	if (f->state == FLOW_CONNECTING && f->writable)
		finish_connect(f);
}

/* --- being left ----------------------------------------------------------------------- */

/* Bytes of the stream that its peer's kernel has. */
static uint64_t acknowledged(const struct host_flow *f)
{
	int queued = 0;

	ioctl(f->watch.fd, SIOCOUTQ, &queued);
	return f->from_guest.tail - queued;
}

/* What was sent before the end has still to go out. */
static bool has_left_some(struct host_flow *f)
{
	struct iovec spans[2];

	if (f->state != FLOW_OPEN)
		return false;
	if (f->kind == MN_DATAGRAMS)
		return mn_consumer_peek(&f->from_guest, 1, spans) > 0;
	return f->kind == MN_STREAM && !f->sent_fin && !f->resets && mn_flow_is_shut(f);
}

void mn_flow_release(struct host_flow *f)
{
	if (f->state == FLOW_CONNECTING) {
		complete_connect(f, ECANCELED);
	} else if (has_left_some(f)) {
		f->state = FLOW_DRAINING;
		f->left_at = f->from_guest.head;
		f->acknowledged = acknowledged(f);
		f->still = 0;
		mn_set_add(&f->host->ready, mn_flow_id(f));
	} else {
		mn_flow_reset(f);
	}
}

void mn_flow_drain_tick(struct host_flow *f)
{
	uint64_t now = acknowledged(f);

	f->still = now == f->acknowledged ? f->still + 1 : 0;
	f->acknowledged = now;
	if (f->still == STILL_TICKS)
		mn_flow_reset(f);
}

/* Of those that drain the one whose peer has stood still longest, and long enough. */
static struct host_flow *find_still(struct mn_host *h)
{
	struct host_flow *found = NULL;

	for (uint32_t i = 0; i < h->config.geometry.flows; i++) {
		struct host_flow *f = &h->flows[i];

		if (f->state == FLOW_DRAINING && f->still >= STILL_TICKS_NEED &&
		    (!found || f->still > found->still))
			found = f;
	}
	return found;
}

/* Once until one is free again, and at most once a minute: who asks in vain asks again. */
static void tell_full(struct mn_host *h)
{
	int64_t now = mn_now_ns();
	char line[80];

	if (h->full_told || (h->full_told_ns && now - h->full_told_ns < FULL_SILENT_NS))
		return;
	h->full_told = true;
	h->full_told_ns = now;
	snprintf(line, sizeof(line), "all %u flows are in use; raise --flows",
		 h->config.geometry.flows);
	mn_host_report(h, line);
}

int mn_flow_claim(struct mn_host *h, struct host_flow **out)
{
	struct host_flow *f = mn_flow_free(h);

	if (!mn_memory_is_left(h))
		return -ENOBUFS;
	if (!f) {
		f = find_still(h);
		if (!f) {
			tell_full(h);
			return -EMFILE;
		}
		mn_flow_reset(f);
	}
	*out = f;
	return 0;
}

/* --- bytes ---------------------------------------------------------------------------- */

ssize_t mn_flow_sendmsg(const struct host_flow *f, struct msghdr *msg)
{
	ssize_t n = sendmsg(f->watch.fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

ssize_t mn_flow_recvmsg(const struct host_flow *f, struct msghdr *msg)
{
	ssize_t n = recvmsg(f->watch.fd, msg, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

/*
 * Only its end is still to come; nobody waits for it. A guest that takes the end back, or
 * sends datagrams behind it, shall not keep the flow. True: more at once.
 */
static bool drain(struct host_flow *f)
{
	bool more = f->writable && kinds[f->kind].send(f), ended;

	if (f->kind == MN_DATAGRAMS)
		ended = f->from_guest.tail >= f->left_at || (!more && f->writable);
	else
		ended = f->sent_fin || !mn_flow_is_shut(f);
	if (f->state == FLOW_DEAD || (f->state == FLOW_DRAINING && ended))
		mn_flow_reset(f);
	return more && f->state == FLOW_DRAINING;
}

/* A stream that nothing is read from any more tells its end by an event only. */
static void stream_breaks(struct host_flow *f)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(f->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	f->broken = false;
	if (err)
		mn_flow_dies(f, err);
}

/* Each way moves as much as there is credit for; what both are beyond it the next turn lacks. */
static bool move(struct host_flow *f)
{
	bool more = false;

	if (f->state == FLOW_DRAINING)
		return drain(f);
	if (f->kind == MN_LISTENER && mn_fetch32(&f->to_guest.theirs->c_closed)) {
		mn_flow_dies(f, 0);	/* it listens no more */
		return false;
	}
	if (f->broken)
		stream_breaks(f);
	if (f->state == FLOW_OPEN && f->writable && !f->sent_fin && kinds[f->kind].send)
		more |= kinds[f->kind].send(f);
	if (f->state == FLOW_OPEN && f->readable && !f->got_fin)
		more |= kinds[f->kind].recv(f);
	return more && f->state == FLOW_OPEN;
}

bool mn_flow_work(struct host_flow *f)
{
	bool more;

	f->spent = 0;
	more = move(f);
	f->credit -= f->spent + MN_TURN_BYTES;
	return more;
}
