/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One flow: a socket of the host on one side, two FIFOs on the other. The
 * socket reads from and writes into the FIFO's own spans: the host copies
 * nothing.
 *
 * Sockets are watched edge-triggered, both directions, once: an edge sets
 * readable or writable, EAGAIN clears it, and no epoll_ctl() is spent on the
 * data path. FIFOs are watched by their event index. A flow is worked on after
 * every round of events, at most WORK_BYTES each way, so that flows take turns.
 *
 * Wake-ups are batched where bytes come in bulk. A doorbell costs the guest some
 * 20 us under emulation and a VM exit anywhere: after BULK_BYTES without a pause
 * the host asks to be rung for half a FIFO only, and looks by itself after a
 * short time for what is less. When that finds little, it asks to be rung for
 * the first byte again: a request never waits for the timer.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

#define WORK_BYTES	(256u << 10)
#define BULK_BYTES	(64u << 10)
#define COALESCE_NS	500000

/*
 * A torn stream must not look whole: a socket is closed by RST unless what it sent was
 * shut down. From its first moment on, for the kernel closes it when we are killed.
 */
static void set_reset_on_close(int fd, bool on)
{
	const struct linger reset = { .l_onoff = on, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static void close_socket(struct host_flow *f)
{
	if (f->watch.fd >= 0 && f->sent_fin)
		set_reset_on_close(f->watch.fd, false);
	mn_loop_close_fd(f->host->config.loop, &f->watch);
}

/* Whatever a flow of before left in the indices, this one begins at 0. */
static void make_fifos(struct host_flow *f)
{
	struct mn_host *h = f->host;
	const struct mn_geometry *g = &h->config.geometry;
	uint32_t id = mn_flow_id(f);
	struct mn_flow *shared = mn_flow(h->region, g, id);

	memset(shared, 0, sizeof(*shared));
	mn_consumer_init(&f->from_guest, &shared->send, mn_fifo_data(h->region, g, id, MN_SEND),
			 g->fifo_bytes);
	mn_producer_init(&f->to_guest, &shared->recv, mn_fifo_data(h->region, g, id, MN_RECV),
			 g->fifo_bytes);
}

void mn_flow_reset(struct host_flow *f)
{
	close_socket(f);
	f->state = FLOW_FREE;
	f->readable = f->writable = false;
	f->sent_fin = f->got_fin = false;
	f->moved = 0;
	mn_set_remove(&f->host->ready, mn_flow_id(f));
	mn_set_remove(&f->host->bulk, mn_flow_id(f));
}

static bool guest_has_shut_down(const struct host_flow *f)
{
	return mn_fetch32(&f->from_guest.theirs->p_closed) == MN_FIN;
}

void mn_flow_release(struct host_flow *f)
{
	if (f->state == FLOW_OPEN && !f->sent_fin && guest_has_shut_down(f)) {
		f->state = FLOW_DRAINING;
		mn_set_add(&f->host->ready, mn_flow_id(f));
	} else {
		mn_flow_reset(f);
	}
}

/* --- connect ----------------------------------------------------------------- */

static void fill_addresses(int fd, struct mn_completion *c)
{
	struct sockaddr_in local = { 0 }, peer = { 0 };
	socklen_t len = sizeof(local);

	getsockname(fd, (struct sockaddr *)&local, &len);
	len = sizeof(peer);
	getpeername(fd, (struct sockaddr *)&peer, &len);
	c->family = MN_IPV4;
	c->local_port = ntohs(local.sin_port);
	c->peer_port = ntohs(peer.sin_port);
	memcpy(c->local_addr, &local.sin_addr, sizeof(local.sin_addr));
	memcpy(c->peer_addr, &peer.sin_addr, sizeof(peer.sin_addr));
}

static void finish_connect(struct host_flow *f)
{
	struct mn_host *h = f->host;
	struct mn_completion c = { .cookie = f->cookie, .flow = mn_flow_id(f) };
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(f->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		c.result = -err;
		mn_flow_reset(f);
	} else {
		fill_addresses(f->watch.fd, &c);
		f->state = FLOW_OPEN;
	}
	h->channels[f->channel].owed--;
	h->ready_channels |= 1u << f->channel;	/* submissions may have waited for its room */
	mn_channel_complete(h, f->channel, &c);
}

static void socket_ready(struct mn_watch *w, uint32_t events)
{
	struct host_flow *f = (struct host_flow *)w;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		f->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		f->writable = true;
	mn_set_add(&f->host->ready, mn_flow_id(f));
	if (f->state == FLOW_CONNECTING && f->writable)
		finish_connect(f);
}

int mn_flow_connect(struct host_flow *f, uint32_t channel, const struct mn_submission *s)
{
	struct mn_host *h = f->host;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	const int one = 1;
	int ret;

	if (s->family != MN_IPV4)
		return -EAFNOSUPPORT;
	memcpy(&to.sin_addr, s->addr, sizeof(to.sin_addr));
	if (!mn_host_permits(h, MN_POLICY_CONNECT, IPPROTO_TCP, (struct sockaddr *)&to))
		return -EACCES;

	f->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->watch.fd < 0)
		return -errno;
	setsockopt(f->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	set_reset_on_close(f->watch.fd, true);
	if (connect(f->watch.fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
		ret = -errno;
		mn_flow_reset(f);
		return ret;
	}
	make_fifos(f);
	f->watch.ready = socket_ready;
	f->channel = channel;
	f->cookie = s->cookie;
	f->state = FLOW_CONNECTING;
	ret = mn_loop_add(h->config.loop, &f->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (ret)
		mn_flow_reset(f);
	return ret;
}

/* --- bytes ------------------------------------------------------------------- */

/* The stream is torn: tell the guest both ways. Its CLOSE frees the flow. */
static void flow_dies(struct host_flow *f)
{
	close_socket(f);
	f->state = FLOW_DEAD;
	mn_consumer_close(&f->from_guest);	/* first: who has seen the reset gets EPIPE */
	mn_producer_close(&f->to_guest, MN_RESET);
	mn_host_ring(f->host, f->channel);
}

static ssize_t send_spans(int fd, struct iovec spans[2])
{
	struct msghdr msg = { .msg_iov = spans, .msg_iovlen = spans[1].iov_len ? 2 : 1 };
	ssize_t n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static ssize_t recv_spans(int fd, struct iovec spans[2])
{
	struct msghdr msg = { .msg_iov = spans, .msg_iovlen = spans[1].iov_len ? 2 : 1 };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

/*
 * Have the send FIFO looked at in a moment, told or not. A timer that runs for others
 * is let run: flows that come here again and again would put it off for ever.
 */
static void look_soon(struct host_flow *f)
{
	const struct itimerspec soon = { .it_value.tv_nsec = COALESCE_NS };

	if (mn_set_empty(&f->host->bulk))
		timerfd_settime(f->host->coalesce.fd, 0, &soon, NULL);
	mn_set_add(&f->host->bulk, mn_flow_id(f));
}

/* Ask the guest to tell; in bulk for half a FIFO, and a look of our own. As mn_consumer_arm(). */
static int arm_send(struct host_flow *f)
{
	bool bulk = f->moved >= BULK_BYTES;
	int ret = mn_consumer_arm(&f->from_guest, bulk ? f->from_guest.size / 2 : 1);

	f->moved = 0;
	if (bulk && ret == 1)
		look_soon(f);
	return ret;
}

/* The send FIFO is empty: end of stream, or sleep. True: neither, look again. */
static bool send_idle(struct host_flow *f)
{
	int ret = mn_consumer_at_end(&f->from_guest);

	if (ret == 1) {
		shutdown(f->watch.fd, SHUT_WR);
		f->sent_fin = true;
		return false;
	}
	if (ret == -ECONNRESET) {
		flow_dies(f);
		return false;
	}
	if (!ret)
		ret = arm_send(f);
	if (ret < 0)
		mn_host_fail(f->host, "send FIFO p_head or p_closed");
	return ret == 0;
}

/* Guest to network. True: more at once. */
static bool work_send(struct host_flow *f)
{
	struct iovec spans[2];
	ssize_t n = mn_consumer_peek(&f->from_guest, WORK_BYTES, spans);

	if (n < 0) {
		mn_host_fail(f->host, "send FIFO p_head");
		return false;
	}
	if (n == 0)
		return send_idle(f);
	n = send_spans(f->watch.fd, spans);
	if (n == -EAGAIN) {
		f->writable = false;
		return false;
	}
	if (n < 0) {
		flow_dies(f);
		return false;
	}
	f->moved += n;
	if (mn_consumer_release(&f->from_guest, n))
		mn_host_ring(f->host, f->channel);
	return true;
}

/* The receive FIFO is full, or its reader has gone. True: look again. */
static bool recv_blocked(struct host_flow *f, ssize_t why)
{
	int ret;

	if (why == -EPIPE) {
		flow_dies(f);
		return false;
	}
	ret = why ? why : mn_producer_arm(&f->to_guest, f->to_guest.size / 4);
	if (ret < 0)
		mn_host_fail(f->host, "receive FIFO c_tail");
	return ret == 0;
}

/* Network to guest. True: more at once. */
static bool work_recv(struct host_flow *f)
{
	struct iovec spans[2];
	ssize_t n = mn_producer_reserve(&f->to_guest, WORK_BYTES, spans);

	if (n <= 0)
		return recv_blocked(f, n);
	n = recv_spans(f->watch.fd, spans);
	if (n == -EAGAIN) {
		f->readable = false;
		return false;
	}
	if (n < 0) {
		flow_dies(f);
		return false;
	}
	if (n == 0) {
		mn_producer_close(&f->to_guest, MN_FIN);
		f->got_fin = true;
		mn_host_ring(f->host, f->channel);
		return false;
	}
	if (mn_producer_commit(&f->to_guest, n))
		mn_host_ring(f->host, f->channel);
	return true;
}

/*
 * Only its end is still to come; nobody waits for it. A guest that takes the end back
 * shall not keep the flow. True: more at once.
 */
static bool drain(struct host_flow *f)
{
	bool more = f->writable && work_send(f);

	if (f->sent_fin || f->state == FLOW_DEAD ||
	    (f->state == FLOW_DRAINING && !guest_has_shut_down(f)))
		mn_flow_reset(f);
	return more && f->state == FLOW_DRAINING;
}

bool mn_flow_work(struct host_flow *f)
{
	bool more = false;

	if (f->state == FLOW_DRAINING)
		return drain(f);
	if (f->writable && !f->sent_fin)
		more |= work_send(f);
	if (f->state == FLOW_OPEN && f->readable && !f->got_fin)
		more |= work_recv(f);
	return more && f->state == FLOW_OPEN;
}
