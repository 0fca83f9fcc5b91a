/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May this run be used? Each check looks at one thing that could have made it a run of
 * something else; one that fails makes the row invalid, with its reason, and the row is
 * kept. What a machine does not tell (throttling in a virtual one) cannot fail.
 */
#include "harness/run_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "energy/attribution.h"
#include "harness/link.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

/* Guest and host clock may disagree by this share of the window. */
#define CLOCK_TOLERANCE	0.05
/* A rate may be this much over that of the link. */
#define LINK_TOLERANCE	0.05
/* Of an app, which may be short: answers are some milliseconds under way. */
#define CLOCK_SLACK_S	0.05
/* One sample may be lost, and of many samples this share. */
#define LOST_TOLERANCE	0.2

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

void run_invalidate(struct run_row *row, const char *format, ...)
{
	va_list ap;

	ROW_TEXT(row->status, "invalid");
	va_start(ap, format);
	add_reason(row, format, ap);
	va_end(ap);
}

static void remark(struct run_row *row, const char *format, ...) PRINTF_LIKE(2, 3);

/* What a reader should know of a run that is valid all the same. */
static void remark(struct run_row *row, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_reason(row, format, ap);
	va_end(ap);
}

static void check_stream(struct run *r)
{
	struct run_row *row = r->row;

	if (!strcmp(row->stream_content, "bad"))
		run_invalidate(row, "content check failed");
	if (row->copy_bandwidth_bytes_per_s != ABSENT_INTEGER &&
	    r->fastest_stream > row->copy_bandwidth_bytes_per_s)
		run_invalidate(row, "the rate exceeds the guest's copy bandwidth of the same boot");
}

static double most(double a, double b)
{
	return fmax(a, isnan(b) ? 0 : b);
}

/*
 * What is faster than the link has not gone over it. It may carry a burst at once; and what
 * arrived before the window may have been read in it.
 */
static void check_link(struct run *r)
{
	struct run_row *row = r->row;
	double link = r->ctx->plan->link_rate_bits_per_s / 8.0, allowed, rate;

	if (!link)
		return;
	rate = row->requests == ABSENT_INTEGER ? 0 :
	       row->request_rate_per_s * MAX(row->request_bytes, row->response_bytes);
	rate = most(rate, row->stream_bytes_per_s);
	allowed = (1 + LINK_TOLERANCE) * link +
		  link_burst_bytes(r->ctx->plan->link_rate_bits_per_s) / row->window_s;
	if (rate > allowed)
		run_invalidate(row, "%.1f Mbit/s came through a link of %.1f Mbit/s: it was not "
			       "between; please report this", rate * 8 / 1e6, link * 8 / 1e6);
}

static void check_pinning(struct run *r)
{
	if (r->astray)
		run_invalidate(r->row, "%s", r->astray);
}

/*
 * An app may be over in the time that the edges take: what the guest counts between its two
 * answers is held against the time between them here.
 */
static void check_guest_clock(struct run *r)
{
	struct run_row *row = r->row;
	double window_s = *row->app ? SECONDS(r->end.guest[0].at_ns - r->begin.guest[0].at_ns) :
				      row->window_s;
	double allowed_s = CLOCK_TOLERANCE * window_s + (*row->app ? CLOCK_SLACK_S : 0);

	if (fabs(row->guest_window_s - window_s) <= allowed_s)
		return;
	if (!strcmp(row->accelerator, ACCELERATOR_NONE))	/* its clock is ours */
		run_invalidate(row, "memnet-native was held up: its counts are %.3f s apart for a "
			       "window of %.3f s", row->guest_window_s, window_s);
	else
		run_invalidate(row, "the guest's clock disagrees: %.3f s for a window of %.3f s",
			       row->guest_window_s, window_s);
}

/*
 * Was @percent of some of the run's CPUs too much to be taken, by the plan or by its default?
 * A calibration finds what the paths are to do, on this machine as it is: on one that is
 * always shared there would be none, and no experiment.
 */
