/* SPDX-License-Identifier: BSD-2-Clause */
/* The plans that a build or an installation laid beside the program. */
#ifndef HARNESS_PLAN_SHIPPED_H
#define HARNESS_PLAN_SHIPPED_H

#include <stddef.h>

#define PLAN_SHIPPED "share/memnet/plans"	/* beside the folder of this program */

/* Their folder, which may not be there. 0 or -errno. */
int plan_shipped_dir(char *dir, size_t size);

/*
 * The file of the one called @name, "paper" or "paper.ini". 0; -ENOENT, and @path is where it
 * would be; -errno.
 */
int plan_find_shipped(const char *name, char *path, size_t size);

#endif
