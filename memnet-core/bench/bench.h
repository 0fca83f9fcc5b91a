/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-bench: the core against the best known way to do the same.
 *
 * A bench is one file with one struct mn_bench, and one line of the table in
 * memnet-bench.c. It compares ways to do a thing: an arm is what two processes
 * do, each pinned to a CPU of its own, over one shared memfd. Ours and the
 * reference are measured in turns, so that both meet the same noise; what counts
 * is the ratio of each turn. Absolute figures belong to one machine at one
 * moment and are printed for orientation only.
 *
 * What two CPUs can do for each other depends on how far apart they are: threads of
 * a core, cores of a cache, cores of two caches. A virtual machine's CPUs change
 * between these within a second. So each measurement takes the time of a line there
 * and back before and after; a turn that moved is not counted, and a row stands for
 * turns at one distance, which it names.
 *
 * A new bench: write its file, declare its struct below, add it to the table and
 * to bench_src in the Makefile.
 */
#ifndef MEMNET_BENCH_H
#define MEMNET_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/layout.h"
#include "memnet-core/spin.h"

struct mn_bench_env {
	int cpu[2];
	int rounds;
	bool realtime;	/* SCHED_FIFO: who else is there waits */
};

struct mn_bench {
	const char *name, *summary;
	int (*run)(const struct mn_bench_env *env);	/* prints its rows; 0 or -errno */
};

/* What the two processes of one measurement share. */
struct mn_stage {
	/* Of the frame: who has come here, when the clock began and ended, the distance then. */
	alignas(MN_LINE) uint32_t came;
	int64_t begin_ns[2], end_ns[2];
	double line_ns[2];	/* a line there and back, before and after */
	int64_t queued_ns[2];	/* a side had work and no CPU */
	alignas(MN_LINE) uint64_t ping;
	alignas(MN_LINE) uint64_t pong;
	/* For the arm. */
	uint64_t param;		/* of the row: bytes of a piece, entries of a batch */
	double result_ns;	/* set by a side: the figure, instead of the time that passed */
	int fd[2];		/* an eventfd to wake each side */
	alignas(MN_LINE) struct mn_index index[2];
	alignas(MN_PAGE) uint8_t memory[];	/* zeroed */
};

struct mn_arm {
	uint64_t bytes;				/* of mn_stage.memory */
	void (*setup)(struct mn_stage *s);	/* before the fork; may be NULL */
	/* Must call mn_bench_begin() once, when its buffers are warm. */
	void (*side[2])(struct mn_stage *s);
};

struct mn_comparison {
	const char *label, *unit;	/* "4096 B"; the unit of the figure shown */
	const char *reference_label;	/* "rte_ring" */
	const struct mn_arm *ours, *reference;
	uint64_t param;
	/* The figure shown for ours is scale / ns. 0: ns itself. */
	double scale;
	double target;		/* 0: none, the row is for orientation */
	bool slowdown;	/* the ratio is ours / reference and shall be at most the target;
			 * else reference / ours, and at least the target */
};

/*
 * Measure turns of both arms until env->rounds of them were at one distance, or six times
 * as many were made, and print the row of the distance that has most. 0 or -errno.
 */
int mn_bench_compare(const struct mn_bench_env *env, const struct mn_comparison *c);

/*
 * Print the row of @n turns measured elsewhere: @ratio, as in struct mn_comparison,
 * and @ours in ns; both get sorted. @note follows on the line.
 */
void mn_bench_row(const struct mn_comparison *c, double *ratio, double *ours, int n,
		  const char *note);

/* Print a row for what cannot be measured here, and why. Returns 0. */
int mn_bench_absent(const char *label, const char *mend);

/* Spin until @line holds @value. */
static inline void mn_bench_watch(const uint64_t *line, uint64_t value)
{
	while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != value)
		mn_pause();
}

/* Both sides wait for each other; the clock begins. */
void mn_bench_begin(struct mn_stage *s, int side);

/*
 * The clocking side of a ping-pong: @groups times @group calls of @trip.
 * Sets s->result_ns to the median of the groups, for one trip.
 */
void mn_bench_trips(struct mn_stage *s, int groups, int group, void (*trip)(void *arg), void *arg);

extern const struct mn_bench mn_bench_ring, mn_bench_fifo, mn_bench_pingpong_spin,
			     mn_bench_pingpong_sleep, mn_bench_tcp, mn_bench_flows, mn_bench_fair,
			     mn_bench_idle;

#endif
