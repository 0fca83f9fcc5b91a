/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a workload has come: 64 bytes of a file that the workload maps and
 * anybody may read, at any time, without disturbing it. Counts only grow
 * within a run; the workload is the one writer. Little-endian.
 */
#ifndef MEMNET_WORKLOADS_PROGRESS_H
#define MEMNET_WORKLOADS_PROGRESS_H

#include <assert.h>
#include <stdint.h>

#define WORKLOAD_PROGRESS_MAGIC 0x31474f52504e4d57ULL	/* "WMNPROG1" in memory */

enum workload_state {
	WORKLOAD_NEW,		/* setting up; the state of a zeroed file */
	WORKLOAD_ARMED,		/* set-up done, at the barrier */
	WORKLOAD_RUNNING,	/* counts move */
	WORKLOAD_ENDED,		/* counts are final */
};

struct workload_progress {
	uint64_t magic;		/* written last of the set-up: the rest is valid when it is there */
	uint64_t ops;
	uint64_t bytes;
	uint64_t state;		/* enum workload_state */
	uint64_t reserved[4];	/* 0 */
};
static_assert(sizeof(struct workload_progress) == 64, "one cache line, as readers expect it");

/*
 * Map the file @path (made where it is missing, 64 bytes long); NULL: private
 * memory that nobody reads, so that a workload need not ask. 0 or -errno. The
 * mapping lives as long as the process.
 */
int progress_open(const char *path, struct workload_progress **progress);

static inline void progress_set(uint64_t *field, uint64_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* For counts that several threads of one workload share. */
static inline void progress_add(uint64_t *field, uint64_t value)
{
	__atomic_fetch_add(field, value, __ATOMIC_RELAXED);
}

#endif
