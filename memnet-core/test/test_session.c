/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet against the real host code, in two threads over a memfd, with real
 * TCP on loopback behind it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/host/host.h"
#include "memnet-core/pending.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/region.h"

#define REGION_BYTES	(1u << 20)
#define FLOWS		2
#define CHANNELS	3
#define BACKLOG		4

/* --- the host: a loop in a thread of its own --------------------------------- */

struct fixture {
	struct mn_loop loop;
	struct mn_host *host;
	struct mn_watch doorbell, stop;
	int memfd;
	void *mapped;		/* by the host */
	int bells[CHANNELS];	/* eventfds the host rings */
	char said[256];		/* the host's last report */
	pthread_t thread;
	int listener;		/* a TCP peer of the test's own */
	struct sockaddr_in peer;
};

static struct fixture *of_doorbell(struct mn_watch *w)
{
	return (struct fixture *)((char *)w - offsetof(struct fixture, doorbell));
}

static void doorbell_rung(struct mn_watch *w, uint32_t events)
{
	uint64_t n;

	if (read(w->fd, &n, sizeof(n)) == sizeof(n))
		mn_host_kicked(of_doorbell(w)->host);
}

static void stop_rung(struct mn_watch *w, uint32_t events)
{
	struct fixture *fx = (struct fixture *)((char *)w - offsetof(struct fixture, stop));

	fx->loop.stop = true;
}

static void report(void *arg, const char *line)
{
	snprintf(((struct fixture *)arg)->said, sizeof(((struct fixture *)arg)->said), "%s", line);
}

static void ring_fd(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void ring_guest(void *arg, uint32_t channels, uint64_t features)
{
	for (int c = 0; c < CHANNELS; c++)
		if (channels & 1u << c)
			ring_fd(((struct fixture *)arg)->bells[c]);
}

static void *host_thread(void *arg)
{
	struct fixture *fx = arg;

	mn_loop_run(&fx->loop, mn_host_work, fx->host);
	return NULL;
}

static void listen_on_loopback(struct fixture *fx)
{
	socklen_t len = sizeof(fx->peer);

	fx->peer = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fx->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fx->listener, (struct sockaddr *)&fx->peer, len), 0);
	assert_int_equal(listen(fx->listener, BACKLOG), 0);
	getsockname(fx->listener, (struct sockaddr *)&fx->peer, &len);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct mn_host_config config = {
		.loop = &fx->loop, .report = report, .ring_guest = ring_guest, .arg = fx,
		.features = MN_F_VECTORS | MN_F_HEARTBEAT,
		.geometry = { .region_bytes = REGION_BYTES, .flows = FLOWS, .channels = CHANNELS },
	};

	assert_int_equal(mn_loop_init(&fx->loop), 0);
	assert_int_equal(mn_geometry_make(&config.geometry), 0);
	fx->memfd = mn_host_make_memfd(REGION_BYTES);
	assert_true(fx->memfd >= 0);
	fx->mapped = config.region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
					  fx->memfd, 0);
	assert_true(fx->mapped != MAP_FAILED);
	assert_int_equal(mn_policy_allow(&config.policy, "127.0.0.0/8"), 0);
	assert_int_equal(mn_host_create(&fx->host, &config), 0);
	for (int c = 0; c < CHANNELS; c++)
		fx->bells[c] = eventfd(0, EFD_NONBLOCK);
	fx->doorbell = (struct mn_watch){ eventfd(0, EFD_NONBLOCK), doorbell_rung };
	fx->stop = (struct mn_watch){ eventfd(0, EFD_NONBLOCK), stop_rung };
	mn_loop_add(&fx->loop, &fx->doorbell, EPOLLIN);
	mn_loop_add(&fx->loop, &fx->stop, EPOLLIN);
	listen_on_loopback(fx);
	pthread_create(&fx->thread, NULL, host_thread, fx);
	*state = fx;
	return 0;
}

