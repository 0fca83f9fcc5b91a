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
#include <inttypes.h>
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

/* Are there zones of single dies of @package, "package-N"? */
static bool by_die(const struct energy *e, const char *package)
{
	size_t len = strlen(package);

	for (size_t i = 0; i < e->n_zones; i++) {
		const char *name = e->zones[i].domain.name;

		if (!strncmp(name, package, len) && !strncmp(name + len, "-die-", 5))
			return true;
	}
	return false;
}

static int find_zone(struct energy *e, uint64_t package, uint64_t die, void *ctx)
{
	char whole[32], part[64], *missing = whole;

	snprintf(whole, sizeof(whole), "package-%" PRIu64, package);
	if (energy_find_zone(e, whole))
		return 0;
	if (by_die(e, whole)) {
		if (energy_counts_sockets(e))
			return 0;
		snprintf(part, sizeof(part), "%s-die-%" PRIu64, whole, die);
		if (energy_find_zone(e, part))
			return 0;
		missing = part;
	}
	return energy_add_note(e, -ENXIO, "%s of this machine has no counter: the others are no "
			       "total", missing);
}

int energy_check_packages(struct energy *e)
{
	return each_cpu(e, find_zone, NULL);
}
