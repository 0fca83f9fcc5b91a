/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An idle window is a window without a target, sampled as any other: what the sampler
 * itself costs is in both and cancels out. The one after a run is the one before the
 * next, so that each run lies between two, and drift from run to run is seen.
 *
 * What others do all the time is in idle power, and net energy is without it. So net is
 * divided by the busy time that is above idle's as well: else it would be taken off twice.
 */
#include "energy/tool/net.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "energy/tool/window.h"

static bool keep_total(void *ctx, const struct record *record)
{
	struct idle_window *idle = ctx;

	idle->total = record->total;
	idle->duration_s = record->duration_s;
	idle->busy_s = record->cpu.busy;
	idle->busy_share = record->cpu.busy /
			   (record->cpu.busy + record->cpu.steal + record->cpu.idle);
	return true;
}

static void no_joules(struct energy_value *value, const char *source, const char *why)
{
	*value = (struct energy_value){ .source = source, .quality = ENERGY_ABSENT, .joules = NAN,
					.low_j = NAN, .high_j = NAN };
	snprintf(value->reason, sizeof(value->reason), "%.190s", why);
}

int idle_measure(const struct session *session, struct idle_window *idle)
{
	const struct options alone = { .timeout_ns = session->options->idle_ns };
	const struct session nobody = { .options = &alone, .energy = session->energy };
	const char *source = energy_source(session->energy);
	struct window_end end = { 0 };
	int64_t origin_ns = 0;
	char err[256];

	idle->duration_s = NAN;
	if (window_run(&nobody, 1, &origin_ns, keep_total, idle, &end, err, sizeof(err)))
		no_joules(&idle->total, source, err);
	else if (end.signal)
		no_joules(&idle->total, source, "a signal ended it");
	return end.signal;
}

/* Busy time to divide by, and how far it may be off. */
struct busy {
	double s, error_s;
};

/* Each CPU's busy time is counted in ticks, up to one of which is missing or over at the edges. */
static double ticks_s(const struct session *session)
{
	return (double)session->cpus / sysconf(_SC_CLK_TCK);
}

/* The machine's; with idle windows what is above theirs, whose mean goes on in the run. */
static struct busy busy_of(const struct session *session, const struct record *r)
{
	double edge_s = ticks_s(session), before = r->duration_s / r->before.duration_s / 2;
	double after = r->duration_s / r->after.duration_s / 2;
	double above_s = r->cpu.busy - before * r->before.busy_s - after * r->after.busy_s;

	if (!session->options->idle_ns)
		return (struct busy){ r->cpu.busy, edge_s };
	return (struct busy){
		.s = above_s < 0 ? 0 : above_s,		/* NaN stays NaN */
		.error_s = edge_s * (1 + before + after),
	};
}

/* The band of @divided, times the least and the most the command's part of it may be. */
static void share_band(const struct record *r, const struct energy_value *divided,
		       const struct busy *busy, struct energy_value *share)
{
	double least = MIN(r->cpu.command / (busy->s + busy->error_s), 1.0);
	double most = MIN(r->cpu.command / (busy->s - busy->error_s), 1.0);

	share->low_j = MIN(least * divided->low_j, most * divided->low_j);
	share->high_j = MAX(least * divided->high_j, most * divided->high_j);
}

/* The rest of the busy time is others', and so is their part of @divided. */
static void fill_share(const struct session *session, struct record *r,
		       const struct energy_value *divided, double idle_j)
{
	const struct busy busy = busy_of(session, r);
	const struct attribution_window window = {
		.total_j = r->total.joules, .idle_j = idle_j, .busy_cpu_s = busy.s,
	};
	struct attribution_part command = { .cpu_s = r->cpu.command };
	struct attribution a;

	if (!isfinite(divided->joules)) {
		no_joules(&r->share, divided->source, divided->reason);
		return;
	}
	attribute(&window, ATTRIBUTE_BUSY_SHARE, &command, 1, &a);
	if (a.quality == ENERGY_ABSENT || busy.s <= busy.error_s) {
		no_joules(&r->share, divided->source, a.quality == ENERGY_ABSENT ? a.reason :
			  "the machine's busy time is too few ticks to divide by: measure longer");
		return;
	}
	r->share = (struct energy_value){
		.source = divided->source, .quality = a.quality, .joules = command.joules,
		.reason = "a rule, not a measurement: CPU time over the machine's busy time",
	};
	if (session->options->idle_ns)
		strcat(r->share.reason, " above idle");
	share_band(r, divided, &busy, &r->share);
}

void net_fill(const struct session *session, struct record *r)
{
	if (session->options->n_pids) {
		no_joules(&r->share, r->total.source,
			  "CPU time of the processes' children is not known");
		return;
	}
	if (!session->options->idle_ns) {
		fill_share(session, r, &r->total, 0);
		return;
	}
	energy_idle_power(&r->before.total, r->before.duration_s, &r->after.total,
			  r->after.duration_s, IDLE_TOLERANCE, &r->idle);
	energy_net(&r->total, r->duration_s, &r->idle, &r->net);
	fill_share(session, r, &r->net, r->idle.watts * r->duration_s);
}
