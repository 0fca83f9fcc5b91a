/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is every package of the machine among the zones? Which there are, the CPUs' topology
 * says: physical_package_id, by which the kernel names packages, and die_id. A zone
 * "package-N" is all of a package, "package-N-die-M" that die of it, and on AMD, whose
 * counters are the socket's, all of it as well. Where there is no topology nothing is known,
 * and nothing refused.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

bool energy_counts_sockets(const struct energy *e)
{
	return !strcmp(e->cpu.vendor, "AuthenticAMD") || !strcmp(e->cpu.vendor, "HygonGenuine");
}

/* Call @take with package and die of each CPU until it returns non-zero; that, or 0. */
static int each_cpu(struct energy *e,
		    int (*take)(struct energy *e, uint64_t package, uint64_t die, void *ctx),
		    void *ctx)
{
	char pattern[400];
	uint64_t package, die;
	glob_t found;
	int ret = 0;

	snprintf(pattern, sizeof(pattern), "%s/devices/system/cpu/cpu[0-9]*/topology", e->root);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !ret; i++) {
		if (energy_read_number(&package, "%s/physical_package_id", found.gl_pathv[i]))
			continue;
		if (energy_read_number(&die, "%s/die_id", found.gl_pathv[i]))
			die = 0;
		ret = take(e, package, die, ctx);
	}
	globfree(&found);
	return ret;
}

static int take_most(struct energy *e, uint64_t package, uint64_t die, void *ctx)
{
	uint64_t *most = ctx;

	*most = MAX(*most, package + 1);
	return 0;
}

size_t energy_count_packages(struct energy *e)
{
	uint64_t most = 0;

	each_cpu(e, take_most, &most);
	return most;
}

/* Is there a zone @name, or one of which that is the begin? */
static bool has_zone(const struct energy *e, const char *name, bool begin)
{
	size_t len = strlen(name) + !begin;

	for (size_t i = 0; i < e->n_zones; i++) {
		if (!strncmp(e->zones[i].domain.name, name, len))
			return true;
	}
	return false;
}

static int find_zone(struct energy *e, uint64_t package, uint64_t die, void *ctx)
{
	char whole[32], part[56], *missing = whole;

	snprintf(whole, sizeof(whole), "package-%llu", (unsigned long long)package);
	if (has_zone(e, whole, false))
		return 0;
	snprintf(part, sizeof(part), "%s-die-", whole);
	if (has_zone(e, part, true)) {
		if (energy_counts_sockets(e))
			return 0;
		snprintf(part, sizeof(part), "%s-die-%llu", whole, (unsigned long long)die);
		missing = part;
	}
	if (has_zone(e, missing, false))
		return 0;
	return energy_add_note(e, -ENXIO, "%s of this machine has no counter: the others are no total",
			       missing);
}

int energy_check_packages(struct energy *e)
{
	return each_cpu(e, find_zone, NULL);
}
