/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that asks and waits for the answer: one connection, one request at a
 * time, each with content that both ends verify (wire.h, pattern.h).
 *
 * A latency is the time from before the request is sent until the last byte of its
 * response is read. Requests with a rate have a time each at which they are due; one
 * whose predecessor was answered late counts from when it was due, so a path that
 * stalls is charged for all that waited meanwhile, and not for a single request. What
 * the client's own timer overslept is not charged: then it counts from the sending.
 *
 * Latencies go into a histogram of fixed size, those of requests that began in the
 * warm-up do not; nothing is allocated, printed or read between the barrier and the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/client.h"
#include "workloads/histogram.h"
#include "workloads/workload.h"

#define MAX_RATE 10000000

struct rr_options {
	const char *transport, *progress;
	struct sockaddr_in peer;
	uint64_t request, response, rate, requests, seed;
	int64_t warmup_ns, time_ns;
	bool barrier;
};

#define OPTION(field) offsetof(struct rr_options, field)

static const struct option_spec options[] = {
	{ "transport", "NAME", "how the bytes leave: socket (default) or another of the table",
	  option_text, OPTION(transport) },
	{ "peer", "ADDR:PORT", "where memnet-work peer listens", option_addr, OPTION(peer) },
	{ "request", "BYTES", "of a request, 1 to 4M (default 64)", option_bytes,
	  OPTION(request) },
	{ "response", "BYTES", "of a response, 1 to 4M (default 64)", option_bytes,
	  OPTION(response) },
	{ "rate", "PER_S", "requests per second; else each follows the answer to the last",
	  option_u64, OPTION(rate) },
	{ "requests", "N", "end after N requests", option_u64, OPTION(requests) },
	{ "time", "TIME", "end after this time, e.g. 2s; else on SIGTERM", option_duration,
	  OPTION(time_ns) },
	{ "warmup", "TIME", "keep no latency of requests begun within it (default 0s)",
	  option_duration, OPTION(warmup_ns) },
	{ "seed", "N", "of the content (default 1)", option_u64, OPTION(seed) },
	{ "progress", "FILE", "count into FILE (workloads/progress.h)", option_text,
	  OPTION(progress) },
	{ "barrier", NULL, "say `armed`, then wait for a line on stdin", NULL, OPTION(barrier) },
	{ NULL },
};

/* Both flows are ways of one stream. */
struct rr {
	struct client client;
	struct rr_options o;
	struct workload_progress *progress;
	struct flow requests, responses;
	void *buf;
	int64_t begin_ns, end_ns;
	struct wire_record verdict;
	struct histogram latency;
};

/* When request number @i is due. */
static int64_t due_ns(const struct rr *rr, uint64_t i)
{
	return rr->begin_ns + (int64_t)((unsigned __int128)i * NSEC_PER_SEC / rr->o.rate);
}

/*
 * Wait until the next request is due, where there is a rate. The time it counts
 * from; -EINTR: a stop came.
 */
static int64_t await_turn(const struct rr *rr)
{
	int64_t now_ns = mn_now_ns(), due;

	if (!rr->o.rate)
		return now_ns;
	due = due_ns(rr, rr->requests.calls);
	if (due <= now_ns)
		return due;
	while (!stop_requested() && now_ns < due) {
		mn_sleep_until_ns(due);
		now_ns = mn_now_ns();
	}
	return now_ns < due ? -EINTR : now_ns;
}

static void count(struct rr *rr, int64_t from_ns, int64_t until_ns)
{
	if (from_ns >= rr->begin_ns + rr->o.warmup_ns)
		histogram_add(&rr->latency, until_ns - from_ns);
	progress_add(&rr->progress->ops, 1);
	progress_add(&rr->progress->bytes, rr->o.request + rr->o.response);
}

/* One request and its response. 0 or -errno. */
static int exchange(struct rr *rr, int64_t from_ns)
{
	int ret = flow_write_message(&rr->requests, rr->o.request);

	if (!ret)
		ret = flow_read(&rr->responses, rr->buf, rr->o.response);
	if (ret)
		return ret;
	count(rr, from_ns, mn_now_ns());
	flow_check_message(&rr->responses, rr->buf, rr->o.response);
	return 0;
}

static int exchange_to_end(struct rr *rr)
{
	uint64_t limit = rr->o.requests ? rr->o.requests : UINT64_MAX;
	int ret = 0;

	rr->begin_ns = mn_now_ns();
	while (!ret && rr->requests.calls < limit && !stop_requested()) {
		int64_t from_ns = await_turn(rr);

		if (from_ns != -EINTR)
			ret = exchange(rr, from_ns);
	}
	rr->end_ns = mn_now_ns();
	return ret ? ret : client_take_verdict(&rr->requests, &rr->verdict);
}

static void print_latencies(const struct histogram *h)
{
	static const struct { const char *name; uint32_t ppm; } quantiles[] = {
		{ "p50", 500000 }, { "p90", 900000 }, { "p99", 990000 }, { "p99_9", 999000 },
	};

	printf(" latencies=%" PRIu64, h->count);
	if (!h->count)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++)
		printf(" %s_ns=%" PRIu64, quantiles[i].name,
		       histogram_quantile(h, quantiles[i].ppm));
	printf(" max_ns=%" PRIu64, h->max);
}

