/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How flows of one worker share it: one carries requests of 64 bytes and their answers, one
 * at a time, eight send in bulk. Compared is the round trip, its median and its 99th
 * percentile, with the same over kernel sockets of this process, between which the kernel
 * is fair; and what the eight send with what they send when the one is silent.
 *
 * Senders are threads here, and each connection has a thread at the peer, the same for
 * both. Nobody is pinned: the threads are many more than the CPUs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"
#include "memnet-core/base/util.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/service.h"

#define BULK_FLOWS	8
#define MESSAGE		64
#define WRITE_BYTES	(64u << 10)
#define WARM_NS		(50 * NSEC_PER_MSEC)
#define TURN_NS		(400 * NSEC_PER_MSEC)
#define MOST_TRIPS	100000

/* --- the peer ---------------------------------------------------------------------------- */

/* The first byte of a connection. */
enum task { ECHO = 'e', DRAIN = 'd' };

static void *serve(void *arg)
{
	int fd = (intptr_t)arg;
	char *buf = malloc(WRITE_BYTES), task;
	ssize_t n = buf ? read(fd, &task, 1) : 0;

	while (n > 0 && (n = read(fd, buf, WRITE_BYTES)) > 0)
		if (task == ECHO && write(fd, buf, n) != n)
			break;
	close(fd);
	free(buf);
	return NULL;
}

static void peer(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			close(fd);
		else
			pthread_detach(thread);
	}
}

/* --- two ways to have a stream ------------------------------------------------------------- */

struct stream {
	struct memnet_flow *flow;
	int fd;
};

struct way {
	int (*open)(const struct service *s, struct stream *t);
	ssize_t (*send)(struct stream *t, const void *buf, size_t len);
	ssize_t (*recv)(struct stream *t, void *buf, size_t len);
	void (*close)(struct stream *t);
};

static int open_flow(const struct service *s, struct stream *t)
{
	return memnet_connect(s->vm[0], (const struct sockaddr *)&s->peer_addr,
			      sizeof(s->peer_addr), &t->flow);
}

static ssize_t send_flow(struct stream *t, const void *buf, size_t len)
{
	return memnet_send(t->flow, buf, len);
}

static ssize_t recv_flow(struct stream *t, void *buf, size_t len)
{
	return memnet_recv(t->flow, buf, len);
}

static void close_flow(struct stream *t)
{
	memnet_close(t->flow);
}

static int open_socket(const struct service *s, struct stream *t)
{
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	if (!connect(t->fd, (const struct sockaddr *)&s->peer_addr, sizeof(s->peer_addr)))
		return 0;
	close(t->fd);
	return -errno;
}

static ssize_t send_socket(struct stream *t, const void *buf, size_t len)
{
	ssize_t n = write(t->fd, buf, len);

	return n < 0 ? -errno : n;
}

static ssize_t recv_socket(struct stream *t, void *buf, size_t len)
{
	ssize_t n = read(t->fd, buf, len);

	return n < 0 ? -errno : n;
}

static void close_socket(struct stream *t)
{
	close(t->fd);
}

static const struct way
	memnet = { open_flow, send_flow, recv_flow, close_flow },
	kernel = { open_socket, send_socket, recv_socket, close_socket };

static int open_for(const struct way *way, const struct service *s, enum task task,
		    struct stream *t)
{
	const char byte = task;
	int ret = way->open(s, t);

	if (ret)
		return ret;
	ret = way->send(t, &byte, 1);
	if (ret < 0)
		way->close(t);
	return ret < 0 ? ret : 0;
}

/* --- in bulk -------------------------------------------------------------------------------- */

struct sender {
	const struct way *way;
	struct stream stream;
	pthread_t thread;
	uint64_t bytes;
	bool stop;
};