static void judge_taken(struct run *r, double percent, const char *who, const char *whose)
{
	bool calibration = !strcmp(r->row->kind, "calibrate");

	if (percent > r->ctx->plan->steal_percent && !calibration)
		run_invalidate(r->row, "%s %.1f %% of the %s CPUs", who, percent, whose);
	else if (percent > PLAN_STEAL_PERCENT)
		remark(r->row, "%s %.1f %% of the %s CPUs, which %s allows", who, percent, whose,
		       calibration ? "a calibration" : "this plan");
}

static void check_steal_of(struct run *r, const cpu_set_t *cpus, uint64_t begin, uint64_t end,
			   const char *whose)
{
	judge_taken(r, 100 * SECONDS(end - begin) / (r->row->window_s * CPU_COUNT(cpus)),
		    "a hypervisor took", whose);
}

/* The same of what other programs used of the run's CPUs. */
static void check_others(struct run *r)
{
	const struct plan *plan = r->ctx->plan;
	cpu_set_t cpus;

	CPU_OR(&cpus, &plan->vcpu_cpus, &plan->host_cpus);
	judge_taken(r, 100 * r->row->others_s / (r->row->window_s * CPU_COUNT(&cpus)),
		    "other programs used", "run's");
}

static void check_steal(struct run *r)
{
	const struct plan *plan = r->ctx->plan;

	check_steal_of(r, &plan->vcpu_cpus, r->begin.vcpu_steal_ns, r->end.vcpu_steal_ns,
		       "vCPUs'");
	check_steal_of(r, &plan->host_cpus, r->begin.host_steal_ns, r->end.host_steal_ns,
		       "host's");
}

static void check_throttling(struct run *r)
{
	struct run_row *row = r->row;

	if (row->core_throttles > 0 || row->package_throttles > 0)
		run_invalidate(row, "the CPUs were throttled for heat: %lld times by core, %lld by "
			       "package; cool the machine, or measure shorter",
			       (long long)MAX(row->core_throttles, 0),
			       (long long)MAX(row->package_throttles, 0));
}

static void check_governor(struct run *r)
{
	const char *begin = r->begin.state.governor, *end = r->end.state.governor;

	if (strcmp(begin, end))
		run_invalidate(r->row, "the CPUs' governor changed from %s to %s",
			       *begin ? begin : "none", *end ? end : "none");
}

/* The sampler's thread waits for no more than the counters: whoever held it up held up others. */
static void check_sampling(struct run *r)
{
	struct run_row *row = r->row;

	if (row->samples_lost > 1 && row->samples_lost > LOST_TOLERANCE * row->samples_due)
		run_invalidate(row, "%lld of %lld samples are missing: the host's CPUs were "
			       "overloaded", (long long)row->samples_lost,
			       (long long)row->samples_due);
}

/* A machine that others keep busy has no idle power: what came on top of them would be net. */
static void check_idle(struct run *r)
{
	const struct cputime_host *begin = &r->begin.host, *end = &r->end.host;
	double busy = end->busy_ns - begin->busy_ns;
	double share = busy / (busy + (end->steal_ns - begin->steal_ns) +
			       (end->idle_ns - begin->idle_ns));

	if (!(share <= BUSY_IDLE))
		run_invalidate(r->row, "others kept the CPUs %.0f %% busy while the machine was to "
			       "be idle; stop what else runs here", 100 * share);
}

static void check_machine(struct run *r)
{
	check_steal(r);
	check_throttling(r);
	check_governor(r);
	check_sampling(r);
}

void run_check(struct run *r)
{
	check_stream(r);
	check_link(r);
	check_pinning(r);
	check_guest_clock(r);
	check_others(r);
	check_machine(r);
}

void run_check_idle(struct run *r)
{
	check_idle(r);
	check_machine(r);
}
