/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Energy of this machine over a window, by domain, from the best source there is.
 *
 * Use: energy_open(); energy_read() at the window's begin, now and then, and at
 * its end; feed the readings to energy_sum_begin()/_add(), then or afterwards;
 * energy_value() and energy_total() say what the window cost and how sure that is.
 * Absent is a value, not an error: no joules (NaN), and a reason. Not locked:
 * reading and summing from several threads is fine, on buffers of their own.
 */
#ifndef MEMNET_ENERGY_ENERGY_H
#define MEMNET_ENERGY_ENERGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SERVER is the whole machine at its supply, DEVICE a sensor the caller chose. */
enum energy_kind { ENERGY_PACKAGE, ENERGY_CORE, ENERGY_UNCORE, ENERGY_DRAM, ENERGY_PSYS,
		   ENERGY_SERVER, ENERGY_DEVICE };
/* INVALID: the counter was there, but part of the window is lost (gaps). */
enum energy_quality { ENERGY_MEASURED, ENERGY_ESTIMATED, ENERGY_ABSENT, ENERGY_INVALID };

struct energy;

struct energy_cpu {			/* as CPUID leaf 0 and 1 give it */
	char vendor[13];
	unsigned family, model, stepping;
};

struct energy_config {
	const char *sysfs_root;		/* NULL: "/sys" */
	/* NULL: auto; else "perf-power", "powercap", "hwmon", "model" and no other; or one
	   sensor for which the caller answers, "hwmon:CHIP/SENSOR": "hwmon:ina226/power1". */
	const char *source;
	unsigned hw_threads;		/* of the machine, for the model; 0: those online */
	const struct energy_cpu *cpu;	/* NULL: this machine's */
};

/* Name of source @i, in the order they are tried; NULL past the last one. */
const char *energy_source_name(size_t i);

struct energy_domain {
	char name[32];			/* "package-0", "package-0-die-1", "dram-0", "psys" */
	enum energy_kind kind;
	bool in_total;			/* disjoint from all others of the total */
	bool witness;			/* again what another domain is, for energy_check() alone */
	const char *source;
};

struct energy_reading {
	int64_t t_ns;			/* CLOCK_MONOTONIC, taken just before the read */
	int64_t took_ns;		/* from t_ns until read: the thread may be preempted */
	int64_t slept_ns;		/* in suspend since boot: CLOCK_BOOTTIME less t_ns */
	uint64_t raw;			/* counter units; meaningful only if !error */
	int error;			/* 0 or -errno */
};

/* Why a source or a zone is not used, with the mend; error is 0 for a mere remark. */
struct energy_note {
	const char *source;
	int error;
	char text[256];
};

/* What one domain summed up so far. Plain data of the caller; fields are energy's own. */
struct energy_sum {
	struct energy_reading last;	/* last good reading, or the failed first one */
	int64_t begin_ns, begin_took_ns, end_ns, end_slept_ns, gap_ns;
	uint64_t raw, doubt;		/* counters: what was counted; of it, maybe not of the window */
	uint64_t fell_from;		/* where it was before it went backward, until there again */
	int64_t still_ns, moved_ns;	/* it has not moved for so long; the interval before that */
	double gap_j;			/* no more than this passed in gaps other than jumps */
	uint64_t jump_raw;		/* of gaps that jumped too far: what was seen, and ... */
	double jump_w;			/* ... the least limit that allows each of them */
	unsigned jumps;			/* gaps counts them, too */
	int64_t longest_ns;		/* of all intervals */
	double peak_w;			/* counters: mean power of the busiest interval */
	double joules, low_j, high_j;	/* gauges: the integral and its bounds */
	uint64_t least, most;		/* gauges: of all readings */
	unsigned good, gaps;
	int end_error;			/* of the newest reading */
	const char *gap_why;
};

struct energy_value {
	const char *source;
	enum energy_quality quality;
	double joules;			/* NaN unless measured or estimated */
	double low_j, high_j;		/* the band; of what is known when invalid; else NaN */
	unsigned gaps;			/* intervals whose energy is not known */
	char reason[192];		/* why it is not measured, or what to mind; or "" */
};

/* One domain as two sources saw it over one window. */
struct energy_check {
	const char *source, *witness;	/* who they are */
	double joules, witness_joules;
	double difference;		/* (witness_joules - joules) / joules; 0 / 0 is 0 */
	double tolerance;		/* how much of that may be by chance; NaN: joules are 0 */
	bool compared, agree;
	char text[160];			/* all that for people, whatever the outcome */
};

/*
 * Choose a source and open its counters. 0 also when none can be used: then
 * energy_source() is "none" and energy_note() tells why. -EINVAL: no source of
 * that name; -ENOMEM. @config may go away after the call.
 */
int energy_open(struct energy **out, const struct energy_config *config);
void energy_close(struct energy *e);

const char *energy_source(const struct energy *e);
size_t energy_domain_count(const struct energy *e);
const struct energy_domain *energy_domain(const struct energy *e, size_t i);
/* Note @i, NULL past the last one. The first are those of the sources tried first. */
const struct energy_note *energy_note(const struct energy *e, size_t i);
/* Read at least this often, or a wrap may hide; INT64_MAX if no counter wraps. */
int64_t energy_max_interval_ns(const struct energy *e);
/* In a window shorter than this the total is absent: a sensor tells a mean; 0: none does. */
double energy_min_window_s(const struct energy *e);

/* All counters into @readings[energy_domain_count()]; no allocation, no other I/O. */
void energy_read(const struct energy *e, struct energy_reading *readings);

/* Start @sums[energy_domain_count()] at a reading; then add each later one, in order. */
void energy_sum_begin(const struct energy *e, struct energy_sum *sums,
		      const struct energy_reading *readings);
void energy_sum_add(const struct energy *e, struct energy_sum *sums,
		    const struct energy_reading *readings);

/*
 * @busy_cpu_s: CPU seconds the machine was busy in the window; negative or NaN if not known. Of a
 * window with gaps it reads the power limits anew, which is I/O.
 */
void energy_value(const struct energy *e, const struct energy_sum *sums, size_t i,
		  double busy_cpu_s, struct energy_value *value);
/*
 * Domain @i against its witness: where the source was not forced and the same counters
 * can be read in another way, they are. 0; -ENOENT: it has none, or is one; -ENODATA:
 * one of the two has no joules. Where they disagree, the value stays measured,
 * but its band takes in both and its reason says so.
 */
int energy_check(const struct energy *e, const struct energy_sum *sums, size_t i,
		 double busy_cpu_s, struct energy_check *check);
/* Over the disjoint domains. Without every package there is no total. */
void energy_total(const struct energy *e, const struct energy_sum *sums,
		  double busy_cpu_s, struct energy_value *value);

const char *energy_kind_name(enum energy_kind kind);
const char *energy_quality_name(enum energy_quality quality);
/* The quality of that name; of no other is anything known: ENERGY_ABSENT. */
enum energy_quality energy_quality_find(const char *name);

#endif
