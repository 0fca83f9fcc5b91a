/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int map_file(const char *path, struct workload_progress **progress)
{
	int ret = 0, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *map;

	if (fd < 0)
		return -errno;
	map = MAP_FAILED;
	if (!ftruncate(fd, sizeof(**progress)))
		map = mmap(NULL, sizeof(**progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		ret = -errno;
	else
		*progress = map;
	close(fd);
	return ret;
}

int progress_open(const char *path, struct workload_progress **progress)
{
	static struct workload_progress unread;
	struct workload_progress *p = &unread;
	int ret = path ? map_file(path, &p) : 0;

	if (ret)
		return ret;
	progress_set(&p->ops, 0);
	progress_set(&p->bytes, 0);
	progress_set(&p->state, WORKLOAD_NEW);
	__atomic_store_n(&p->magic, WORKLOAD_PROGRESS_MAGIC, __ATOMIC_RELEASE);
	*progress = p;
	return 0;
}
