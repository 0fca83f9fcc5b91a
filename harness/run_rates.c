/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the workloads did in the window, by the VMs that did it: operations, bytes that
 * arrived, requests; and whether both ends saw the same bytes.
 */
#include "harness/run_internal.h"

#include <math.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

int64_t run_guest_delta(const struct run *r, unsigned int vm, const char *key)
{
	int64_t begin, end;

	if (guest_value(r->begin.guest[vm].line, key, &begin) ||
	    guest_value(r->end.guest[vm].line, key, &end))
		return ABSENT_INTEGER;
	return end - begin;
}

double run_guest_window_s(const struct run *r, unsigned int vm)
{
	int64_t ns = run_guest_delta(r, vm, "t_ns");

	return ns == ABSENT_INTEGER ? NAN : SECONDS(ns);
}

/* One quantity over the VMs that have it; absent as a whole where one of them lacks it. */
struct over_vms {
	unsigned int n;
	int64_t count;			/* sum; ABSENT_INTEGER */
	double rate, lowest, highest;	/* sum, and of single VMs */
};

static void over_vms_add(struct over_vms *o, int64_t count, double seconds)
{
	double rate = count == ABSENT_INTEGER ? NAN : count / seconds;

	o->lowest = o->n ? MIN(o->lowest, rate) : rate;
	o->highest = o->n ? MAX(o->highest, rate) : rate;
	o->rate += rate;
	o->count = isnan(rate) || o->count == ABSENT_INTEGER ? ABSENT_INTEGER : o->count + count;
	o->n++;
}

/* How evenly: only where several VMs do the same, and not where its amount was given. */
static void fill_spread(const struct over_vms *o, enum load load, double *min, double *max)
{
	if (o->n < 2 || load == LOAD_FIXED || o->count == ABSENT_INTEGER)
		return;
	*min = o->lowest;
	*max = o->highest;
}

static void fill_compute(struct run *r)
{
	enum load load = r->ctx->config->scenario->compute;
	struct over_vms o = { 0 };
	struct run_row *row = r->row;

	if (load == LOAD_NONE)
		return;
	ROW_TEXT(row->compute_kernel, "%s", r->ctx->plan->compute);
	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		int64_t ops = run_guest_delta(r, i, "ops0");

		if (!run_computes(r, i))
			continue;
		if (load == LOAD_FIXED &&
		    guest_value(r->ctx->vms->vm[i].link.slots[0].result, "ops", &ops))
			ops = ABSENT_INTEGER;
		over_vms_add(&o, ops, load == LOAD_FIXED ? row->window_s :
				      run_guest_window_s(r, i));
	}
	row->compute_ops = o.count;
	row->compute_ops_per_s = o.rate;
	fill_spread(&o, load, &row->compute_ops_per_s_min, &row->compute_ops_per_s_max);
}

/* Bytes that arrived in the window, by who received them. */
static int64_t arrived(const struct run *r, unsigned int vm)
{
	if (!strcmp(r->ctx->config->direction, "send"))
		return r->end.peer_bytes[vm] - r->begin.peer_bytes[vm];
	return run_guest_delta(r, vm, "bytes1");
}

/* The window on the clock of who counted; a fixed amount of work has only the host's. */
static double stream_seconds(const struct run *r, unsigned int vm)
{
	bool guest = !strcmp(r->ctx->config->direction, "recv") &&
		     r->ctx->config->scenario->stream != LOAD_FIXED;

	return guest ? run_guest_window_s(r, vm) : r->row->window_s;
}

/* Both ends must have seen the same bytes, and the receivers every one of them. */
static void check_content(struct run *r, unsigned int vm)
{
	const struct guest_slot *stream = &r->ctx->vms->vm[vm].link.slots[1];
	const char *result = stream->result;
	int64_t guest = -1, verified = 0;
	int64_t peer = r->vm[vm].peer_results ? r->vm[vm].peer_result_bytes : -1;
	struct run_row *row = r->row;
	bool bad = strstr(result, "content=bad"), ok = strstr(result, "content=ok");

	guest_value(result, "bytes", &guest);
	if (!guest_value(result, "verified_bytes", &verified))
		row->stream_verified_bytes = MAX(row->stream_verified_bytes, 0) + verified;
	if (bad || (ok && !row->stream_content[0]))	/* one bad is enough */
		ROW_TEXT(row->stream_content, "%s", bad ? "bad" : "ok");
	if (!bad && !ok)
		run_invalidate(row, "there is no verdict on the content of %s%s%s",
			       r->ctx->vms->vm[vm].guest_name, stream->complaint[0] ? ": " : "",
			       stream->complaint);
	else if (guest != peer || verified != guest)
		run_invalidate(row, "%s counted %lld bytes, its peer %lld, verified %lld",
			   r->ctx->vms->vm[vm].guest_name, (long long)guest, (long long)peer,
			   (long long)verified);
}

