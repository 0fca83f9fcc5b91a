/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams: each a record in the FIFO, a header and its bytes. The socket sends from and
 * receives into the FIFO itself. What the network gives back as an error of the socket goes
 * to the guest as one, beside the data; what it loses is lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

#define MAX_BYTES 65535	/* of a datagram */

/* The spans from @offset on, at most @len bytes. Number of parts. */
static int part(const struct iovec spans[2], size_t offset, size_t len, struct iovec out[2])
{
	int n = 0;

	for (int i = 0; i < 2; i++) {
		size_t skip = MIN(offset, spans[i].iov_len);
		size_t bytes = MIN(len, spans[i].iov_len - skip);

		offset -= skip;
		len -= bytes;
		if (bytes)
			out[n++] = (struct iovec){ (uint8_t *)spans[i].iov_base + skip, bytes };
	}
	return n;
}

static void copy(const struct iovec spans[2], struct mn_datagram *d, bool in)
{
	size_t first = MIN(sizeof(*d), spans[0].iov_len);

	if (in) {
		memcpy(d, spans[0].iov_base, first);
		memcpy((uint8_t *)d + first, spans[1].iov_base, sizeof(*d) - first);
	} else {
		memcpy(spans[0].iov_base, d, first);
		memcpy(spans[1].iov_base, (uint8_t *)d + first, sizeof(*d) - first);
	}
}

static void tell_error(struct host_flow *f, int err)
{
	struct mn_facts *facts = &mn_flow(f->host->region, &f->host->config.geometry,
					  mn_flow_id(f))->facts;

	facts->h_error = err;
	mn_publish32(&facts->h_errors, ++f->errors);
	mn_flow_ring_sender(f);
	mn_flow_ring_receiver(f);
}

/* --- guest to network ----------------------------------------------------------------- */

/* Where to; false: nowhere, as the guest is told. */
static bool destination(struct host_flow *f, const struct mn_datagram *d, union mn_sockaddr *to)
{
	int ret = mn_address_make(to, d->family, d->port, d->addr, d->scope);

	if (!ret && !mn_host_permits(f->host, MN_POLICY_CONNECT, IPPROTO_UDP, &to->sa))
		ret = -EACCES;
	if (ret)
		tell_error(f, -ret);
	return !ret;
}

/* One record, as it lies in @spans. Bytes, or -errno; nothing was sent where it is not to go. */
static ssize_t send_record(struct host_flow *f, const struct mn_datagram *d,
			   const struct iovec spans[2])
{
	struct iovec iov[2];
	union mn_sockaddr to;
	struct msghdr msg = { .msg_iov = iov };

	if (d->family) {
		if (!destination(f, d, &to))
			return 0;
		msg.msg_name = &to;
		msg.msg_namelen = mn_address_len(&to);
	}
	msg.msg_iovlen = part(spans, sizeof(*d), d->bytes, iov);
	return mn_flow_sendmsg(f, &msg);
}

/* A whole record is there? Its room in the FIFO; 0: no, the guest will tell; -EPROTO. */
static ssize_t next_record(struct host_flow *f, struct mn_datagram *d, struct iovec spans[2])
{
	ssize_t n = mn_consumer_peek(&f->from_guest, mn_datagram_room(MAX_BYTES), spans);
	uint64_t room;

	if (n == 0) {
		n = mn_consumer_arm(&f->from_guest, 1);
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_consumer_peek(&f->from_guest, mn_datagram_room(MAX_BYTES), spans);
	}
	if (n <= 0)
		return n;
	if ((size_t)n < sizeof(*d))
		return -EPROTO;
	copy(spans, d, true);
	room = mn_datagram_room(d->bytes);
	return d->bytes <= MAX_BYTES && room <= (size_t)n ? (ssize_t)room : -EPROTO;
}

bool mn_datagram_send(struct host_flow *f)
{
	struct mn_datagram d;
	struct iovec spans[2];
	ssize_t room = next_record(f, &d, spans), n;

	if (room < 0)
		mn_host_fail(f->host, "send FIFO of datagrams");
	if (room <= 0)
		return false;
	n = send_record(f, &d, spans);
	if (n < 0 && n != -EAGAIN) {	/* the error may be of one sent before */
		tell_error(f, -n);
		n = send_record(f, &d, spans);
	}
	if (n == -EAGAIN) {
		f->writable = false;
		return false;
	}
	if (n < 0)
		tell_error(f, -n);
	f->spent += room;
	if (mn_consumer_release(&f->from_guest, room))
		mn_flow_ring_sender(f);
	return true;
}

/* --- network to guest ----------------------------------------------------------------- */

/* Room for the largest there may be? Bytes; 0: the guest will say when; -EPROTO, -EPIPE. */
static ssize_t room_for_any(struct host_flow *f, struct iovec spans[2])
{
	size_t want = MIN(mn_datagram_room(MAX_BYTES), f->to_guest.size);
	ssize_t n = mn_producer_reserve(&f->to_guest, want, spans);

	if (n >= 0 && (size_t)n < want) {
		n = mn_producer_arm(&f->to_guest, want);
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_producer_reserve(&f->to_guest, want, spans);
	}
	return n < 0 ? n : (size_t)n == want ? n : 0;
}

/* From whom the guest did not ask to hear, and may not speak to either. */
static bool is_unwelcome(const struct host_flow *f, const union mn_sockaddr *from)
{
	return !f->hears_all && !mn_policy_permits(&f->host->config.policy, MN_POLICY_CONNECT,
						   IPPROTO_UDP, &from->sa);
}

static void deliver(struct host_flow *f, const struct iovec spans[2], size_t bytes,
		    const struct msghdr *msg)
{
	struct mn_datagram d = {
		.bytes = bytes, .flags = msg->msg_flags & MSG_TRUNC ? MN_DATAGRAM_CUT : 0,
	};

	d.family = mn_address_split(msg->msg_name, &d.port, d.addr, &d.scope);
	copy(spans, &d, false);
	f->spent += bytes;
	if (mn_producer_commit(&f->to_guest, mn_datagram_room(bytes)))
		mn_flow_ring_receiver(f);
}

bool mn_datagram_recv(struct host_flow *f)
{
	union mn_sockaddr from = { 0 };
	struct iovec spans[2], iov[2];
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = iov };
	ssize_t n = room_for_any(f, spans);

	if (n == -EPIPE) {
		mn_flow_dies(f, ECONNRESET);
		return false;
	}
	if (n < 0)
		mn_host_fail(f->host, "receive FIFO c_tail of datagrams");
	if (n <= 0)
		return false;
	msg.msg_iovlen = part(spans, sizeof(struct mn_datagram), n, iov);
	n = mn_flow_recvmsg(f, &msg);
	if (n == -EAGAIN) {
		f->readable = false;
		return false;
	}
	if (n < 0)
		tell_error(f, -n);
	else if (!is_unwelcome(f, &from))
		deliver(f, spans, n, &msg);
	return true;
}
