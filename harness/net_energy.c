/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/net_energy.h"

#include <string.h>

#include "energy/attribution.h"
#include "harness/groups.h"

/* The first idle window of a sitting stands behind no boot: the sitting before has ended. */
static bool begins_sitting(const struct run_row *idle)
{
	return idle->boot == ABSENT_INTEGER;
}

/* The last one that was tried in front of @run; or NULL. */
static const struct run_row *idle_before(const struct run_row *rows, size_t n,
					 const struct run_row *run)
{
	const struct run_row *last = NULL;

	for (size_t i = 0; i < n; i++)
		if (run_is_idle(&rows[i]) && rows[i].order < run->order &&
		    (!last || rows[i].order > last->order))
			last = &rows[i];
	return last;
}

/* The last one that was tried behind the boot of @run, in its sitting; or NULL. */
static const struct run_row *idle_behind(const struct run_row *rows, size_t n,
					 const struct run_row *run)
{
	const struct run_row *last = NULL;
	int64_t sitting_end = INT64_MAX;

	for (size_t i = 0; i < n; i++)
		if (run_is_idle(&rows[i]) && begins_sitting(&rows[i]) &&
		    rows[i].order > run->order)
			sitting_end = MIN(sitting_end, rows[i].order);
	for (size_t i = 0; i < n; i++)
		if (run_is_idle(&rows[i]) && rows[i].boot == run->boot &&
		    rows[i].order > run->order && rows[i].order < sitting_end &&
		    (!last || rows[i].order > last->order))
			last = &rows[i];
	return last;
}

static struct energy_value energy_of(const struct run_row *row)
{
	struct energy_value v = {
		.source = row->energy_source, .quality = energy_quality_find(row->energy_quality),
		.joules = row->energy_j, .low_j = row->energy_low_j, .high_j = row->energy_high_j,
	};

	ROW_TEXT(v.reason, "%s", row->energy_reason);
	return v;
}

/* Of an idle window for @run; absent, with its reason, where it cannot be used. */
static struct energy_value idle_energy(const struct run_row *idle, const struct run_row *run)
{
	struct energy_value v = { .quality = ENERGY_ABSENT, .joules = NAN, .low_j = NAN,
				  .high_j = NAN };

	if (!idle)
		ROW_TEXT(v.reason, "none was measured in the run's sitting");
	else if (strcmp(idle->status, "ok"))
		ROW_TEXT(v.reason, "%s", idle->reason);
	else if (strcmp(idle->energy_source, run->energy_source))
		ROW_TEXT(v.reason, "it is of another source, %s", idle->energy_source);
	else
		v = energy_of(idle);
	return v;
}

void net_of_run(const struct run_row *rows, size_t n, const struct run_row *run,
		struct net_row *net)
{
	const struct run_row *before = idle_before(rows, n, run);
	const struct run_row *behind = idle_behind(rows, n, run);
	const struct energy_value b = idle_energy(before, run), a = idle_energy(behind, run);
	const struct energy_value total = energy_of(run);
	double before_s = before ? before->window_s : NAN;
	double behind_s = behind ? behind->window_s : NAN;
	struct energy_idle idle;
	struct energy_value v;

	columns_clear(net_columns(), net);
	energy_idle_power(&b, before_s, &a, behind_s, IDLE_TOLERANCE, &idle);
	energy_net(&total, run->window_s, &idle, &v);
	ROW_TEXT(net->run_id, "%s", run->run_id);
	ROW_TEXT(net->source, "%s", run->energy_source);
	net->idle_before_w = b.joules / before_s;
	net->idle_behind_w = a.joules / behind_s;
	net->energy_net_j = v.joules;
	net->energy_net_low_j = v.low_j;
	net->energy_net_high_j = v.high_j;
	ROW_TEXT(net->reason, "%s", v.reason);
	ROW_TEXT(net->quality, "%s", energy_quality_name(v.quality));
}
