/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/test/fake_sysfs.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"

static char root[64];

const char *fake_root(void)
{
	return root;
}

int fake_setup(void **state)
{
	strcpy(root, "/tmp/memnet-energy-XXXXXX");
	/* Open to all: some tests look at it without privileges. */
	return mkdtemp(root) ? chmod(root, 0755) : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int fake_teardown(void **state)
{
	return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

void fake_write(const char *path, const char *fmt, ...)
{
	char full[256];
	va_list ap;
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	make_parents(full);
	f = fopen(full, "w");
	assert_non_null(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	assert_int_equal(fclose(f), 0);
}

void fake_mkdir(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s/", root, path);
	make_parents(full);
}

void fake_remove(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(remove(full), 0);
}

void fake_energy(const char *dir, uint64_t uj)
{
	char path[128];

	snprintf(path, sizeof(path), "class/powercap/%s/energy_uj", dir);
	fake_write(path, "%llu\n", (unsigned long long)uj);
}

void fake_zone(const char *dir, const char *name, uint64_t uj)
{
	char path[128];

	snprintf(path, sizeof(path), "class/powercap/%s/name", dir);
	fake_write(path, "%s\n", name);
	snprintf(path, sizeof(path), "class/powercap/%s/max_energy_range_uj", dir);
	fake_write(path, "%llu\n", RANGE_UJ);
	snprintf(path, sizeof(path), "class/powercap/%s/constraint_0_max_power_uw", dir);
	fake_write(path, "%d\n", FAKE_MAX_W * 1000000);
	fake_energy(dir, uj);
}

#define PMU	"bus/event_source/devices/power/"

void fake_power_pmu(const char *cpumask)
{
	fake_write(PMU "type", "1\n");		/* PERF_TYPE_SOFTWARE */
	fake_write(PMU "cpumask", "%s\n", cpumask);
	fake_write(PMU "events/energy-pkg", "event=0x00\n");	/* CPU clock, ns */
	fake_write(PMU "events/energy-pkg.scale", "1e-9\n");
	fake_write(PMU "events/energy-pkg.unit", "Joules\n");
}

void fake_cpu(int cpu, int package, int die)
{
	char path[96];

	snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
	fake_write(path, "%d\n", package);
	snprintf(path, sizeof(path), "devices/system/cpu/cpu%d/topology/die_id", cpu);
	fake_write(path, "%d\n", die);
}

void fake_chip(const char *dir, const char *name)
{
	fake_sensor(dir, "name", "%s\n", name);
}

void fake_sensor(const char *dir, const char *file, const char *fmt, ...)
{
	char path[160], text[64];
	va_list ap;

	snprintf(path, sizeof(path), "class/hwmon/%s/%s", dir, file);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fake_write(path, "%s", text);
}

static struct energy *open_on(const char *source, const struct energy_cpu *cpu)
{
	static const struct energy_cpu unknown = { "GenuineIntel", 6, 1, 1 };
	struct energy_config config = {
		.sysfs_root = root, .source = source, .hw_threads = 2, .cpu = cpu ? cpu : &unknown,
	};
	struct energy *e;

	assert_int_equal(energy_open(&e, &config), 0);
	return e;
}

struct energy *fake_open(const char *source)
{
	return open_on(source, NULL);
}

struct energy *fake_open_perf(const char *source, const struct energy_cpu *cpu)
{
	struct energy *e = open_on(source, cpu);

	if (fake_noted(e, "perf-power", "perf_event_paranoid")) {
		print_message("skipped: needs root or perf_event_paranoid 0\n");
		energy_close(e);
		skip();
	}
	return e;
}

void fake_read(const struct energy *e, double t_s, struct energy_reading *readings)
{
	energy_read(e, readings);
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		readings[i].t_ns = t_s * NSEC_PER_SEC;
		readings[i].took_ns = 0;
	}
}

size_t fake_find(const struct energy *e, const char *domain)
{
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		if (!strcmp(energy_domain(e, i)->name, domain))
			return i;
	}
	fail_msg("no domain %s", domain);
	return 0;
}

bool fake_noted(const struct energy *e, const char *source, const char *part)
{
	const struct energy_note *note;

	for (size_t i = 0; (note = energy_note(e, i)); i++) {
		if (!strcmp(note->source, source) && strstr(note->text, part))
			return true;
	}
	return false;
}
