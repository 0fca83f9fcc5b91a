/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAPL through perf: the `power` PMU of <sysfs>/bus/event_source/devices.
 *
 * One event per counter, opened for all processes (pid -1) on each CPU of the
 * PMU's cpumask, which lists one per package or die. The kernel extends the
 * counters to 64 bits, so there is no wrap to see; a count starts at 0 when it
 * is opened. A file <event>.scale gives the joules of one count: without it, or
 * with a unit other than Joules, the event is not used.
 *
 * On AMD the counter is the socket's, whichever die is asked, and some kernels
 * list a CPU per die: there only the first CPU of each socket is used.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memnet-core/base/parse.h"

struct power_pmu {
	char dir[320];
	uint64_t type;
	cpu_set_t cpus;
};

struct power_event {
	const char *name;	/* "energy-pkg" */
	enum energy_kind kind;
	uint64_t config;
	double j_per_raw;
};

static int perf_read(const struct energy_zone *zone, uint64_t *raw)
{
	ssize_t n = read(zone->fd, raw, sizeof(*raw));

	if (n < 0)
		return -errno;
	return n == sizeof(*raw) ? 0 : -ENODATA;
}

/* A number of the CPU's topology/, or -1. */
static int topology(const struct energy *e, int cpu, const char *file)
{
	uint64_t n;

	if (energy_read_number(&n, "%s/devices/system/cpu/cpu%d/topology/%s", e->root, cpu, file))
		return -1;
	return n;
}

static int package_of(const struct energy *e, int cpu)
{
	return topology(e, cpu, "physical_package_id");
}

static int cpus_of_package(const struct energy *e, const cpu_set_t *cpus, int package)
{
	int n = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		n += CPU_ISSET(cpu, cpus) && package_of(e, cpu) == package;
	return n;
}

/* Leave one CPU of each socket in @cpus, where sockets are known. */
static void drop_mirrors(struct energy *e, cpu_set_t *cpus)
{
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		int package = CPU_ISSET(cpu, cpus) ? package_of(e, cpu) : -1;

		if (package < 0 || cpus_of_package(e, cpus, package) < 2)
			continue;
		CPU_CLR(cpu, cpus);
		energy_add_note(e, 0, "cpu %d left out: its die mirrors the counter of package %d",
				cpu, package);
	}
}

static void label_zone(const struct energy *e, const struct power_pmu *pmu, int cpu,
		       struct energy_zone *zone)
{
	const char *kind = energy_kind_name(zone->domain.kind);
	int package = package_of(e, cpu), index = 0;
	size_t size = sizeof(zone->domain.name);

	for (int c = 0; c < cpu; c++)
		index += CPU_ISSET(c, &pmu->cpus);
	if (zone->domain.kind == ENERGY_PSYS && CPU_COUNT(&pmu->cpus) == 1)
		snprintf(zone->domain.name, size, "psys");
	else if (package < 0)
		snprintf(zone->domain.name, size, "%s-%d", kind, index);
	else if (cpus_of_package(e, &pmu->cpus, package) == 1)
		snprintf(zone->domain.name, size, "%s-%d", kind, package);
	else
		snprintf(zone->domain.name, size, "%s-%d-die-%d", kind, package,
			 topology(e, cpu, "die_id"));
}

static void note_refused(struct energy *e, const char *event, int cpu, int error)
{
	char paranoid[16] = "?";

	if (error != -EACCES && error != -EPERM) {
		energy_add_note(e, error, "%s: perf_event_open on cpu %d: %s", event, cpu,
				energy_errno_name(error));
		return;
	}
	energy_read_text(paranoid, sizeof(paranoid), "/proc/sys/kernel/perf_event_paranoid");
	energy_add_note(e, error, "%s: perf_event_open: %s, kernel.perf_event_paranoid is %s: "
			"run as root, or: sysctl kernel.perf_event_paranoid=0", event,
			energy_errno_name(error), paranoid);
}

static int open_event(struct energy *e, const struct power_pmu *pmu,
		      const struct power_event *event, int cpu)
{
	struct perf_event_attr attr = {
		.type = pmu->type, .size = sizeof(attr), .config = event->config,
	};
	struct energy_zone *zone = energy_add_zone(e, event->kind);

	if (!zone)
		return -ENOMEM;
	zone->j_per_raw = event->j_per_raw;
	label_zone(e, pmu, cpu, zone);
	zone->fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (zone->fd >= 0)
		return 0;
	zone->error = -errno;
	note_refused(e, event->name, cpu, zone->error);
	return event->kind == ENERGY_PACKAGE ? zone->error : 0;
}

