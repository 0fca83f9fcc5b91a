/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that moves bytes: a client of `memnet-work peer` over any transport.
 * wire.h draws who says what; pattern.h, what the bytes are. Everything that
 * takes time once (connections, handshakes, buffers, threads) happens before the
 * barrier. Several flows are as many connections, a thread and a content each; a
 * limit and a rate are those of all together.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/client.h"
#include "workloads/team.h"
#include "workloads/workload.h"

struct stream_options {
	const char *transport, *direction, *progress;
	struct sockaddr_in peer;
	uint64_t chunk, rate, bytes, seed, flows;
	int64_t burst_ns, time_ns;
	bool barrier;
};

/* One of the flows, and what its thread leaves. */
struct lane {
	const struct stream_options *o;
	struct flow flow;
	uint64_t rate;		/* its share of the options' */
	void *buf;
	int ret;		/* 0, or -errno of a flow that broke */
	int64_t end_ns;
	bool ok;		/* of the content, with the two below */
	uint64_t verified_bytes, first_bad_offset;
};

struct stream {
	struct client client;
	struct stream_options o;
	struct workload_progress *progress;
	struct team team;
	size_t connected;	/* of the lanes */
	struct lane lane[TEAM_MAX];
};

#define OPTION(field) offsetof(struct stream_options, field)

static const struct option_spec options[] = {
	{ "transport", "NAME", "how the bytes leave: socket (default) or another of the table",
	  option_text, OPTION(transport) },
	{ "peer", "ADDR:PORT", "where memnet-work peer listens", option_addr, OPTION(peer) },
	{ "direction", "WHICH", "send or recv", option_text, OPTION(direction) },
	{ "chunk", "BYTES", "of one write or read, a multiple of 4k up to 4M (default 256k)",
	  option_bytes, OPTION(chunk) },
	{ "flows", "N", "how many at once, up to 64 (default 1)", option_u64, OPTION(flows) },
	{ "rate", "BYTES_PER_S", "pace the senders, e.g. 40M; else as fast as it goes",
	  option_bytes, OPTION(rate) },
	{ "burst", "TIME", "of the pacing, up to 1s (default 10ms)", option_duration,
	  OPTION(burst_ns) },
	{ "bytes", "N", "end after N bytes", option_bytes, OPTION(bytes) },
	{ "time", "TIME", "end after this time, e.g. 2s; else on SIGTERM", option_duration,
	  OPTION(time_ns) },
	{ "seed", "N", "of the content (default 1)", option_u64, OPTION(seed) },
	{ "progress", "FILE", "count into FILE (workloads/progress.h)", option_text,
	  OPTION(progress) },
	{ "barrier", NULL, "say `armed`, then wait for a line on stdin", NULL, OPTION(barrier) },
	{ NULL },
};

static bool client_stopped(const struct flow *f)
{
	return stop_requested();
}

/* --- one flow ------------------------------------------------------------------ */

static int take_verdict(struct lane *l)
{
	struct flow *f = &l->flow;
	struct wire_record r;
	int ret = client_take_verdict(f, &r);

	if (ret)
		return ret;
	l->ok = r.content_ok && r.bytes == f->bytes;
	l->verified_bytes = MIN(r.verified_bytes, f->bytes);
	l->first_bad_offset = r.content_ok ? MIN(r.bytes, f->bytes) : r.first_bad_offset;
	return 0;
}

static int send_to_end(struct lane *l)
{
	struct pace pace;
	int ret;

	pace_start(&pace, l->rate, l->o->burst_ns, mn_now_ns());
	ret = flow_send_pattern(&l->flow, &pace, client_stopped);
	return ret ? ret : take_verdict(l);
}

static int recv_to_end(struct lane *l)
{
	struct wire_record go = wire_record(WIRE_GO);
	struct flow *f = &l->flow;
	int ret;

	f->begin_ns = mn_now_ns();
	ret = flow_write(f, &go, sizeof(go));
	if (!ret)
		ret = flow_recv_pattern(f, l->buf, stop_requested);
	if (ret)
		return ret;
	if (!stop_requested() && f->bytes != f->limit)
		return -EPIPE;
	l->ok = !f->bad;
	l->verified_bytes = l->first_bad_offset = f->verified_bytes;
	return 0;
}