/* Bytes and verified bytes are of both ways; so are those of the peer's line. */
static int print_result(const struct rr *rr)
{
	const struct wire_record *v = &rr->verdict;
	const struct flow *requests = &rr->requests, *responses = &rr->responses;
	bool requests_ok = v->content_ok && v->bytes == requests->bytes;
	bool ok = requests_ok && !responses->bad;

	printf("result workload=rr transport=%s requests=%" PRIu64 " request_bytes=%" PRIu64
	       " response_bytes=%" PRIu64 " bytes=%" PRIu64 " duration_ns=%" PRId64
	       " content=%s verified_bytes=%" PRIu64, rr->client.transport->name, requests->calls,
	       rr->o.request, rr->o.response, requests->bytes + responses->bytes,
	       rr->end_ns - rr->begin_ns, !ok ? "bad" : requests->calls ? "ok" : "unchecked",
	       MIN(v->verified_bytes, requests->bytes) + responses->verified_bytes);
	print_latencies(&rr->latency);
	client_print_transport(requests);
	putchar('\n');
	if (ok)
		return 0;
	work_error("rr: other bytes arrived than were sent, the first in %s %" PRIu64,
		   requests_ok ? "response" : "request",
		   requests_ok ? responses->verified_bytes / rr->o.response + 1 :
		   v->verified_bytes / rr->o.request + 1);
	return 1;
}

static int run_armed(struct rr *rr)
{
	int ret;

	progress_set(&rr->progress->state, WORKLOAD_ARMED);
	if (!barrier_pass(rr->o.barrier))
		return 0;
	progress_set(&rr->progress->state, WORKLOAD_RUNNING);
	if (rr->o.time_ns)
		stop_after_ns(rr->o.time_ns);
	ret = exchange_to_end(rr);
	progress_set(&rr->progress->state, WORKLOAD_ENDED);
	return ret ? client_broke(&rr->client, rr->requests.bytes + rr->responses.bytes, ret) :
		     print_result(rr);
}

static int greet(struct rr *rr)
{
	const struct wire_hello hello = {
		.magic = WIRE_MAGIC, .version = WIRE_VERSION, .direction = WIRE_EXCHANGE,
		.seed = rr->o.seed, .chunk_bytes = rr->o.request, .response_bytes = rr->o.response,
	};

	if (client_connect(&rr->client, &rr->requests))
		return 1;
	rr->responses.transport = rr->requests.transport;
	rr->responses.stream = rr->requests.stream;
	if (rr->client.transport->no_delay)
		rr->client.transport->no_delay(rr->requests.stream);
	return client_greet(&rr->client, &rr->requests, &hello);
}

/* All memory is present afterwards. 0 or -ENOMEM. */
static int allocate(struct rr *rr)
{
	rr->buf = malloc(rr->o.response);
	if (!rr->buf ||
	    pattern_init(&rr->requests.pattern, rr->o.seed, rr->o.request) ||
	    pattern_init(&rr->responses.pattern, wire_response_seed(rr->o.seed), rr->o.response))
		return -ENOMEM;
	memset(rr->buf, 0, rr->o.response);
	memset(&rr->latency, 0, sizeof(rr->latency));
	return 0;
}

static int run_connected(struct rr *rr)
{
	int ret = greet(rr);

	if (!ret)
		ret = run_armed(rr);
	if (rr->requests.transport)
		rr->client.transport->close(rr->requests.stream);
	return ret;
}

static int usage(const char *text)
{
	work_error("rr: %s (see memnet-work rr --help)", text);
	return 2;
}

static int check_options(const struct rr_options *o)
{
	if (!o->peer.sin_port)
		return usage("--peer ADDR:PORT is missing");
	if (!o->request || o->request > WIRE_MAX_CHUNK || !o->response ||
	    o->response > WIRE_MAX_CHUNK)
		return usage("--request and --response must be 1 to 4M");
	if (o->rate > MAX_RATE)
		return usage("--rate must be at most 10000000");
	return 0;
}

static int run(int argc, char **argv)
{
	static struct rr rr = {
		.client = { .workload = "rr" },
		.o = { .transport = "socket", .request = 64, .response = 64, .seed = 1 },
	};
	int ret;

	options_parse(&workload_rr, argc, argv, &rr.o);
	ret = check_options(&rr.o);
	if (!ret)
		ret = client_choose_transport(&rr.client, rr.o.transport);
	if (ret)
		return ret;
	rr.client.peer = rr.o.peer;
	ret = progress_open(rr.o.progress, &rr.progress);
	if (ret) {
		work_error("rr: --progress %s: %s", rr.o.progress, strerror(-ret));
		return 1;
	}
	ret = allocate(&rr) ? 1 : run_connected(&rr);
	if (!rr.responses.pattern.bytes)
		work_error("rr: no memory for messages of %" PRIu64 " and %" PRIu64 " bytes",
			   rr.o.request, rr.o.response);
	pattern_free(&rr.requests.pattern);
	pattern_free(&rr.responses.pattern);
	free(rr.buf);
	return ret;
}

const struct workload workload_rr = {
	.name = "rr",
	.summary = "requests to a peer, each waiting for its response: latencies, all verified",
	.examples =
	"  memnet-work rr --peer 198.18.0.1:7000 --time 2s\n"
	"  memnet-work rr --peer 198.18.0.1:7000 --request 128 --response 16k --rate 2000 "
	"--time 2s\n",
	.options = options,
	.run = run,
};
