/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners: each connection that comes is a flow, and a record in the listener's receive
 * FIFO says which. So the guest waits for connections as it waits for bytes. While that
 * FIFO is full, or no flow is free, connections wait in the kernel's backlog.
 *
 * #syscalls accept4 close getsockname poll ppoll
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/event.h"
#include "memnet-core/host/host_internal.h"

/* Tell of @f. True: more at once. */
static bool tell(struct host_flow *listener, struct host_flow *f, const struct iovec spans[2])
{
	const struct mn_accepted a = { mn_flow_id(f), f->generation };

	f->accepted_at = listener->to_guest.head;
	memcpy(spans[0].iov_base, &a, sizeof(a));	/* records do not straddle the wrap */
	if (mn_producer_commit(&listener->to_guest, sizeof(a)))
		mn_flow_ring_receiver(listener);
	return true;
}

/* Room for one record? 1; 0: the guest will say when; -EPROTO, -EPIPE. */
static int room(struct host_flow *f, struct iovec spans[2])
{
	ssize_t n = mn_producer_reserve(&f->to_guest, sizeof(struct mn_accepted), spans);

	if (n >= 0 && n < (ssize_t)sizeof(struct mn_accepted)) {
		n = mn_producer_arm(&f->to_guest, f->to_guest.size / 4);
		if (n > 0)
			return 0;
		if (n == 0)
			n = mn_producer_reserve(&f->to_guest, sizeof(struct mn_accepted), spans);
	}
	return n < 0 ? n : n == sizeof(struct mn_accepted);
}

/* Does a connection wait? For none no flow is claimed. */
static bool somebody_waits(const struct host_flow *f)
{
	struct pollfd pfd = { .fd = f->watch.fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* One connection out of the backlog, where the policy still lets it in. fd, or -errno. */
static int accept_one(struct host_flow *f)
{
	int fd = accept4(f->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	union mn_sockaddr local;
	socklen_t len = sizeof(local);

	if (fd < 0)
		return -errno;
	if (mn_host_may_listen(f->host, IPPROTO_TCP, &f->local, f->dual) &&
	    !getsockname(fd, &local.sa, &len))
		return fd;
	close(fd);
	return -EACCES;
}

bool mn_listener_recv(struct host_flow *f)
{
	struct host_flow *accepted;
	struct iovec spans[2];
	int ret = room(f, spans);

	if (ret == -EPIPE) {
		mn_flow_dies(f, ECONNRESET);
		return false;
	}
	if (ret < 0)
		mn_host_fail(f->host, "receive FIFO c_tail of a listener");
	if (ret <= 0)
		return false;
	if (!somebody_waits(f)) {
		f->readable = false;
		return false;
	}
	if (mn_flow_claim(f->host, &accepted)) {
		mn_set_add(&f->host->starved, mn_flow_id(f));
		return false;
	}
	ret = accept_one(f);
	if (ret == -EAGAIN) {
		f->readable = false;
		return false;
	}
	if (ret < 0)		/* that one is lost; of the process's own limits: the tick looks again */
		return ret != -EMFILE && ret != -ENFILE && ret != -ENOBUFS && ret != -ENOMEM;
	accepted = mn_flow_accept(f->host, f, ret);
	return accepted ? tell(f, accepted, spans) : true;
}

void mn_listener_ends(struct host_flow *f)
{
	uint64_t taken = mn_fetch(&f->to_guest.theirs->c_tail);
	struct mn_host *h = f->host;
	uint32_t id = mn_flow_id(f);

	for (uint32_t i = 0; i < h->config.geometry.flows; i++) {
		struct host_flow *a = &h->flows[i];

		if (a->state != FLOW_FREE && a != f && a->listener_generation == f->generation &&
		    a->listener == id && a->accepted_at - taken < f->to_guest.size)
			mn_flow_reset(a);
	}
}
