/* SPDX-License-Identifier: BSD-2-Clause */
/* From the two edges of a window to a row of runs.csv. */
#include "harness/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

/* The same counter of all guests; ABSENT_INTEGER where one lacks it. */
static int64_t guests_delta(const struct run *r, const char *key)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		int64_t delta = run_guest_delta(r, i, key);

		if (delta == ABSENT_INTEGER)
			return ABSENT_INTEGER;
		sum += delta;
	}
	return sum;
}

static double guests_seconds(const struct run *r, const char *key)
{
	int64_t ns = guests_delta(r, key);

	return ns == ABSENT_INTEGER ? NAN : SECONDS(ns);
}

/* Of several guests' clocks the one that is farthest from ours. */
static double farthest_guest_window_s(const struct run *r)
{
	double farthest = run_guest_window_s(r, 0);

	for (unsigned int i = 1; i < r->ctx->vms->n; i++) {
		double s = run_guest_window_s(r, i);

		if (!(fabs(s - r->row->window_s) <= fabs(farthest - r->row->window_s)))
			farthest = s;
	}
	return farthest;
}

static void fill_time(struct run *r)
{
	struct run_row *row = r->row;

	row->window_begin_ns = r->begin.t_ns;
	row->window_end_ns = r->end.t_ns;
	row->window_s = SECONDS(r->end.t_ns - r->begin.t_ns);
}

/* From the first answer to the last. */
static void fill_start_skew(struct run *r)
{
	unsigned int n = r->ctx->vms->n;
	int64_t first = r->went[0].at_ns, last = first;

	if (n < 2)
		return;
	for (unsigned int i = 1; i < n; i++) {
		first = MIN(first, r->went[i].at_ns);
		last = MAX(last, r->went[i].at_ns);
	}
	r->row->start_skew_ns = last - first;
}

#define TICK_NS	(10 * NSEC_PER_MSEC)

/*
 * A difference of two clocks may be below 0 by a tick of each thread that is taken off. By more:
 * a thread or process has ended, and its time with it, which is not 0.
 */
static double used_seconds(const struct run *r, uint64_t begin_ns, uint64_t end_ns)
{
	int64_t ns = end_ns - begin_ns;

	return ns < -TICK_NS * (r->threads.n + 1) ? NAN : SECONDS(MAX(ns, 0));
}

static double class_seconds(const struct run *r, enum thread_class class)
{
	return used_seconds(r, r->begin.threads.cpu_ns[class], r->end.threads.cpu_ns[class]);
}

/* Apart where one VM computes and another has the network's work, and nowhere else. */
static void fill_vcpus_by_work(struct run *r)
{
	const struct topology *t = r->ctx->config->topology;

	for (unsigned int i = 0; i < r->ctx->vms->n; i++) {
		double s = used_seconds(r, r->begin.threads.vcpu_ns[i],
					r->end.threads.vcpu_ns[i]);

		if (!topology_does(t, i, WORK_NETWORK))
			r->row->cpu_vcpu_compute_s = s;
		else if (!topology_does(t, i, WORK_COMPUTE))
			r->row->cpu_vcpu_network_s = s;
	}
}

/* Of the threads of a VM, which last: of workloads without one, those that ended are lost. */
static void fill_switches(struct run *r)
{
	const uint64_t *begin = r->begin.threads.switches, *end = r->end.threads.switches;

	if (r->ctx->vms->vm[0].config.path->no_vm)
		return;
	r->row->vcpu_context_switches = end[CLASS_VCPU] - begin[CLASS_VCPU];
	r->row->memnetd_context_switches = end[CLASS_MEMNETD] - begin[CLASS_MEMNETD];
}

static void fill_cpu(struct run *r)
{
	struct run_row *row = r->row;
	const struct { enum thread_class class; double *to; } columns[] = {
		{ CLASS_VCPU, &row->cpu_vcpu_s }, { CLASS_QEMU, &row->cpu_qemu_s },
		{ CLASS_VHOST, &row->cpu_vhost_s }, { CLASS_MEMNETD, &row->cpu_memnetd_s },
		{ CLASS_HELPER, &row->cpu_helper_s }, { CLASS_PEER, &row->cpu_peer_s },
	};

	row->cpu_total_s = 0;
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (!threads_has_class(&r->ctx->vms->vm[0], columns[i].class))
			continue;
		*columns[i].to = class_seconds(r, columns[i].class);
		row->cpu_total_s += *columns[i].to;
	}
	fill_vcpus_by_work(r);
	fill_switches(r);
	ROW_TEXT(row->pinned, r->astray ? "no" : "yes");
}

/* What all of the machine did, and what it did on its own. */
static void fill_machine(struct run *r)
{
	const struct host_state *begin = &r->begin.state, *end = &r->end.state;
	struct run_row *row = r->row;

	if (!r->begin.host_error && !r->end.host_error) {
		row->host_busy_s = SECONDS(r->end.host.busy_ns - r->begin.host.busy_ns);
		row->host_steal_s = SECONDS(r->end.vcpu_steal_ns - r->begin.vcpu_steal_ns +
					    r->end.host_steal_ns - r->begin.host_steal_ns);
		if (!isnan(row->cpu_total_s))
			row->others_s = fmax(0, SECONDS(r->end.threads_ns - r->begin.threads_ns) -
						row->cpu_total_s);
	}
	row->core_throttles = host_state_events(begin->core_throttles, end->core_throttles);
	row->package_throttles = host_state_events(begin->package_throttles,
						   end->package_throttles);
	if (!isnan(begin->temperature_c) && !isnan(end->temperature_c))
		row->temperature_c = MAX(begin->temperature_c, end->temperature_c);
	row->cpu_begin_mhz = begin->frequency_mhz;
	row->cpu_end_mhz = end->frequency_mhz;
	ROW_TEXT(row->governor, "%s", begin->governor);
}

