/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host under a hostile guest. The real host code (session, rings, flows, loop)
 * works over a memfd in this process, with real TCP to a peer that is here too; an
 * input is a small program of what guest, peer and clock do (actions.h).
 *
 * Everything is made anew for each input, and time is ours, so what an input does
 * it does again. Only the network below is not: loopback delivers at once in
 * practice, and nothing here depends on it.
 *
 * Claimed after every action:
 *   - the host comes to rest: while the guest does nothing it has nothing to do
 *   - its private indices are possible, its sockets and debts match its flows
 *   - a session fails only when the guest has lied, and without a lie every byte
 *     arrives, in order, in both directions
 *   - it does not fill a log
 * and after every input: an honest guest that comes next is served, unless this one
 * lied too often; no descriptor is left open.
 *
 * Built for libFuzzer by `make fuzz`; `make test` runs it over seeds/ (replay.c);
 * for AFL++: make CC=afl-clang-fast BUILD=build/afl build/afl/fuzz/replay, then
 * afl-fuzz -i memnet-core/fuzz/seeds -o out -- build/afl/fuzz/replay @@
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/fuzz/actions.h"
#include "memnet-core/fuzz/fuzz_kinds.h"
#include "memnet-core/fuzz/fuzz_world.h"
#include "memnet-core/pending.h"

#define MAX_ACTIONS	1000	/* of an input: more is only slow */

/* --- the host's surroundings ------------------------------------------------------- */

static void a_kick(const uint8_t *a)
{
	kick();
}

static void a_tick(const uint8_t *a)
{
	tick();
}

static void a_time(const uint8_t *a)
{
	now_ns += a[0] * 100 * NSEC_PER_MSEC;
}

static void a_run(const uint8_t *a)
{
	run();
}

static void a_timer(const uint8_t *a)
{
	struct pollfd pfd = { .fd = w.host->coalesce.fd, .events = POLLIN };
	int ret;

	if (!mn_set_empty(&w.host->bulk)) {
		do
			ret = poll(&pfd, 1, 1000);
		while (ret < 0 && errno == EINTR);	/* libFuzzer has an alarm */
		must(ret == 1);
	}
	run();
}

static void a_features(const uint8_t *a)
{
	mn_host_set_features(w.host, a[0] & FEATURES);
	run();
}

/* --- the peer ------------------------------------------------------------------------ */

static void a_peer_accept(const uint8_t *a)
{
	peer_accept();
}

static void a_peer_write(const uint8_t *a)
{
	if (peer(a[0]))
		peer_write(peer(a[0]), u16(a + 1));
}

static void a_peer_read(const uint8_t *a)
{
	if (peer(a[0]))
		peer_read(peer(a[0]), u16(a + 1));
}

static void a_peer_shut(const uint8_t *a)
{
	if (peer(a[0]))
		shutdown(peer(a[0])->fd, SHUT_WR);
}

static void peer_ends(uint8_t n, bool reset)
{
	struct connection *p = peer(n);

	if (!p)
		return;
	end_socket(p->fd, reset);
	p->fd = -1;
}

static void a_peer_close(const uint8_t *a)
{
	peer_ends(a[0], false);
}

static void a_peer_reset(const uint8_t *a)
{
	peer_ends(a[0], true);
}

/* --- the guest: control ---------------------------------------------------------------- */

/* Its memory is all it has: a guest of this kind keeps nothing of its own. */
void submit(uint8_t channel, const struct mn_submission *s)
{
	struct mn_channel *c = mn_channel(w.guest, channel % CHANNELS);
	struct mn_index *i = &c->submission_index;
	uint64_t head = i->producer.p_head;

	if (head - i->consumer.c_tail > sizeof(c->submissions) - sizeof(*s))
		return;
	memcpy((char *)c->submissions + head % sizeof(c->submissions) / sizeof(*s) * sizeof(*s),
	       s, sizeof(*s));
	mn_publish(&i->producer.p_head, head + sizeof(*s));
	mn_pending_mark_channel(header(), channel % CHANNELS);
	run();
}

/* Mostly the flows that connects are given first, sometimes any. */
uint32_t flow_of(uint8_t byte)
{
	return (byte < 192 ? byte % 4 : byte - 192u) % w.config.geometry.flows;
}

