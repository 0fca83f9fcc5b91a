/* SPDX-License-Identifier: BSD-2-Clause */
/* From the two edges of a window to a row of runs.csv, and to samples.csv. */
#include "harness/run_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/rows.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

/* Guest and host clock may disagree by this share of the window. */
#define CLOCK_TOLERANCE	0.05

uint64_t *peer_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *base;

	if (fd < 0)
		return NULL;
	base = mmap(NULL, PEER_PROGRESS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return base == MAP_FAILED ? NULL : base;
}

/* --- validity ---------------------------------------------------------------- */

static void invalidate(struct run_row *row, const char *format, ...) PRINTF_LIKE(2, 3);
static void remark(struct run_row *row, const char *format, ...) PRINTF_LIKE(2, 3);

/* Several reasons are strung together. */
static void add_reason(struct run_row *row, const char *format, va_list ap)
{
	size_t used = strlen(row->reason);

	if (used && used + 3 < sizeof(row->reason)) {
		strcat(row->reason, "; ");
		used += 2;
	}
	vsnprintf(row->reason + used, sizeof(row->reason) - used, format, ap);
}

static void invalidate(struct run_row *row, const char *format, ...)
{
	va_list ap;

	ROW_TEXT(row->status, "invalid");
	va_start(ap, format);
	add_reason(row, format, ap);
	va_end(ap);
}

/* What a reader should know of a run that is valid all the same. */
static void remark(struct run_row *row, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_reason(row, format, ap);
	va_end(ap);
}

/* Too much of @cpus stolen between two readings, by the plan or by its default? */
static void check_steal(struct run *r, const cpu_set_t *cpus, uint64_t begin, uint64_t end,
			const char *whose)
{
	const struct plan *plan = r->ctx->plan;
	double percent = 100 * SECONDS(end - begin) / (r->row->window_s * CPU_COUNT(cpus));

	if (percent > plan->steal_percent)
		invalidate(r->row, "a hypervisor took %.1f %% of the %s CPUs", percent, whose);
	else if (percent > PLAN_STEAL_PERCENT)
		remark(r->row, "a hypervisor took %.1f %% of the %s CPUs, which this plan allows",
		       percent, whose);
}

static void check_validity(struct run *r)
{
	const struct plan *plan = r->ctx->plan;
	struct run_row *row = r->row;

	if (!strcmp(row->stream_content, "bad"))
		invalidate(row, "content check failed");
	if (!strcmp(row->pinned, "no"))
		invalidate(row, "a thread was not where it was pinned");
	if (!(fabs(row->guest_window_s / row->window_s - 1) <= CLOCK_TOLERANCE))
		invalidate(row, "the guest's clock disagrees: %.3f s for a window of %.3f s",
			   row->guest_window_s, row->window_s);
	check_steal(r, &plan->vcpu_cpus, r->begin.vcpu_steal_ns, r->end.vcpu_steal_ns, "vCPUs'");
	check_steal(r, &plan->host_cpus, r->begin.host_steal_ns, r->end.host_steal_ns, "host's");
	if (row->copy_bandwidth_bytes_per_s != ABSENT_INTEGER &&
	    row->stream_bytes_per_s > row->copy_bandwidth_bytes_per_s)
		invalidate(row, "the rate exceeds the guest's copy bandwidth of the same boot");
}

/* --- columns ----------------------------------------------------------------- */

/* The difference of the guest's counter @key over the window; ABSENT_INTEGER without it. */
static int64_t guest_delta(const struct run *r, const char *key)
{
	int64_t begin, end;

	if (guest_value(r->begin.guest, key, &begin) || guest_value(r->end.guest, key, &end))
		return ABSENT_INTEGER;
	return end - begin;
}

static double guest_seconds(const struct run *r, const char *key)
{
	int64_t ns = guest_delta(r, key);

	return ns == ABSENT_INTEGER ? NAN : SECONDS(ns);
}

static void fill_time(struct run *r)
{
	struct run_row *row = r->row;

	row->window_begin_ns = r->begin.t_ns;
	row->window_end_ns = r->end.t_ns;
	row->window_s = SECONDS(r->end.t_ns - r->begin.t_ns);
	row->guest_window_s = guest_seconds(r, "t_ns");
}

