/* SPDX-License-Identifier: BSD-2-Clause */
/* How the region's memory grows, shrinks and runs out. Ticks are the test's. See session_fixture.h. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"
#include "memnet-core/test/flows_help.h"

#define SOON_MS		5000
#define REST_TICKS	(5 * 1000 / MN_HEARTBEAT_MS)
#define PIECE		40000	/* fits into a FIFO */

static void ticks(struct fixture *fx, int n)
{
	hold_host(fx);
	while (n--)
		mn_host_tick(fx->host);
	release_host(fx);
}

static void allow_memory(struct fixture *fx, uint64_t bytes)
{
	hold_host(fx);
	fx->host->config.memory = bytes;
	release_host(fx);
}

static uint8_t content(size_t at, uint8_t salt)
{
	return at * 31 + salt;
}

static void fill(uint8_t *buf, uint8_t salt)
{
	for (size_t i = 0; i < PIECE; i++)
		buf[i] = content(i, salt);
}

static void is_filled(const uint8_t *buf, uint8_t salt)
{
	for (size_t i = 0; i < PIECE; i++)
		if (buf[i] != content(i, salt))
			fail_msg("byte %zu differs", i);
}

static void guest_sends(struct memnet_flow *f, int fd, uint8_t salt)
{
	static uint8_t out[PIECE], in[PIECE];

	fill(out, salt);
	assert_int_equal(memnet_send(f, out, PIECE), PIECE);
	assert_int_equal(recv(fd, in, PIECE, MSG_WAITALL), PIECE);
	is_filled(in, salt);
}

/* All of it lies in the FIFO then. */
static void peer_writes(struct memnet_flow *f, int fd, uint8_t salt)
{
	static uint8_t out[PIECE];

	fill(out, salt);
	assert_int_equal(write(fd, out, PIECE), PIECE);
	for (int ms = 0; memnet_unread(f) < PIECE; ms++) {
		assert_in_range(ms, 0, SOON_MS);
		poll(NULL, 0, 1);
	}
}

static void guest_reads(struct memnet_flow *f, uint8_t salt)
{
	static uint8_t in[PIECE];

	for (size_t at = 0; at < PIECE;) {
		ssize_t n = memnet_recv(f, in + at, PIECE - at);

		assert_true(n > 0);
		at += n;
	}
	is_filled(in, salt);
}

static void what_was_a_flow_is_given_back(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t before = region_in_use(fx);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	guest_sends(f, fd, 1);
	peer_writes(f, fd, 2);
	guest_reads(f, 2);
	assert_true(region_in_use(fx) >= before + 2 * PIECE);
	memnet_close(f);
	close(fd);
	ticks(fx, REST_TICKS - 1);	/* the next flow may soon want them */
	assert_true(region_in_use(fx) >= before + 2 * PIECE);
	ticks(fx, 2);
	assert_int_equal(region_in_use(fx), before);
	f = connect_flow(fx, m, &fd);
	guest_sends(f, fd, 3);
	memnet_close(f);
	close(fd);
	memnet_detach(m);
}

static void what_rests_in_a_flow_keeps_nothing_but_what_is_in_it(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t full;
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	for (uint8_t salt = 0; salt < 5; salt++) {	/* over the wrap */
		peer_writes(f, fd, salt);
		ticks(fx, 3 * REST_TICKS);	/* unread, it stays */
		full = region_in_use(fx);
		guest_reads(f, salt);
		ticks(fx, REST_TICKS - 1);
		assert_true(region_in_use(fx) >= full);
		ticks(fx, 2);
		assert_true(region_in_use(fx) + PIECE - 2 * MN_PAGE <= full);
	}
	memnet_close(f);
	close(fd);
	memnet_detach(m);
}

/* At each tick it happens to be empty. */
static void what_is_in_use_keeps_its_pages(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t full = 0;
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	for (int i = 0; i < 3 * REST_TICKS; i++) {
		peer_writes(f, fd, i);
		guest_reads(f, i);
		full = MAX(full, region_in_use(fx));
		ticks(fx, 1);
		assert_true(region_in_use(fx) == full);
	}
	ticks(fx, REST_TICKS + 1);
	assert_true(region_in_use(fx) < full);
	memnet_close(f);
	close(fd);
	memnet_detach(m);
}

