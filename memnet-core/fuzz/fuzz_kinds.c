/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest does with listeners, datagrams and bound streams; see fuzz_host.c. */
#include "memnet-core/fuzz/fuzz_kinds.h"

#include <arpa/inet.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/pending.h"

/* --- control --------------------------------------------------------------------------- */

/* Its enum mn_family; 0 for T_NONE. */
static uint16_t put_target(uint8_t target, uint16_t *port, uint8_t addr[16])
{
	const struct sockaddr_in forbidden = { .sin_port = htons(80),
					       .sin_addr.s_addr = htonl(0xa9fea9fe) };
	const struct sockaddr_in *to[TARGETS] = {
		[T_LISTENER] = &listener_addr, [T_CLOSED_PORT] = &closed_addr,
		[T_FORBIDDEN] = &forbidden, [T_UDP] = &udp_addr, [T_UDP_CLOSED] = &udp_closed_addr,
	};

	target %= TARGETS;
	if (!to[target])
		return 0;
	*port = ntohs(to[target]->sin_port);
	memcpy(addr, &to[target]->sin_addr, 4);
	return MN_IPV4;
}

void connect_to(uint8_t channel, uint32_t flow, uint8_t target)
{
	struct mn_submission s = { .op = MN_OP_CONNECT, .flow = flow, .cookie = 1 };

	s.family = put_target(target, &s.port, s.addr);
	submit(channel, &s);
}

void bind_flow(uint8_t channel, uint32_t kind, uint32_t flags)
{
	const in_addr_t addr = inet_addr(LISTEN_ADDR);
	struct mn_submission s = { .op = MN_OP_BIND, .flow = MN_NO_FLOW, .family = MN_IPV4,
				   .kind = kind, .flags = flags };

	memcpy(s.addr, &addr, sizeof(addr));
	submit(channel, &s);
}

void a_bind(const uint8_t *a)
{
	bind_flow(a[0], a[1], a[2]);
}

void a_listen(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_LISTEN, .flow = flow_of(a[1]),
					      .value = (int8_t)a[2] });
}

void a_connect_flow(const uint8_t *a)
{
	connect_to(a[0], flow_of(a[1]), a[2]);
}

void a_option(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_OPTION, .flow = flow_of(a[1]),
					      .option = a[2], .value = (int8_t)a[3] });
}

void a_own(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_TAKE, .flow = flow_of(a[1]) });
}

void a_cancel(const uint8_t *a)
{
	submit(a[0], &(struct mn_submission){ .op = MN_OP_CANCEL, .cookie = a[1] });
}

/* Also channels that there are not: no lie, they are masked. */
void a_bells(const uint8_t *a)
{
	struct mn_flow *f = shared_flow(flow_of(a[0]));
	uint32_t bells;

	memcpy(&bells, a + 2, sizeof(bells));
	mn_publish32(a[1] % 2 == MN_SEND ? &f->send.producer.p_bells : &f->recv.consumer.c_bells,
		     bells);
}

/* --- records ----------------------------------------------------------------------------- */

/* Copy between the FIFO from free-running @at on and @bytes; there as @in says. */
static void copy(uint8_t *data, uint64_t at, void *bytes, size_t len, bool in)
{
	uint64_t size = w.config.geometry.fifo_bytes;

	for (size_t i = 0; i < len; i++)
		if (in)
			data[(at + i) % size] = ((uint8_t *)bytes)[i];
		else
			((uint8_t *)bytes)[i] = data[(at + i) % size];
}

/* @room bytes of the send FIFO that begin with @d, the content behind it. */
static bool push_record(uint32_t flow, struct mn_datagram *d, size_t room)
{
	uint8_t *data = mn_fifo_data(w.guest, &w.config.geometry, flow, MN_SEND);
	struct mn_index *i = &shared_flow(flow)->send;
	uint64_t size = w.config.geometry.fifo_bytes, head = i->producer.p_head;
	uint64_t fill = head - i->consumer.c_tail;

	if (fill > size || room > size - fill)
		return false;
	copy(data, head, d, MIN(room, sizeof(*d)), true);
	for (size_t n = sizeof(*d); n < room; n++)
		data[(head + n) % size] = content(n - sizeof(*d));
	mn_publish(&i->producer.p_head, head + room);
	mn_pending_mark_flow(header(), flow);
	return true;
}

