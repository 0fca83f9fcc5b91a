/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker is confined to, in stages. It reads what a hostile guest writes; one that
 * was taken over shall find nothing: no files, no processes, no privilege, few system calls.
 *
 * It keeps memnetd's network namespace, for its sockets are the guest's network: what
 * the guest may reach is the policy's matter (policy.h), and a worker that was taken over
 * reaches what memnetd can.
 *
 * What a machine does not let us have is found out once, at the start; what worked then has to
 * work for each worker, or it does not run.
 */
#ifndef MEMNET_ISOLATE_H
#define MEMNET_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mn_isolation {
	unsigned int missing;	/* stages, a bit each */
	int clone_flags;	/* the namespaces made at the fork */
	bool root;		/* memnetd is */
	void *filter;		/* for seccomp */
	uint64_t memory_bytes;	/* of addresses, a courier's */
};

/*
 * Try all stages in a process that ends at once. 0, and what a person should know of
 * those that are missing, one line with the mend, is in @why (empty: none is); or -errno.
 */
int mn_isolation_probe(struct mn_isolation *out, char *why, size_t why_size);

void mn_isolation_free(struct mn_isolation *i);

/* As fork(); the child is in its namespaces. For a process of one thread. */
pid_t mn_isolation_fork(const struct mn_isolation *i);

/* In that child: the other stages. 0, or -errno and the stage that failed in @stage. */
int mn_isolation_enter(const struct mn_isolation *i, const char **stage);

/*
 * The same for a courier, which has files to read and libraries that call what they like; with
 * at most @memory_bytes mapped.
 */
int mn_isolation_enter_courier(const struct mn_isolation *i, uint64_t memory_bytes,
			       const char **stage);

#endif