static void *send_on(void *arg)
{
	static const char buf[WRITE_BYTES];
	struct sender *s = arg;
	ssize_t n = 0;

	while (n >= 0 && !__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		n = s->way->send(&s->stream, buf, sizeof(buf));
		__atomic_add_fetch(&s->bytes, n < 0 ? 0 : n, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void stop_senders(struct sender *senders, int n)
{
	for (int i = 0; i < n; i++)
		__atomic_store_n(&senders[i].stop, true, __ATOMIC_RELAXED);
	while (n--) {
		pthread_join(senders[n].thread, NULL);
		senders[n].way->close(&senders[n].stream);
	}
}

/* All or none. 0 or -errno. */
static int start_senders(const struct way *way, const struct service *s, struct sender *senders,
			 int n)
{
	for (int i = 0; i < n; i++) {
		int ret;

		senders[i] = (struct sender){ .way = way };
		ret = open_for(way, s, DRAIN, &senders[i].stream);
		if (!ret) {
			ret = -pthread_create(&senders[i].thread, NULL, send_on, &senders[i]);
			if (ret)
				way->close(&senders[i].stream);
		}
		if (ret) {
			stop_senders(senders, i);
			return ret;
		}
	}
	return 0;
}

static uint64_t sent(const struct sender *senders, int n)
{
	uint64_t bytes = 0;

	while (n--)
		bytes += __atomic_load_n(&senders[n].bytes, __ATOMIC_RELAXED);
	return bytes;
}

/* --- a turn --------------------------------------------------------------------------------- */

struct figures {
	double p50_ns, p99_ns, bulk_ns_per_byte;
};

/* One request and its answer. 0 or -errno. */
static int trip(const struct way *way, struct stream *t)
{
	char message[MESSAGE] = { 0 };
	ssize_t n = way->send(t, message, sizeof(message));

	for (size_t got = 0; n >= 0 && got < sizeof(message); got += n) {
		n = way->recv(t, message, sizeof(message) - got);
		if (n == 0)
			n = -ECONNRESET;
	}
	return n < 0 ? n : 0;
}

/* Until @end_ns; the times of those that began behind @begin_ns into @ns. Their number or -errno. */
static int make_trips(const struct way *way, const struct service *s, int64_t begin_ns,
		      int64_t end_ns, double *ns)
{
	struct stream t;
	int ret = open_for(way, s, ECHO, &t), n = 0;

	if (ret)
		return ret;
	for (int64_t now = 0; !ret && now < end_ns && n < MOST_TRIPS;) {
		int64_t from = mn_now_ns();

		ret = trip(way, &t);
		now = mn_now_ns();
		if (from >= begin_ns)
			ns[n++] = now - from;
	}
	way->close(&t);
	return ret ? ret : n;
}

static int turn(const struct way *way, const struct service *s, int bulk, bool asks,
		struct figures *out)
{
	static double ns[MOST_TRIPS];
	struct sender senders[BULK_FLOWS];
	int64_t begin_ns;
	uint64_t before;
	int ret = start_senders(way, s, senders, bulk);

	if (ret)
		return ret;
	mn_sleep_until_ns(mn_now_ns() + WARM_NS);
	before = sent(senders, bulk);
	begin_ns = mn_now_ns();
	if (asks)
		ret = make_trips(way, s, begin_ns, begin_ns + TURN_NS, ns);
	else
		mn_sleep_until_ns(begin_ns + TURN_NS);
	out->bulk_ns_per_byte = (double)(mn_now_ns() - begin_ns) /
				MAX(sent(senders, bulk) - before, (uint64_t)1);
	stop_senders(senders, bulk);
	if (ret < 0)
		return ret;
	stats_sort(ns, ret);
	out->p50_ns = ret ? ns[ret / 2] : 0;
	out->p99_ns = ret ? ns[ret * 99 / 100] : 0;
	return 0;
}

/* --- the rows ------------------------------------------------------------------------------- */

enum { ALONE_P50, ALONE_P99, BESIDE_P50, BESIDE_P99, BULK, ROWS };

static const struct mn_comparison rows[ROWS] = {
	[ALONE_P50] = { .label = "fair, 64 B alone, p50", .unit = "ns", .slowdown = true,
			.reference_label = "kernel sockets" },
	[ALONE_P99] = { .label = "fair, 64 B alone, p99", .unit = "ns", .slowdown = true,
			.reference_label = "kernel sockets" },
	[BESIDE_P50] = { .label = "fair, 64 B by 8 bulk, p50", .unit = "ns", .slowdown = true,
			 .reference_label = "kernel sockets" },
	[BESIDE_P99] = { .label = "fair, 64 B by 8 bulk, p99", .unit = "ns", .slowdown = true,
			 .reference_label = "kernel sockets", .target = 1 },
	[BULK] = { .label = "fair, 8 bulk by 64 B", .unit = "GB/s", .scale = 1,
		   .reference_label = "8 bulk alone", .target = 8. / 9 },
};

struct round {
	double ratio[ROWS], ours[ROWS];
};

static int measure(const struct service *s, bool ours_first, struct round *r)
{
	const struct way *ways[] = { ours_first ? &memnet : &kernel, ours_first ? &kernel : &memnet };
	struct figures a[2], b[2], bulk = { 0 };	/* alone, beside: ours, theirs */
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++) {
		int which = ways[i] == &kernel;

		ret = turn(ways[i], s, 0, true, &a[which]);
		if (!ret)
			ret = turn(ways[i], s, BULK_FLOWS, true, &b[which]);
		if (!ret && ways[i] == &memnet)
			ret = turn(ways[i], s, BULK_FLOWS, false, &bulk);
	}
	if (ret)
		return ret;
	*r = (struct round){
		.ratio = { a[0].p50_ns / a[1].p50_ns, a[0].p99_ns / a[1].p99_ns,
			   b[0].p50_ns / b[1].p50_ns, b[0].p99_ns / b[1].p99_ns,
			   bulk.bulk_ns_per_byte / b[0].bulk_ns_per_byte },
		.ours = { a[0].p50_ns, a[0].p99_ns, b[0].p50_ns, b[0].p99_ns,
			  b[0].bulk_ns_per_byte },
	};
	return 0;
}

static void print_row(const struct round *rounds, int n, int row)
{
	double *ratio = calloc(2 * n, sizeof(*ratio)), *ours = ratio + n;

	if (!ratio)
		return;
	for (int i = 0; i < n; i++) {
		ratio[i] = rounds[i].ratio[row];
		ours[i] = rounds[i].ours[row];
	}
	mn_bench_row(&rows[row], ratio, ours, n, "");
	free(ratio);
}

static int run(const struct mn_bench_env *env)
{
	static const char *const argv[] = { "--size", "32M", "--flows", "16", NULL };
	struct round *rounds = calloc(env->rounds, sizeof(*rounds));
	struct service s;
	int ret;

	if (!rounds)
		return -ENOMEM;
	ret = service_start(&s, 1, argv, peer);
	if (!ret)
		ret = service_attach(&s, 0);
	for (int i = 0; i < env->rounds && !ret; i++)
		ret = measure(&s, i % 2, &rounds[i]);
	for (int row = 0; row < ROWS && !ret; row++)
		print_row(rounds, env->rounds, row);
	service_stop(&s);
	free(rounds);
	return ret;
}

const struct mn_bench mn_bench_fair = {
	.name = "fair", .summary = "small messages beside 8 flows in bulk, against kernel sockets",
	.run = run,
};