static void attach(uint8_t features)
{
	struct mn_header *h = header();

	h->g_version = MN_VERSION + !!(features & ATTACH_VERSION);
	h->g_features = (h->h_features & features) | (uint64_t)(features & ATTACH_FEATURE) << 32;
	w.lied |= features & (ATTACH_VERSION | ATTACH_FEATURE);
	h->g_session = h->h_session;
	mn_publish32(&h->g_state, MN_G_ATTACHED);
	kick();
}

static void detach(void)
{
	mn_publish32(&header()->g_state, MN_G_DETACHED);
	kick();
}

static void take(uint8_t channel)
{
	struct mn_index *i = &mn_channel(w.guest, channel % CHANNELS)->completion_index;

	mn_publish(&i->consumer.c_tail, i->producer.p_head);
	mn_pending_mark_channel(header(), channel % CHANNELS);
	run();
}

static void a_attach(const uint8_t *a)
{
	attach(a[0]);
}

static void a_detach(const uint8_t *a)
{
	detach();
}

static void a_beat(const uint8_t *a)
{
	header()->g_heartbeat++;
}

static void a_connect(const uint8_t *a)
{
	connect_to(a[0], MN_NO_FLOW, a[1]);
}

static void a_close(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_CLOSE, .flow = flow_of(a[1]) });
}

static void a_reset(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_RESET_CHANNEL, .channel = a[1] });
}

static void a_submit(const uint8_t *a)
{
	static const uint8_t zero[4];
	struct mn_submission s;

	memcpy(&s, a + 1, sizeof(s));
	if (!memcmp(s.addr, zero, sizeof(zero))) {
		memcpy(s.addr, &listener_addr.sin_addr, 4);
		s.port = ntohs(listener_addr.sin_port);
	}
	submit(a[0], &s);
}

static void a_take(const uint8_t *a)
{
	take(a[0]);
}

/* --- the guest: bytes ------------------------------------------------------------------ */

static void push(uint32_t flow, size_t len)
{
	struct mn_index *i = &shared_flow(flow)->send;
	uint8_t *data = mn_fifo_data(w.guest, &w.config.geometry, flow, MN_SEND);
	uint64_t size = w.config.geometry.fifo_bytes, head = i->producer.p_head;
	uint64_t fill = head - i->consumer.c_tail;

	if (w.host->flows[flow].kind == MN_DATAGRAMS) {
		push_datagram(flow, T_UDP, len);
		return;
	}
	len = fill > size ? 0 : MIN(len, size - fill);
	for (size_t n = 0; n < len; n++)
		data[(head + n) % size] = content(head + n);
	mn_publish(&i->producer.p_head, head + len);
	mn_pending_mark_flow(header(), flow);
}

static size_t pull(uint32_t flow, size_t len)
{
	struct mn_index *i = &shared_flow(flow)->recv;
	const uint8_t *data = mn_fifo_data(w.guest, &w.config.geometry, flow, MN_RECV);
	uint64_t size = w.config.geometry.fifo_bytes, tail = i->consumer.c_tail;

	if (w.host->flows[flow].state == FLOW_FREE)
		return 0;	/* closed: what lies there is nobody's, and may be given back */
	if (w.host->flows[flow].kind != MN_STREAM)
		return pull_record(flow);
	len = MIN(len, i->producer.p_head - tail);
	must(w.lied || len <= size);
	for (size_t n = 0; n < len && !w.lied; n++)
		must(data[(tail + n) % size] == content(tail + n));
	mn_publish(&i->consumer.c_tail, tail + len);
	mn_pending_mark_flow(header(), flow);
	return len;
}

static void a_push(const uint8_t *a)
{
	push(flow_of(a[0]), u16(a + 1));
}

static void a_pull(const uint8_t *a)
{
	pull(flow_of(a[0]), u16(a + 1));
}

static void a_pump(const uint8_t *a)
{
	for (int lap = 0; lap < a[1] % 32; lap++) {
		push(flow_of(a[0]), REGION_BYTES);
		run();
		for (unsigned int i = 0; i < w.n_peers; i++)
			peer_read(&w.peers[i], PIECE);
	}
}

