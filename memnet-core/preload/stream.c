/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: between the program's buffers and the spans of a flow's FIFOs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/bytes.h"
#include "memnet-core/preload/bytes_internal.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/wait.h"

size_t mn_copy(struct cursor *c, struct iovec spans[2], size_t n, bool in)
{
	size_t done = 0;

	for (int i = 0; i < 2; i++) {
		uint8_t *span = spans[i].iov_base;
		size_t left = MIN(spans[i].iov_len, n - done);

		while (left && c->left) {
			uint8_t *user = (uint8_t *)c->iov->iov_base + c->offset;
			size_t len = MIN(left, c->iov->iov_len - c->offset);

			if (in)
				memcpy(user, span, len);
			else
				memcpy(span, user, len);
			span += len;
			left -= len;
			done += len;
			mn_cursor_skip(c, len);
		}
	}
	return done;
}

void mn_cursor_skip(struct cursor *c, size_t n)
{
	c->left -= n;
	c->offset += n;
	while (c->left && c->offset >= c->iov->iov_len) {
		c->offset -= c->iov->iov_len;
		c->iov++;
	}
}

struct cursor mn_cursor(const struct msghdr *msg)
{
	struct cursor c = { .iov = msg->msg_iov };

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		c.left += msg->msg_iov[i].iov_len;
	if (c.left)
		mn_cursor_skip(&c, 0);	/* empty parts at the beginning */
	return c;
}

/* --- sending ------------------------------------------------------------------------- */

/* What fits now. Bytes, or -EAGAIN, -EPIPE, -errno. */
static ssize_t send_some(struct sock *s, struct cursor *c)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	struct iovec spans[2];
	ssize_t n;

	if (!flow)
		return -ECONNRESET;
	mn_flow_lock(flow, MN_SEND);
	n = s->shut_wr ? -EPIPE :
		memnet_send_spans(flow, MIN(c->left, (size_t)MN_TURN_BYTES), spans);
	if (n > 0) {
		n = mn_copy(c, spans, n, false);
		n = memnet_send_done(flow, n) ?: n;
	}
	mn_flow_unlock(flow, MN_SEND);
	return n;
}

/* Also a stream that is torn, once that was told (by SO_ERROR or a call). */
static ssize_t broken(struct sock *s, int flags)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	int err = s->shut_wr || !flow ? 0 : memnet_take_error(flow);

	if (err)
		return -err;
	if (!(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return -EPIPE;
}

ssize_t mn_stream_send(struct sock *s, const struct msghdr *msg, int flags)
{
	bool wait = !s->nonblock && !(flags & MSG_DONTWAIT);
	struct cursor c = mn_cursor(msg);
	size_t want = c.left;
	ssize_t n = 0;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->connecting)
		return wait ? mn_sock_connect_result(s) ?: mn_stream_send(s, msg, flags) : -EAGAIN;
	if (!s->connected)
		n = mn_sock_take_error(s) ?: -EPIPE;
	while (c.left && n >= 0) {
		n = send_some(s, &c);
		if (n == -EAGAIN && wait)
			n = mn_sock_wait(s, POLLOUT, s->sndtimeo_ns);
	}
	if (want > c.left)
		return want - c.left;
	return n == -EPIPE ? broken(s, flags) : n;
}

/* --- receiving ----------------------------------------------------------------------- */

/* What is there now. Bytes, 0 at the end, -EAGAIN, -errno. */
static ssize_t recv_some(struct sock *s, struct cursor *c, int flags)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	struct iovec spans[2];
	ssize_t n;

	if (s->shut_rd)
		return 0;
	if (!flow)
		return -ECONNRESET;
	mn_flow_lock(flow, MN_RECV);
	n = memnet_recv_spans(flow, MIN(c->left, (size_t)MN_TURN_BYTES), spans);
	if (n > 0) {
		if (flags & MSG_TRUNC)
			mn_cursor_skip(c, n);	/* thrown away, as tcp(7) says */
		else
			n = mn_copy(c, spans, n, true);
		n = memnet_recv_done(flow, flags & MSG_PEEK ? 0 : n) ?: n;
	}
	mn_flow_unlock(flow, MN_RECV);
	return n;
}

/* Torn, and every byte of it received? */
static bool is_at_tear(struct sock *s)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	bool has;

	if (!flow || !mn_flow_is_torn(flow))
		return false;
	mn_flow_lock(flow, MN_RECV);
	has = memnet_unread(flow) > 0;
	mn_flow_unlock(flow, MN_RECV);
	return !has;
}

/* Until there is more than at @seen. 0, or -errno: it does not come. */
static int wait_for_more(struct sock *s, const struct mn_progress *seen)
{
	struct mn_progress now;

	if (mn_sock_events(s) & (POLLRDHUP | POLLHUP | POLLERR))
		return -ECONNRESET;
	mn_sock_arm_edge(s, POLLIN, seen);
	mn_sock_progress(s, &now);
	return mn_progress_differs(&now, seen, POLLIN) ? 0 :
	       MIN(mn_net_sleep(s->net, NSEC_PER_SEC, NULL), 0);
}

/*
 * Peeking does not move on: who waits for all looks at everything each time anew. No more
 * than a FIFO can ever be there.
 */
static ssize_t peek(struct sock *s, const struct msghdr *msg, int flags, bool wait)
{
	ssize_t n;

	for (;;) {
		struct cursor c = mn_cursor(msg);
		size_t want = c.left;
		struct mn_progress seen;

		mn_sock_progress(s, &seen);
		n = recv_some(s, &c, flags);
		if (n > 0 && (size_t)n < want && wait && flags & MSG_WAITALL) {
			if (wait_for_more(s, &seen))
				flags &= ~MSG_WAITALL;	/* what there is */
			continue;
		}
		if (n != -EAGAIN || !wait)
			return n;
		n = mn_sock_wait(s, POLLIN, s->rcvtimeo_ns);
		if (n)
			return n;
	}
}

ssize_t mn_stream_recv(struct sock *s, struct msghdr *msg, int flags)
{
	bool wait = !s->nonblock && !(flags & MSG_DONTWAIT);
	struct cursor c = mn_cursor(msg);
	size_t want = c.left;
	ssize_t n = 0;

	if (flags & MSG_OOB)
		return -EINVAL;		/* as without urgent data */
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (s->connecting && wait)
		n = mn_sock_connect_result(s);
	if (n < 0 || s->connecting)
		return n < 0 ? n : -EAGAIN;
	if (!s->connected)
		return mn_sock_take_error(s) ?: -ENOTCONN;
	if (flags & MSG_PEEK)
		return peek(s, msg, flags, wait);
	while (c.left) {
		/* An error behind bytes is for the next call. */
		if (c.left < want && is_at_tear(s))
			break;
		n = recv_some(s, &c, flags);
		if (n == -EAGAIN && wait && (c.left == want || flags & MSG_WAITALL)) {
			n = mn_sock_wait(s, POLLIN, s->rcvtimeo_ns);
			if (!n)
				continue;
		}
		if (n <= 0)
			break;
	}
	return want > c.left ? (ssize_t)(want - c.left) : n;
}
