/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPUs the two sides of an experiment get. */
#include <errno.h>
#include <stdio.h>

#include "harness/plan.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"

static int first_cpu(const cpu_set_t *set)
{
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			return i;
	return -1;
}

/* Hardware threads of the same core as @cpu, itself included. */
static void core_siblings(int cpu, cpu_set_t *siblings)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	if (mn_read_file(path, text, sizeof(text)) < 0 || mn_parse_cpu_list(text, siblings)) {
		CPU_ZERO(siblings);
		CPU_SET(cpu, siblings);
	}
}

static int choose(struct plan *plan, const cpu_set_t *allowed)
{
	cpu_set_t left = *allowed, siblings, apart;
	int cpu = first_cpu(&left);

	CPU_CLR(cpu, &left);
	core_siblings(cpu, &siblings);
	CPU_XOR(&apart, &left, &siblings);
	CPU_AND(&apart, &apart, &left);	/* left, but for the siblings */
	CPU_ZERO(&plan->vcpu_cpus);
	CPU_ZERO(&plan->host_cpus);
	CPU_SET(cpu, &plan->vcpu_cpus);
	cpu = first_cpu(CPU_COUNT(&apart) ? &apart : &left);
	if (cpu < 0)
		return -EINVAL;
	CPU_SET(cpu, &plan->host_cpus);
	return 0;
}

int plan_choose_cpus(struct plan *plan, char *err, size_t errlen)
{
	cpu_set_t allowed, both;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	if (!plan->cpus_given && choose(plan, &allowed)) {
		snprintf(err, errlen, "only %d CPU may be used, and the arms need two; widen the "
			 "affinity of this process (taskset -p)", CPU_COUNT(&allowed));
		return -EINVAL;
	}
	CPU_OR(&both, &plan->vcpu_cpus, &plan->host_cpus);
	CPU_AND(&allowed, &allowed, &both);
	if (!CPU_COUNT(&plan->vcpu_cpus) || !CPU_COUNT(&plan->host_cpus) ||
	    !CPU_EQUAL(&allowed, &both)) {
		snprintf(err, errlen, "vcpu_cpus and host_cpus must both be given, and name CPUs this "
			 "process may use (see: taskset -p $$)");
		return -EINVAL;
	}
	CPU_AND(&both, &plan->vcpu_cpus, &plan->host_cpus);
	if (CPU_COUNT(&both)) {
		snprintf(err, errlen, "vcpu_cpus and host_cpus share a CPU; the spare-core arm needs "
			 "them apart");
		return -EINVAL;
	}
	return 0;
}
