/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Energy and power sensors of <sysfs>/class/hwmon/hwmonN: energyM_input in uJ, counted;
 * powerM_input and powerM_average in uW, to be integrated (energy_gauge.c). Formats:
 * the kernel's Documentation/hwmon/sysfs-interface.rst. Attributes of old drivers,
 * acpi_power_meter among them, are in hwmonN/device.
 *
 * A hwmon chip may be anything with a sensor: a graphics card's "package", a fan's supply, a
 * battery, one rail of a board. Only chips of the table below are taken by themselves,
 * because their drivers' documents say what they measure; all others are
 * noted, with the name by which a user who knows may ask for one: that sensor
 * then is all there is, and the total.
 *
 *	amd_energy, zenergy	EsocketN: the RAPL counter of a socket, 64 bits wide. (EcoreN
 *				lies within.) The driver makes one per NUMA node and calls
 *				it a socket: where there are more of them than packages
 *				they mirror each other, and none is taken.
 *	fam15h_power		the package, by the processor's own arithmetic
 *	power_meter		ACPI power meter: the devices in its measures/, taken only where
 *				that is the system bus or not told, and where it is the only one
 *
 * The machine's meter contains the packages: beside them it is no part of the total.
 */
#include "energy/energy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/parse.h"

static const struct known_sensor {
	const char *chip, *sensor, *label;	/* begins of; label NULL: none is needed */
	enum energy_kind kind;
} known_sensors[] = {
	{ "amd_energy", "energy", "Esocket", ENERGY_PACKAGE },
	{ "zenergy", "energy", "Esocket", ENERGY_PACKAGE },
	{ "fam15h_power", "power1_input", NULL, ENERGY_PACKAGE },
	{ "power_meter", "power1_average", NULL, ENERGY_SERVER },
};

/* What is known and is not wanted, for the note. */
static const struct { const char *chip, *what; } others[] = {
	{ "amdgpu", "a graphics card" }, { "i915", "a graphics card" },
	{ "xe", "a graphics card" }, { "nouveau", "a graphics card" },
	{ "BAT", "a battery" }, { "ucsi_source_psy", "a USB port" },
};

struct chip {
	char dir[320];			/* where its attributes are */
	char name[32];
	char node[16];			/* "hwmon3" */
	size_t zones_before;		/* how many there were when its turn came */
};

static int hwmon_read(const struct energy_zone *zone, uint64_t *raw)
{
	return energy_read_fd(zone->fd, raw);
}

/* "power1_average" -> "power1" */
static int sensor_name(const char *file, char *name, size_t size)
{
	return snprintf(name, size, "%.*s", (int)strcspn(file, "_"), file);
}

static const struct known_sensor *find_known(const struct chip *chip, const char *file)
{
	char sensor[32], label[32] = "";

	sensor_name(file, sensor, sizeof(sensor));
	energy_read_text(label, sizeof(label), "%s/%s_label", chip->dir, sensor);
	for (size_t i = 0; i < ARRAY_SIZE(known_sensors); i++) {
		const struct known_sensor *k = &known_sensors[i];

		if (!strcmp(k->chip, chip->name) && !strncmp(k->sensor, file, strlen(k->sensor)) &&
		    (!k->label || !strncmp(k->label, label, strlen(k->label))))
			return k;
	}
	return NULL;
}

static bool chip_known(const struct chip *chip)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_sensors); i++) {
		if (!strcmp(known_sensors[i].chip, chip->name))
			return true;
	}
	return false;
}

/* One note a sensor, though it may have an average and an input. */
static void note_other(struct energy *e, const struct chip *chip, const char *file)
{
	const char *what = "of what is not known";
	char sensor[32], path[400];

	sensor_name(file, sensor, sizeof(sensor));
	snprintf(path, sizeof(path), "%s/%s_average", chip->dir, sensor);
	if (strstr(file, "_input") && !access(path, F_OK))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strncmp(others[i].chip, chip->name, strlen(others[i].chip)))
			what = others[i].what;
	}
	energy_add_note(e, 0, "%s/%s left out: %s; if it is what is to be measured, ask for the "
			"source hwmon:%s/%s", chip->name, sensor, what, chip->name, sensor);
}

/* A battery, or a meter of single devices, tells; most machines' tell nothing. */
static bool meters_a_part(const struct chip *chip)
{
	char pattern[400];
	uint64_t battery = 0;
	bool part;
	glob_t found;

	energy_read_number(&battery, "%s/power1_is_battery", chip->dir);
	snprintf(pattern, sizeof(pattern), "%s/measures/*", chip->dir);
	if (battery || glob(pattern, 0, NULL, &found))
		return battery;
	part = true;
	for (size_t i = 0; i < found.gl_pathc; i++)
		part = part && !strstr(strrchr(found.gl_pathv[i], '/'), "LNXSYBUS");
	globfree(&found);
	return part;
}