static void a_fin(const uint8_t *a)
{
	mn_publish32(&shared_flow(flow_of(a[0]))->send.producer.p_closed, a[1] % (MN_RESET + 1));
	mn_pending_mark_flow(header(), flow_of(a[0]));
}

static void a_deaf(const uint8_t *a)
{
	mn_publish32(&shared_flow(flow_of(a[0]))->recv.consumer.c_closed, 1);
	mn_pending_mark_flow(header(), flow_of(a[0]));
}

static void a_mark(const uint8_t *a)
{
	struct mn_header *h = header();
	uint64_t *words[18], bit = 1ULL << a[1] % 64;

	for (int i = 0; i < 16; i++)
		words[i] = &h->gh_flows[i];
	words[16] = &h->gh_channels;
	words[17] = &h->gh_summary;
	__atomic_fetch_or(words[a[0] % 18], bit, __ATOMIC_SEQ_CST);
}

/* --- the guest: lies ------------------------------------------------------------------- */

static void write_bytes(uint8_t *at, unsigned int width, bool add, uint64_t value)
{
	uint64_t old = 0;

	memcpy(&old, at, width);
	value += add ? old : 0;
	memcpy(at, &value, width);
}

static void a_write(const uint8_t *a)
{
	const struct { uint8_t *base; size_t size; } places[PLACES] = {
		[P_HEADER] = { w.guest, sizeof(struct mn_header) },
		[P_CHANNEL] = { (uint8_t *)mn_channel(w.guest, a[1] % CHANNELS),
				sizeof(struct mn_channel) },
		[P_FLOW] = { (uint8_t *)shared_flow(flow_of(a[1])), sizeof(struct mn_flow) },
		[P_ANYWHERE] = { w.guest, REGION_BYTES },
	};
	unsigned int place = a[0] % PLACES, width = 1u << (a[5] & 3);
	size_t offset = (u16(a + 2) | (size_t)a[4] << 16) % (places[place].size - 8);
	uint64_t value;

	if (a[5] & W_ALIGN)
		offset &= ~(size_t)(width - 1);
	memcpy(&value, a + 6, sizeof(value));
	write_bytes(places[place].base + offset, width, a[5] & W_ADD, value);
	w.lied = true;
}

static void a_nudge(const uint8_t *a)
{
	struct mn_header *h = header();
	struct mn_flow *f = shared_flow(flow_of(a[1]));
	struct mn_channel *c = mn_channel(w.guest, a[1] % CHANNELS);
#define FIELD(lvalue) { (uint8_t *)&(lvalue), sizeof(lvalue) }
	const struct { uint8_t *at; size_t width; } fields[] = {
		FIELD(f->send.producer.p_head), FIELD(f->send.producer.p_wake_tail),
		FIELD(f->send.producer.p_closed), FIELD(f->send.consumer.c_tail),
		FIELD(f->recv.consumer.c_tail), FIELD(f->recv.consumer.c_wake_head),
		FIELD(f->recv.consumer.c_closed), FIELD(f->recv.producer.p_head),
		FIELD(c->submission_index.producer.p_head),
		FIELD(c->submission_index.producer.p_closed),
		FIELD(c->completion_index.consumer.c_tail),
		FIELD(c->completion_index.consumer.c_wake_head),
		FIELD(c->completion_index.consumer.c_closed),
		FIELD(h->g_state), FIELD(h->g_version), FIELD(h->g_features), FIELD(h->g_session),
		FIELD(h->g_heartbeat), FIELD(h->h_magic), FIELD(h->h_session), FIELD(h->h_state),
		FIELD(h->h_flows), FIELD(h->h_asleep),
	};
#undef FIELD
	unsigned int n = a[0] % ARRAY_SIZE(fields);

	write_bytes(fields[n].at, fields[n].width, true, (int16_t)u16(a + 2));
	w.lied = true;
}

/* --- an input ---------------------------------------------------------------------------- */