static void fill_sampling(struct run *r)
{
	const struct sampler_coverage c = sampler_coverage(r->sampler, r->begin.t_ns, r->end.t_ns);

	r->row->samples_due = c.due;
	r->row->samples_lost = c.due - c.taken;
	r->row->samples_late = c.late;
}

static void fill_guest(struct run *r)
{
	struct run_row *row = r->row;

	row->guest_user_s = guests_seconds(r, "user") + guests_seconds(r, "nice");
	row->guest_system_s = guests_seconds(r, "system");
	row->guest_irq_s = guests_seconds(r, "irq");
	row->guest_softirq_s = guests_seconds(r, "softirq");
	row->guest_steal_s = guests_seconds(r, "steal");
	row->guest_idle_s = guests_seconds(r, "idle") + guests_seconds(r, "iowait");
	row->guest_interrupts = guests_delta(r, "intr");
	row->guest_context_switches = guests_delta(r, "ctxt");
}

/* A counter without the kernel's part is another quantity: say so beside the absent ones. */
static void note_user_only(struct run *r, const char *name)
{
	char *text = r->row->counters_absent;
	size_t used = strlen(text);
	struct counter_sum sum;

	threads_counter(&r->threads, ALL_CLASSES, name, &r->begin.threads, &r->end.threads, &sum);
	if (sum.threads && sum.user_only)
		snprintf(text + used, sizeof(r->row->counters_absent) - used, "%s%s:user-mode-only",
			 used ? " " : "", name);
}

/* Of all the @classes' threads, or absent. */
static int64_t counted(const struct run *r, unsigned int classes, const char *name)
{
	struct counter_sum sum;

	threads_counter(&r->threads, classes, name, &r->begin.threads, &r->end.threads, &sum);
	return sum.threads && !sum.absent ? (int64_t)sum.value : ABSENT_INTEGER;
}

static void fill_counters(struct run *r)
{
	struct run_row *row = r->row;
	const struct { const char *name; int64_t *to; } columns[] = {
		{ "cycles", &row->cycles }, { "instructions", &row->instructions },
		{ "cache-misses", &row->cache_misses }, { "task-clock", &row->task_clock_ns },
		{ "page-faults", &row->page_faults }, { "cpu-migrations", &row->cpu_migrations },
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		*columns[i].to = counted(r, ALL_CLASSES, columns[i].name);
	/* The peer is of the measurement, the same on every path. */
	row->syscalls = counted(r, ALL_CLASSES & ~(1u << CLASS_PEER), EVENT_SYSCALLS);
	/* Under TCG there are none to count, which is not 0 of them. */
	if (!strcmp(row->accelerator, "kvm"))
		row->kvm_exits = counted(r, 1u << CLASS_VCPU, EVENT_KVM_EXITS);
	if (r->threads.n)
		counters_absent(r->threads.list[0].counters, row->counters_absent,
				sizeof(row->counters_absent));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		note_user_only(r, columns[i].name);
}

/* Of all guests in one mode. 0 or -errno. */
static int guests_insns(const struct run *r, enum guest_mode mode, int64_t *sum)
{
	uint64_t insns;
	int ret = 0;

	*sum = 0;
	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++) {
		ret = guest_insns_delta(&r->begin.insns[i], &r->end.insns[i], mode, &insns);
		if (!ret)
			*sum += insns;
	}
	return ret;
}

/* Both modes of all guests, or none: half of them is no cost of anything. */
static void fill_guest_insns(struct run *r)
{
	const struct vm *without = vm_set_without_insns(r->ctx->vms);
	const char *source = without ? "" : guest_insns_source(r->ctx->vms->vm[0].insns);
	struct run_row *row = r->row;
	int64_t user, kernel;
	int ret;

	if (without) {
		ROW_TEXT(row->guest_insns_absent, "%s", without->no_insns);
		return;
	}
	ret = guests_insns(r, GUEST_USER, &user) ?: guests_insns(r, GUEST_KERNEL, &kernel);
	if (ret) {
		ROW_TEXT(row->guest_insns_absent, "%s: %s", source, strerror(-ret));
		return;
	}
	row->guest_insns_user = user;
	row->guest_insns_kernel = kernel;
	ROW_TEXT(row->guest_insns_source, "%s", source);
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
	row->guest_window_s = farthest_guest_window_s(r);
	run_fill_rates(r);
	run_app_fill(r);
	fill_start_skew(r);
	fill_cpu(r);
	fill_guest(r);
	fill_counters(r);
	fill_guest_insns(r);
	fill_machine(r);
	fill_sampling(r);
	fill_energy(r);
	run_check(r);
}

void run_fill_idle(struct run *r)
{
	ROW_TEXT(r->row->status, "ok");
	fill_time(r);
	fill_machine(r);
	fill_sampling(r);
	fill_energy(r);
	run_check_idle(r);
}
