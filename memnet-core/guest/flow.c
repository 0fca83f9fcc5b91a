/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: connect and close by the control ring, bytes by the two FIFOs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/mirror.h"

/* Copies are published (given back) step by step, so the host works while we copy, */
#define COPY_STEP	(8u << 10)
/* and it is told of them, should it sleep, at least this often. */
#define TELL_BYTES	(64u << 10)

static struct sockaddr_in address(const uint8_t addr[16], uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&sin.sin_addr, addr, sizeof(sin.sin_addr));
	return sin;
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

static void bind_flow(struct memnet_flow *f, struct memnet *m, const struct mn_completion *c)
{
	const struct mn_geometry *g = &m->session.geometry;
	void *base = m->region->base;
	struct mn_flow *shared = mn_flow(base, g, c->flow);

	*f = (struct memnet_flow){
		.m = m, .id = c->flow, .out_spin = m->spin, .in_spin = m->spin,
		.local = address(c->local_addr, c->local_port),
		.peer = address(c->peer_addr, c->peer_port),
	};
	f->mirror[MN_SEND] = map_fifo(f, MN_SEND);
	f->mirror[MN_RECV] = map_fifo(f, MN_RECV);
	mn_producer_init(&f->out, &shared->send, f->mirror[MN_SEND] ? f->mirror[MN_SEND] :
			 mn_fifo_data(base, g, c->flow, MN_SEND), g->fifo_bytes);
	mn_consumer_init(&f->in, &shared->recv, f->mirror[MN_RECV] ? f->mirror[MN_RECV] :
			 mn_fifo_data(base, g, c->flow, MN_RECV), g->fifo_bytes);
	f->out.mirrored = f->mirror[MN_SEND];
	f->in.mirrored = f->mirror[MN_RECV];
}

static void unbind_flow(struct memnet_flow *f)
{
	for (int i = 0; i < 2; i++)
		if (f->mirror[i])
			mn_unmap_mirrored(f->mirror[i], f->m->session.geometry.fifo_bytes);
}

int memnet_connect(struct memnet *m, const struct sockaddr_in *peer, struct memnet_flow **out)
{
	struct mn_submission s = {
		.op = MN_OP_CONNECT, .family = MN_IPV4, .port = ntohs(peer->sin_port),
	};
	struct memnet_flow *f = malloc(sizeof(*f));
	struct mn_completion c;
	int ret = -ENOMEM;

	if (!f)
		return ret;
	memcpy(s.addr, &peer->sin_addr, sizeof(peer->sin_addr));
	ret = mn_control_call(m, &s, &c);
	if (!ret && c.flow >= m->session.geometry.flows)
		ret = -EPROTO;
	if (ret) {
		free(f);
		return ret;
	}
	bind_flow(f, m, &c);
	*out = f;
	return 0;
}

void memnet_close(struct memnet_flow *f)
{
	struct mn_submission s = { .op = MN_OP_CLOSE, .flow = f->id };
	struct mn_completion c;

	/* A session that died took the flow with it: nothing to undo. */
	mn_control_call(f->m, &s, &c);
	unbind_flow(f);
	free(f);
}

void memnet_addresses(const struct memnet_flow *f, struct sockaddr_in *local,
		      struct sockaddr_in *peer)
{
	*local = f->local;
	*peer = f->peer;
}

/* --- waiting ------------------------------------------------------------------- */

/* Half a FIFO at once: a blocked sender is woken twice a lap, not per segment. */
static int space_arm(void *arg)
{
	struct memnet_flow *f = arg;

	return mn_producer_arm(&f->out, f->out.size / 2);
}

