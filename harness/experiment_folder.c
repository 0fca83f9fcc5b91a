/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an experiment begins with: what was typed, before it may have to wait for another one;
 * the lock, before there is a folder, so that who is refused leaves nothing; the folder; its
 * environment. Values of two kinds of host do not go into one folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/environment.h"
#include "harness/experiment_internal.h"
#include "harness/host_class.h"
#include "harness/lock.h"

int experiment_take_lock(struct experiment *x)
{
	const struct experiment_options *o = x->o;
	const char *what = o->resume ? o->resume : o->plan;

	x->lock_fd = lock_take(o->lock, what, false, x->err, sizeof(x->err));
	if (x->lock_fd == -EBUSY && o->wait) {
		fprintf(stderr, "waiting: %s\n", x->err);
		x->lock_fd = lock_take(o->lock, what, true, x->err, sizeof(x->err));
	} else if (x->lock_fd == -EBUSY) {
		strcat(x->err, "; wait for it with --wait");
	}
	return MIN(x->lock_fd, 0);
}

/* Does --runs mean anything? */
static int check_part(struct experiment *x)
{
	const struct plan_range part = x->o->part;
	struct plan_run *runs;
	size_t kept;
	long n;

	if (!x->plan.seed) {
		snprintf(x->err, sizeof(x->err), "--runs: the order is drawn anew each time, so a "
			 "part of it means nothing; give all parts one seed: --seed=N");
		return -EINVAL;
	}
	n = plan_expand(&x->plan, x->plan.seed, &runs);
	kept = n < 0 ? 0 : plan_part(runs, n, part);
	free(runs);
	if (kept)
		return 0;
	snprintf(x->err, sizeof(x->err), "--runs=%u..%u: no boot begins there, of the plan's %ld "
		 "runs; memnet-lab plan shows them", part.first, part.last, n);
	return -EINVAL;
}

static int read_plan(struct experiment *x)
{
	int ret;

	if (x->o->resume)
		return folder_read_head(&x->folder, x->o->resume, &x->plan, x->err, sizeof(x->err));
	ret = plan_load(&x->plan, x->o->plan, x->err, sizeof(x->err));
	if (ret)
		return ret;
	if (x->o->seed)
		x->plan.seed = x->o->seed;
	return x->o->part.last ? check_part(x) : 0;
}

/* The programs and the image, all under the build folder. 0 or -ENOENT. */
static int locate_parts(struct experiment *x)
{
	static const char *const parts[] = {
		"guest/vmlinuz", "guest/initrd.img", "bin/memnetd", "bin/memnet-work",
		"bin/memnet-native",
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(x->paths[i], sizeof(x->paths[i]), "%s/%s", x->o->build, parts[i]);
		if (access(x->paths[i], R_OK)) {
			snprintf(x->err, sizeof(x->err), "%s: %s; make all guest-image, in MemNet's "
				 "tree, builds it; --build=DIR says where it is", x->paths[i],
				 strerror(errno));
			return -ENOENT;
		}
	}
	return 0;
}

int experiment_check(struct experiment *x)
{
	int ret = read_plan(x);

	return ret ? ret : locate_parts(x);
}

int experiment_open_folder(struct experiment *x)
{
	if (x->o->resume)
		return folder_resume(&x->folder, x->o->resume, &x->plan, x->err, sizeof(x->err));
	return folder_create(&x->folder, x->o->results, &x->plan, x->o->part, x->err,
			     sizeof(x->err));
}

int experiment_write_environment(struct experiment *x)
{
	char first[600], path[600], why[512];
	unsigned int sitting = 1;
	int ret;

	folder_environment(&x->folder, 1, first, sizeof(first));
	for (strcpy(path, first); !access(path, F_OK); sitting++)
		folder_environment(&x->folder, sitting + 1, path, sizeof(path));
	ret = environment_write(path, &x->accel, x->vm_config.kernel, x->energy, &x->plan,
				x->folder.seed);
	if (ret) {
		snprintf(x->err, sizeof(x->err), "%s: %s", path, strerror(-ret));
		return ret;
	}
	if (sitting > 1)
		ret = host_class_compare(path, first, why, sizeof(why));
	if (ret) {
		unlink(path);
		snprintf(x->err, sizeof(x->err), "%s was begun on another kind of host: %s; finish "
			 "it there, or start a new experiment", x->folder.dir, why);
	}
	return ret;
}
