/* SPDX-License-Identifier: BSD-2-Clause */
/* sendfile() and splice(): between files or pipes and the FIFO's spans. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/bytes.h"
#include "memnet-core/preload/bytes_internal.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/signals.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"

/* --- sendfile() ------------------------------------------------------------------------- */

/* One turn: bytes read at @offset (NULL: where the file stands) into the flow. As sendfile(). */
static ssize_t fill(struct sock *s, int from, off64_t *offset, size_t len)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	struct iovec spans[2];
	ssize_t n;

	if (!flow)
		return -ECONNRESET;
	mn_flow_lock(flow, MN_SEND);
	n = s->shut_wr ? -EPIPE :
		memnet_send_spans(flow, MIN(len, (size_t)MN_TURN_BYTES), spans);
	if (n > 0) {
		int parts = spans[1].iov_len ? 2 : 1;

		n = offset ? preadv64(from, spans, parts, *offset) :
			     mn_real()->readv(from, spans, parts);
		n = n < 0 ? -errno : n;
		if (n > 0) {
			n = memnet_send_done(flow, n) ?: n;
			if (offset && n > 0)
				*offset += n;
		}
	}
	mn_flow_unlock(flow, MN_SEND);
	return n;
}

/* May bytes be sent into @s? 0 or -errno. */
static int check_output(struct sock *s)
{
	return s->kind == SOCK_STREAM_FLOW ? mn_stream_may_send(s, !s->nonblock) : -EINVAL;
}

static ssize_t send_file(struct sock *s, int from, off64_t *offset, size_t len)
{
	size_t done = 0;
	ssize_t n = check_output(s);

	/* What has no position may be waited for, as none of these is. */
	if (!n && lseek(from, 0, SEEK_CUR) < 0)
		n = errno == ESPIPE ? -EINVAL : -errno;
	while (!n && done < len) {
		n = fill(s, from, offset, len - done);
		if (n == -EAGAIN && !s->nonblock) {
			n = mn_sock_wait(s, POLLOUT, s->sndtimeo_ns);
			continue;
		}
		if (n <= 0)
			break;
		done += n;
		n = 0;
	}
	if (done)
		return done;
	return n == -EPIPE ? mn_stream_broken(s, 0) : n;
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
	struct sock *s = mn_sock_get_flow(to);
	ssize_t n;

	if (!s)
		return mn_real()->sendfile(to, from, offset, len);
	n = send_file(s, from, offset, len);
	mn_sock_put(s);
	return mn_result(n);
}

EXPORT ssize_t sendfile64(int to, int from, off64_t *offset, size_t len)
	__attribute__((alias("sendfile")));

/* --- splice() --------------------------------------------------------------------------- */

/*
 * A flow is held while its FIFO is filled or emptied, and a pipe may make wait for ever. So
 * between the two is a pipe of our own: what is spliced from theirs, or into it, is what there
 * is and what has room, and whoever waits holds nothing.
 */
#define PIPE_BYTES	(64u << 10)
/* Theirs is empty, or full. */
#define PIPE_WAITS	-ENODATA

static void close_pipe(const int own[2])
{
	mn_real()->close(own[0]);
	mn_real()->close(own[1]);
}

static ssize_t move(int from, int to, size_t len)
{
	ssize_t n = mn_real()->splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK);

	if (n >= 0)
		return n;
	return errno == EAGAIN ? PIPE_WAITS : -errno;
}

/* Into the flow. Bytes; 0: the end; -EAGAIN: the flow has no room; PIPE_WAITS; -errno. */
static ssize_t pipe_to_flow(struct sock *s, int from, size_t len, const int own[2])
{
	struct memnet_flow *flow = mn_sock_flow(s);
	struct iovec spans[2];
	ssize_t n;

	if (!flow)
		return -ECONNRESET;
	mn_flow_lock(flow, MN_SEND);
	n = s->shut_wr ? -EPIPE : memnet_send_spans(flow, MIN(len, (size_t)PIPE_BYTES), spans);
	if (n > 0)
		n = move(from, own[1], n);
	if (n > 0) {
		n = mn_real()->readv(own[0], spans, spans[1].iov_len ? 2 : 1);
		n = n < 0 ? -errno : memnet_send_done(flow, n) ?: n;
	}
	mn_flow_unlock(flow, MN_SEND);
	return n;
}

