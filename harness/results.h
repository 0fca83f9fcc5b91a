/* SPDX-License-Identifier: BSD-2-Clause */
/* A results folder: from the raw CSV files to everything that is made of them. */
#ifndef MEMNET_HARNESS_RESULTS_H
#define MEMNET_HARNESS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Read @dir/runs.csv and @dir/samples.csv (which may be missing), print the table to @table
 * unless it is NULL, and write @dir/{summary,gains,net,power}.csv anew. @baseline: NULL
 * chooses (analyse.h). 0, or -errno with one line in @err: also after the table, where the
 * folder cannot be written.
 */
int results_analyse(const char *dir, const char *baseline, FILE *table, bool colour,
		    char *err, size_t errlen);

#endif