static void stop_host(struct fixture *fx)
{
	if (!fx->host)
		return;
	ring_fd(fx->stop.fd);
	pthread_join(fx->thread, NULL);
	mn_host_destroy(fx->host);
	fx->host = NULL;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	stop_host(fx);
	mn_loop_close_fd(&fx->loop, &fx->doorbell);
	mn_loop_close_fd(&fx->loop, &fx->stop);
	mn_loop_close(&fx->loop);
	for (int c = 0; c < CHANNELS; c++)
		close(fx->bells[c]);
	munmap(fx->mapped, REGION_BYTES);
	close(fx->memfd);
	close(fx->listener);
	free(fx);
	return 0;
}

/* --- the guest --------------------------------------------------------------- */

static struct mn_region map_region(struct fixture *fx)
{
	int bells[CHANNELS];
	struct mn_region r;

	for (int c = 0; c < CHANNELS; c++)
		bells[c] = dup(fx->bells[c]);
	assert_int_equal(mn_region_open_fds(&r, "test", dup(fx->memfd), dup(fx->doorbell.fd),
					    bells, CHANNELS), 0);
	return r;
}

static struct memnet *attach(struct fixture *fx)
{
	struct mn_region r = map_region(fx);
	struct memnet *m = NULL;

	assert_int_equal(memnet_open_region(&m, &r), 0);
	return m;
}

/* A connected pair: a flow of the guest, and the peer's socket. */
static struct memnet_flow *connect_flow(struct fixture *fx, struct memnet *m, int *socket)
{
	struct memnet_flow *f = NULL;

	assert_int_equal(memnet_connect(m, &fx->peer, &f), 0);
	*socket = accept(fx->listener, NULL, NULL);
	assert_true(*socket >= 0);
	return f;
}

static uint8_t content(uint64_t position)
{
	return position * 0x9e3779b97f4a7c15ULL >> 56;
}

static void fill(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = content(i);
}

#define STREAM_BYTES (3u << 20)	/* many laps of a FIFO of 128 KiB */

static void *peer_sends(void *arg)
{
	uint8_t *buf = malloc(STREAM_BYTES);
	int fd = *(int *)arg;

	fill(buf, STREAM_BYTES);
	for (size_t at = 0; at < STREAM_BYTES;) {
		ssize_t n = write(fd, buf + at, MIN(STREAM_BYTES - at, 100000u));

		assert_true(n > 0);
		at += n;
	}
	shutdown(fd, SHUT_WR);
	free(buf);
	return NULL;
}

static void *peer_receives(void *arg)
{
	uint8_t *buf = malloc(STREAM_BYTES + 1);
	size_t at = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf + at, STREAM_BYTES + 1 - at)) > 0)
		at += n;
	assert_int_equal(n, 0);
	assert_int_equal(at, STREAM_BYTES);
	for (size_t i = 0; i < at; i++)
		if (buf[i] != content(i))
			fail_msg("byte %zu differs", i);
	free(buf);
	return NULL;
}

static void what_the_guest_sends_arrives_whole_and_ends(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	uint8_t *buf = malloc(STREAM_BYTES);
	struct memnet_flow *f;
	pthread_t peer;
	int fd;

	f = connect_flow(fx, m, &fd);
	pthread_create(&peer, NULL, peer_receives, &fd);
	fill(buf, STREAM_BYTES);
	assert_int_equal(memnet_send(f, buf, STREAM_BYTES), STREAM_BYTES);
	assert_int_equal(memnet_shutdown_send(f), 0);
	pthread_join(peer, NULL);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
	free(buf);
}

