/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding devices in sysfs. */
#ifndef MEMNET_SYSFS_H
#define MEMNET_SYSFS_H

#include <stdbool.h>

#define MN_SYSFS_PATH	320	/* a directory of devices and NAME_MAX */

/*
 * Call @match on each entry of @dir until it returns other than 0. That; -ENODEV:
 * no match, or no such @dir; -errno.
 */
int mn_sysfs_find(const char *dir, int (*match)(const char *path, void *arg), void *arg);

/* Is @want what stands in @dir/@file? */
bool mn_sysfs_says(const char *dir, const char *file, const char *want);

#endif
