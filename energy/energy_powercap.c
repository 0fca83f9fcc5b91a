/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAPL through powercap: <sysfs>/class/powercap/intel-rapl:N[:M], also on AMD.
 *
 * A zone's number says nothing (psys may be :1, DRAM :0:0): its `name` does.
 * psys contains package, package contains core and uncore, DRAM is apart.
 *
 * The same counter can show twice: again under intel-rapl-mmio (same name; the
 * first that can be read is kept), and on AMD's multi-die parts once per die,
 * all mirroring the socket's counter (same package, counters equal while read:
 * the first die is kept, and a note says so). Dies of others have counters of
 * their own, which may be close to each other by chance.
 *
 * Descriptors stay open; pread() at 0 makes the kernel read the counter anew. A
 * zone that has gone gives ENODEV, and an empty or torn text is an error too.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CONSTRAINTS	3
#define MAX_RANGE_UJ	(1ULL << 62)	/* what is above cannot be a counter's */
#define MAX_LIMIT_UW	100000000000ULL	/* 100 kW: no limit, but a field with all bits set */
#define MIRROR_S	0.005	/* counters that mirror each other agree within this time */

/* What no counter of this range can show is no reading: all bits set, of a device that died. */
static int powercap_read(const struct energy_zone *zone, uint64_t *raw)
{
	int ret = energy_read_fd(zone->fd, raw);

	return !ret && *raw > zone->range ? -ERANGE : ret;
}

/* "package-0-die-1" -> "0-die-1", which also names its subzones; or NULL. */
static const char *package_suffix(const char *name)
{
	return strncmp(name, "package-", 8) ? NULL : name + 8;
}

/* "psys", and of further packages "psys-N". */
static bool is_psys(const char *name)
{
	return !strncmp(name, "psys", 4) && (!name[4] || name[4] == '-');
}

/* The `name` of the zone that contains subzone @dir (".../intel-rapl:0:1"). */
static int parent_name(const char *dir, char *name, size_t size)
{
	int len = strrchr(dir, ':') - dir;

	return energy_read_text(name, size, "%.*s/name", len, dir);
}

/* What the zone at @dir measures. 0; -ENOTSUP: nothing we know; -errno. */
static int identify(const char *dir, enum energy_kind *kind, char *label, size_t size)
{
	static const struct { const char *name; enum energy_kind kind; } subzones[] = {
		{ "core", ENERGY_CORE }, { "uncore", ENERGY_UNCORE }, { "dram", ENERGY_DRAM },
	};
	char name[32], parent[32];
	int ret = energy_read_text(name, sizeof(name), "%s/name", dir);

	if (ret)
		return ret;
	if (package_suffix(name) || is_psys(name)) {
		*kind = package_suffix(name) ? ENERGY_PACKAGE : ENERGY_PSYS;
		snprintf(label, size, "%s", name);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(subzones); i++) {
		if (strcmp(name, subzones[i].name))
			continue;
		ret = parent_name(dir, parent, sizeof(parent));
		if (ret || !package_suffix(parent))
			return ret ? ret : -ENOTSUP;
		*kind = subzones[i].kind;
		if (snprintf(label, size, "%s-%s", name, package_suffix(parent)) >= (int)size)
			return -ENAMETOOLONG;
		return 0;
	}
	return -ENOTSUP;
}

/*
 * The most the zone admits to, 0 if it does not tell: on small machines constraint 0 is the
 * sustained limit, and short turbo (constraint 1) exceeds it several times.
 */
static double powercap_limit_w(const struct energy_zone *zone)
{
	static const char *const files[] = { "max_power_uw", "power_limit_uw" };
	uint64_t uw, most = 0;

	for (int c = 0; c < MAX_CONSTRAINTS; c++) {
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			if (!energy_read_number(&uw, "%s/constraint_%d_%s", zone->dir, c,
						files[i]) &&
			    uw < MAX_LIMIT_UW)
				most = MAX(most, uw);
		}
	}
	return most / 1e6;
}

static int open_counter(const char *dir, struct energy_zone *zone)
{
	char path[512];
	uint64_t raw;
	int ret;

	ret = energy_read_number(&zone->range, "%s/max_energy_range_uj", dir);
	if (ret || !zone->range || zone->range > MAX_RANGE_UJ)
		return ret ? ret : -ERANGE;
	snprintf(path, sizeof(path), "%s/energy_uj", dir);
	zone->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (zone->fd < 0)
		return -errno;
	ret = powercap_read(zone, &raw);
	if (ret) {
		close(zone->fd);
		zone->fd = -1;
	}
	return ret;
}

static void note_unreadable(struct energy *e, const char *dir, int error)
{
	if (error == -EACCES || error == -EPERM)
		energy_add_note(e, error, "%s: run as root, or: chmod a+r %s/energy_uj",
				energy_errno_name(error), dir);
	else
		energy_add_note(e, error, "%s: energy counter or its range cannot be read: %s",
				dir, energy_errno_name(error));
}

