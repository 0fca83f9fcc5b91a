/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams: the socket reads from and writes into the FIFO's own spans, so the host copies
 * nothing.
 *
 * Wake-ups are batched where bytes come in bulk. A doorbell costs the guest some
 * 20 us under emulation and a VM exit anywhere: after BULK_BYTES without a pause
 * the host asks to be rung for half a FIFO only, and looks by itself after a
 * short time for what is less. When that finds little, it asks to be rung for
 * the first byte again: a request never waits for the timer.
 *
 * #syscalls shutdown timerfd_settime
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

#define BULK_BYTES	(64u << 10)
#define COALESCE_NS	500000

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
		mn_flow_dies(f, ECONNRESET);
		return false;
	}
	if (!ret)
		ret = arm_send(f);
	if (ret < 0)
		mn_host_fail(f->host, "send FIFO p_head or p_closed");
	return ret == 0;
}

/* Guest to network. True: more at once. */
bool mn_stream_send(struct host_flow *f)
{
	struct iovec spans[2];
	ssize_t n = mn_consumer_peek(&f->from_guest, mn_flow_piece(f), spans);

	if (n < 0) {
		mn_host_fail(f->host, "send FIFO p_head");
		return false;
	}
	if (n == 0)
		return send_idle(f);
	n = mn_flow_sendmsg(f, &(struct msghdr){ .msg_iov = spans,
			       .msg_iovlen = spans[1].iov_len ? 2 : 1 });
	if (n == -EAGAIN) {
		f->writable = false;
		return false;
	}
	if (n < 0) {
		mn_flow_dies(f, -n);
		return false;
	}
	f->moved += n;
	f->spent += n;
	if (mn_consumer_release(&f->from_guest, n))
		mn_flow_ring_sender(f);
	return true;
}

/* The receive FIFO is full, or its reader has gone. True: look again. */
static bool recv_blocked(struct host_flow *f, ssize_t why)
{
	int ret;

	if (why == -EPIPE) {
		mn_flow_dies(f, ECONNRESET);
		return false;
	}
	ret = why ? why : mn_producer_arm(&f->to_guest, f->to_guest.size / 4);
	if (ret < 0)
		mn_host_fail(f->host, "receive FIFO c_tail");
	return ret == 0;
}

/* Network to guest. True: more at once. */
bool mn_stream_recv(struct host_flow *f)
{
	struct iovec spans[2];
	ssize_t n = mn_producer_reserve(&f->to_guest, mn_flow_piece(f), spans);

	if (n <= 0)
		return recv_blocked(f, n);
	n = mn_flow_recvmsg(f, &(struct msghdr){ .msg_iov = spans,
			       .msg_iovlen = spans[1].iov_len ? 2 : 1 });
	if (n == -EAGAIN) {
		f->readable = false;
		return false;
	}
	if (n < 0) {
		mn_flow_dies(f, -n);
		return false;
	}
	if (n == 0) {
		mn_producer_close(&f->to_guest, MN_FIN);
		f->got_fin = true;
		mn_flow_ring_receiver(f);
		return false;
	}
	f->spent += n;
	if (mn_producer_commit(&f->to_guest, n))
		mn_flow_ring_receiver(f);
	return true;
}
