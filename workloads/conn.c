/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that comes and goes: one connection after the other, each for one request and its
 * response, with content that both ends verify (turn.h). The peer ends each first, so that
 * it and not the client keeps what TCP has to remember of it for a minute, and no port runs out.
 *
 * Two times of each are kept: how long the connect took, and how long it took from there, the
 * connect included, until the last byte of the response was read. The close that follows is in
 * the rate. Those of connections that began in the warm-up are not kept; nothing is allocated,
 * printed or read between the barrier and the end.
 *
 * One more connection is there from before the barrier to the end: over it the peer tells what
 * became of all requests. It keeps a transport attached, too, as in a program that has more to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/client.h"
#include "workloads/histogram.h"
#include "workloads/turn.h"
#include "workloads/workload.h"

struct conn_options {
	const char *transport, *progress;
	struct sockaddr_in peer;
	uint64_t request, response, connections, seed;
	int64_t warmup_ns, time_ns;
	bool barrier;
};

#define OPTION(field) offsetof(struct conn_options, field)

static const struct option_spec options[] = {
	{ "transport", "NAME", "how the bytes leave: socket (default) or another of the table",
	  option_text, OPTION(transport) },
	{ "peer", "ADDR:PORT", "where memnet-work peer listens", option_addr, OPTION(peer) },
	{ "request", "BYTES", "of a request, 1 to 64k (default 64)", option_bytes,
	  OPTION(request) },
	{ "response", "BYTES", "of a response, 1 to 64k (default 64)", option_bytes,
	  OPTION(response) },
	{ "connections", "N", "end after N connections", option_u64, OPTION(connections) },
	{ "time", "TIME", "end after this time, e.g. 2s; else on SIGTERM", option_duration,
	  OPTION(time_ns) },
	{ "warmup", "TIME", "keep no times of connections begun within it (default 0s)",
	  option_duration, OPTION(warmup_ns) },
	{ "seed", "N", "of the content (default 1)", option_u64, OPTION(seed) },
	{ "progress", "FILE", "count into FILE (workloads/progress.h)", option_text,
	  OPTION(progress) },
	{ "barrier", NULL, "say `armed`, then wait for a line on stdin", NULL, OPTION(barrier) },
	{ NULL },
};

struct conn {
	struct client client;
	struct conn_options o;
	struct workload_progress *progress;
	struct flow account;		/* the connection that stays */
	uint64_t connections, verified_bytes;
	uint64_t first_bad;		/* connection, from 1; 0: none */
	int64_t begin_ns, end_ns;
	struct wire_record verdict;
	struct histogram connects, latency;
	struct {
		struct wire_hello hello;
		unsigned char bytes[WIRE_MAX_TURN];
	} request;
	struct {
		struct wire_record verdict;
		unsigned char bytes[WIRE_MAX_TURN];
	} response;
	unsigned char expected[WIRE_MAX_TURN];
};

static uint64_t bytes_each(const struct conn *c)
{
	return c->o.request + c->o.response;
}

static void count(struct conn *c, int64_t from_ns, int64_t connected_ns, int64_t answered_ns)
{
	if (from_ns >= c->begin_ns + c->o.warmup_ns) {
		histogram_add(&c->connects, connected_ns - from_ns);
		histogram_add(&c->latency, answered_ns - from_ns);
	}
	c->connections++;
	progress_add(&c->progress->ops, 1);
	progress_add(&c->progress->bytes, bytes_each(c));
}

static void check(struct conn *c)
{
	turn_make(c->expected, c->o.response, wire_response_seed(c->o.seed), c->connections);
	if (wire_is_record(&c->response.verdict, WIRE_VERDICT) && c->response.verdict.content_ok &&
	    !memcmp(c->expected, c->response.bytes, c->o.response))
		c->verified_bytes += c->o.response;
	else if (!c->first_bad)
		c->first_bad = c->connections + 1;
}

/* Over a connection that was made; which is the peer's to end. 0 or -errno. */
static int exchange(struct conn *c, struct flow *f, int64_t *answered_ns)
{
	ssize_t n;
	int ret;

	if (f->transport->no_delay)
		f->transport->no_delay(f->stream);
	ret = flow_write(f, &c->request, sizeof(c->request.hello) + c->o.request);
	if (!ret)
		ret = flow_read(f, &c->response, sizeof(c->response.verdict) + c->o.response);
	*answered_ns = mn_now_ns();
	n = ret ? ret : flow_read_some(f, c->expected, 1);
	return n > 0 ? -EPROTO : n;
}

/* One connection. 0 or -errno; -EINTR: a stop came before it was there. */
static int turn(struct conn *c)
{
	struct flow f = { .transport = c->client.transport };
	int64_t from_ns, connected_ns, answered_ns;
	int ret;

	c->request.hello.limit_bytes = c->connections;
	turn_make(c->request.bytes, c->o.request, c->o.seed, c->connections);
	from_ns = mn_now_ns();
	ret = f.transport->connect(&c->client.peer, &f.stream);
	connected_ns = mn_now_ns();
	if (ret)
		return ret;
	ret = exchange(c, &f, &answered_ns);
	f.transport->close(f.stream);
	if (ret)
		return ret;
	check(c);
	count(c, from_ns, connected_ns, answered_ns);
	return 0;
}