static void what_the_peer_sends_arrives_whole_and_ends(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_counters counters;
	uint8_t buf[10000];
	struct memnet_flow *f;
	size_t at = 0;
	pthread_t peer;
	ssize_t n;
	int fd;

	f = connect_flow(fx, m, &fd);
	pthread_create(&peer, NULL, peer_sends, &fd);
	while ((n = memnet_recv(f, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != content(at + i))
				fail_msg("byte %zu differs", at + i);
		at += n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, STREAM_BYTES);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	pthread_join(peer, NULL);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void a_connect_tells_both_addresses(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_in local, peer, seen;
	socklen_t len = sizeof(seen);
	struct memnet_flow *f;
	int fd;

	f = connect_flow(fx, m, &fd);
	memnet_addresses(f, &local, &peer);
	getpeername(fd, (struct sockaddr *)&seen, &len);
	assert_int_equal(local.sin_port, seen.sin_port);
	assert_int_equal(local.sin_addr.s_addr, seen.sin_addr.s_addr);
	assert_int_equal(peer.sin_port, fx->peer.sin_port);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void refusals_carry_the_errno_of_the_host(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_in to = fx->peer;
	struct memnet_flow *f;

	to.sin_addr.s_addr = inet_addr("169.254.169.254");
	assert_int_equal(memnet_connect(m, &to, &f), -EACCES);
	to = fx->peer;
	close(fx->listener);
	assert_int_equal(memnet_connect(m, &to, &f), -ECONNREFUSED);
	listen_on_loopback(fx);
	memnet_detach(m);
}

static void flows_run_out_and_come_back(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f[FLOWS], *more;
	int fd[FLOWS];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < FLOWS; i++)
			f[i] = connect_flow(fx, m, &fd[i]);
		assert_int_equal(memnet_connect(m, &fx->peer, &more), -EMFILE);
		for (int i = 0; i < FLOWS; i++) {
			memnet_close(f[i]);
			close(fd[i]);
		}
	}
	memnet_detach(m);
}

static void a_peer_that_resets_is_an_error_not_an_end(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	assert_int_equal(memnet_recv(f, &byte, 1), -ECONNRESET);
	assert_int_equal(memnet_send(f, &byte, 1), -EPIPE);
	memnet_close(f);
	memnet_detach(m);
}

static void a_guest_that_closes_without_shutdown_resets_its_peer(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	char byte = 'x';
	int fd;

	memnet_close(connect_flow(fx, m, &fd));
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	memnet_detach(m);
}

/* As after close() of a socket: a peer that is slow to read still gets all of it. */
static void what_was_shut_down_arrives_although_it_was_closed(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	const size_t bytes = 120000;	/* fits into the FIFO */
	uint8_t *buf = malloc(bytes);
	struct memnet_flow *f;
	size_t at = 0;
	ssize_t n;
	int fd;

	for (int round = 0; round < 20; round++) {
		f = connect_flow(fx, m, &fd);
		fill(buf, bytes);
		assert_int_equal(memnet_send(f, buf, bytes), bytes);
		assert_int_equal(memnet_shutdown_send(f), 0);
		memnet_close(f);
		for (at = 0; (n = read(fd, buf, bytes)) > 0; at += n)
			for (ssize_t i = 0; i < n; i++)
				if (buf[i] != content(at + i))
					fail_msg("byte %zu differs", at + i);
		assert_int_equal(n, 0);
		assert_int_equal(at, bytes);
		close(fd);
	}
	free(buf);
	memnet_detach(m);
}

static void a_host_that_stops_is_noticed(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;
	char byte;
	int fd;

	f = connect_flow(fx, m, &fd);
	stop_host(fx);
	assert_int_equal(memnet_recv(f, &byte, 1), -ECONNRESET);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

struct connecting {
	struct memnet *m;
	const struct sockaddr_in *to;
	int ret;
};

static void *connect_it(void *arg)
{
	struct connecting *c = arg;
	struct memnet_flow *f;

	c->ret = memnet_connect(c->m, c->to, &f);
	return NULL;
}

/* The host ends while the peer has yet to answer: no breach, and not for ever. */
static void a_session_that_ends_under_a_connect_is_a_reset(void **state)
{
	struct fixture *fx = *state;
	struct connecting c = { .m = attach(fx), .to = &fx->peer, .ret = 1 };
	int full[BACKLOG + 1];
	pthread_t thread;

	for (int i = 0; i <= BACKLOG; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(full[i], (struct sockaddr *)&fx->peer,
					 sizeof(fx->peer)), 0);
	}
	pthread_create(&thread, NULL, connect_it, &c);
	mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	stop_host(fx);
	pthread_join(thread, NULL);
	assert_int_equal(c.ret, -ECONNRESET);
	memnet_detach(c.m);
	for (int i = 0; i <= BACKLOG; i++)
		close(full[i]);
}

static void a_killed_guest_leaves_its_place_to_the_next(void **state)
{
	struct fixture *fx = *state;
	struct memnet *killed = attach(fx), *next;
	struct memnet_flow *f;
	char byte;
	int fd, fd2;

	f = connect_flow(fx, killed, &fd);	/* and does not close it */
	next = attach(fx);
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	memnet_close(connect_flow(fx, next, &fd2));
	memnet_detach(next);
	memnet_close(f);
	memnet_detach(killed);
	close(fd);
	close(fd2);
}

/* --- threads that share a channel ---------------------------------------------- */

#define MESSAGES 2000

struct talker {
	struct memnet_flow *flow;
	pthread_t thread, echo;
	int fd;
};

static void *echo(void *arg)
{
	struct talker *t = arg;
	char buf[512];
	ssize_t n;

	while ((n = read(t->fd, buf, sizeof(buf))) > 0)
		assert_int_equal(write(t->fd, buf, n), n);
	return NULL;
}

/* Requests and answers: each side sleeps for each. */
static void *talk(void *arg)
{
	struct talker *t = arg;

	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint32_t answer = ~i;

		assert_int_equal(memnet_send(t->flow, &i, sizeof(i)), sizeof(i));
		assert_int_equal(memnet_recv(t->flow, &answer, sizeof(answer)), sizeof(answer));
		assert_int_equal(answer, i);
	}
	return NULL;
}

