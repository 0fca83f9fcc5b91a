/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * Linux counts for each CPU how often its core and its package were too hot and ran
 * slower (thermal_throttle/, x86 with the interrupt for it; virtual machines have none).
 * A slowdown by a power limit is not among them: that is how the machine is set up, and
 * shows in the frequency.
 *
 * Temperatures come from the drivers that read the CPU itself; a board's sensors of
 * the same place are not calibrated. Where there is no such chip, the packages'
 * thermal zones are the same sensors seen through another driver.
 *
 * Files are opened at each reading: a machine of 200 CPUs would need more descriptors
 * than a process has, and readings are outside of the window.
 */
#include "harness/host_state.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/columns.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define PATH_ROOM	512

/* --- by CPU ---------------------------------------------------------------------- */

static void cpu_path(char *path, const char *sysfs, int cpu, const char *file)
{
	snprintf(path, PATH_ROOM, "%s/devices/system/cpu/cpu%d/%s", sysfs, cpu, file);
}

/* The sum of @file over @cpus; ABSENT_INTEGER if one of them has none. */
static int64_t sum_of(const char *sysfs, const cpu_set_t *cpus, const char *file)
{
	char path[PATH_ROOM];
	int64_t sum = 0;
	uint64_t value;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		cpu_path(path, sysfs, cpu, file);
		if (mn_read_u64(path, &value))
			return ABSENT_INTEGER;
		sum += value;
	}
	return sum;
}

static double mean_mhz(const char *sysfs, const cpu_set_t *cpus)
{
	int64_t khz = sum_of(sysfs, cpus, "cpufreq/scaling_cur_freq");

	return khz == ABSENT_INTEGER ? NAN : khz / 1e3 / CPU_COUNT(cpus);
}

static void read_governor(const char *sysfs, const cpu_set_t *cpus, char *governor, size_t size)
{
	char path[PATH_ROOM], text[32];

	governor[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		cpu_path(path, sysfs, cpu, "cpufreq/scaling_governor");
		if (mn_read_file(path, text, sizeof(text)) <= 0)
			continue;
		if (governor[0] && strcmp(governor, text)) {
			snprintf(governor, size, "mixed");
			return;
		}
		snprintf(governor, size, "%s", text);
	}
}

/* --- temperature ----------------------------------------------------------------- */

/* Who reads the CPU itself, by the file that names it; the next where one finds nothing. */
static const struct {
	const char *names, *name, *readings;	/* readings: beside the name */
} thermometers[] = {
	{ "class/hwmon/hwmon*/name", "coretemp", "temp*_input" },
	{ "class/hwmon/hwmon*/name", "k10temp", "temp*_input" },
	{ "class/hwmon/hwmon*/name", "zenpower", "temp*_input" },
	{ "class/thermal/thermal_zone*/type", "x86_pkg_temp", "temp" },
};

/* The hottest of all files that match @pattern, and of *hottest_c, which may be NAN. */
static void take_hottest(const char *pattern, double *hottest_c)
{
	uint64_t millidegrees;
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (!mn_read_u64(found.gl_pathv[i], &millidegrees))
			*hottest_c = fmax(*hottest_c, millidegrees / 1e3);
	globfree(&found);
}

static double hottest_of(const char *sysfs, size_t t)
{
	char pattern[PATH_ROOM], name[32];
	double hottest_c = NAN;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s", sysfs, thermometers[t].names);
	if (glob(pattern, 0, NULL, &found))
		return NAN;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];

		if (mn_read_file(path, name, sizeof(name)) <= 0 ||
		    strcmp(name, thermometers[t].name))
			continue;
		snprintf(pattern, sizeof(pattern), "%.*s/%s", (int)(strrchr(path, '/') - path),
			 path, thermometers[t].readings);
		take_hottest(pattern, &hottest_c);
	}
	globfree(&found);
	return hottest_c;
}

static double temperature(const char *sysfs)
{
	double c = NAN;

	for (size_t t = 0; isnan(c) && t < ARRAY_SIZE(thermometers); t++)
		c = hottest_of(sysfs, t);
	return c;
}

void host_state_read(const char *sysfs, const cpu_set_t *cpus, struct host_state *state)
{
	state->core_throttles = sum_of(sysfs, cpus, "thermal_throttle/core_throttle_count");
	state->package_throttles = sum_of(sysfs, cpus, "thermal_throttle/package_throttle_count");
	state->temperature_c = temperature(sysfs);
	state->frequency_mhz = mean_mhz(sysfs, cpus);
	read_governor(sysfs, cpus, state->governor, sizeof(state->governor));
}

int64_t host_state_events(int64_t begin, int64_t end)
{
	if (begin == ABSENT_INTEGER || end == ABSENT_INTEGER || end < begin)
		return ABSENT_INTEGER;
	return end - begin;
}