static void fill_compute(struct run *r)
{
	const struct scenario *s = r->ctx->config->scenario;
	const char *result = r->ctx->vm->link.slots[0].result;
	struct run_row *row = r->row;

	if (s->compute == LOAD_NONE)
		return;
	ROW_TEXT(row->compute_kernel, "%s", r->ctx->plan->compute);
	if (s->compute == LOAD_FIXED) {
		if (guest_value(result, "ops", &row->compute_ops))
			return;
		row->compute_ops_per_s = row->compute_ops / row->window_s;
		return;
	}
	row->compute_ops = guest_delta(r, "ops0");
	if (row->compute_ops != ABSENT_INTEGER)
		row->compute_ops_per_s = row->compute_ops / row->guest_window_s;
}

/* Bytes that arrived in the window, by who received them. */
static int64_t arrived(const struct run *r)
{
	if (!strcmp(r->ctx->config->direction, "send"))
		return r->end.peer_bytes - r->begin.peer_bytes;
	return guest_delta(r, "bytes1");
}

/* The window on the clock of who counted; a fixed amount of work has only the host's. */
static double stream_seconds(const struct run *r)
{
	bool guest = !strcmp(r->ctx->config->direction, "recv") &&
		     r->ctx->config->scenario->stream != LOAD_FIXED;

	return guest ? r->row->guest_window_s : r->row->window_s;
}

/* Both ends must have seen the same bytes, and the receivers every one of them. */
static void fill_content(struct run *r)
{
	const struct guest_slot *stream = &r->ctx->vm->link.slots[1];
	const char *result = stream->result;
	int64_t guest = -1, peer = r->peer_results ? r->peer_result_bytes : -1;
	struct run_row *row = r->row;

	guest_value(result, "verified_bytes", &row->stream_verified_bytes);
	guest_value(result, "bytes", &guest);
	if (strstr(result, "content=ok"))
		ROW_TEXT(row->stream_content, "ok");
	else if (strstr(result, "content=bad"))
		ROW_TEXT(row->stream_content, "bad");
	if (!row->stream_content[0])
		invalidate(row, "there is no verdict on the content%s%s",
			   stream->complaint[0] ? ": " : "", stream->complaint);
	else if (guest != peer || row->stream_verified_bytes != guest)
		invalidate(row, "guest counted %lld bytes, peer %lld, verified %lld",
			   (long long)guest, (long long)peer,
			   (long long)row->stream_verified_bytes);
}

static void fill_stream(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	struct run_row *row = r->row;

	if (ctx->config->scenario->stream == LOAD_NONE)
		return;
	row->stream_chunk_bytes = ctx->plan->chunk_bytes;
	if (ctx->config->scenario->stream == LOAD_PACED)
		row->stream_target_bytes_per_s = ctx->targets.stream_bytes_per_s;
	row->stream_bytes = arrived(r);
	if (row->stream_bytes != ABSENT_INTEGER)
		row->stream_bytes_per_s = row->stream_bytes / stream_seconds(r);
	if (ctx->copy_bandwidth_bytes_per_s > 0)
		row->copy_bandwidth_bytes_per_s = ctx->copy_bandwidth_bytes_per_s;
}

static void fill_requests(struct run *r)
{
	const struct run_context *ctx = r->ctx;
	const char *result = ctx->vm->link.slots[1].result;
	struct run_row *row = r->row;

	if (ctx->config->scenario->exchange == LOAD_NONE)
		return;
	row->request_bytes = ctx->plan->request_bytes;
	row->response_bytes = ctx->plan->response_bytes;
	if (ctx->plan->rr_rate)
		row->request_target_per_s = ctx->plan->rr_rate;
	row->requests = guest_delta(r, "ops1");
	if (row->requests != ABSENT_INTEGER)
		row->request_rate_per_s = row->requests / row->guest_window_s;
	guest_value(result, "latencies", &row->latency_count);
	guest_value(result, "p50_ns", &row->latency_p50_ns);
	guest_value(result, "p90_ns", &row->latency_p90_ns);
	guest_value(result, "p99_ns", &row->latency_p99_ns);
	guest_value(result, "p99_9_ns", &row->latency_p99_9_ns);
	guest_value(result, "max_ns", &row->latency_max_ns);
}

#define FILL_TEXT(result, key, field) guest_text(result, key, field, sizeof(field))

