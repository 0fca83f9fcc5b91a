/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing a source and reading its counters.
 *
 * Sources are tried in the order of the table below; the first whose packages can
 * all be read is used. perf-power and powercap show the same counters by different
 * drivers, and adding them would count twice: powercap beside perf-power is only a
 * witness, read at the same moments and compared afterwards (energy_check.c). Each
 * refusal stays as a note, because "why no joules" is asked after the experiment.
 * The model never refuses; it is last.
 */
#include "energy/energy_internal.h"

#include <cpuid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"

static const struct energy_source_ops *const sources[] = {
	&energy_perf_power,
	&energy_powercap,
	&energy_hwmon,
	&energy_model,
};

static const struct energy_source_ops no_source = { .name = "none" };

/*
 * Above any part sold by 2025 (sockets reach 500 W, servers with accelerators 15 kW), for
 * zones that do not tell their own limit. It only has to be far under range / interval to
 * do its work.
 */
static const double default_max_w[] = {
	[ENERGY_PACKAGE] = 600, [ENERGY_CORE] = 600, [ENERGY_UNCORE] = 600,
	[ENERGY_DRAM] = 600, [ENERGY_PSYS] = 4000, [ENERGY_SERVER] = 20000,
	[ENERGY_DEVICE] = 20000,
};

const char *energy_kind_name(enum energy_kind kind)
{
	static const char *const names[] = { "package", "core", "uncore", "dram", "psys",
					     "server", "device" };

	_Static_assert(ARRAY_SIZE(names) == ENERGY_DEVICE + 1, "a name per kind");
	return names[kind];
}

const char *energy_errno_name(int error)
{
	const char *name = strerrorname_np(-error);

	return name ? name : "unknown error";
}

static int read_text(char *buf, size_t size, const char *path_fmt, va_list ap)
{
	char path[512];
	ssize_t n;

	if (vsnprintf(path, sizeof(path), path_fmt, ap) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	n = mn_read_file(path, buf, size);
	return n < 0 ? n : 0;
}

int energy_read_text(char *buf, size_t size, const char *path_fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, path_fmt);
	ret = read_text(buf, size, path_fmt, ap);
	va_end(ap);
	return ret;
}

int energy_read_number(uint64_t *value, const char *path_fmt, ...)
{
	char text[32];
	va_list ap;
	int ret;

	va_start(ap, path_fmt);
	ret = read_text(text, sizeof(text), path_fmt, ap);
	va_end(ap);
	return ret ? ret : mn_parse_u64(text, value);
}

int energy_read_fd(int fd, uint64_t *value)
{
	char buf[32];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENODATA;
	if (buf[n - 1] != '\n')
		return -EINVAL;
	buf[n - 1] = '\0';
	return mn_parse_u64(buf, value);
}

/* A zeroed zone at the end of the list; NULL: no memory. */
static struct energy_zone *append_zone(struct energy *e)
{
	struct energy_zone *zones = reallocarray(e->zones, e->n_zones + 1, sizeof(*zones));

	if (!zones)
		return NULL;
	e->zones = zones;
	zones += e->n_zones++;
	*zones = (struct energy_zone){ .fd = -1 };
	return zones;
}

struct energy_zone *energy_add_zone(struct energy *e, enum energy_kind kind)
{
	struct energy_zone *zone = append_zone(e);

	if (!zone)
		return NULL;
	zone->domain = (struct energy_domain){
		.kind = kind, .source = e->ops->name,
		.in_total = kind == ENERGY_PACKAGE || kind == ENERGY_DRAM,
	};
	zone->ops = e->ops;
	zone->max_w = default_max_w[kind];
	return zone;
}

struct energy_zone *energy_find_zone(struct energy *e, const char *name)
{
	for (size_t i = 0; i < e->n_zones; i++) {
		if (!strcmp(e->zones[i].domain.name, name))
			return &e->zones[i];
	}
	return NULL;
}

void energy_remove_zone(struct energy *e, struct energy_zone *zone)
{
	size_t after = e->zones + e->n_zones - (zone + 1);

	if (zone->fd >= 0)
		close(zone->fd);
	memmove(zone, zone + 1, after * sizeof(*zone));
	e->n_zones--;
}

int energy_add_note(struct energy *e, int error, const char *fmt, ...)
{
	struct energy_note *notes, *note;
	va_list ap;

	notes = reallocarray(e->notes, e->n_notes + 1, sizeof(*notes));
	if (!notes)
		return error;
	e->notes = notes;
	note = &notes[e->n_notes++];
	note->source = e->ops->name;
	note->error = error;
	va_start(ap, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, ap);
	va_end(ap);
	return error;
}

static void this_cpu(struct energy_cpu *cpu)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(0, &a, &b, &c, &d))
		return;
	memcpy(cpu->vendor, &b, 4);
	memcpy(cpu->vendor + 4, &d, 4);
	memcpy(cpu->vendor + 8, &c, 4);
	__get_cpuid(1, &a, &b, &c, &d);
	cpu->stepping = a & 15;
	cpu->model = (a >> 4 & 15) | (a >> 12 & 0xf0);
	cpu->family = a >> 8 & 15;
	if (cpu->family == 15)
		cpu->family += a >> 20 & 255;
}