/* "energy-pkg" with its description in sysfs; -errno if something of it is missing. */
static int describe_event(const struct power_pmu *pmu, const char *name, struct power_event *event)
{
	static const struct { const char *name; enum energy_kind kind; } known[] = {
		{ "energy-pkg", ENERGY_PACKAGE }, { "energy-cores", ENERGY_CORE },
		{ "energy-gpu", ENERGY_UNCORE }, { "energy-ram", ENERGY_DRAM },
		{ "energy-psys", ENERGY_PSYS },
	};
	char text[64], *end;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known) && strcmp(known[i].name, name); i++)
		;
	if (i == ARRAY_SIZE(known))
		return -ENOTSUP;
	event->name = known[i].name;
	event->kind = known[i].kind;
	if (energy_read_text(text, sizeof(text), "%s/events/%s", pmu->dir, name) ||
	    strncmp(text, "event=", 6))
		return -EINVAL;
	event->config = strtoull(text + 6, &end, 0);
	if (*end)
		return -EINVAL;
	if (energy_read_text(text, sizeof(text), "%s/events/%s.unit", pmu->dir, name) ||
	    strcmp(text, "Joules"))
		return -ENOENT;
	if (energy_read_text(text, sizeof(text), "%s/events/%s.scale", pmu->dir, name))
		return -ENOENT;
	event->j_per_raw = strtod(text, &end);
	return *end || !(event->j_per_raw > 0) ? -EINVAL : 0;
}

static int add_event(struct energy *e, const struct power_pmu *pmu, const char *name)
{
	struct power_event event;
	int ret = describe_event(pmu, name, &event);

	if (ret) {
		energy_add_note(e, 0, "%s left out: unknown, or without event=, .unit Joules "
				"and .scale (%s)", name, energy_errno_name(ret));
		return 0;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE && !ret; cpu++) {
		if (CPU_ISSET(cpu, &pmu->cpus))
			ret = open_event(e, pmu, &event, cpu);
	}
	return ret;
}

static int find_pmu(struct energy *e, struct power_pmu *pmu)
{
	char text[1024];
	int ret;

	snprintf(pmu->dir, sizeof(pmu->dir), "%s/bus/event_source/devices/power", e->root);
	ret = energy_read_number(&pmu->type, "%s/type", pmu->dir);
	if (ret)
		return energy_add_note(e, ret, "no power PMU (%s): modprobe rapl; virtual machines "
				       "and containers mostly hide it", pmu->dir);
	ret = energy_read_text(text, sizeof(text), "%s/cpumask", pmu->dir);
	if (!ret)
		ret = mn_parse_cpu_list(text, &pmu->cpus);
	if (ret)
		return energy_add_note(e, ret, "%s/cpumask cannot be read: %s", pmu->dir,
				       energy_errno_name(ret));
	return 0;
}

static int add_events(struct energy *e, const struct power_pmu *pmu)
{
	char pattern[400];
	glob_t found;
	int ret = 0;

	snprintf(pattern, sizeof(pattern), "%s/events/energy-*", pmu->dir);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !ret; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;

		if (!strchr(name, '.'))
			ret = add_event(e, pmu, name);
	}
	globfree(&found);
	return ret;
}

static int perf_open(struct energy *e)
{
	struct power_pmu pmu;
	int ret = find_pmu(e, &pmu);

	if (ret)
		return ret;
	if (energy_counts_sockets(e))
		drop_mirrors(e, &pmu.cpus);
	ret = add_events(e, &pmu);
	if (ret)
		return ret;
	for (size_t i = 0; i < e->n_zones; i++) {
		if (e->zones[i].domain.kind == ENERGY_PACKAGE)
			return energy_check_packages(e);
	}
	return energy_add_note(e, -ENODEV, "the power PMU has no usable energy-pkg event");
}

const struct energy_source_ops energy_perf_power = {
	.name = "perf-power",
	.summary = "RAPL counters of the perf power PMU, 64 bits wide",
	.witness = &energy_powercap,
	.steady = true,
	.open = perf_open,
	.read = perf_read,
};
