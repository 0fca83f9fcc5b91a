/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/app.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t,"

static void files_missing(const struct plan_app *app, struct path_reasons *reasons)
{
	char files[PLAN_LINE_SIZE], *save = NULL;

	strcpy(files, app->files);
	for (char *f = strtok_r(files, BLANKS, &save); f; f = strtok_r(NULL, BLANKS, &save))
		if (access(f, R_OK))
			path_reason(reasons, "the app %s needs %s (%s): install what has it",
				    app->name, f, strerror(errno));
}

bool config_missing(const struct plan *plan, const struct plan_config *c, const char *build,
		    struct path_reasons *reasons)
{
	path_missing(c->path, build, reasons);
	if (*c->app)
		files_missing(plan_app_find(plan, c->app), reasons);
	return reasons->text[0];
}
