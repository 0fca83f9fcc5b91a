/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: bytes by the two FIFOs, copied or in place. */
#include <errno.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/memnet_internal.h"

/* Copies are published (given back) step by step, so the host works while we copy, */
#define COPY_STEP	(8u << 10)
/* and it is told of them, should it sleep, at least this often. */
#define TELL_BYTES	(64u << 10)
/* Linux's: above it there is none. */
#define MAX_ERRNO	4095

/*
 * What is copied is looked at once more before it counts: we may have stood still for the
 * whole of that time, and the session have ended.
 */

/* By whichever process of ours; nothing may follow. 0 or -EPIPE. */
static int is_shut(const struct memnet_flow *f)
{
	return mn_fetch32(&f->out.mine->p_closed) == MN_OPEN ? 0 : -EPIPE;
}

/* Copy up to a step in and publish it; the bell is for later. Bytes, 0: full, -errno. */
static ssize_t send_step(struct memnet_flow *f, const void *from, size_t len)
{
	struct iovec spans[2];
	ssize_t n = mn_of_this_session(f, 0);

	if (!n)
		n = is_shut(f);
	if (!n)
		n = mn_producer_reserve(&f->out, MIN(len, COPY_STEP), spans);
	if (n > 0) {
		memcpy(spans[0].iov_base, from, spans[0].iov_len);
		memcpy(spans[1].iov_base, (char *)from + spans[0].iov_len, spans[1].iov_len);
	}
	if (n > 0 || n == -EPROTO)
		n = mn_of_this_session(f, n);
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
			n = mn_flow_wait_space(f);
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
	n = mn_of_this_session(f, n);
	if (n > 0)
		mn_consumer_retire(&f->in, n);
	return n;
}

/* A stream that was torn: by what. */
static int why_torn(const struct memnet_flow *f)
{
	uint32_t err = mn_fetch32(&f->in.theirs->p_error);

	return err && err <= MAX_ERRNO ? -(int)err : -ECONNRESET;
}

/* Wait for the first byte. 1; 0: the stream has ended; -errno. */
static int wait_for_data(struct memnet_flow *f)
{
	struct iovec spans[2];
	int ret = mn_of_this_session(f, 0);

	while (!ret && !mn_consumer_peek(&f->in, 1, spans)) {
		ret = mn_consumer_at_end(&f->in);
		if (ret == -ECONNRESET)
			ret = why_torn(f);
		if (ret)
			return mn_of_this_session(f, ret < 0 ? ret : 0);
		ret = mn_flow_wait_data(f);
	}
	if (ret == -EPROTO)
		ret = mn_of_this_session(f, ret);
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

/* Of a stream that was torn: by what. Once; afterwards it is at its end. */
static ssize_t torn(struct memnet_flow *f)
{
	return -memnet_take_error(f);
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

int memnet_shutdown_recv(struct memnet_flow *f)
{
	int ret = mn_session_check(&f->m->session);

	if (ret)
		return ret;
	mn_consumer_close(&f->in);
	mn_tell_flow(f->m, f->id, true);
	return 0;
}

void memnet_tear(struct memnet_flow *f)
{
	if (!f->kind || mn_session_check(&f->m->session))
		return;
	mn_producer_close(&f->out, MN_RESET);
	mn_tell_flow(f->m, f->id, true);
}

/* --- in place ----------------------------------------------------------------------------- */

ssize_t memnet_send_spans(struct memnet_flow *f, size_t want, struct iovec spans[2])
{
	ssize_t n = mn_of_this_session(f, 0);

	if (!n)
		n = is_shut(f);
	if (!n && want)
		n = mn_producer_reserve(&f->out, want, spans);
	if (n < 0)
		return mn_of_this_session(f, n);
	return n || !want ? n : -EAGAIN;
}

int memnet_send_done(struct memnet_flow *f, size_t len)
{
	int ret = mn_of_this_session(f, 0);

	if (!ret)
		mn_tell_flow(f->m, f->id, mn_producer_commit(&f->out, len));
	return ret;
}

ssize_t memnet_recv_spans(struct memnet_flow *f, size_t want, struct iovec spans[2])
{
	ssize_t n = mn_of_this_session(f, 0);

	if (!n)
		n = mn_consumer_peek(&f->in, want, spans);
	if (!n)
		n = mn_consumer_at_end(&f->in) ?: -EAGAIN;
	else if (n > 0)
		return n;
	return n > 0 ? 0 : mn_of_this_session(f, n == -ECONNRESET ? torn(f) : n);
}

int memnet_recv_done(struct memnet_flow *f, size_t len)
{
	int ret = mn_of_this_session(f, 0);

	if (!ret && len)
		mn_tell_flow(f->m, f->id, mn_consumer_release(&f->in, len));
	return ret;
}

int memnet_unread(struct memnet_flow *f)
{
	struct iovec spans[2];
	struct mn_datagram d;
	ssize_t n = mn_consumer_peek(&f->in, f->in.size, spans);

	if (n <= 0 || f->kind != MN_DATAGRAMS)
		return n > 0 ? n : 0;
	mn_datagram_header(spans, &d);
	return d.bytes;
}