static bool is_send(const struct stream_options *o)
{
	return !strcmp(o->direction, "send");
}

/* The thread of a flow. One that breaks ends the others, in order. */
static void run_lane(void *lane)
{
	struct lane *l = lane;

	l->ret = is_send(l->o) ? send_to_end(l) : recv_to_end(l);
	l->end_ns = mn_now_ns();
	if (l->ret)
		stop_after_ns(1);
}

/* --- all of them --------------------------------------------------------------- */

static uint64_t total(const struct stream *s, size_t field)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->o.flows; i++)
		sum += *(const uint64_t *)((const char *)&s->lane[i] + field);
	return sum;
}

#define TOTAL(s, field) total(s, offsetof(struct lane, field))

static const struct lane *first_lane(const struct stream *s, bool (*is)(const struct lane *l))
{
	for (size_t i = 0; i < s->o.flows; i++)
		if (is(&s->lane[i]))
			return &s->lane[i];
	return NULL;
}

static bool is_broken(const struct lane *l)
{
	return l->ret;
}

static bool is_bad(const struct lane *l)
{
	return !l->ok;
}

/* From the first flow's begin to the last one's end. */
static int64_t duration_ns(const struct stream *s)
{
	int64_t begin_ns = INT64_MAX, end_ns = 0;

	for (size_t i = 0; i < s->o.flows; i++) {
		begin_ns = MIN(begin_ns, s->lane[i].flow.begin_ns);
		end_ns = MAX(end_ns, s->lane[i].end_ns);
	}
	return end_ns - begin_ns;
}

static int print_result(const struct stream *s)
{
	const struct lane *bad = first_lane(s, is_bad);
	uint64_t bytes = TOTAL(s, flow.bytes);

	printf("result workload=stream transport=%s direction=%s flows=%" PRIu64 " bytes=%" PRIu64
	       " duration_ns=%" PRId64 " chunk=%" PRIu64 " calls=%" PRIu64
	       " content=%s verified_bytes=%" PRIu64, s->o.transport, s->o.direction, s->o.flows,
	       bytes, duration_ns(s), s->o.chunk, TOTAL(s, flow.calls),
	       bad ? "bad" : bytes ? "ok" : "unchecked", TOTAL(s, verified_bytes));
	if (bad)
		printf(" first_bad_offset=%" PRIu64, bad->first_bad_offset);
	client_print_transport(&s->lane[0].flow);
	putchar('\n');
	if (!bad)
		return 0;
	work_error("stream: other bytes arrived than were sent, the first at offset %" PRIu64
		   " of flow %zu", bad->first_bad_offset, bad - s->lane + 1);
	return 1;
}

static int run_armed(struct stream *s)
{
	const struct lane *broken;

	progress_set(&s->progress->state, WORKLOAD_ARMED);
	if (!barrier_pass(s->o.barrier)) {
		team_finish(&s->team, TEAM_OFF);
		return 0;
	}
	progress_set(&s->progress->state, WORKLOAD_RUNNING);
	if (s->o.time_ns)
		stop_after_ns(s->o.time_ns);
	team_finish(&s->team, TEAM_GO);
	progress_set(&s->progress->state, WORKLOAD_ENDED);
	broken = first_lane(s, is_broken);
	return broken ? client_broke(&s->client, broken->flow.bytes, broken->ret) :
			print_result(s);
}

/* Of @whole, what flow @number gets: what does not divide goes to the first ones. */
static uint64_t share(const struct stream *s, uint64_t whole, uint64_t number)
{
	return whole / s->o.flows + (number < whole % s->o.flows);
}