static const struct {
	unsigned int operands;	/* bytes */
	void (*run)(const uint8_t *operands);
} actions[ACTIONS] = {
	[A_ATTACH] = { 1, a_attach },
	[A_DETACH] = { 0, a_detach },
	[A_BEAT] = { 0, a_beat },
	[A_CONNECT] = { 2, a_connect },
	[A_CLOSE] = { 2, a_close },
	[A_RESET] = { 2, a_reset },
	[A_SUBMIT] = { 1 + sizeof(struct mn_submission), a_submit },
	[A_TAKE] = { 1, a_take },
	[A_PUSH] = { 3, a_push },
	[A_PULL] = { 3, a_pull },
	[A_PUMP] = { 2, a_pump },
	[A_FIN] = { 2, a_fin },
	[A_DEAF] = { 1, a_deaf },
	[A_MARK] = { 2, a_mark },
	[A_WRITE] = { 14, a_write },
	[A_NUDGE] = { 4, a_nudge },
	[A_BIND] = { 3, a_bind },
	[A_LISTEN] = { 3, a_listen },
	[A_CONNECT_FLOW] = { 3, a_connect_flow },
	[A_OPTION] = { 4, a_option },
	[A_OWN] = { 2, a_own },
	[A_CANCEL] = { 2, a_cancel },
	[A_BELLS] = { 6, a_bells },
	[A_DATAGRAM] = { 4, a_datagram },
	[A_RECORD] = { 3 + sizeof(struct mn_datagram), a_record },
	[A_KICK] = { 0, a_kick },
	[A_TICK] = { 0, a_tick },
	[A_TIME] = { 1, a_time },
	[A_RUN] = { 0, a_run },
	[A_TIMER] = { 0, a_timer },
	[A_FEATURES] = { 1, a_features },
	[A_PEER_ACCEPT] = { 0, a_peer_accept },
	[A_PEER_WRITE] = { 3, a_peer_write },
	[A_PEER_READ] = { 3, a_peer_read },
	[A_PEER_SHUT] = { 1, a_peer_shut },
	[A_PEER_CLOSE] = { 1, a_peer_close },
	[A_PEER_RESET] = { 1, a_peer_reset },
	[A_PEER_CALL] = { 1, a_peer_call },
	[A_PEER_SAY] = { 3, a_peer_say },
	[A_PEER_HEAR] = { 0, a_peer_hear },
	[A_OBJECT] = { 10, a_object },
	[A_COURIER] = { 0, a_courier },
	[A_ANSWER] = { 2, a_answer },
	[A_COURIER_LIES] = { 2, a_courier_lies },
	[A_COURIER_DIES] = { 1, a_courier_dies },
};

static void run_actions(const uint8_t *data, size_t size)
{
	size_t at = 0;

	for (int n = 0; n < MAX_ACTIONS && at < size; n++) {
		unsigned int action = data[at++] % ACTIONS;

		if (actions[action].operands > size - at)
			return;
		actions[action].run(data + at);
		at += actions[action].operands;
		check_host();
	}
}

/* Whoever comes next is served: attaches, connects, gets what it sends. */
static void serve_an_honest_guest(void)
{
	struct mn_completion *done = mn_channel(w.guest, 1)->completions;
	struct connection *p;

	w.n_peers = 0;
	while (peer_accept())
		end_socket(w.peers[--w.n_peers].fd, true);
	make_courier();		/* what it was asked for is over */
	detach();
	tick();
	w.lied = false;
	w.host->config.memory = 0;
	attach(FEATURES);
	must(w.host->state == MN_H_READY);
	connect_to(1, MN_NO_FLOW, T_LISTENER);
	must(peer_accept());
	run();
	must(done->result == 0 && done->flow < w.config.geometry.flows);
	p = peer(0);
	push(done->flow, 5);
	run();
	/* what is busy delivers late, over loopback too */
	must(poll(&(struct pollfd){ .fd = p->fd, .events = POLLIN }, 1, 5000) == 1);
	must(peer_read(p, PIECE) == 5);
	peer_write(p, 7);
	run();
	must(pull(done->flow, PIECE) == 7);
	check_host();
	serve_every_kind(done->flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (!size)
		return 0;
	fd = lowest_fd();
	make_world(data[0] & 1, data[0] & 2 ? FEW_FLOWS : MANY_FLOWS, data[0] >> 2 & 1);
	run_actions(data + 1, size - 1);
	if (w.host->breaches < MN_MAX_BREACHES) {
		end_peers();
		serve_an_honest_guest();
	}
	end_world();
	must(lowest_fd() == fd);
	return 0;
}
