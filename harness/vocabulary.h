/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a plan, each kind a table: scenarios, arms, topologies (adding one is a
 * line in vocabulary.c), and network paths, which have a header of their own.
 */
#ifndef HARNESS_VOCABULARY_H
#define HARNESS_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/path.h"

enum load {
	LOAD_NONE,
	LOAD_FREE,	/* as fast as it goes, for the window */
	LOAD_PACED,	/* at the plan's rate, for the window */
	LOAD_FIXED,	/* a given amount of work; the window is the time it takes */
};

struct scenario {
	const char *name, *summary;
	enum load compute, stream;
	enum load exchange;	/* of requests: LOAD_FREE is at the plan's rr_rate where it gives one */
	bool connects;		/* each over a connection of its own, at no rate */
};

/* That of the plan's own commands: what they do is theirs, until they end. Not in the table. */
extern const struct scenario scenario_app;

/* Which CPU set a class of threads is pinned to. */
enum cpu_set_of { ON_VCPU_CPUS, ON_HOST_CPUS };

struct arm {
	const char *name, *summary;
	enum cpu_set_of qemu, memnetd;	/* vCPUs: always vcpu; vhost, helper: as QEMU; peer: always host */
};

#define MAX_VMS 8	/* of one run */

/* What of a scenario a VM does. */
enum vm_work { WORK_COMPUTE = 1, WORK_NETWORK = 2, WORK_BOTH = WORK_COMPUTE | WORK_NETWORK };

struct topology {
	const char *name, *summary;
	unsigned int vms;	/* 0: as many as the plan's vms says, all doing work[0] */
	enum vm_work work[2];	/* of each VM */
};

/* Does VM @i, from 0, do this? */
bool topology_does(const struct topology *t, unsigned int i, enum vm_work work);

/* The entry called @name, or NULL. */
const struct scenario *scenario_find(const char *name);
const struct arm *arm_find(const char *name);
const struct topology *topology_find(const char *name);

/* Entry @i, NULL past the last. */
const struct scenario *scenario_at(size_t i);
const struct arm *arm_at(size_t i);
const struct topology *topology_at(size_t i);

#endif
