/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that moves bytes: a client of `memnet-work peer` over any transport.
 * wire.h draws who says what; pattern.h, what the bytes are. Everything that
 * takes time once (connection, handshake, buffers) happens before the barrier.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/flow.h"
#include "workloads/wire.h"
#include "workloads/workload.h"

struct stream_options {
	const char *transport, *direction, *progress;
	struct sockaddr_in peer;
	uint64_t chunk, rate, bytes, seed;
	int64_t burst_ns, time_ns;
	bool barrier;
};

#define OPTION(field) offsetof(struct stream_options, field)

static const struct option_spec options[] = {
	{ "transport", "NAME", "how the bytes leave: socket (default) or another of the table",
	  option_text, OPTION(transport) },
	{ "peer", "ADDR:PORT", "where memnet-work peer listens", option_addr, OPTION(peer) },
	{ "direction", "WHICH", "send or recv", option_text, OPTION(direction) },
	{ "chunk", "BYTES", "of one write or read, a multiple of 4k up to 4M (default 256k)",
	  option_bytes, OPTION(chunk) },
	{ "rate", "BYTES_PER_S", "pace the sender, e.g. 40M; else as fast as it goes",
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

struct verdict {
	bool ok;
	uint64_t verified_bytes, first_bad_offset;
};

static bool client_stopped(const struct flow *f)
{
	return stop_requested();
}

static int broke(const struct stream_options *o, const struct flow *f, int ret)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &o->peer.sin_addr, host, sizeof(host));
	work_error("stream: %s to %s:%u broke after %" PRIu64 " bytes: %s; "
		   "its own stderr may say why",
		   o->transport, host, ntohs(o->peer.sin_port), f->bytes,
		   ret == -ETIMEDOUT ? "the peer did not end it within 5 s of the stop" :
		   strerror(-ret));
	return 1;
}

/* The peer's reply to our hello. 0, or 1 when it has been explained. */
static int greet(const struct stream_options *o, struct flow *f)
{
	struct wire_hello hello = {
		.magic = WIRE_MAGIC, .version = WIRE_VERSION, .seed = o->seed,
		.direction = strcmp(o->direction, "send") ? WIRE_RECV : WIRE_SEND,
		.chunk_bytes = o->chunk, .limit_bytes = o->bytes,
		.rate_bytes_per_s = o->rate, .burst_ns = o->burst_ns,
	};
	struct wire_record reply;
	int ret = flow_write(f, &hello, sizeof(hello));

	if (!ret)
		ret = flow_read(f, &reply, sizeof(reply));
	if (ret)
		return broke(o, f, ret);
	if (!wire_is_record(&reply, WIRE_REPLY)) {
		work_error("stream: what answers at --peer is no memnet-work peer of this version");
		return 1;
	}
	if (reply.error) {
		work_error("stream: the peer refused: %s; its own stderr says why",
			   strerror(reply.error & 0xfff));
		return 1;
	}
	return 0;
}

/* The peer's word on what arrived. */
static int fetch_verdict(struct flow *f, struct verdict *v)
{
	struct wire_record r;
	int ret = f->transport->shutdown_send(f->stream);

	if (!ret)
		ret = flow_read(f, &r, sizeof(r));
	if (ret)
		return ret;
	if (!wire_is_record(&r, WIRE_VERDICT))
		return -EPROTO;
	v->ok = r.content_ok && r.bytes == f->bytes;
	v->verified_bytes = MIN(r.verified_bytes, f->bytes);
	v->first_bad_offset = r.content_ok ? MIN(r.bytes, f->bytes) : r.first_bad_offset;
	return 0;
}

static int send_to_end(const struct stream_options *o, struct flow *f, struct verdict *v)
{
	struct pace pace;
	int ret;

	pace_start(&pace, o->rate, o->burst_ns, mn_now_ns());
	ret = flow_send_pattern(f, &pace, client_stopped);
	return ret ? ret : fetch_verdict(f, v);
}

static int recv_to_end(const struct stream_options *o, struct flow *f, void *buf,
		       struct verdict *v)
{
	struct wire_record go = wire_record(WIRE_GO);
	int ret;

	f->begin_ns = mn_now_ns();
	ret = flow_write(f, &go, sizeof(go));
	if (!ret)
		ret = flow_recv_pattern(f, buf, stop_requested);
	if (ret)
		return ret;
	if (!stop_requested() && f->bytes != f->limit)
		return -EPIPE;
	*v = (struct verdict){ !f->bad, f->verified_bytes, f->verified_bytes };
	return 0;
}

static void print_counters(const struct flow *f)
{
	struct transport_counters c = { 0 };

	if (f->transport->counters)
		f->transport->counters(f->stream, &c);
	for (size_t i = 0; i < ARRAY_SIZE(c.row) && c.row[i].name; i++)
		printf(" %s=%" PRIu64, c.row[i].name, c.row[i].value);
}

