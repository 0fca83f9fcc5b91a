/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/session_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"

/* --- the host ---------------------------------------------------------------- */

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

void ring_fd(int fd)
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

static void give_back(void *arg, uint64_t offset, uint64_t bytes)
{
	struct fixture *fx = arg;

	assert_int_equal(fallocate(fx->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
				   bytes), 0);
}

uint64_t region_in_use(void *fixture)
{
	struct fixture *fx = fixture;
	struct stat st;

	assert_int_equal(fstat(fx->memfd, &st), 0);
	return st.st_blocks * 512;
}

void *host_thread(void *arg)
{
	struct fixture *fx = arg;

	mn_loop_run(&fx->loop, mn_host_work, fx->host);
	return NULL;
}

void listen_on_loopback(struct fixture *fx)
{
	socklen_t len = sizeof(fx->peer);

	fx->peer = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fx->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fx->listener, (struct sockaddr *)&fx->peer, len), 0);
	assert_int_equal(listen(fx->listener, BACKLOG), 0);
	getsockname(fx->listener, (struct sockaddr *)&fx->peer, &len);
}

int session_setup(void **state)
{
	static const char *const loopback[] = { "127.0.0.0/8", NULL };

	return session_setup_with(state, FLOWS, loopback);
}

int session_setup_with(void **state, uint32_t flows, const char *const rules[])
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct mn_host_config config = {
		.loop = &fx->loop, .report = report, .ring_guest = ring_guest, .arg = fx,
		.give_back = give_back, .in_use = region_in_use,
		.features = MN_F_VECTORS | MN_F_HEARTBEAT,
		.geometry = { .region_bytes = REGION_BYTES, .flows = flows, .channels = CHANNELS },
	};

	assert_int_equal(mn_loop_init(&fx->loop), 0);
	assert_int_equal(mn_geometry_make(&config.geometry), 0);
	fx->memfd = mn_host_make_memfd(REGION_BYTES);
	assert_true(fx->memfd >= 0);
	fx->mapped = config.region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
					  fx->memfd, 0);
	assert_true(fx->mapped != MAP_FAILED);
	for (; *rules; rules++)
		assert_int_equal(mn_policy_add(&config.policy, MN_POLICY_ALLOW, *rules, fx->said,
					       sizeof(fx->said)), 0);
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

void stop_host(struct fixture *fx)
{
	if (!fx->host)
		return;
	ring_fd(fx->stop.fd);
	pthread_join(fx->thread, NULL);
	mn_host_destroy(fx->host);
	fx->host = NULL;
}

void hold_host(struct fixture *fx)
{
	ring_fd(fx->stop.fd);
	pthread_join(fx->thread, NULL);
}

void release_host(struct fixture *fx)
{
	uint64_t n;

	assert_int_equal(read(fx->stop.fd, &n, sizeof(n)), sizeof(n));
	fx->loop.stop = false;
	pthread_create(&fx->thread, NULL, host_thread, fx);
}

bool host_said(struct fixture *fx, const char *text)
{
	bool said;

	hold_host(fx);		/* it may be about to say more */
	said = strstr(fx->said, text);
	release_host(fx);
	return said;
}

int session_teardown(void **state)
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

struct mn_region map_region(struct fixture *fx)
{
	int bells[CHANNELS];
	struct mn_region r;

	for (int c = 0; c < CHANNELS; c++)
		bells[c] = dup(fx->bells[c]);
	assert_int_equal(mn_region_open_fds(&r, "test", dup(fx->memfd), dup(fx->doorbell.fd),
					    bells, CHANNELS), 0);
	return r;
}

struct memnet *attach(struct fixture *fx)
{
	struct mn_region r = map_region(fx);
	struct memnet *m = NULL;

	assert_int_equal(memnet_open_region(&m, &r), 0);
	return m;
}

struct memnet *join(struct fixture *fx, uint32_t channel)
{
	struct memnet *m = calloc(1, sizeof(*m));

	m->owned_region = map_region(fx);
	m->region = &m->owned_region;
	m->agent_fd = -1;
	m->channel = channel;
	pthread_mutex_init(&m->lock, NULL);
	assert_int_equal(mn_session_join(&m->session, m->region,
					 mn_header(m->region->base)->h_session), 0);
	mn_waiter_init(&m->waiter, m->region, channel, -1);
	mn_control_init(m);
	return m;
}

void reset_channel(struct memnet *owner, uint32_t channel)
{
	struct mn_submission s = { .op = MN_OP_RESET_CHANNEL, .channel = channel };
	struct mn_completion c;

	assert_int_equal(mn_control_call(owner, &s, &c), 0);
}

struct memnet_flow *connect_flow(struct fixture *fx, struct memnet *m, int *socket)
{
	struct memnet_flow *f = NULL;

	assert_int_equal(memnet_connect(m, (const struct sockaddr *)&fx->peer, sizeof(fx->peer),
					&f), 0);
	*socket = accept(fx->listener, NULL, NULL);
	assert_true(*socket >= 0);
	return f;
}