/* "95.0%": right to 5 %. 0 where it is not told. */
static double inaccuracy(const struct chip *chip, const char *sensor)
{
	char text[32];
	double percent;

	if (energy_read_text(text, sizeof(text), "%s/%s_accuracy", chip->dir, sensor))
		return 0;
	percent = strtod(text, NULL);
	return percent > 0 && percent <= 100 ? 1 - percent / 100 : 0;
}

/* 0, or -errno: an average of unknown length lags by an unknown time, and has no band. */
static int describe_gauge(const struct chip *chip, const char *file, struct energy_zone *zone)
{
	uint64_t ms = 0;
	char sensor[32];
	int ret = 0;

	sensor_name(file, sensor, sizeof(sensor));
	if (strstr(file, "_average"))
		ret = energy_read_number(&ms, "%s/%s_average_interval", chip->dir, sensor);
	zone->gauge = true;
	zone->averaged_s = ms / 1000.0;
	zone->accuracy = inaccuracy(chip, sensor);
	return ret;
}

/* "Esocket1" is 1, whatever the order of the files; without a number, how many came before. */
static size_t index_of(const struct energy *e, const struct chip *chip, const char *sensor,
		       enum energy_kind kind)
{
	char label[32];
	uint64_t number;
	size_t index = 0;

	if (!energy_read_text(label, sizeof(label), "%s/%s_label", chip->dir, sensor) &&
	    !mn_parse_u64(label + strcspn(label, "0123456789"), &number))
		return number;
	for (size_t i = 0; i + 1 < e->n_zones; i++)
		index += e->zones[i].domain.kind == kind;
	return index;
}

static void label_zone(const struct energy *e, const struct chip *chip, const char *file,
		       struct energy_zone *zone)
{
	char sensor[16];

	sensor_name(file, sensor, sizeof(sensor));
	if (zone->domain.kind == ENERGY_DEVICE)
		snprintf(zone->domain.name, sizeof(zone->domain.name), "%.15s/%s", chip->name,
			 sensor);
	else
		snprintf(zone->domain.name, sizeof(zone->domain.name), "%s-%zu",
			 energy_kind_name(zone->domain.kind),
			 index_of(e, chip, sensor, zone->domain.kind));
}

static int add_sensor(struct energy *e, const struct chip *chip, const char *file,
		      enum energy_kind kind)
{
	struct energy_zone *zone = energy_add_zone(e, kind);
	char path[400];
	uint64_t raw;

	if (!zone)
		return -ENOMEM;
	zone->j_per_raw = 1e-6;
	label_zone(e, chip, file, zone);
	if (!strncmp(file, "power", 5) && describe_gauge(chip, file, zone)) {
		zone->error = -EUCLEAN;
		energy_add_note(e, zone->error, "%s/%s left out: its %s_interval does not tell "
				"over how long it averages", chip->dir, file, file);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", chip->dir, file);
	zone->fd = open(path, O_RDONLY | O_CLOEXEC);
	zone->error = zone->fd < 0 ? -errno : energy_read_fd(zone->fd, &raw);
	if (zone->error)
		energy_add_note(e, zone->error, "%s: %s%s%s", path, energy_errno_name(zone->error),
				zone->error == -EACCES ? ": run as root, or: chmod a+r " : "",
				zone->error == -EACCES ? path : "");
	return 0;
}

/* Is it "CHIP/SENSOR", or "hwmonN/SENSOR"? Of two files of one sensor the average is the first. */
static bool is_asked_for(const struct energy *e, const struct chip *chip, const char *file)
{
	size_t len = strcspn(e->sensor, "/");
	char sensor[32];

	sensor_name(file, sensor, sizeof(sensor));
	return e->n_zones == chip->zones_before && e->sensor[len] &&
	       !strcmp(e->sensor + len + 1, sensor) &&
	       (!strncmp(e->sensor, chip->name, MAX(len, strlen(chip->name))) ||
		!strncmp(e->sensor, chip->node, MAX(len, strlen(chip->node))));
}

static int consider(struct energy *e, const struct chip *chip, const char *file)
{
	const struct known_sensor *k;

	if (e->sensor)
		return is_asked_for(e, chip, file) ? add_sensor(e, chip, file, ENERGY_DEVICE) : 0;
	k = find_known(chip, file);
	if (k && k->kind == ENERGY_SERVER && meters_a_part(chip))
		k = NULL;
	else if (!k && chip_known(chip))
		return 0;		/* Ecore, or another view of what is taken */
	if (k)
		return add_sensor(e, chip, file, k->kind);
	note_other(e, chip, file);
	return 0;
}

/* All sensors of the chip at @dir, if it is one. */
static int scan_chip(struct energy *e, const char *dir)
{
	static const char *const patterns[] = { "energy*_input", "power*_average", "power*_input" };
	struct chip chip = { .zones_before = e->n_zones };
	int ret = 0;

	snprintf(chip.node, sizeof(chip.node), "%.15s", strrchr(dir, '/') + 1);
	snprintf(chip.dir, sizeof(chip.dir), "%.300s", dir);
	if (energy_read_text(chip.name, sizeof(chip.name), "%s/name", chip.dir)) {
		snprintf(chip.dir, sizeof(chip.dir), "%.300s/device", dir);
		if (energy_read_text(chip.name, sizeof(chip.name), "%s/name", chip.dir))
			return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(patterns) && !ret; i++) {
		char pattern[400];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%s/%s", chip.dir, patterns[i]);
		if (glob(pattern, 0, NULL, &found))
			continue;
		for (size_t f = 0; f < found.gl_pathc && !ret; f++)
			ret = consider(e, &chip, strrchr(found.gl_pathv[f], '/') + 1);
		globfree(&found);
	}
	return ret;
}

static int scan(struct energy *e)
{
	char pattern[320];
	glob_t found;
	int ret = 0;

	snprintf(pattern, sizeof(pattern), "%s/class/hwmon/hwmon*", e->root);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !ret; i++)
		ret = scan_chip(e, found.gl_pathv[i]);
	globfree(&found);
	return ret;
}