static void drop_zones(struct energy *e)
{
	while (e->n_zones)
		energy_remove_zone(e, &e->zones[e->n_zones - 1]);
}

/* Is source @ops what "name" or "name:SENSOR" asks for? The sensor, or NULL, to *@sensor. */
static bool asked_for(const struct energy_source_ops *ops, const char *name, const char **sensor)
{
	size_t len = strlen(ops->name);

	*sensor = NULL;
	if (!name || !strcmp(name, ops->name))
		return true;
	if (!ops->one_sensor || strncmp(name, ops->name, len) || name[len] != ':')
		return false;
	*sensor = name + len + 1;
	return true;
}

const char *energy_source_name(size_t i)
{
	return i < ARRAY_SIZE(sources) ? sources[i]->name : NULL;
}

static bool source_known(const char *name)
{
	const char *sensor;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		if (asked_for(sources[i], name, &sensor))
			return true;
	}
	return false;
}

/* What can be read of the witness, behind the zones of the source; the rest is noted. */
static int add_witness(struct energy *e, const struct energy_source_ops *ops)
{
	struct energy w = *e;
	int ret;

	w.ops = ops;
	w.zones = NULL;
	w.n_zones = 0;
	ret = ops->open(&w);
	e->notes = w.notes;
	e->n_notes = w.n_notes;
	for (size_t i = 0; i < w.n_zones && !ret; i++) {
		struct energy_zone *zone = w.zones[i].error ? NULL : append_zone(e);

		if (!zone)
			continue;
		*zone = w.zones[i];
		zone->domain.in_total = false;
		zone->domain.witness = true;
		w.zones[i].fd = -1;
	}
	drop_zones(&w);
	free(w.zones);
	return ret == -ENOMEM ? ret : 0;
}

static int choose_source(struct energy *e, const char *forced)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		const struct energy_source_ops *ops = sources[i];
		int ret;

		if (!asked_for(ops, forced, &e->sensor))
			continue;
		e->ops = ops;
		ret = ops->open(e);
		if (!ret)
			return forced || !ops->witness ? 0 : add_witness(e, ops->witness);
		drop_zones(e);
		if (ret == -ENOMEM)
			return ret;
	}
	e->ops = &no_source;
	return 0;
}

int energy_open(struct energy **out, const struct energy_config *config)
{
	const char *root = config->sysfs_root ? config->sysfs_root : "/sys";
	struct energy *e;
	int ret;

	if (config->source && !source_known(config->source))
		return -EINVAL;
	if (strlen(root) >= sizeof(e->root))
		return -ENAMETOOLONG;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->ops = &no_source;
	strcpy(e->root, root);
	if (config->cpu)
		e->cpu = *config->cpu;
	else
		this_cpu(&e->cpu);
	e->hw_threads = config->hw_threads ? config->hw_threads
					   : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	ret = choose_source(e, config->source);
	e->sensor = NULL;
	if (ret) {
		energy_close(e);
		return ret;
	}
	*out = e;
	return 0;
}

void energy_close(struct energy *e)
{
	if (!e)
		return;
	drop_zones(e);
	free(e->zones);
	free(e->notes);
	free(e);
}

const char *energy_source(const struct energy *e)
{
	return e->ops->name;
}

size_t energy_domain_count(const struct energy *e)
{
	return e->n_zones;
}

const struct energy_domain *energy_domain(const struct energy *e, size_t i)
{
	return &e->zones[i].domain;
}

const struct energy_note *energy_note(const struct energy *e, size_t i)
{
	return i < e->n_notes ? &e->notes[i] : NULL;
}

double energy_min_window_s(const struct energy *e)
{
	double most = 0;

	for (size_t i = 0; i < e->n_zones; i++) {
		if (e->zones[i].gauge && e->zones[i].domain.in_total)
			most = MAX(most, 2 * e->zones[i].averaged_s);
	}
	return most;
}

int64_t energy_max_interval_ns(const struct energy *e)
{
	const double never = (double)(INT64_MAX / 2);
	double least = never;

	for (size_t i = 0; i < e->n_zones; i++) {
		const struct energy_zone *z = &e->zones[i];
		double range_j = z->range * z->j_per_raw;

		if (z->gauge)
			least = MIN(least, ENERGY_GAUGE_S * NSEC_PER_SEC);
		else if (z->range)
			least = MIN(least, range_j / (2 * z->max_w) * NSEC_PER_SEC);
	}
	return least < never ? (int64_t)least : INT64_MAX;
}

/* CLOCK_MONOTONIC stands still in suspend, this one does not; neither can be set. */
static int64_t boot_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void energy_read(const struct energy *e, struct energy_reading *readings)
{
	for (size_t i = 0; i < e->n_zones; i++) {
		const struct energy_zone *zone = &e->zones[i];
		struct energy_reading *r = &readings[i];

		r->t_ns = mn_now_ns();
		r->slept_ns = boot_now_ns() - r->t_ns;
		r->raw = 0;
		r->error = zone->error ? zone->error : zone->ops->read(zone, &r->raw);
		r->took_ns = mn_now_ns() - r->t_ns;
	}
}