/* What the transport counts and knows. */
static void fill_transport(struct run *r)
{
	const char *result = r->ctx->vm->link.slots[1].result;
	struct run_row *row = r->row;

	guest_value(result, "kicks_to_host", &row->kicks_to_host);
	guest_value(result, "kicks_to_guest", &row->kicks_to_guest);
	guest_value(result, "kicks_suppressed", &row->kicks_suppressed);
	guest_value(result, "timer_rescues", &row->timer_rescues);
	guest_value(result, "spin_ns", &row->guest_spin_ns);
	guest_value(result, "sleep_ns", &row->guest_sleep_ns);
	guest_value(result, "host_spin_ns", &row->host_spin_ns);
	guest_value(result, "host_sleep_ns", &row->host_sleep_ns);
	FILL_TEXT(result, "provider", row->region_provider);
	FILL_TEXT(result, "cache", row->region_cache);
	FILL_TEXT(result, "wake", row->region_wake);
}

static double class_seconds(const struct run *r, enum thread_class class)
{
	int64_t ns = r->end.threads.cpu_ns[class] - r->begin.threads.cpu_ns[class];

	return SECONDS(MAX(ns, 0));	/* a difference of two clocks may be a tick below 0 */
}

static void fill_cpu(struct run *r)
{
	struct run_row *row = r->row;

	row->cpu_vcpu_s = class_seconds(r, CLASS_VCPU);
	row->cpu_qemu_s = class_seconds(r, CLASS_QEMU);
	row->cpu_memnetd_s = class_seconds(r, CLASS_MEMNETD);
	row->cpu_peer_s = class_seconds(r, CLASS_PEER);
	row->cpu_total_s = row->cpu_vcpu_s + row->cpu_qemu_s + row->cpu_memnetd_s + row->cpu_peer_s;
	if (r->ctx->vm->config.path->vhost) {
		row->cpu_vhost_s = class_seconds(r, CLASS_VHOST);
		row->cpu_total_s += row->cpu_vhost_s;
	}
	if (r->ctx->vm->end.helper.pid) {
		row->cpu_helper_s = class_seconds(r, CLASS_HELPER);
		row->cpu_total_s += row->cpu_helper_s;
	}
	if (!r->begin.host_error && !r->end.host_error) {
		row->host_busy_s = SECONDS(r->end.host.busy_ns - r->begin.host.busy_ns);
		row->host_steal_s = SECONDS(r->end.vcpu_steal_ns - r->begin.vcpu_steal_ns +
					    r->end.host_steal_ns - r->begin.host_steal_ns);
	}
	row->vcpu_context_switches = r->end.threads.switches[CLASS_VCPU] -
				     r->begin.threads.switches[CLASS_VCPU];
	row->memnetd_context_switches = r->end.threads.switches[CLASS_MEMNETD] -
					r->begin.threads.switches[CLASS_MEMNETD];
	ROW_TEXT(row->pinned, r->pinned ? "yes" : "no");
}

static void fill_guest(struct run *r)
{
	struct run_row *row = r->row;

	row->guest_user_s = guest_seconds(r, "user") + guest_seconds(r, "nice");
	row->guest_system_s = guest_seconds(r, "system");
	row->guest_irq_s = guest_seconds(r, "irq");
	row->guest_softirq_s = guest_seconds(r, "softirq");
	row->guest_steal_s = guest_seconds(r, "steal");
	row->guest_idle_s = guest_seconds(r, "idle") + guest_seconds(r, "iowait");
	row->guest_interrupts = guest_delta(r, "intr");
	row->guest_context_switches = guest_delta(r, "ctxt");
}

/* A counter without the kernel's part is another quantity: say so beside the absent ones. */
static void note_user_only(struct run *r, const char *name)
{
	char *text = r->row->counters_absent;
	size_t used = strlen(text);
	struct counter_sum sum;

	threads_counter(&r->threads, name, &r->begin.threads, &r->end.threads, &sum);
	if (sum.threads && sum.user_only)
		snprintf(text + used, sizeof(r->row->counters_absent) - used, "%s%s:user-mode-only",
			 used ? " " : "", name);
}