/* Out of it. As pipe_to_flow(); what their pipe does not take stays in the FIFO. */
static ssize_t flow_to_pipe(struct sock *s, int to, size_t len, const int own[2])
{
	struct memnet_flow *flow = mn_sock_flow(s);
	struct iovec spans[2];
	ssize_t n;

	if (!flow)
		return -ECONNRESET;
	mn_flow_lock(flow, MN_RECV);
	n = memnet_recv_spans(flow, MIN(len, (size_t)PIPE_BYTES), spans);
	if (n > 0) {
		n = mn_real()->writev(own[1], spans, spans[1].iov_len ? 2 : 1);
		n = n < 0 ? -errno : move(own[0], to, n);
	}
	if (n > 0)
		n = memnet_recv_done(flow, n) ?: n;
	mn_flow_unlock(flow, MN_RECV);
	return n == -EAGAIN && s->shut_rd ? 0 : n;
}

/* One turn of either. */
static ssize_t turn(struct sock *s, int fd, size_t len, bool in)
{
	int own[2];
	ssize_t n;

	if (pipe2(own, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	n = in ? flow_to_pipe(s, fd, len, own) : pipe_to_flow(s, fd, len, own);
	close_pipe(own);
	return n;
}

/* Until theirs has something, or room. 0 or -EINTR. */
static int wait_for_pipe(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (mn_real()->ppoll(&p, 1, NULL, NULL) < 0)
		if (errno != EINTR || !mn_signals_restart())
			return -errno;
	return 0;
}

/* @in: out of the flow, into the pipe. @wait_pipe, @wait_flow: may each be waited for? */
static ssize_t splice_flow(struct sock *s, int fd, size_t len, bool in, bool wait_pipe,
			   bool wait_flow)
{
	ssize_t n = 0;

	while (!n && len) {
		n = turn(s, fd, len, in);
		if (n == -EAGAIN && wait_flow)
			n = mn_sock_wait(s, in ? POLLIN : POLLOUT,
					 in ? s->rcvtimeo_ns : s->sndtimeo_ns);
		else if (n == PIPE_WAITS && wait_pipe)
			n = wait_for_pipe(fd, in ? POLLOUT : POLLIN);
		else
			break;
	}
	return n == PIPE_WAITS ? -EAGAIN : n;
}

static bool is_pipe(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

static ssize_t splice_in(struct sock *in, int to, const off64_t *to_offset, size_t len,
			 unsigned int flags)
{
	bool nonblock = flags & SPLICE_F_NONBLOCK;

	if (in->kind != SOCK_STREAM_FLOW || !in->connected || !is_pipe(to))
		return -EINVAL;
	if (to_offset)
		return -ESPIPE;
	return splice_flow(in, to, len, true,
			   !nonblock && !(mn_real()->fcntl(to, F_GETFL) & O_NONBLOCK),
			   !nonblock && !in->nonblock);
}

static ssize_t splice_out(int from, const off64_t *from_offset, struct sock *out, size_t len,
			  unsigned int flags)
{
	ssize_t n = is_pipe(from) ? check_output(out) : -EINVAL;

	if (!n && from_offset)
		return -ESPIPE;
	if (!n)
		n = splice_flow(out, from, len, false, !(flags & SPLICE_F_NONBLOCK),
				!out->nonblock);
	return n == -EPIPE ? mn_stream_broken(out, 0) : n;
}

EXPORT ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len,
		      unsigned int flags)
{
	struct sock *in = mn_sock_get_flow(from), *out = mn_sock_get_flow(to);
	ssize_t n;

	if (!in && !out)
		return mn_real()->splice(from, from_offset, to, to_offset, len, flags);
	if ((in && from_offset) || (out && to_offset))
		n = -ESPIPE;
	else if (in && out)
		n = -EINVAL;		/* one of the two is to be a pipe */
	else
		n = in ? splice_in(in, to, to_offset, len, flags) :
			 splice_out(from, from_offset, out, len, flags);
	if (in)
		mn_sock_put(in);
	if (out)
		mn_sock_put(out);
	return mn_result(n);
}