static void fill_stream(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	enum load load = ctx->config->scenario->stream;
	struct over_vms o = { 0 };
	struct run_row *row = r->row;

	if (load == LOAD_NONE)
		return;
	for (unsigned int i = 0; i < ctx->vms->n; i++)
		if (run_connects(r, i))
			over_vms_add(&o, arrived(r, i), stream_seconds(r, i));
	row->stream_chunk_bytes = plan_chunk_bytes(ctx->plan, ctx->config);
	if (load == LOAD_PACED)
		row->stream_target_bytes_per_s = ctx->targets.stream_bytes_per_s * o.n;
	row->stream_bytes = o.count;
	row->stream_bytes_per_s = o.rate;
	fill_spread(&o, load, &row->stream_bytes_per_s_min, &row->stream_bytes_per_s_max);
	r->fastest_stream = o.highest;
	if (ctx->copy_bandwidth_bytes_per_s > 0)
		row->copy_bandwidth_bytes_per_s = ctx->copy_bandwidth_bytes_per_s;
}

/* Percentiles are of one guest's requests: those of several cannot be made of theirs. */
static void fill_latencies(struct run_row *row, const char *result)
{
	guest_value(result, "latencies", &row->latency_count);
	guest_value(result, "p50_ns", &row->latency_p50_ns);
	guest_value(result, "p90_ns", &row->latency_p90_ns);
	guest_value(result, "p99_ns", &row->latency_p99_ns);
	guest_value(result, "p99_9_ns", &row->latency_p99_9_ns);
	guest_value(result, "max_ns", &row->latency_max_ns);
	guest_value(result, "connect_p50_ns", &row->connect_p50_ns);
	guest_value(result, "connect_p90_ns", &row->connect_p90_ns);
	guest_value(result, "connect_p99_ns", &row->connect_p99_ns);
}

static void fill_requests(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	enum load load = ctx->config->scenario->exchange;
	struct over_vms o = { 0 };
	struct run_row *row = r->row;
	unsigned int last = 0;

	if (load == LOAD_NONE)
		return;
	for (unsigned int i = 0; i < ctx->vms->n; i++) {
		if (!run_connects(r, i))
			continue;
		over_vms_add(&o, run_guest_delta(r, i, "ops1"), run_guest_window_s(r, i));
		last = i;
	}
	row->request_bytes = ctx->plan->request_bytes;
	row->response_bytes = ctx->plan->response_bytes;
	if (ctx->plan->rr_rate && !ctx->config->scenario->connects)
		row->request_target_per_s = ctx->plan->rr_rate * o.n;
	row->requests = o.count;
	row->request_rate_per_s = o.rate;
	fill_spread(&o, load, &row->request_rate_per_s_min, &row->request_rate_per_s_max);
	if (o.n == 1)
		fill_latencies(row, ctx->vms->vm[last].link.slots[1].result);
}

/* Add the value behind "@key=" to @sum, which is absent until there is one. */
static void add_value(const char *result, const char *key, int64_t *sum)
{
	int64_t value;

	if (!guest_value(result, key, &value))
		*sum = *sum == ABSENT_INTEGER ? value : *sum + value;
}

#define FILL_TEXT(result, key, field) guest_text(result, key, field, sizeof(field))

/* What the transport of one VM counts and knows. */
static void add_transport(struct run_row *row, const char *result)
{
	add_value(result, "kicks_to_host", &row->kicks_to_host);
	add_value(result, "kicks_to_guest", &row->kicks_to_guest);
	add_value(result, "kicks_suppressed", &row->kicks_suppressed);
	add_value(result, "timer_rescues", &row->timer_rescues);
	add_value(result, "spin_ns", &row->guest_spin_ns);
	add_value(result, "sleep_ns", &row->guest_sleep_ns);
	add_value(result, "host_spin_ns", &row->host_spin_ns);
	add_value(result, "host_sleep_ns", &row->host_sleep_ns);
	FILL_TEXT(result, "provider", row->region_provider);
	FILL_TEXT(result, "cache", row->region_cache);
	FILL_TEXT(result, "wake", row->region_wake);
}

/* Rows of one path are put together: they have to be of one kind of memory. */
static void check_region(struct run *r, const char *result)
{
	const struct plan_config *c = r->ctx->config;
	const char *wanted = c->region ?: c->path->region;
	char provider[sizeof(r->row->region_provider)] = "";

	if (!c->path->region)
		return;
	guest_text(result, "provider", provider, sizeof(provider));
	if (strcmp(provider, wanted))
		run_invalidate(r->row, "the region was to be %s, and is %s", wanted,
			       *provider ? provider : "not told");
}

static void fill_connections(struct run *r)
{
	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		const char *result = r->ctx->vms->vm[i].link.slots[1].result;

		if (!run_connects(r, i))
			continue;
		check_content(r, i);
		check_region(r, result);
		add_transport(r->row, result);
	}
}

void run_fill_rates(struct run *r)
{
	fill_compute(r);
	fill_stream(r);
	fill_requests(r);
	fill_connections(r);
}
