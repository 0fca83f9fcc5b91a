/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/vocabulary.h"

#include <string.h>

#include "memnet-core/base/util.h"

static const struct scenario scenarios[] = {
	{ "idle", "a ready guest that does nothing", LOAD_NONE, LOAD_NONE },
	{ "compute", "the compute workload alone", LOAD_FREE, LOAD_NONE },
	{ "network", "the stream alone, as fast as it goes", LOAD_NONE, LOAD_FREE },
	{ "network-paced", "the stream alone, at the same rate on every path",
	  LOAD_NONE, LOAD_PACED },
	{ "rr", "requests alone, each waiting for its response", LOAD_NONE, LOAD_NONE, LOAD_FREE },
	{ "conn", "connections alone, each for one request and its response",
	  LOAD_NONE, LOAD_NONE, LOAD_FREE, true },
	{ "hybrid-rr", "requests beside compute as fast as it goes",
	  LOAD_FREE, LOAD_NONE, LOAD_FREE },
	{ "hybrid-saturate", "both, as fast as they go", LOAD_FREE, LOAD_FREE },
	{ "hybrid-paced", "both, the stream at the same rate on every path", LOAD_FREE, LOAD_PACED },
	{ "hybrid-fixed", "both, a fixed number of operations and of bytes", LOAD_FIXED, LOAD_FIXED },
};

const struct scenario scenario_app = { "app", "a command of the plan" };

static const struct arm arms[] = {
	{ "spare-core", "vCPU on one core, all host-side work on another",
	  ON_HOST_CPUS, ON_HOST_CPUS },
	{ "equal-core", "vCPU, QEMU, vhost and memnetd share the vCPU's core",
	  ON_VCPU_CPUS, ON_VCPU_CPUS },
};

static const struct topology topologies[] = {
	{ "one-vm", "both workloads in one guest", 1, { WORK_BOTH } },
	{ "two-vm", "one guest computes, another one has the network's work; same cores",
	  2, { WORK_COMPUTE, WORK_NETWORK } },
	{ "n-vm", "several guests at once, each with both workloads; same cores",
	  0, { WORK_BOTH } },
};

bool topology_does(const struct topology *t, unsigned int i, enum vm_work work)
{
	return t->work[t->vms ? i : 0] & work;
}

#define LOOKUP(type, table)						\
	const struct type *type##_find(const char *name)		\
	{								\
		for (size_t i = 0; i < ARRAY_SIZE(table); i++)		\
			if (!strcmp(table[i].name, name))		\
				return &table[i];			\
		return NULL;						\
	}								\
									\
	const struct type *type##_at(size_t i)				\
	{								\
		return i < ARRAY_SIZE(table) ? &table[i] : NULL;	\
	}

LOOKUP(scenario, scenarios)
LOOKUP(arm, arms)
LOOKUP(topology, topologies)