bool push_datagram(uint32_t flow, uint8_t target, size_t len)
{
	struct mn_datagram d = { .bytes = MIN(len, MN_DATAGRAM_MOST) };

	d.family = put_target(target, &d.port, d.addr);
	return push_record(flow, &d, mn_datagram_room(d.bytes));
}

void a_datagram(const uint8_t *a)
{
	if (w.host->flows[flow_of(a[0])].kind == MN_DATAGRAMS)
		push_datagram(flow_of(a[0]), a[1], u16(a + 2));
}

void a_record(const uint8_t *a)
{
	struct mn_datagram d;

	memcpy(&d, a + 3, sizeof(d));
	push_record(flow_of(a[0]), &d, u16(a + 1));
	w.lied = true;
}

static size_t check_datagram(uint8_t *data, uint64_t tail, uint64_t fill)
{
	uint64_t size = w.config.geometry.fifo_bytes;
	struct mn_datagram d;

	copy(data, tail, &d, sizeof(d), false);
	if (w.lied)
		return fill;
	must(d.family == MN_IPV4 && d.port && mn_datagram_room(d.bytes) <= fill);
	must(d.flags == 0 || mn_datagram_room(d.bytes) == size);
	for (uint32_t n = 0; n < d.bytes; n++)
		must(data[(tail + sizeof(d) + n) % size] == content(n));
	return mn_datagram_room(d.bytes);
}

/* A flow that was closed since has another generation, or none. */
static size_t check_accepted(uint8_t *data, uint64_t tail, uint64_t fill)
{
	struct mn_accepted a;

	copy(data, tail, &a, sizeof(a), false);
	must(w.lied || (a.flow < w.config.geometry.flows && a.generation &&
			a.generation <= w.host->flows[a.flow].generation));
	return MIN(sizeof(a), fill);
}

size_t pull_record(uint32_t flow)
{
	uint8_t *data = mn_fifo_data(w.guest, &w.config.geometry, flow, MN_RECV);
	struct mn_index *i = &shared_flow(flow)->recv;
	uint64_t tail = i->consumer.c_tail, fill = i->producer.p_head - tail;
	size_t room;

	must(w.lied || fill <= w.config.geometry.fifo_bytes);
	if (!fill)
		return 0;
	room = w.host->flows[flow].kind == MN_LISTENER ? check_accepted(data, tail, fill) :
							 check_datagram(data, tail, fill);
	mn_publish(&i->consumer.c_tail, tail + room);
	mn_pending_mark_flow(header(), flow);
	return room;
}

/* --- the peer ------------------------------------------------------------------------------ */

void a_peer_call(const uint8_t *a)
{
	peer_call(flow_of(a[0]));
}

void a_peer_say(const uint8_t *a)
{
	peer_say(flow_of(a[0]), u16(a + 1));
}

void a_peer_hear(const uint8_t *a)
{
	peer_hear();
}

/* --- an honest guest ------------------------------------------------------------------------ */

/* The completion that the ring of channel 1 has at @n. */
static struct mn_completion *completion(unsigned int n)
{
	return &mn_channel(w.guest, 1)->completions[n];
}

static void close_flow(uint32_t flow)
{
	submit(1, &(struct mn_submission){ .op = MN_OP_CLOSE, .flow = flow });
}

void serve_every_kind(uint32_t open)
{
	uint32_t flow;

	close_flow(open);
	bind_flow(1, MN_STREAM, 0);
	flow = completion(2)->flow;
	must(!completion(1)->result && !completion(2)->result);
	submit(1, &(struct mn_submission){ .op = MN_OP_LISTEN, .flow = flow, .value = 4 });
	must(!completion(3)->result && peer_call(flow));
	run();
	must(pull_record(flow));
	close_flow(flow);
	bind_flow(1, MN_DATAGRAMS, 0);
	flow = completion(5)->flow;
	must(!completion(5)->result && push_datagram(flow, T_UDP, 9) && peer_say(flow, 9));
	run();
	must(pull_record(flow));
	check_host();
}
