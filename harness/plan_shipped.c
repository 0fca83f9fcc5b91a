/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/plan_shipped.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/io.h"

#define SUFFIX ".ini"

int plan_shipped_dir(char *dir, size_t size)
{
	return mn_beside_program(2, PLAN_SHIPPED, dir, size);
}

int plan_find_shipped(const char *name, char *path, size_t size)
{
	size_t n = strlen(name);
	bool in_full = n > strlen(SUFFIX) && !strcmp(name + n - strlen(SUFFIX), SUFFIX);
	char dir[3072];
	int ret = plan_shipped_dir(dir, sizeof(dir));

	if (ret)
		return ret;
	if (snprintf(path, size, "%s/%s%s", dir, name, in_full ? "" : SUFFIX) >= (int)size)
		return -ENAMETOOLONG;
	return access(path, F_OK) ? -errno : 0;
}