static int add_zone(struct energy *e, const char *dir)
{
	struct energy_zone *zone;
	enum energy_kind kind;
	char label[32];
	double limit_w;
	int ret = identify(dir, &kind, label, sizeof(label));

	if (ret) {
		energy_add_note(e, 0, "%s left out: %s (%s)", dir, ret == -ENOTSUP ?
				"not a zone we know" : "its name cannot be read, as where a "
				"container masks it", energy_errno_name(ret));
		return 0;
	}
	zone = energy_find_zone(e, label);
	if (zone && !zone->error) {
		energy_add_note(e, 0, "%s left out: %s is already read", dir, label);
		return 0;
	}
	if (!zone)
		zone = energy_add_zone(e, kind);
	if (!zone)
		return -ENOMEM;
	memcpy(zone->domain.name, label, sizeof(label));
	zone->j_per_raw = 1e-6;
	snprintf(zone->dir, sizeof(zone->dir), "%.300s", dir);
	limit_w = powercap_limit_w(zone);
	if (limit_w > 0)
		zone->max_w = limit_w;
	zone->error = open_counter(dir, zone);
	if (zone->error)
		note_unreadable(e, dir, zone->error);
	return 0;
}

static int scan(struct energy *e, const char *control_type)
{
	char pattern[320];
	glob_t found;
	int ret = 0;

	snprintf(pattern, sizeof(pattern), "%s/class/powercap/%s:*", e->root, control_type);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !ret; i++)
		ret = add_zone(e, found.gl_pathv[i]);
	globfree(&found);
	return ret;
}

static bool same_package(const struct energy_zone *a, const struct energy_zone *b)
{
	const char *x = package_suffix(a->domain.name), *y = package_suffix(b->domain.name);

	return x && y && strtoul(x, NULL, 10) == strtoul(y, NULL, 10);
}

/* Is @b's counter @a's? Then it lies between two readings of @a. */
static bool mirrors(const struct energy_zone *a, const struct energy_zone *b)
{
	uint64_t before, between, after, slack = a->max_w * MIRROR_S / a->j_per_raw;

	if (a->error || b->error || a->range != b->range)
		return false;
	if (powercap_read(a, &before) || powercap_read(b, &between) || powercap_read(a, &after))
		return false;
	return between + slack >= before && between <= after + slack;
}

/* Remove package zone @i and what it contains: all their names end alike. */
static void remove_die(struct energy *e, size_t i, const char *twin)
{
	char suffix[32], label[48];

	snprintf(suffix, sizeof(suffix), "%s", package_suffix(e->zones[i].domain.name));
	energy_add_note(e, 0, "package-%s left out: it mirrors %s", suffix, twin);
	for (int kind = ENERGY_PACKAGE; kind <= ENERGY_DRAM; kind++) {
		struct energy_zone *zone;

		snprintf(label, sizeof(label), "%s-%s", energy_kind_name(kind), suffix);
		zone = energy_find_zone(e, label);
		if (zone)
			energy_remove_zone(e, zone);
	}
}

static bool remove_one_mirror(struct energy *e)
{
	for (size_t a = 0; a < e->n_zones; a++) {
		for (size_t b = a + 1; b < e->n_zones; b++) {
			if (!same_package(&e->zones[a], &e->zones[b]) ||
			    !mirrors(&e->zones[a], &e->zones[b]))
				continue;
			remove_die(e, b, e->zones[a].domain.name);
			return true;
		}
	}
	return false;
}

static int check_packages(struct energy *e)
{
	size_t packages = 0;

	for (size_t i = 0; i < e->n_zones; i++) {
		if (e->zones[i].domain.kind != ENERGY_PACKAGE)
			continue;
		if (e->zones[i].error)		/* noted when it was opened */
			return e->zones[i].error;
		packages++;
	}
	if (packages)
		return energy_check_packages(e);
	return energy_add_note(e, -ENODEV, "no package zone in %s/class/powercap: modprobe "
			       "intel_rapl_msr; virtual machines and containers mostly hide it",
			       e->root);
}

static int powercap_open(struct energy *e)
{
	int ret = scan(e, "intel-rapl");

	if (!ret)
		ret = scan(e, "intel-rapl-mmio");
	if (ret)
		return ret;
	while (energy_counts_sockets(e) && remove_one_mirror(e))
		;
	return check_packages(e);
}

const struct energy_source_ops energy_powercap = {
	.name = "powercap",
	.summary = "RAPL zones of the powercap class in sysfs",
	.steady = true,
	.limit_w = powercap_limit_w,
	.open = powercap_open,
	.read = powercap_read,
};
