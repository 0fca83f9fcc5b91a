/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs by configuration. The measured rows are sorted by the fields that make a
 * configuration, then by block; a configuration is a stretch of that order.
 */
#ifndef MEMNET_HARNESS_GROUPS_H
#define MEMNET_HARNESS_GROUPS_H

#include "harness/columns.h"

struct group {
	const struct run_row **row;	/* all runs of one configuration, by block */
	size_t n;
};

/*
 * Sort the rows of kind `measure` into @sorted and cut it into @groups; both have
 * room for @n. Returns the number of groups, which point into @sorted and @rows.
 */
size_t groups_make(const struct run_row *rows, size_t n, const struct run_row **sorted,
		   struct group *groups);

/* May paths of these spin budgets be compared? One has none, or both the same (A/A). */
bool spins_agree(const char *a, const char *b);

/* The two configurations differ at most in the path, and in what only one of them has: spin. */
bool group_same_but_path(const struct group *a, const struct group *b);

/* One configuration, perhaps of two folders. */
bool group_same(const struct group *a, const struct group *b);

/*
 * Is @part the runs of @scenario alone that belong to those of @both together: of the same
 * path, arm, topology, link, accelerator and spin budget; and of the same stream, if it has one?
 */
bool group_is_part(const struct group *part, const struct group *both, const char *scenario);

/* Runs of @g whose content check found wrong bytes. */
size_t group_corrupt(const struct group *g);

/*
 * What the VMs of @rows ran under: "kvm" or "tcg", by the first that had one. "" where none
 * had: rows of ACCELERATOR_NONE are of another kind, and stand beside either.
 */
const char *runs_accelerator(const struct run_row *rows, size_t n);

/* The path of the first valid run without a VM, or NULL: none of them is a bound. */
const char *runs_bound(const struct run_row *rows, size_t n);

/*
 * "a link of 200 Mbit/s with 5 ms each way": that of the first of @rows with one, and of all
 * runs where they are of one folder; "": there is none.
 */
#define LINK_TEXT_SIZE 64
const char *runs_link(const struct run_row *rows, size_t n, char text[LINK_TEXT_SIZE]);

/* How many runs of the group have this status. */
size_t group_count(const struct group *g, const char *status);

bool run_is_ok(const struct run_row *row);

/* Is it a window of the machine without a VM? It is no run of any path. */
bool run_is_idle(const struct run_row *row);

#endif
