/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/net.h"

#include <string.h>

#include "energy/attribution.h"

bool run_is_idle(const struct run_row *row)
{
	return !strcmp(row->kind, "idle");
}

/* The first idle window of a sitting stands behind no boot: the sitting before has ended. */
static bool begins_sitting(const struct run_row *idle)
{
	return idle->boot == ABSENT_INTEGER;
}

/* The idle row nearest to @run in front of it (@side -1) or behind it (1); or NULL. */
static const struct run_row *nearest_idle(const struct run_row *rows, size_t n,
					  const struct run_row *run, int side)
{
	const struct run_row *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!run_is_idle(&rows[i]) || side * (rows[i].order - run->order) <= 0)
			continue;
		if (!nearest || side * (rows[i].order - nearest->order) < 0)
			nearest = &rows[i];
	}
	return nearest && side > 0 && begins_sitting(nearest) ? NULL : nearest;
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
	const struct run_row *before = nearest_idle(rows, n, run, -1);
	const struct run_row *behind = nearest_idle(rows, n, run, 1);
	const struct energy_value b = idle_energy(before, run), a = idle_energy(behind, run);
	const struct energy_value total = energy_of(run);
	double before_s = before ? before->window_s : NAN, behind_s = behind ? behind->window_s : NAN;
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