static void fill_counters(struct run *r)
{
	struct run_row *row = r->row;
	const struct { const char *name; int64_t *to; } columns[] = {
		{ "cycles", &row->cycles }, { "instructions", &row->instructions },
		{ "cache-misses", &row->cache_misses }, { "task-clock", &row->task_clock_ns },
		{ "page-faults", &row->page_faults }, { "cpu-migrations", &row->cpu_migrations },
	};
	struct counter_sum sum;

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		threads_counter(&r->threads, columns[i].name, &r->begin.threads, &r->end.threads, &sum);
		if (sum.threads && !sum.absent)
			*columns[i].to = sum.value;
	}
	if (r->threads.n)
		counters_absent(r->threads.list[0].counters, row->counters_absent,
				sizeof(row->counters_absent));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		note_user_only(r, columns[i].name);
}

/* Both modes, or neither: half of them is no cost of anything. */
static void fill_guest_insns(struct run *r)
{
	const struct guest_insns *insns = r->ctx->vm->insns;
	struct run_row *row = r->row;
	uint64_t user, kernel;
	int ret;

	if (!insns) {
		ROW_TEXT(row->guest_insns_absent, "%s", r->ctx->vm->no_insns);
		return;
	}
	ret = guest_insns_delta(&r->begin.insns, &r->end.insns, GUEST_USER, &user);
	if (!ret)
		ret = guest_insns_delta(&r->begin.insns, &r->end.insns, GUEST_KERNEL, &kernel);
	if (ret) {
		ROW_TEXT(row->guest_insns_absent, "%s: %s", guest_insns_source(insns),
			 strerror(-ret));
		return;
	}
	row->guest_insns_user = user;
	row->guest_insns_kernel = kernel;
	ROW_TEXT(row->guest_insns_source, "%s", guest_insns_source(insns));
}

/* --- energy ------------------------------------------------------------------ */

/* Of all domains of @kind; NAN if there is none, or one of them has no joules. */
static double sum_of_kind(const struct run *r, const struct energy_sum *sums, enum energy_kind kind)
{
	const struct energy *e = r->ctx->energy;
	struct energy_value v;
	bool any = false;
	double sum = 0;

	for (size_t i = 0; i < energy_domain_count(e); i++) {
		if (energy_domain(e, i)->kind != kind || energy_domain(e, i)->witness)
			continue;
		energy_value(e, sums, i, r->row->host_busy_s, &v);
		sum += v.joules;
		any = true;
	}
	return any ? sum : NAN;
}

/* All samples from one edge of the window to the other. */
static void sum_window(const struct run *r, struct energy_sum *sums)
{
	const struct energy *e = r->ctx->energy;
	size_t n;
	const struct sampler_sample *s = sampler_samples(r->sampler, &n);
	bool begun = false;

	for (size_t i = 0; i < n; i++) {
		if (s[i].t_ns < r->begin.t_ns || s[i].t_ns > r->end.t_ns)
			continue;
		if (begun)
			energy_sum_add(e, sums, s[i].energy);
		else
			energy_sum_begin(e, sums, s[i].energy);
		begun = true;
	}
}

static void fill_energy(struct run *r)
{
	const struct energy *e = r->ctx->energy;
	struct energy_sum *sums = calloc(energy_domain_count(e) + 1, sizeof(*sums));
	struct run_row *row = r->row;
	struct energy_value total;

	ROW_TEXT(row->energy_source, "%s", energy_source(e));
	if (!sums)
		return;
	sum_window(r, sums);
	energy_total(e, sums, row->host_busy_s, &total);
	ROW_TEXT(row->energy_quality, "%s", energy_quality_name(total.quality));
	ROW_TEXT(row->energy_reason, "%s", total.reason);
	row->energy_j = total.joules;
	row->energy_low_j = total.low_j;
	row->energy_high_j = total.high_j;
	row->energy_gaps = total.gaps;
	row->energy_package_j = sum_of_kind(r, sums, ENERGY_PACKAGE);
	row->energy_dram_j = sum_of_kind(r, sums, ENERGY_DRAM);
	row->energy_psys_j = sum_of_kind(r, sums, ENERGY_PSYS);
	run_attribute(row);
	free(sums);
}

void run_fill_row(struct run *r)
{
	struct run_row *row = r->row;

	ROW_TEXT(row->status, "ok");
	fill_time(r);
	fill_compute(r);
	fill_stream(r);
	fill_requests(r);
	if (r->ctx->config->flows) {
		fill_content(r);
		fill_transport(r);
	}
	fill_cpu(r);
	fill_guest(r);
	fill_counters(r);
	fill_guest_insns(r);
	fill_energy(r);
	check_validity(r);
}
