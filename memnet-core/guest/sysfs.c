/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/io.h"

int mn_sysfs_find(const char *dir, int (*match)(const char *path, void *arg), void *arg)
{
	char path[MN_SYSFS_PATH];
	struct dirent *e;
	int ret = 0;
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? -ENODEV : -errno;
	while (!ret && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		ret = match(path, arg);
	}
	closedir(d);
	return ret ? ret : -ENODEV;
}

bool mn_sysfs_says(const char *dir, const char *file, const char *want)
{
	char path[MN_SYSFS_PATH + 32], text[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return mn_read_file(path, text, sizeof(text)) > 0 && !strcmp(text, want);
}
