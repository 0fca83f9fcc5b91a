/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several results folders into a new one: parts of a plan (memnet-lab run --runs), made on
 * one machine after another or on machines of one kind. Nothing of the parts is changed.
 *
 * They must be of one plan, seed, schema, accelerator and host class. Every attempt is
 * kept, and the environments of all parts. A run that is in two parts is kept once when
 * its rows are the same and refused when not. Calibrations of later parts get a name of
 * their own (".part2").
 */
#ifndef HARNESS_MERGE_H
#define HARNESS_MERGE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Merge the @n folders @dirs into a new one under @results, whose path is left in @dir. What
 * is worth knowing (split blocks, missing runs) goes to @notes. 0, or -errno with one line
 * in @err; then no folder was made, unless the disk failed.
 */
int merge(char *const *dirs, size_t n, const char *results, char *dir, size_t dirlen, FILE *notes,
	  char *err, size_t errlen);

#endif