static void threads_share_a_bell_and_miss_no_wake_up(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_counters counters;
	struct talker t[FLOWS];

	for (int i = 0; i < FLOWS; i++) {
		t[i].flow = connect_flow(fx, m, &t[i].fd);
		pthread_create(&t[i].echo, NULL, echo, &t[i]);
	}
	for (int i = 0; i < FLOWS; i++)
		pthread_create(&t[i].thread, NULL, talk, &t[i]);
	for (int i = 0; i < FLOWS; i++)
		pthread_join(t[i].thread, NULL);
	memnet_read_counters(m, &counters);
	assert_int_equal(counters.timer_rescues, 0);
	for (int i = 0; i < FLOWS; i++) {
		memnet_close(t[i].flow);
		pthread_join(t[i].echo, NULL);
		close(t[i].fd);
	}
	memnet_detach(m);
}

/* --- a guest that lies ------------------------------------------------------- */

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
	mn_publish(&flow_0(region)->recv.consumer.c_tail, 12345);
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
	char byte = 'x';
	int fd, fd2;
	ssize_t n;

	f = connect_flow(fx, m, &fd);
	tell(r.base);
	assert_int_equal(write(fd, "y", 1), 1);	/* makes it look at the receive FIFO */
	mark_everything(&r);
	do	/* the byte may arrive before the host looks */
		n = memnet_recv(f, &byte, 1);
	while (n > 0);
	assert_true(n < 0);
	assert_int_equal(mn_fetch32(&mn_header(r.base)->h_state), MN_H_FAILED);
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
	uint64_t n;

	/* The tick belongs to the loop's thread: hold the loop meanwhile. */
	ring_fd(fx->stop.fd);
	pthread_join(fx->thread, NULL);
	memset(r.base, 0, MN_CHANNELS_OFFSET);
	mn_host_tick(fx->host);
	assert_true(mn_header(r.base)->h_magic == MN_MAGIC);
	mn_region_close(&r);

	assert_int_equal(read(fx->stop.fd, &n, sizeof(n)), sizeof(n));
	fx->loop.stop = false;
	pthread_create(&fx->thread, NULL, host_thread, fx);
	memnet_detach(attach(fx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_guest_sends_arrives_whole_and_ends,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_peer_sends_arrives_whole_and_ends,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_connect_tells_both_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_carry_the_errno_of_the_host,
						setup, teardown),
		cmocka_unit_test_setup_teardown(flows_run_out_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_resets_is_an_error_not_an_end,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_that_closes_without_shutdown_resets_its_peer,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_shut_down_arrives_although_it_was_closed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_host_that_stops_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_that_ends_under_a_connect_is_a_reset,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_guest_leaves_its_place_to_the_next,
						setup, teardown),
		cmocka_unit_test_setup_teardown(threads_share_a_bell_and_miss_no_wake_up,
						setup, teardown),
		cmocka_unit_test_setup_teardown(each_lie_ends_its_session_and_nothing_else,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_zeroed_header_is_made_anew, setup, teardown),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
