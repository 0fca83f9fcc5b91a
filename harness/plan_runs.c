/* SPDX-License-Identifier: BSD-2-Clause */
/* From the configurations of a plan to its runs, in their order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plan_internal.h"
#include "memnet-core/base/util.h"

/* Fisher and Yates, with the bias of a modulo far below what a block could show. */
static void shuffle(size_t *order, size_t n, uint64_t *rng)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = mn_splitmix64(rng) % i, t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
}

void plan_topology_name(const struct plan_config *c, char name[PLAN_TOPOLOGY_SIZE])
{
	if (c->topology->vms)
		snprintf(name, PLAN_TOPOLOGY_SIZE, "%s", c->topology->name);
	else
		snprintf(name, PLAN_TOPOLOGY_SIZE, "%s-%u", c->topology->name, c->vms);
}

void plan_scenario_name(const struct plan_config *c, char name[PLAN_SCENARIO_SIZE])
{
	snprintf(name, PLAN_SCENARIO_SIZE, "%s%s%s", c->scenario->name, *c->app ? "-" : "", c->app);
}

static void name_run(struct plan_run *run)
{
	const struct plan_config *c = run->config;
	char scenario[PLAN_SCENARIO_SIZE], name[PLAN_TOPOLOGY_SIZE];
	char topology[PLAN_TOPOLOGY_SIZE + 1] = "";
	char flows[24] = "", spin[PLAN_SPIN_SIZE + 8] = "", chunk[40] = "";

	plan_scenario_name(c, scenario);
	plan_topology_name(c, name);
	if (c->vms > 1)
		snprintf(topology, sizeof(topology), ".%s", name);
	if (c->flows > 1)
		snprintf(flows, sizeof(flows), ".%u-flows", c->flows);
	if (c->spin[0])
		snprintf(spin, sizeof(spin), ".spin-%s", c->spin);
	if (c->chunk_bytes) {
		strcpy(chunk, ".chunk-");
		plan_format_bytes(c->chunk_bytes, chunk + strlen(chunk), sizeof(chunk) - strlen(chunk));
	}
	snprintf(run->id, sizeof(run->id), "b%02u.%s.%s.%s.%s%s%s%s%s", run->block, c->name,
		 c->arm->name, scenario, c->direction, topology, flows, spin, chunk);
}

uint64_t plan_chunk_bytes(const struct plan *plan, const struct plan_config *c)
{
	return c->chunk_bytes ? c->chunk_bytes : plan->chunk_bytes;
}

bool plan_shares_ram(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_configs; i++) {
		const char *region = plan->configs[i].region;

		if (region && !strcmp(region, PLAN_GUEST_RAM))
			return true;
	}
	return false;
}

unsigned int plan_most_flows(const struct plan *plan)
{
	unsigned int most = 0;

	for (size_t i = 0; i < plan->n_configs; i++)
		most = MAX(most, plan->configs[i].flows);
	return most;
}

bool plan_same_vms(const struct plan_config *a, const struct plan_config *b)
{
	return a->topology == b->topology && a->vms == b->vms;
}

bool plan_same_targets(const struct plan_config *a, const struct plan_config *b)
{
	return a->arm == b->arm && plan_same_vms(a, b);
}

bool plan_needs_targets(const struct plan *plan, const struct plan_config *c)
{
	for (size_t i = 0; i < plan->n_configs; i++) {
		const struct plan_config *o = &plan->configs[i];

		if (plan_same_targets(o, c) && (o->scenario->stream == LOAD_PACED ||
						o->scenario->stream == LOAD_FIXED))
			return true;
	}
	return false;
}

/* memnetd gets its spin budget when it starts. */
static bool share_a_boot(const struct plan_config *a, const struct plan_config *b)
{
	return !strcmp(a->name, b->name) && plan_same_vms(a, b) && !strcmp(a->spin, b->spin);
}

/* One configuration for each boot of a block, in the order of the plan. */
static size_t list_boots(const struct plan *plan, const struct plan_config *list[PLAN_MAX_CONFIGS])
{
	size_t n = 0, j;

	for (size_t i = 0; i < plan->n_configs; i++) {
		for (j = 0; j < n && !share_a_boot(list[j], &plan->configs[i]); j++)
			;
		if (j == n)
			list[n++] = &plan->configs[i];
	}
	return n;
}

long plan_expand(const struct plan *plan, uint64_t seed, struct plan_run **runs)
{
	const struct plan_config *boots[PLAN_MAX_CONFIGS];
	size_t n_boots = list_boots(plan, boots), n = 0;
	size_t boot_order[PLAN_MAX_CONFIGS], order[PLAN_MAX_CONFIGS];
	uint64_t rng = seed;
	unsigned int boot = 0;

	*runs = calloc(plan->n_configs * plan->repetitions, sizeof(**runs));
	if (!*runs)
		return -ENOMEM;
	for (unsigned int block = 1; block <= plan->repetitions; block++) {
		for (size_t i = 0; i < n_boots; i++)
			boot_order[i] = i;
		shuffle(boot_order, n_boots, &rng);
		for (size_t i = 0; i < plan->n_configs; i++)
			order[i] = i;
		shuffle(order, plan->n_configs, &rng);
		for (size_t p = 0; p < n_boots; p++) {
			boot++;
			for (size_t i = 0; i < plan->n_configs; i++) {
				const struct plan_config *c = &plan->configs[order[i]];

				if (!share_a_boot(c, boots[boot_order[p]]))
					continue;
				(*runs)[n] = (struct plan_run){ c, n + 1, block, boot, "" };
				name_run(&(*runs)[n++]);
			}
		}
	}
	return n;
}

size_t plan_boot_length(const struct plan_run *runs, size_t n)
{
	size_t length = 0;

	while (length < n && runs[length].boot == runs[0].boot)
		length++;
	return length;
}

size_t plan_part(struct plan_run *runs, size_t n, struct plan_range part)
{
	size_t kept = 0, length;

	for (size_t i = 0; i < n; i += length) {
		length = plan_boot_length(&runs[i], n - i);
		if (part.last && (runs[i].number < part.first || runs[i].number > part.last))
			continue;
		memmove(&runs[kept], &runs[i], length * sizeof(*runs));
		kept += length;
	}
	return kept;
}
