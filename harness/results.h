/* SPDX-License-Identifier: BSD-2-Clause */
/* A results folder: from the raw CSV files to everything that is made of them. */
#ifndef MEMNET_HARNESS_RESULTS_H
#define MEMNET_HARNESS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Read @dir/runs.csv and @dir/samples.csv (which may be missing), write
 * @dir/{summary,gains,net,power}.csv anew and, unless @table is NULL, print the table
 * to it. @baseline: NULL chooses (analyse.h). 0, or -errno with one line in @err.
 */
int results_analyse(const char *dir, const char *baseline, FILE *table, bool colour,
		    char *err, size_t errlen);

#endif
