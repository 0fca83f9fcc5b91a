/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core (energy.c, energy_value.c) and the sources share, and nobody else sees. */
#ifndef MEMNET_ENERGY_INTERNAL_H
#define MEMNET_ENERGY_INTERNAL_H

#include "energy/energy.h"
#include "memnet-core/base/util.h"

struct energy_zone {
	struct energy_domain domain;
	const struct energy_source_ops *ops;
	int fd;				/* -1: none; @error says why, or none is needed */
	int error;			/* -errno: cannot be read, every reading carries this */
	uint64_t range;			/* the counter wraps to 0 here; 0: never */
	double j_per_raw;		/* of a gauge: watts per raw */
	double max_w;			/* no more power than this can be real */
	char dir[304];			/* of powercap: where its limits are */
	bool gauge;			/* raw is a power, to be integrated */
	double averaged_s, accuracy;	/* of a gauge: its mean is this long, may be this far off */
};

/*
 * A source. To add one: a file with this table, and a line in energy.c.
 *
 * open() adds zones; it returns 0 only if all packages can be read, else
 * -errno after exactly one energy_add_note() with the mend. The core closes
 * the descriptors. read() gets only zones without error, returns 0 or -errno.
 * value() is NULL for counters; else it makes the value from the times alone.
 * limit_w() is what a zone's limit is by now, NULL where it tells none.
 * @witness is a source that shows the same counters in another way.
 */
struct energy_source_ops {
	const char *name, *summary;
	const struct energy_source_ops *witness;
	bool steady;			/* counters of packages move every ENERGY_UPDATE_S */
	bool one_sensor;		/* "name:SENSOR" may be asked for: energy.sensor */
	int (*open)(struct energy *e);
	int (*read)(const struct energy_zone *zone, uint64_t *raw);
	double (*limit_w)(const struct energy_zone *zone);
	void (*value)(const struct energy *e, const struct energy_sum *sum,
		      double busy_cpu_s, struct energy_value *value);
};

struct energy {
	const struct energy_source_ops *ops;	/* never NULL; the one being tried during open */
	char root[256];
	const char *sensor;		/* during open: the one asked for, or NULL */
	struct energy_cpu cpu;
	unsigned hw_threads;
	const struct model_family *family;	/* model only */
	struct energy_zone *zones;
	size_t n_zones;
	struct energy_note *notes;
	size_t n_notes;
};

extern const struct energy_source_ops energy_perf_power, energy_powercap, energy_hwmon,
				      energy_model;

/* A zeroed zone at the end of the list (fd -1, max_w by kind), or NULL: no memory. */
struct energy_zone *energy_add_zone(struct energy *e, enum energy_kind kind);
struct energy_zone *energy_find_zone(struct energy *e, const char *name);
void energy_remove_zone(struct energy *e, struct energy_zone *zone);

/* Are the counters the socket's, whichever die of it is asked? */
bool energy_counts_sockets(const struct energy *e);
/* How many packages the machine has, their numbers being small and dense; 0: not told. */
size_t energy_count_packages(struct energy *e);
/* 0; -ENXIO and a note: a package or a die of the machine is not among the zones. */
int energy_check_packages(struct energy *e);

/* Keep a reason; returns @error. A note for which there is no memory is lost. */
int energy_add_note(struct energy *e, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Add what lies between two readings, the last one and @r; NULL, or why it is a gap. */
const char *energy_gauge_add(const struct energy_zone *zone, struct energy_sum *sum,
			     const struct energy_reading *r);
/* The band of a gauge's sum, gaps and all. */
void energy_gauge_band(const struct energy_zone *zone, const struct energy_sum *sum,
		       struct energy_value *value);
/* The value of a gauge's sum without gaps. */
void energy_gauge_value(const struct energy_zone *zone, const struct energy_sum *sum,
			struct energy_value *value);

/* energy_value(), witness or not, unchecked. */
void energy_zone_value(const struct energy *e, const struct energy_sum *sums, size_t i,
		       double busy_cpu_s, struct energy_value *value);

/* The power to go by at an edge of a counter's window of @joules: the mean says little of it. */
double energy_edge_w(const struct energy_sum *sum, double joules);

/* No less than a counter's unit: 61 uJ; of some machines' psys 1 J (Sapphire Rapids). */
double energy_step_j(const struct energy_zone *zone);

#define ENERGY_UPDATE_S	0.001		/* RAPL counters advance about this often */
#define ENERGY_GAUGE_S	1.0		/* read gauges at least this often */

/* Fill @value as absent or invalid: no joules. */
void energy_no_value(struct energy_value *value, enum energy_quality quality,
		     const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The text of a small file, whose path is the format's; 0 or -errno. */
int energy_read_text(char *buf, size_t size, const char *path_fmt, ...) PRINTF_LIKE(3, 4);
int energy_read_number(uint64_t *value, const char *path_fmt, ...) PRINTF_LIKE(2, 3);

/* An open file of sysfs, read anew: "1234\n". 0; -EINVAL: torn; -ENODATA: empty; -errno. */
int energy_read_fd(int fd, uint64_t *value);

/* "ENOENT" for -ENOENT. */
const char *energy_errno_name(int error);

#endif