static int turns_to_end(struct conn *c)
{
	uint64_t limit = c->o.connections ? c->o.connections : UINT64_MAX;
	int ret = 0;

	c->begin_ns = mn_now_ns();
	while (!ret && c->connections < limit && !stop_requested())
		ret = turn(c);
	c->end_ns = mn_now_ns();
	if (ret == -EINTR && stop_requested())
		ret = 0;
	return ret ? ret : client_take_verdict(&c->account, &c->verdict);
}

static void print_times(const char *prefix, const struct histogram *h)
{
	static const struct { const char *name; uint32_t ppm; } quantiles[] = {
		{ "p50", 500000 }, { "p90", 900000 }, { "p99", 990000 }, { "p99_9", 999000 },
	};

	for (size_t i = 0; h->count && i < ARRAY_SIZE(quantiles); i++)
		printf(" %s%s_ns=%" PRIu64, prefix, quantiles[i].name,
		       histogram_quantile(h, quantiles[i].ppm));
	if (h->count)
		printf(" %smax_ns=%" PRIu64, prefix, h->max);
}

/* Bytes and verified bytes are of both ways; so are those of the peer's line. */
static int print_result(const struct conn *c)
{
	uint64_t bytes = c->connections * bytes_each(c);
	bool ok = c->verdict.content_ok && c->verdict.bytes == bytes && !c->first_bad;

	printf("result workload=conn transport=%s connections=%" PRIu64 " request_bytes=%" PRIu64
	       " response_bytes=%" PRIu64 " bytes=%" PRIu64 " duration_ns=%" PRId64
	       " content=%s verified_bytes=%" PRIu64 " latencies=%" PRIu64,
	       c->client.transport->name, c->connections, c->o.request, c->o.response, bytes,
	       c->end_ns - c->begin_ns, !ok ? "bad" : c->connections ? "ok" : "unchecked",
	       c->verdict.verified_bytes + c->verified_bytes, c->latency.count);
	print_times("", &c->latency);
	print_times("connect_", &c->connects);
	client_print_transport(&c->account);
	putchar('\n');
	if (ok)
		return 0;
	work_error("conn: other bytes arrived than were sent, the first over connection %" PRIu64,
		   c->first_bad ? c->first_bad : c->connections);
	return 1;
}

static int run_armed(struct conn *c)
{
	int ret;

	progress_set(&c->progress->state, WORKLOAD_ARMED);
	if (!barrier_pass(c->o.barrier))
		return 0;
	progress_set(&c->progress->state, WORKLOAD_RUNNING);
	if (c->o.time_ns)
		stop_after_ns(c->o.time_ns);
	ret = turns_to_end(c);
	progress_set(&c->progress->state, WORKLOAD_ENDED);
	return ret ? client_broke(&c->client, c->connections * bytes_each(c), ret) : print_result(c);
}

static int run_connected(struct conn *c)
{
	struct wire_hello hello = {
		.magic = WIRE_MAGIC, .version = WIRE_VERSION, .direction = WIRE_TURNS,
		.seed = c->o.seed, .chunk_bytes = c->o.request, .response_bytes = c->o.response,
	};
	int ret;

	if (client_connect(&c->client, &c->account))
		return 1;
	ret = client_greet(&c->client, &c->account, &hello);
	hello.direction = WIRE_TURN;
	c->request.hello = hello;
	if (!ret)
		ret = run_armed(c);
	c->client.transport->close(c->account.stream);
	return ret;
}

static int usage(const char *text)
{
	work_error("conn: %s (see memnet-work conn --help)", text);
	return 2;
}

static int check_options(const struct conn_options *o)
{
	if (!o->peer.sin_port)
		return usage("--peer ADDR:PORT is missing");
	if (!o->request || o->request > WIRE_MAX_TURN || !o->response ||
	    o->response > WIRE_MAX_TURN)
		return usage("--request and --response must be 1 to 64k");
	return 0;
}

static int run(int argc, char **argv)
{
	static struct conn conn = {
		.client = { .workload = "conn" },
		.o = { .transport = "socket", .request = 64, .response = 64, .seed = 1 },
	};
	int ret;

	options_parse(&workload_conn, argc, argv, &conn.o);
	ret = check_options(&conn.o);
	if (!ret)
		ret = client_choose_transport(&conn.client, conn.o.transport);
	if (ret)
		return ret;
	conn.client.peer = conn.o.peer;
	ret = progress_open(conn.o.progress, &conn.progress);
	if (ret) {
		work_error("conn: --progress %s: %s", conn.o.progress, strerror(-ret));
		return 1;
	}
	/* present from here on */
	memset(&conn.connects, 0, sizeof(conn.connects));
	memset(&conn.latency, 0, sizeof(conn.latency));
	return run_connected(&conn);
}

const struct workload workload_conn = {
	.name = "conn",
	.summary = "connections to a peer, each for one request and its response: times, all verified",
	.examples =
	"  memnet-work conn --peer 198.18.0.1:7000 --time 2s\n"
	"  memnet-work conn --peer 198.18.0.1:7000 --response 16k --connections 1000\n",
	.options = options,
	.run = run,
};