static int print_result(const struct stream_options *o, const struct flow *f,
			const struct verdict *v, int64_t end_ns)
{
	printf("result workload=stream transport=%s direction=%s bytes=%" PRIu64 " duration_ns=%"
	       PRId64 " chunk=%zu calls=%" PRIu64 " content=%s verified_bytes=%" PRIu64,
	       o->transport, o->direction, f->bytes, end_ns - f->begin_ns, f->chunk, f->calls,
	       !v->ok ? "bad" : f->bytes ? "ok" : "unchecked", v->verified_bytes);
	if (!v->ok)
		printf(" first_bad_offset=%" PRIu64, v->first_bad_offset);
	print_counters(f);
	putchar('\n');
	if (v->ok)
		return 0;
	work_error("stream: other bytes arrived than were sent, the first at offset %" PRIu64,
		   v->first_bad_offset);
	return 1;
}

static int run_armed(const struct stream_options *o, struct flow *f, void *buf)
{
	struct verdict v = { 0 };
	int ret;

	progress_set(&f->progress->state, WORKLOAD_ARMED);
	if (!barrier_pass(o->barrier))
		return 0;
	progress_set(&f->progress->state, WORKLOAD_RUNNING);
	if (o->time_ns)
		stop_after_ns(o->time_ns);
	ret = strcmp(o->direction, "send") ? recv_to_end(o, f, buf, &v) : send_to_end(o, f, &v);
	progress_set(&f->progress->state, WORKLOAD_ENDED);
	return ret ? broke(o, f, ret) : print_result(o, f, &v, mn_now_ns());
}

/* Buffers of @f; both are present in memory afterwards. */
static int run_with_buffers(const struct stream_options *o, struct flow *f)
{
	void *buf = malloc(f->chunk);
	int ret = 1;

	if (buf && !pattern_init(&f->pattern, o->seed, f->chunk)) {
		memset(buf, 0, f->chunk);
		ret = greet(o, f);
		if (!ret)
			ret = run_armed(o, f, buf);
		pattern_free(&f->pattern);
	} else {
		work_error("stream: no memory for a chunk of %zu bytes", f->chunk);
	}
	free(buf);
	return ret;
}

static int usage(const char *text)
{
	work_error("stream: %s (see memnet-work stream --help)", text);
	return 2;
}

static int check_options(const struct stream_options *o)
{
	if (!o->peer.sin_port)
		return usage("--peer ADDR:PORT is missing");
	if (!o->direction || (strcmp(o->direction, "send") && strcmp(o->direction, "recv")))
		return usage("--direction must be send or recv");
	if (!o->chunk || o->chunk % PATTERN_BLOCK_BYTES || o->chunk > WIRE_MAX_CHUNK)
		return usage("--chunk must be a multiple of 4k up to 4M");
	if (o->rate > PACE_MAX_RATE)
		return usage("--rate must be at most 1024G");
	if (o->burst_ns <= 0 || o->burst_ns > PACE_MAX_BURST_NS)
		return usage("--burst must be above 0 and up to 1s");
	return 0;
}

static const struct transport *choose_transport(const char *name)
{
	const struct transport *t = transport_find(name);

	if (t)
		return t;
	work_error("stream: there is no transport '%s'; there are:", name);
	for (size_t i = 0; (t = transport_at(i)); i++)
		fprintf(stderr, "  %-8s %s\n", t->name, t->summary);
	return NULL;
}

static int connect_failed(const struct stream_options *o, int ret)
{
	char host[INET_ADDRSTRLEN];
	unsigned int port = ntohs(o->peer.sin_port);

	inet_ntop(AF_INET, &o->peer.sin_addr, host, sizeof(host));
	work_error("stream: %s to %s:%u: %s; there must run: memnet-work peer --listen %s:%u",
		   o->transport, host, port, strerror(-ret), host, port);
	return 1;
}

static int run(int argc, char **argv)
{
	struct stream_options o = { .transport = "socket", .chunk = 256 << 10, .seed = 1,
				    .burst_ns = 10 * NSEC_PER_MSEC };
	struct flow f = { 0 };
	int ret;

	options_parse(&workload_stream, argc, argv, &o);
	ret = check_options(&o);
	if (ret)
		return ret;
	f.chunk = o.chunk;
	f.limit = o.bytes ? o.bytes : UINT64_MAX;
	f.transport = choose_transport(o.transport);
	if (!f.transport)
		return 2;
	ret = progress_open(o.progress, &f.progress);
	if (ret) {
		work_error("stream: --progress %s: %s", o.progress, strerror(-ret));
		return 1;
	}
	ret = f.transport->connect(&o.peer, &f.stream);
	if (ret)
		return connect_failed(&o, ret);
	ret = run_with_buffers(&o, &f);
	f.transport->close(f.stream);
	return ret;
}

const struct workload workload_stream = {
	.name = "stream",
	.summary = "bytes to or from a peer, over a transport, every one verified",
	.examples =
	"  memnet-work stream --peer 198.18.0.1:7000 --direction send --time 2s\n"
	"  memnet-work stream --peer 198.18.0.1:7000 --direction recv --bytes 1G --rate 40M\n",
	.options = options,
	.run = run,
};
