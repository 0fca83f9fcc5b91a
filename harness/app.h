/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan's apps on this machine: can they run, and the guest image that has them. */
#ifndef HARNESS_APP_H
#define HARNESS_APP_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/plan.h"

/*
 * In a guest: what runs an app when it is told to go. Its arguments are the app's name, the
 * peer's address and port, and what the command is run by, or nothing.
 */
#define APP_RUNNER "/app/.run"

/* There too: what the command is run by where the path is memnet. */
#define APP_MEMNET_RUN "/app/memnet-run"

/*
 * Can @c not run on this machine, over its path (plan_path_missing()) or because its app needs what
 * is not here? Then all the reasons are in @reasons.
 */
bool config_missing(const struct plan *plan, const struct plan_config *c, const char *build,
		    struct path_reasons *reasons);

#define APP_LINE_SIZE 8192	/* of a line of a plan with @bin@ put in */

/*
 * @text as it is with the folder @build: PLAN_BIN becomes the absolute name of its bin. 0;
 * -ENAMETOOLONG: that does not fit.
 */
int app_expand(const char *text, const char *build, char out[APP_LINE_SIZE]);

/* Does a command go over this path by memnet-run? */
bool app_needs_memnet_run(const struct path *path);

/*
 * Write @image: the @archives (NULL ends them), of which the first is the initrd, and laid over
 * them the runner, the command of each app, and the files
 * it asks for, with their shared libraries, each where it is on this host. What is not here is
 * left out: who needs it does not run. memnet-run and memnet-conform, of the folder @build, are
 * there as well. 0, or -errno with one line in @why.
 */
int app_image_make(const struct plan *plan, const char *build, const char *const *archives,
		   const char *image, char *why, size_t size);

#endif
