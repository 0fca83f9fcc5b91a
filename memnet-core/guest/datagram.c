/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams: each a record of the FIFO, layout.h. */
#include <errno.h>
#include <string.h>

#include "memnet-core/address.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"

/* Copy between the spans from @offset on and @n parts of the program's; at most @len bytes. */
static void copy(const struct iovec spans[2], size_t offset, const struct iovec *iov, size_t n,
		 size_t len, bool in)
{
	for (size_t i = 0; i < n && len; i++) {
		for (size_t at = 0; at < iov[i].iov_len && len;) {
			bool second = offset >= spans[0].iov_len;
			uint8_t *span = (uint8_t *)spans[second].iov_base + offset -
					(second ? spans[0].iov_len : 0);
			size_t room = second ? SIZE_MAX : spans[0].iov_len - offset;
			size_t bytes = MIN(MIN(iov[i].iov_len - at, len), room);

			if (in)
				memcpy((uint8_t *)iov[i].iov_base + at, span, bytes);
			else
				memcpy(span, (const uint8_t *)iov[i].iov_base + at, bytes);
			at += bytes;
			offset += bytes;
			len -= bytes;
		}
	}
}

void mn_datagram_header(const struct iovec spans[2], struct mn_datagram *d)
{
	copy(spans, 0, &(struct iovec){ d, sizeof(*d) }, 1, sizeof(*d), true);
}

static int put_destination(struct mn_datagram *d, const struct sockaddr *to, socklen_t len)
{
	union mn_sockaddr a = { 0 };

	if (!to || !len)
		return 0;
	if (len < sizeof(a.in) || (to->sa_family == AF_INET6 && len < sizeof(a.in6)))
		return -EINVAL;
	memcpy(&a, to, MIN((size_t)len, sizeof(a)));
	d->family = mn_address_split(&a, &d->port, d->addr, &d->scope);
	return d->family ? 0 : -EAFNOSUPPORT;
}

ssize_t memnet_send_datagram(struct memnet_flow *f, const struct iovec *iov, size_t n,
			     const struct sockaddr *to, socklen_t len)
{
	struct mn_datagram d = { 0 };
	struct iovec spans[2];
	uint64_t bytes = 0, room;
	ssize_t got;
	int ret = put_destination(&d, to, len);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	room = mn_datagram_room(bytes);
	if (bytes > MN_DATAGRAM_MOST || room > f->out.size)
		return -EMSGSIZE;
	d.bytes = bytes;
	while ((got = mn_producer_reserve(&f->out, room, spans)) >= 0 && (uint64_t)got < room) {
		ret = mn_flow_wait_space(f);
		if (ret)
			return ret;
	}
	if (got < 0)
		return mn_of_this_session(f, got);
	copy(spans, 0, &(struct iovec){ &d, sizeof(d) }, 1, sizeof(d), false);
	copy(spans, sizeof(d), iov, n, bytes, false);
	ret = mn_of_this_session(f, 0);
	if (ret)
		return ret;
	mn_tell_flow(f->m, f->id, mn_producer_commit(&f->out, room));
	return bytes;
}

static void give_source(struct msghdr *msg, const struct mn_datagram *d)
{
	union mn_sockaddr from;

	if (!msg->msg_name || mn_address_make(&from, d->family, d->port, d->addr, d->scope)) {
		msg->msg_namelen = 0;
		return;
	}
	memcpy(msg->msg_name, &from, MIN(msg->msg_namelen, mn_address_len(&from)));
	msg->msg_namelen = mn_address_len(&from);
}

/* The next record. Its room in the FIFO; 0: none; -errno. */
static ssize_t next_record(struct memnet_flow *f, struct mn_datagram *d, struct iovec spans[2])
{
	ssize_t n = mn_of_this_session(f, 0);

	if (!n)
		n = mn_consumer_peek(&f->in, f->in.size, spans);
	if (n <= 0)
		return n;
	mn_datagram_header(spans, d);
	n = mn_of_this_session(f, n);
	if (n > 0 && ((size_t)n < sizeof(*d) || d->bytes > f->in.size ||
		      mn_datagram_room(d->bytes) > (size_t)n))
		n = -EPROTO;
	return n < 0 ? n : (ssize_t)mn_datagram_room(d->bytes);
}

ssize_t memnet_recv_datagram(struct memnet_flow *f, struct msghdr *msg, bool peek)
{
	struct mn_datagram d;
	struct iovec spans[2];
	size_t room = 0;
	ssize_t n;

	while (!(n = next_record(f, &d, spans))) {
		int ret = mn_consumer_at_end(&f->in) ?: mn_flow_wait_data(f);

		if (ret)
			return ret < 0 ? ret : 0;
	}
	if (n < 0)
		return mn_of_this_session(f, n);
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		room += msg->msg_iov[i].iov_len;
	copy(spans, sizeof(d), msg->msg_iov, msg->msg_iovlen, d.bytes, true);
	give_source(msg, &d);
	msg->msg_flags = room < d.bytes || d.flags & MN_DATAGRAM_CUT ? MSG_TRUNC : 0;
	if (!peek)
		mn_tell_flow(f->m, f->id, mn_consumer_release(&f->in, n));
	return mn_of_this_session(f, d.bytes);
}
