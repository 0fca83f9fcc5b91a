/* SPDX-License-Identifier: BSD-2-Clause */
/* What an experiment found, for a terminal: at most 100 columns, plain ASCII. */
#ifndef MEMNET_HARNESS_TABLE_H
#define MEMNET_HARNESS_TABLE_H

#include "harness/analyse.h"

/*
 * Print the comparison of memnet with the baseline of @a, which was made of the
 * @n rows, and what kind of result it is. @colour: with ANSI colours.
 */
void table_print(FILE *out, const struct analysis *a, const struct run_row *rows, size_t n,
		 bool colour);

#endif
