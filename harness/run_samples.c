/* SPDX-License-Identifier: BSD-2-Clause */
/* A run over time: what its sampler reads beside energy, and samples.csv made of it. */
#include "harness/run_internal.h"

#include <math.h>
#include <stdlib.h>

#include "harness/rows.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

static const char *const phase_names[RUN_PHASES] = {
	[PHASE_SETTLE] = "settle", [PHASE_WARMUP] = "warmup",
	[PHASE_WINDOW] = "window", [PHASE_DRAIN] = "drain",
};

/* --- sampler ----------------------------------------------------------------- */

static int read_class(void *ctx, uint64_t *value)
{
	const struct class_gauge *g = ctx;

	*value = threads_class_ns(g->threads, g->class);
	return 0;
}

static int read_host_busy(void *ctx, uint64_t *value)
{
	struct cputime_host host;
	int ret = cputime_host_read(ctx, NULL, &host);

	if (!ret)
		*value = host.busy_ns;
	return ret;
}

/* Beside the host's work, never on a vCPU's CPU. */
static int first_cpu(const struct run *r)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, &r->ctx->plan->host_cpus))
		cpu++;
	return cpu;
}

/* The sum over all guests; none where one of them fails. */
static int read_insns(void *ctx, uint64_t *value)
{
	const struct insns_gauge *g = ctx;
	uint64_t insns, sum = 0;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < g->vms->n; i++) {
		struct guest_insns_gauge one = { g->vms->vm[i].insns, g->mode };

		ret = guest_insns_gauge(&one, &insns);
		if (!ret)
			sum += insns;
	}
	*value = sum;
	return ret;
}

#define GAUGE_HOST THREAD_CLASSES	/* behind one gauge for each class */
#define GAUGE_INSNS (GAUGE_HOST + 1)	/* one for each mode, where all VMs have them */
#define MAX_GAUGES (GAUGE_INSNS + GUEST_MODES)

int run_start_sampler(struct run *r, size_t room)
{
	bool vms = r->ctx->vms, insns = vms && !vm_set_without_insns(r->ctx->vms);
	struct sampler_gauge gauges[MAX_GAUGES];
	struct sampler_config config = {
		.max_samples = room, .max_marks = RUN_PHASES + 1, .cpu = first_cpu(r),
		.energy = r->ctx->energy, .gauges = gauges,
		.n_gauges = insns ? MAX_GAUGES : vms ? GAUGE_INSNS : 0,
	};

	for (int i = 0; i < THREAD_CLASSES; i++) {
		r->gauges[i] = (struct class_gauge){ &r->threads, i };
		gauges[i] = (struct sampler_gauge){ read_class, &r->gauges[i] };
	}
	gauges[GAUGE_HOST] = (struct sampler_gauge){ read_host_busy, &r->host_gauge };
	for (int i = 0; insns && i < GUEST_MODES; i++) {
		r->insns_gauges[i] = (struct insns_gauge){ r->ctx->vms, i };
		gauges[GAUGE_INSNS + i] = (struct sampler_gauge){ read_insns, &r->insns_gauges[i] };
	}
	return sampler_start(&r->sampler, &config);
}

/* --- samples.csv ------------------------------------------------------------- */

struct series {
	const struct run *r;
	struct run_samples *out;
	size_t room;
	struct energy_sum *sums;
};

static void add_sample(struct series *s, const struct sampler_sample *at, const char *source,
		       const char *domain, const char *quantity, const char *unit, double value)
{
	struct sample_row *row;

	if (isnan(value) || s->out->n == s->room)
		return;
	row = &s->out->rows[s->out->n++];
	samples_clear(row);
	ROW_TEXT(row->run_id, "%s", s->r->row->run_id);
	row->t_ns = at->t_ns;
	ROW_TEXT(row->phase, "%s", phase_names[at->phase]);
	ROW_TEXT(row->source, "%s", source);
	ROW_TEXT(row->domain, "%s", domain);
	ROW_TEXT(row->quantity, "%s", quantity);
	ROW_TEXT(row->unit, "%s", unit);
	row->value = value;
}

static void add_power(struct series *s, const struct sampler_sample *from,
		      const struct sampler_sample *to, double busy_s)
{
	const struct energy *e = s->r->ctx->energy;
	double dt = SECONDS(to->t_ns - from->t_ns);
	struct energy_value v;

	energy_sum_begin(e, s->sums, from->energy);
	energy_sum_add(e, s->sums, to->energy);
	energy_total(e, s->sums, busy_s, &v);
	add_sample(s, to, v.source, "total", "power", "W", v.joules / dt);
	if (v.quality == ENERGY_ESTIMATED) {
		add_sample(s, to, v.source, "total", "power_low", "W", v.low_j / dt);
		add_sample(s, to, v.source, "total", "power_high", "W", v.high_j / dt);
	}
}

/* What gauge @i gained between two samples; NAN when it failed, or its threads ended. */
static double gauge_gain(const struct sampler_sample *from, const struct sampler_sample *to,
			 size_t i)
{
	if (from->gauges[i].error || to->gauges[i].error || to->gauges[i].raw < from->gauges[i].raw)
		return NAN;
	return to->gauges[i].raw - from->gauges[i].raw;
}

static void add_insns(struct series *s, const struct sampler_sample *from,
		      const struct sampler_sample *to, double dt)
{
	static const char *const quantity[] = { "insns_user", "insns_kernel" };
	const struct vm_set *vms = s->r->ctx->vms;

	for (int i = 0; !vm_set_without_insns(vms) && i < GUEST_MODES; i++)
		add_sample(s, to, guest_insns_source(vms->vm[0].insns), "guest", quantity[i], "1/s",
			   gauge_gain(from, to, GAUGE_INSNS + i) / dt);
}

/* The interval between two samples; its phase is the one it began in. */
static void add_interval(struct series *s, const struct sampler_sample *from,
			 const struct sampler_sample *to)
{
	struct sampler_sample at = *to;
	double dt = SECONDS(to->t_ns - from->t_ns), busy_s;

	at.phase = from->phase;
	for (int i = 0; i < THREAD_CLASSES; i++)
		if (threads_has_class(&s->r->ctx->vms->vm[0], i))
			add_sample(s, &at, "proc", thread_class_names[i], "cpu_share", "1",
				   SECONDS(gauge_gain(from, to, i)) / dt);
	add_insns(s, from, &at, dt);
	busy_s = SECONDS(gauge_gain(from, to, GAUGE_HOST));
	add_power(s, from, &at, isnan(busy_s) ? -1 : busy_s);
}

/* Too short an interval says nothing: before a mark it is dropped, else it joins the next. */
#define SHORTEST_NS (20 * NSEC_PER_MSEC)

void run_make_samples(struct run *r, struct run_samples *out)
{
	struct series s = { .r = r, .out = out };
	const struct sampler_sample *list, *from;
	size_t n;

	*out = (struct run_samples){ 0 };
	if (!r->sampler)
		return;
	list = sampler_samples(r->sampler, &n);
	s.room = n * (THREAD_CLASSES + GUEST_MODES + 3);
	out->rows = calloc(s.room ? s.room : 1, sizeof(*out->rows));
	s.sums = calloc(energy_domain_count(r->ctx->energy) + 1, sizeof(*s.sums));
	from = list;
	for (size_t i = 1; out->rows && s.sums && i < n; i++) {
		bool whole = list[i].t_ns - from->t_ns >= SHORTEST_NS;

		if (whole)
			add_interval(&s, from, &list[i]);
		if (whole || list[i].mark)
			from = &list[i];
	}
	free(s.sums);
}
