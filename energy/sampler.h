/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples of energy counters and gauges, by a thread of its own.
 *
 * Between start and stop nothing is allocated and nothing is read or written but
 * the counters themselves. Periodic samples come every interval; sampler_mark()
 * takes one at once, in the caller's thread: the exact edge of a phase. Write
 * the samples out after sampler_stop().
 */
#ifndef MEMNET_ENERGY_SAMPLER_H
#define MEMNET_ENERGY_SAMPLER_H

#include "energy/energy.h"

#define SAMPLER_INTERVAL_NS	100000000LL
#define SAMPLER_LEAST_NS	10000000LL

/* A quantity to sample beside energy; read() is called by one thread at a time. */
struct sampler_gauge {
	int (*read)(void *ctx, uint64_t *value);	/* 0 or -errno */
	void *ctx;
};

struct sampler_config {
	int64_t interval_ns;		/* 0: sampler_default_ns() */
	size_t max_samples;		/* room for periodic ones; later ones are lost */
	size_t max_marks;		/* room for marks, never taken by periodic samples */
	int cpu;			/* pin the thread here; -1: anywhere */
	const struct energy *energy;	/* may be NULL; must outlive the sampler */
	const struct sampler_gauge *gauges;	/* copied */
	size_t n_gauges;
};

struct sampler_sample {
	int64_t t_ns;			/* CLOCK_MONOTONIC, before its first reading */
	int phase;			/* of the last mark; a mark begins its phase */
	bool mark;
	struct energy_reading *energy;	/* [energy_domain_count()] */
	struct energy_reading *gauges;	/* [n_gauges]; each with its own t_ns */
};

struct sampler_stats {
	uint64_t late;			/* begun over half an interval after their time */
	uint64_t lost;			/* not taken: a whole interval missed, or no room */
	int64_t max_late_ns;
};

/* How well a stretch of time is covered by periodic samples. */
struct sampler_coverage {
	uint64_t due;			/* deadlines in it */
	uint64_t taken;			/* samples taken before the deadline behind theirs */
	uint64_t late;			/* of those: over half an interval late */
};

struct sampler;

/*
 * SAMPLER_INTERVAL_NS, or less if a counter of @energy, which may be NULL, wraps sooner; never
 * less than SAMPLER_LEAST_NS: of a counter faster than that there are gaps, and no CPU is burnt.
 */
int64_t sampler_default_ns(const struct energy *energy);

/*
 * Start; samples before the first mark have phase 0. 0; -EINVAL: no room asked
 * for, or the CPU is not to be had; -ERANGE: the interval asked for could hide a
 * wrap, take at most energy_max_interval_ns(); -ENOMEM; -errno. The first sample
 * is due one interval later.
 */
int sampler_start(struct sampler **out, const struct sampler_config *config);

/*
 * Begin @phase now. The sample is valid until sampler_free(); NULL if there is no
 * room. Waits for a periodic sample being taken. Any thread, between start and stop.
 */
const struct sampler_sample *sampler_mark(struct sampler *s, int phase);

/*
 * Hand the samples so far to @each, in order of time, and make their room free again:
 * for windows of unknown length. They, marks too, are gone afterwards. Sampling
 * waits meanwhile. Returns the statistics up to now. Any thread.
 */
struct sampler_stats sampler_drain(struct sampler *s,
				   void (*each)(void *ctx, const struct sampler_sample *sample),
				   void *ctx);

/* End the thread and join it. Marks are still possible afterwards. */
void sampler_stop(struct sampler *s);

/* After sampler_stop(): the samples in order of time, if not drained. Owned by @s. */
const struct sampler_sample *sampler_samples(const struct sampler *s, size_t *n);
struct sampler_stats sampler_stats(const struct sampler *s);
/*
 * The same, of periodic samples from @begin_ns to @end_ns, CLOCK_MONOTONIC, both included.
 * Those that were drained are not counted.
 */
struct sampler_coverage sampler_coverage(const struct sampler *s, int64_t begin_ns, int64_t end_ns);

/* Stops first if need be. */
void sampler_free(struct sampler *s);

#endif
