/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/fdpass.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"

/* One flow; watch.fd -1: not kept. */
struct kept {
	struct mn_watch watch;	/* first: the loop gives it back */
	struct mn_keepers *all;
	uint32_t generation;
};

struct mn_keepers {
	struct mn_loop *loop;
	struct memnet *m;
	uint32_t flows;
	struct kept kept[];
};

static struct mn_flow *shared_flow(const struct mn_keepers *k, uint32_t flow)
{
	return mn_flow(k->m->region->base, &k->m->session.geometry, flow);
}

static int submit(struct mn_keepers *k, enum mn_op op, uint32_t flow)
{
	struct mn_submission s = { .op = op, .flow = flow };
	struct mn_completion c;

	return mn_control_call(k->m, &s, &c);
}

/* As Linux ends what a process leaves: in order, but with a reset when bytes were not read. */
static enum mn_end end_of(const struct mn_flow *shared)
{
	return mn_fetch(&shared->recv.producer.p_head) == mn_fetch(&shared->recv.consumer.c_tail) ?
	       MN_FIN : MN_RESET;
}

static void close_flow(struct mn_keepers *k, uint32_t flow, uint32_t generation)
{
	struct mn_flow *shared = shared_flow(k, flow);

	if (mn_fetch32(&shared->facts.h_generation) != generation)
		return;
	if (mn_fetch32(&shared->send.producer.p_closed) == MN_OPEN)
		mn_publish32(&shared->send.producer.p_closed, end_of(shared));
	submit(k, MN_OP_CLOSE, flow);
}

static void nobody_has_it(struct mn_watch *w, uint32_t events)
{
	struct kept *kept = (struct kept *)w;
	struct mn_keepers *k = kept->all;

	mn_loop_close_fd(k->loop, w);
	close_flow(k, kept - k->kept, kept->generation);
}

struct mn_keepers *mn_keepers_new(struct mn_loop *loop, struct memnet *m)
{
	uint32_t flows = m->session.geometry.flows;
	struct mn_keepers *k = calloc(1, sizeof(*k) + flows * sizeof(k->kept[0]));

	if (!k)
		return NULL;
	*k = (struct mn_keepers){ .loop = loop, .m = m, .flows = flows };
	for (uint32_t i = 0; i < flows; i++)
		k->kept[i] = (struct kept){ .watch = { -1, nobody_has_it }, .all = k };
	return k;
}

void mn_keepers_free(struct mn_keepers *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; i < k->flows; i++)
		if (k->kept[i].watch.fd >= 0)
			mn_loop_close_fd(k->loop, &k->kept[i].watch);
	free(k);
}

/* @fd -1: none came, or there was no room for it here. Then nobody has the flow. */
static void keep(struct mn_keepers *k, const struct mn_keep *keep, int fd)
{
	struct kept *kept = &k->kept[keep->flow];

	if (mn_fetch32(&shared_flow(k, keep->flow)->facts.h_generation) != keep->generation ||
	    submit(k, MN_OP_TAKE, keep->flow)) {
		if (fd >= 0)
			close(fd);	/* it ended meanwhile */
		return;
	}
	if (fd < 0) {
		close_flow(k, keep->flow, keep->generation);
		return;
	}
	/* One that still watches was for a flow of before, which this one shows to be gone. */
	if (kept->watch.fd >= 0)
		mn_loop_close_fd(k->loop, &kept->watch);
	kept->generation = keep->generation;
	kept->watch.fd = fd;
	/* Nothing is read here: what would be lost is refused, with EPIPE, to who writes it. */
	shutdown(fd, SHUT_RD);
	if (mn_loop_add(k->loop, &kept->watch, EPOLLHUP))
		nobody_has_it(&kept->watch, 0);
}

/* What was closed until now, whatever the order in which the loop tells of it. */
static void hear_ends(struct mn_keepers *k)
{
	for (uint32_t i = 0; i < k->flows; i++) {
		struct pollfd end = { .fd = k->kept[i].watch.fd };	/* POLLHUP */

		if (end.fd >= 0 && poll(&end, 1, 0) > 0)
			nobody_has_it(&k->kept[i].watch, 0);
	}
}

int mn_keepers_listen(struct mn_keepers *k, int fd, int *store)
{
	struct mn_keep message;
	size_t n = 0;
	int handle = -1;
	ssize_t got = mn_recv_fds(fd, &message, sizeof(message), &handle, 1, &n);

	if (got == -EAGAIN)
		return 0;
	if (k && got == sizeof(message) && message.magic == MN_KEEP_MAGIC &&
	    message.flow < k->flows) {
		keep(k, &message, handle);
		return 1;
	}
	if (k && got == sizeof(message) && message.magic == MN_KEEP_MAGIC && n == 1 &&
	    message.flow == MN_KEEP_STORE) {
		*store = handle;
		return 1;
	}
	if (k && got == sizeof(message) && message.flow == MN_NO_FLOW)
		hear_ends(k);
	if (n)
		close(handle);		/* of MN_NO_FLOW: that is what it waits for */
	if (got > 0 && (!k || message.flow == MN_NO_FLOW))
		return 1;
	return got < 0 ? got : got ? -EPROTO : -ECONNRESET;
}
