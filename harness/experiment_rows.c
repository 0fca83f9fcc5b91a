/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a row before its run. */
#include "harness/experiment_internal.h"
#include "harness/rows.h"
#include "memnet-core/base/version.h"

void experiment_begin_row(struct experiment *x, struct run_row *row, const char *kind)
{
	runs_clear(row);
	ROW_TEXT(row->plan, "%s", x->plan.name);
	ROW_TEXT(row->git, "%s", version_git);
	row->order = x->order++;
	ROW_TEXT(row->kind, "%s", kind);
	ROW_TEXT(row->accelerator, "%s", x->accel.name);
	row->seed = x->folder.seed;
	utc_now(row->start_utc);
}

void experiment_start_row(struct experiment *x, struct run_row *row,
			  const struct plan_config *c, const char *id)
{
	char topology[PLAN_TOPOLOGY_SIZE], scenario[PLAN_SCENARIO_SIZE];
	const struct plan_app *app = plan_app_find(&x->plan, c->app);

	plan_topology_name(c, topology);
	plan_scenario_name(c, scenario);
	experiment_begin_row(x, row, "measure");
	ROW_TEXT(row->run_id, "%s", id);
	ROW_TEXT(row->path, "%s", c->name);
	if (c->path->no_vm)
		ROW_TEXT(row->accelerator, ACCELERATOR_NONE);
	ROW_TEXT(row->scenario, "%s", scenario);
	if (app) {
		ROW_TEXT(row->app, "%s", app->name);
		ROW_TEXT(row->app_unit, "%s", app->unit);
		ROW_TEXT(row->app_better, "%s", app->better);
	}
	ROW_TEXT(row->direction, "%s", c->direction);
	if (c->flows)
		row->flows = c->flows;
	ROW_TEXT(row->spin, "%s", c->spin);
	if (c->chunk_bytes)
		row->chunk_bytes = c->chunk_bytes;
	ROW_TEXT(row->arm, "%s", c->arm->name);
	ROW_TEXT(row->topology, "%s", topology);
	row->vms = c->vms;
	if (x->plan.link_rate_bits_per_s)
		row->link_rate_bits_per_s = x->plan.link_rate_bits_per_s;
	if (x->plan.link_delay_ns)
		row->link_delay_ns = x->plan.link_delay_ns;
}