/* Nobody but the guest knows of it. */
static void what_is_written_and_not_sent_yet_stays(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint8_t in[1000];
	struct iovec spans[2];
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(memnet_send_spans(f, sizeof(in), spans), sizeof(in));
	memset(spans[0].iov_base, 'x', spans[0].iov_len);
	ticks(fx, 3 * REST_TICKS);
	allow_memory(fx, 1);
	ticks(fx, 1);
	assert_int_equal(memnet_send_done(f, sizeof(in)), 0);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_WAITALL), sizeof(in));
	for (size_t i = 0; i < sizeof(in); i++)
		assert_int_equal(in[i], 'x');
	memnet_close(f);
	close(fd);
	memnet_detach(m);
}

/* What is open goes on; what rests is given back before the next is refused. */
static void with_no_memory_left_there_are_no_new_flows(void **state)
{
	struct sockaddr_storage any = { .ss_family = AF_INET };
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f, *more = NULL;
	int fd, fd2;

	f = connect_flow(fx, m, &fd);
	guest_sends(f, fd, 1);
	peer_writes(f, fd, 2);
	allow_memory(fx, region_in_use(fx) - PIECE / 2);
	assert_int_equal(memnet_connect(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer), &more),
			 -ENOBUFS);
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&any,
				     sizeof(struct sockaddr_in), 0, &more), -ENOBUFS);
	assert_true(host_said(fx, "no new streams: "));
	assert_true(host_said(fx, " bytes of the region are in use; raise --memory above "));
	guest_reads(f, 2);
	ticks(fx, 1);
	more = connect_flow(fx, m, &fd2);	/* what was read was given back */
	guest_sends(f, fd, 3);
	memnet_close(more);
	memnet_close(f);
	close(fd);
	close(fd2);
	memnet_detach(m);
}

static void connections_wait_while_there_is_none(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *f, *accepted;
	int fd, caller;

	f = connect_flow(fx, m, &fd);
	peer_writes(f, fd, 1);
	allow_memory(fx, region_in_use(fx) - PIECE / 2);
	caller = call(&where);
	assert_true(caller >= 0);
	memnet_set_blocking(listener, false);
	ticks(fx, 1);
	assert_int_equal(memnet_accept(listener, &accepted), -EAGAIN);
	guest_reads(f, 1);
	ticks(fx, 1);
	assert_int_equal(write(fd, "x", 1), 1);	/* our ticks wake nobody */
	memnet_set_blocking(listener, true);
	assert_int_equal(memnet_accept(listener, &accepted), 0);
	talks(accepted, caller);
	memnet_close(accepted);
	memnet_close(listener);
	memnet_close(f);
	close(caller);
	close(fd);
	memnet_detach(m);
}

/* What rests there is not at rest. */
static void objects_keep_their_memory(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct mn_geometry *g = &fx->host->config.geometry;
	uint8_t *object = (uint8_t *)m->region->base + REGION_BYTES - MN_PAGE;

	hold_host(fx);
	g->arena_bytes = MN_PAGE;
	assert_true(mn_fifo_offset(g, g->flows, MN_SEND) <= mn_arena_offset(g));
	release_host(fx);
	memset(object, 'o', MN_PAGE);
	allow_memory(fx, 1);
	ticks(fx, 3 * REST_TICKS);
	for (size_t i = 0; i < MN_PAGE; i++)
		assert_int_equal(object[i], 'o');
	memnet_detach(m);
}

/* A guest writes wherever it can: what is no flow's does not stay. */
static void who_touches_all_of_it_does_not_keep_it(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint64_t before = region_in_use(fx), data = mn_data_offset(&m->session.geometry);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	allow_memory(fx, 2 * before + m->session.geometry.fifo_bytes);
	for (int i = 0; i < 3; i++) {
		memset((uint8_t *)m->region->base + data, 0xee, REGION_BYTES - data);
		assert_true(region_in_use(fx) == REGION_BYTES);
		ticks(fx, 1);
		assert_true(region_in_use(fx) <= before + m->session.geometry.fifo_bytes);
		talks(f, fd);
	}
	memnet_close(f);
	close(fd);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, many_flows_setup, session_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_a_flow_is_given_back),
		TEST(what_rests_in_a_flow_keeps_nothing_but_what_is_in_it),
		TEST(what_is_in_use_keeps_its_pages),
		TEST(what_is_written_and_not_sent_yet_stays),
		TEST(with_no_memory_left_there_are_no_new_flows),
		TEST(connections_wait_while_there_is_none),
		TEST(objects_keep_their_memory),
		TEST(who_touches_all_of_it_does_not_keep_it),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