static int space_look(void *arg)
{
	struct memnet_flow *f = arg;
	struct iovec spans[2];
	ssize_t n = mn_producer_reserve(&f->out, f->out.size / 2, spans);

	return n < 0 ? 0 : (uint64_t)n < f->out.size / 2;
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

/* --- bytes --------------------------------------------------------------------- */

/*
 * Of a session that is over, indices are somebody else's: what looks like a breach is
 * its end. Also what was copied is looked at once more before it counts: we may have
 * stood still for the whole of that time.
 */
static ssize_t of_this_session(const struct memnet_flow *f, ssize_t n)
{
	return mn_session_is_current(&f->m->session) ? n : -ECONNRESET;
}

/* Copy up to a step in and publish it; the bell is for later. Bytes, 0: full, -errno. */
static ssize_t send_step(struct memnet_flow *f, const void *from, size_t len)
{
	struct iovec spans[2];
	ssize_t n = of_this_session(f, 0);

	if (!n)
		n = mn_producer_reserve(&f->out, MIN(len, COPY_STEP), spans);
	if (n > 0) {
		memcpy(spans[0].iov_base, from, spans[0].iov_len);
		memcpy(spans[1].iov_base, (char *)from + spans[0].iov_len, spans[1].iov_len);
	}
	if (n > 0 || n == -EPROTO)
		n = of_this_session(f, n);
	if (n > 0)
		mn_producer_publish(&f->out, n);
	return n;
}

ssize_t memnet_send(struct memnet_flow *f, const void *buf, size_t len)
{
	size_t sent = 0, told = 0;
	ssize_t n = 0;

	while (sent < len && n >= 0) {
		n = send_step(f, (const char *)buf + sent, len - sent);
		if (n < 0)
			break;
		sent += n;
		if (sent > told && (!n || sent == len || sent - told >= TELL_BYTES)) {
			mn_tell_flow(f->m, f->id, mn_producer_commit(&f->out, 0));
			told = sent;
		}
		if (!n)
			n = mn_wait_for(f->m, &f->out_spin, &space_ops, f);
	}
	return sent ? (ssize_t)sent : n;
}

/* Copy up to a step out and give it back; the bell is for later. As send_step(). */
static ssize_t recv_step(struct memnet_flow *f, void *to, size_t len)
{
	struct iovec spans[2];
	ssize_t n = mn_consumer_peek(&f->in, MIN(len, COPY_STEP), spans);

	if (n > 0) {
		memcpy(to, spans[0].iov_base, spans[0].iov_len);
		memcpy((char *)to + spans[0].iov_len, spans[1].iov_base, spans[1].iov_len);
	}
	n = of_this_session(f, n);
	if (n > 0)
		mn_consumer_retire(&f->in, n);
	return n;
}

/* Wait for the first byte. 1; 0: the stream has ended; -errno. */
static int wait_for_data(struct memnet_flow *f)
{
	struct iovec spans[2];
	int ret = of_this_session(f, 0);

	while (!ret && !mn_consumer_peek(&f->in, 1, spans)) {
		ret = mn_consumer_at_end(&f->in);
		if (ret)
			return of_this_session(f, ret < 0 ? ret : 0);
		ret = mn_wait_for(f->m, &f->in_spin, &data_ops, f);
	}
	if (ret == -EPROTO)
		ret = of_this_session(f, ret);
	return ret ? ret : 1;
}

ssize_t memnet_recv(struct memnet_flow *f, void *buf, size_t len)
{
	size_t got = 0, told = 0;
	ssize_t n = wait_for_data(f);

	if (n <= 0)
		return n;
	while (got < len && n > 0) {
		n = recv_step(f, (char *)buf + got, len - got);
		if (n < 0)
			break;
		got += n;
		if (got > told && (!n || got == len || got - told >= TELL_BYTES)) {
			mn_tell_flow(f->m, f->id, mn_consumer_release(&f->in, 0));
			told = got;
		}
	}
	return got || n > 0 ? (ssize_t)got : n;
}

int memnet_shutdown_send(struct memnet_flow *f)
{
	int ret = mn_session_check(&f->m->session);

	if (ret)
		return ret;
	mn_producer_close(&f->out, MN_FIN);
	mn_tell_flow(f->m, f->id, true);
	return 0;
}