/* Buffers, present in memory afterwards; connection; handshake. 0 or 1. */
static int prepare_lane(struct stream *s, struct lane *l)
{
	struct flow *f = &l->flow;
	uint64_t number = l - s->lane, seed = s->o.seed + number;
	struct wire_hello hello = {
		.magic = WIRE_MAGIC, .version = WIRE_VERSION, .seed = seed,
		.direction = is_send(&s->o) ? WIRE_SEND : WIRE_RECV,
		.chunk_bytes = s->o.chunk, .burst_ns = s->o.burst_ns,
	};

	l->o = &s->o;
	l->rate = hello.rate_bytes_per_s = share(s, s->o.rate, number);
	hello.limit_bytes = share(s, s->o.bytes, number);
	f->limit = hello.limit_bytes ? hello.limit_bytes : UINT64_MAX;
	f->chunk = s->o.chunk;
	f->progress = s->progress;
	l->buf = malloc(f->chunk);
	if (!l->buf || pattern_init(&f->pattern, seed, f->chunk)) {
		work_error("stream: no memory for a chunk of %zu bytes", f->chunk);
		return 1;
	}
	memset(l->buf, 0, f->chunk);
	if (client_connect(&s->client, f))
		return 1;
	s->connected++;
	return client_greet(&s->client, f, &hello);
}

static int run_lanes(struct stream *s)
{
	int ret;

	for (size_t i = 0; i < s->o.flows; i++)
		if (prepare_lane(s, &s->lane[i]))
			return 1;
	ret = team_make(&s->team, run_lane, s->lane, s->o.flows, sizeof(s->lane[0]));
	if (!ret)
		return run_armed(s);
	work_error("stream: no threads for %" PRIu64 " flows: %s", s->o.flows, strerror(-ret));
	return 1;
}

static void release(struct stream *s)
{
	for (size_t i = 0; i < s->connected; i++)
		s->client.transport->close(s->lane[i].flow.stream);
	for (size_t i = 0; i < s->o.flows; i++) {
		pattern_free(&s->lane[i].flow.pattern);
		free(s->lane[i].buf);
	}
}

/* --- the workload -------------------------------------------------------------- */

static int usage(const char *text)
{
	work_error("stream: %s (see memnet-work stream --help)", text);
	return 2;
}

static int check_options(const struct stream_options *o)
{
	if (!o->peer.sin_port)
		return usage("--peer ADDR:PORT is missing");
	if (!o->direction || (!is_send(o) && strcmp(o->direction, "recv")))
		return usage("--direction must be send or recv");
	if (!o->chunk || o->chunk % PATTERN_BLOCK_BYTES || o->chunk > WIRE_MAX_CHUNK)
		return usage("--chunk must be a multiple of 4k up to 4M");
	if (!o->flows || o->flows > TEAM_MAX)
		return usage("--flows must be 1 to 64");
	if (o->rate > PACE_MAX_RATE)
		return usage("--rate must be at most 1024G");
	if ((o->rate && o->rate < o->flows) || (o->bytes && o->bytes < o->flows))
		return usage("--rate and --bytes must be at least 1 for each flow");
	if (o->burst_ns <= 0 || o->burst_ns > PACE_MAX_BURST_NS)
		return usage("--burst must be above 0 and up to 1s");
	return 0;
}

static int run(int argc, char **argv)
{
	static struct stream s = {
		.client = { .workload = "stream" },
		.o = { .transport = "socket", .chunk = 256 << 10, .seed = 1, .flows = 1,
		       .burst_ns = 10 * NSEC_PER_MSEC },
	};
	int ret;

	options_parse(&workload_stream, argc, argv, &s.o);
	ret = check_options(&s.o);
	if (!ret)
		ret = client_choose_transport(&s.client, s.o.transport);
	if (ret)
		return ret;
	s.client.peer = s.o.peer;
	ret = progress_open(s.o.progress, &s.progress);
	if (ret) {
		work_error("stream: --progress %s: %s", s.o.progress, strerror(-ret));
		return 1;
	}
	ret = run_lanes(&s);
	release(&s);
	return ret;
}

const struct workload workload_stream = {
	.name = "stream",
	.summary = "bytes to or from a peer, over a transport, every one verified",
	.examples =
	"  memnet-work stream --peer 198.18.0.1:7000 --direction send --time 2s\n"
	"  memnet-work stream --peer 198.18.0.1:7000 --direction recv --bytes 1G --rate 40M\n"
	"  memnet-work stream --peer 198.18.0.1:7000 --direction send --flows 8 --time 2s\n",
	.options = options,
	.run = run,
};
