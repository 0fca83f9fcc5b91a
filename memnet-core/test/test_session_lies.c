/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that lies to its host, and a region that is wiped: see session_fixture.h. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/pending.h"
#include "memnet-core/test/session_fixture.h"

#define SOON_MS	5000

typedef void (*lie)(void *region);

static struct mn_flow *flow_0(void *region)
{
	const struct mn_header *h = mn_header(region);
	const struct mn_geometry g = { .channels = h->h_channels };

	return mn_flow(region, &g, 0);
}

static void lie_send_head(void *region)
{
	mn_publish(&flow_0(region)->send.producer.p_head, 1ULL << 40);
}

static void lie_send_closed(void *region)
{
	mn_publish32(&flow_0(region)->send.producer.p_closed, 99);
}

static void lie_recv_tail(void *region)
{
	mn_publish(&flow_0(region)->recv.consumer.c_tail, 1ULL << 40);
}

static void lie_ring_head(void *region)
{
	mn_publish(&mn_channel(region, 0)->submission_index.producer.p_head, 1);
}

static void lie_ring_closed(void *region)
{
	mn_publish32(&mn_channel(region, 0)->submission_index.producer.p_closed, 1);
}

static void lie_completion_closed(void *region)
{
	mn_publish32(&mn_channel(region, 0)->completion_index.consumer.c_closed, 1);
}

static void lie_state(void *region)
{
	mn_publish32(&mn_header(region)->g_state, 0xdead);
}

/* As a guest tells its host, of every flow and channel. */
static void mark_everything(struct mn_region *r)
{
	struct mn_header *h = mn_header(r->base);

	mn_pending_mark_flow(h, 0);
	mn_pending_mark_channel(h, 0);
	mn_region_ring(r);
}

/* The host sees it, says so, ends this session, and serves the next one. */
static void lie_is_caught(struct fixture *fx, lie tell)
{
	struct memnet *m = attach(fx), *honest;
	struct mn_region r = map_region(fx);
	struct memnet_flow *f;
	static const char much[REGION_BYTES];
	char byte;
	int fd, fd2;
	ssize_t n;

	f = connect_flow(fx, m, &fd);
	tell(r.base);
	/* More than the receive FIFO holds, so that it has to look how much was read. */
	assert_true(send(fd, much, sizeof(much), MSG_DONTWAIT) > REGION_BYTES / 2 / FLOWS);
	mark_everything(&r);
	for (int ms = 0; mn_fetch32(&mn_header(r.base)->h_state) != MN_H_FAILED; ms++) {
		assert_in_range(ms, 0, SOON_MS);
		poll(NULL, 0, 1);
	}
	do	/* what was there before */
		n = memnet_recv(f, &byte, 1);
	while (n > 0);
	assert_true(n < 0);
	mn_region_close(&r);
	memnet_close(f);
	memnet_detach(m);
	close(fd);

	honest = attach(fx);
	memnet_close(connect_flow(fx, honest, &fd2));
	memnet_detach(honest);
	close(fd2);
	assert_non_null(strstr(fx->said, "guest broke the protocol"));
}

static void each_lie_ends_its_session_and_nothing_else(void **state)
{
	static const lie lies[] = {
		lie_send_head, lie_send_closed, lie_recv_tail, lie_ring_head, lie_ring_closed,
		lie_completion_closed, lie_state,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		lie_is_caught(*state, lies[i]);
}

static void a_zeroed_header_is_made_anew(void **state)
{
	struct fixture *fx = *state;
	struct mn_region r = map_region(fx);

	hold_host(fx);		/* the tick belongs to the loop's thread */
	memset(r.base, 0, MN_CHANNELS_OFFSET);
	mn_host_tick(fx->host);
	assert_true(mn_header(r.base)->h_magic == MN_MAGIC);
	mn_region_close(&r);
	release_host(fx);
	memnet_detach(attach(fx));
}

#define session_test(f)	cmocka_unit_test_setup_teardown(f, session_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		session_test(each_lie_ends_its_session_and_nothing_else),
		session_test(a_zeroed_header_is_made_anew),
	};

	return cmocka_run_group_tests_name("session lies", tests, NULL, NULL);
}