static size_t count_kind(const struct energy *e, enum energy_kind kind, bool readable)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_zones; i++)
		n += e->zones[i].domain.kind == kind && (!readable || !e->zones[i].error);
	return n;
}

static void remove_kind(struct energy *e, enum energy_kind kind)
{
	for (size_t i = e->n_zones; i-- > 0;) {
		if (e->zones[i].domain.kind == kind)
			energy_remove_zone(e, &e->zones[i]);
	}
}

/* As where two drivers for the same sockets are loaded. */
static bool package_twice(struct energy *e)
{
	for (size_t i = 0; i < e->n_zones; i++) {
		if (e->zones[i].domain.kind == ENERGY_PACKAGE &&
		    energy_find_zone(e, e->zones[i].domain.name) != &e->zones[i])
			return true;
	}
	return false;
}

/* All packages or none: a part of them is no total, and nor is one of them twice. */
static void check_packages(struct energy *e)
{
	size_t n = count_kind(e, ENERGY_PACKAGE, false), packages = energy_count_packages(e);

	if (package_twice(e)) {
		energy_add_note(e, -ENOTUNIQ, "several sensors of one socket: none is taken; unload "
				"all of their drivers but one");
		remove_kind(e, ENERGY_PACKAGE);
		return;
	}
	if (count_kind(e, ENERGY_PACKAGE, true) < n)	/* noted when it was opened */
		remove_kind(e, ENERGY_PACKAGE);
	if (!packages || n == packages || !n)
		return;
	energy_add_note(e, -EUCLEAN, "%zu sensors of sockets for %zu packages: none is taken, "
			"they may mirror each other", n, packages);
	remove_kind(e, ENERGY_PACKAGE);
}

static void check_meter(struct energy *e)
{
	if (count_kind(e, ENERGY_SERVER, false) > 1)
		energy_add_note(e, -EUCLEAN, "several power meters: which of them contains which "
				"is not known, none is taken");
	if (count_kind(e, ENERGY_SERVER, false) > 1 || !count_kind(e, ENERGY_SERVER, true))
		remove_kind(e, ENERGY_SERVER);
	for (size_t i = 0; i < e->n_zones; i++) {
		if (e->zones[i].domain.kind == ENERGY_SERVER)
			e->zones[i].domain.in_total = !count_kind(e, ENERGY_PACKAGE, true);
	}
}

static int hwmon_open(struct energy *e)
{
	int ret = scan(e);

	if (ret)
		return ret;
	if (e->sensor && e->n_zones > 1)
		return energy_add_note(e, -ENOTUNIQ, "%zu chips have a sensor %s: ask for one of "
				       "them by its number, as hwmon:hwmon0/...", e->n_zones, e->sensor);
	if (e->sensor && e->n_zones) {
		e->zones[0].domain.in_total = true;
		return e->zones[0].error;
	}
	check_packages(e);
	check_meter(e);
	if (e->n_zones)
		return 0;
	return energy_add_note(e, -ENODEV, e->sensor ? "no sensor %s/class/hwmon/*: %s" :
			       "no sensor of a package or of the machine in %s/class/hwmon%s",
			       e->root, e->sensor ? e->sensor : "");
}

const struct energy_source_ops energy_hwmon = {
	.name = "hwmon",
	.summary = "energy and power sensors of hwmon chips known to be packages or the machine",
	.one_sensor = true,
	.open = hwmon_open,
	.read = hwmon_read,
};
