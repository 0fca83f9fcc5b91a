/* SPDX-License-Identifier: BSD-2-Clause */
/* sendfile() and splice(): from a file or pipe straight into the FIFO's spans, and back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

#define TURN_BYTES (256u << 10)

/* One turn: bytes read at @offset (NULL: where the file stands) into the flow. As sendfile(). */
static ssize_t fill(struct sock *s, int from, off64_t *offset, size_t len)
{
	struct iovec spans[2];
	ssize_t n;

	if (!s->flow)
		return -ECONNRESET;
	mn_flow_lock(s->flow, MN_SEND);
	n = s->shut_wr ? -EPIPE :
		memnet_send_spans(s->flow, MIN(len, (size_t)TURN_BYTES), spans);
	if (n > 0) {
		int parts = spans[1].iov_len ? 2 : 1;

		n = offset ? preadv64(from, spans, parts, *offset) :
			     mn_real()->readv(from, spans, parts);
		n = n < 0 ? -errno : n;
		if (n > 0) {
			n = memnet_send_done(s->flow, n) ?: n;
			if (offset && n > 0)
				*offset += n;
		}
	}
	mn_flow_unlock(s->flow, MN_SEND);
	return n;
}

static ssize_t into_flow(struct sock *s, int from, off64_t *offset, size_t len, bool once)
{
	size_t done = 0;
	ssize_t n = 0;

	if (s->kind != SOCK_STREAM_FLOW)
		return -EINVAL;
	if (s->connecting || !s->connected)
		return s->connecting ? -EAGAIN : -EPIPE;
	while (done < len) {
		n = fill(s, from, offset, len - done);
		if (n == -EAGAIN && !s->nonblock && !done) {
			n = mn_sock_wait(s, POLLOUT, s->sndtimeo_ns);
			if (!n)
				continue;
		}
		if (n <= 0)
			break;
		done += n;
		if (once)
			break;
	}
	return done ? (ssize_t)done : n;
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
	struct sock *s = mn_sock_get_flow(to);
	ssize_t n;

	if (!s)
		return mn_real()->sendfile(to, from, offset, len);
	n = into_flow(s, from, offset, len, false);
	mn_sock_put(s);
	return mn_result(n);
}

EXPORT ssize_t sendfile64(int to, int from, off64_t *offset, size_t len)
	__attribute__((alias("sendfile")));

/* One turn out of the flow into a pipe. As splice(). */
static ssize_t drain(struct sock *s, int to, size_t len)
{
	struct iovec spans[2];
	ssize_t n;

	if (s->shut_rd)
		return 0;
	if (!s->flow)
		return -ECONNRESET;
	mn_flow_lock(s->flow, MN_RECV);
	n = memnet_recv_spans(s->flow, MIN(len, (size_t)TURN_BYTES), spans);
	if (n > 0) {
		n = mn_real()->writev(to, spans, spans[1].iov_len ? 2 : 1);
		n = n < 0 ? -errno : memnet_recv_done(s->flow, n) ?: n;
	}
	mn_flow_unlock(s->flow, MN_RECV);
	return n;
}

static ssize_t out_of_flow(struct sock *s, int to, size_t len, bool wait)
{
	ssize_t n;

	if (s->kind != SOCK_STREAM_FLOW || !s->connected)
		return -EINVAL;
	while ((n = drain(s, to, len)) == -EAGAIN && wait) {
		n = mn_sock_wait(s, POLLIN, s->rcvtimeo_ns);
		if (n)
			return n;
	}
	return n;
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len,
		      unsigned int flags)
{
	struct sock *in = mn_sock_get_flow(from), *out = mn_sock_get_flow(to);
	ssize_t n;

	if (!in && !out)
		n = mn_real()->splice(from, from_offset, to, to_offset, len, flags) ?: 0;
	else if (in && out)
		n = -EINVAL;		/* one of the two is to be a pipe */
	else if (out)
		n = to_offset ? -ESPIPE : into_flow(out, from, from_offset, len, true);
	else
		n = from_offset ? -ESPIPE :
		    out_of_flow(in, to, len, !in->nonblock && !(flags & SPLICE_F_NONBLOCK));
	if (in)
		mn_sock_put(in);
	if (out)
		mn_sock_put(out);
	return in || out ? mn_result(n) : n;
}
