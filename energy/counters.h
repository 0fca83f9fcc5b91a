/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event counters of a thread or a CPU, by libpfm4 name: "instructions", "cache-misses",
 * "amd64_fam19h_zen4::RETIRED_INSTRUCTIONS", "task-clock"; modifiers also as perf
 * spells them, "cycles:u", "instructions:uG" (:G in guests only, :H never in guests);
 * and tracepoints, "sched:sched_switch", "kvm:kvm_exit/exit_reason==12/".
 *
 * They count from counters_open() on: user and kernel, also of a guest the thread
 * runs. Take readings at both edges of a window and let counter_delta() subtract.
 * What the machine refuses is absent with its errno, never 0. Open and close from
 * one thread at a time (libpfm4).
 */
#ifndef MEMNET_ENERGY_COUNTERS_H
#define MEMNET_ENERGY_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct counters;

struct counter_value {
	int64_t t_ns;			/* CLOCK_MONOTONIC, just before the read */
	uint64_t value;			/* as counted; task-clock in ns */
	uint64_t enabled_ns, running_ns; /* running < enabled: the PMU was shared in turns */
	int error;			/* 0 or -errno: absent, all else 0 */
	bool user_only;			/* the kernel refused to have its own part counted */
};

struct counter_sum {
	uint64_t value;			/* scaled, over the threads that have it */
	uint64_t counted;		/* not scaled */
	uint64_t enabled_ns, running_ns;
	unsigned threads, absent;	/* that have it; that lack it */
	int error;			/* of the first that lacks it */
	bool user_only;			/* of any */
};

/* The set of every run; the first four are software events. Ends with NULL. */
extern const char *const counters_default[];

/*
 * Count @names (ended by NULL) on thread @tid, 0 for the caller's. 0 or -ENOMEM;
 * events that cannot be had are in the set all the same, absent. Hardware events
 * share a group, so that their ratios hold, unless they do not fit into one.
 */
int counters_open(struct counters **out, pid_t tid, const char *const *names);

#define COUNTERS_ALL	((pid_t)-1)	/* whatever runs on one CPU */

struct counters_config {
	const char *const *names;	/* ended by NULL */
	pid_t tid;			/* 0: the caller's; COUNTERS_ALL */
	int cpu;			/* with COUNTERS_ALL */
	bool inherit;			/* also threads and processes it creates from now on */
	bool on_exec;			/* begin when the thread calls exec() */
};

/* counters_open() of more than one thread as it is. */
int counters_open_config(struct counters **out, const struct counters_config *config);
void counters_close(struct counters *c);

/*
 * Is there an event @name at all, to be asked for before anything runs? 0: there is, here or on
 * another machine, or it is a tracepoint and tracefs cannot be read; -ENOENT, -EINVAL and a
 * line in @why: nobody knows it.
 */
int counters_check_name(const char *name, char *why, size_t size);

/* Does event @name, however it is spelled, count ns of a clock of the kernel? */
bool counters_is_clock(const char *name);

size_t counters_count(const struct counters *c);
const char *counters_name(const struct counters *c, size_t i);
/* Why event @i is absent or user_only, with the mend; "" if it is neither. */
const char *counters_note(const struct counters *c, size_t i);
/* What an error of a reading means, with the mend. Static storage. */
const char *counters_mend(int error);
/* "cycles:ENOENT instructions:ENOENT", cut at @size; "" if none is absent. */
void counters_absent(const struct counters *c, char *buf, size_t size);

/* All events into @values[counters_count()]; no allocation, any thread. */
void counters_read(const struct counters *c, struct counter_value *values);

/* What happened between two readings of one event; absent if it never ran on the PMU. */
void counter_delta(const struct counter_value *begin, const struct counter_value *end,
		   struct counter_value *delta);
/* value * enabled / running: the estimate for the whole time. */
uint64_t counter_scaled(const struct counter_value *v);
/* Add one thread's delta; start from a zeroed sum. */
void counter_sum_add(struct counter_sum *sum, const struct counter_value *delta);

#endif
