/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/link.h"
#include "memnet-core/base/io.h"

static void files_missing(const struct plan_app *app, struct path_reasons *reasons)
{
	char files[PLAN_LINE_SIZE], *save = NULL;

	strcpy(files, app->files);
	for (char *f = strtok_r(files, PLAN_BLANKS, &save); f; f = strtok_r(NULL, PLAN_BLANKS, &save))
		if (access(f, R_OK))
			path_reason(reasons, "the app %s needs %s (%s): install what has it",
				    app->name, f, strerror(errno));
}

/* The first word of @command, if that is the name of a program and nothing for a shell. */
static bool lacks_program(const char *command, char name[PLAN_LINE_SIZE])
{
	size_t n = strcspn(command, " \t");

	snprintf(name, PLAN_LINE_SIZE, "%.*s", (int)n, command);
	return !strpbrk(name, "=$`'\"\\;&|<>(){}*?[]~#@!") && !mn_program_there(name);
}

bool app_needs_memnet_run(const struct path *path)
{
	return !strcmp(path->transport, "memnet");
}

static void server_missing(const struct plan_config *c, const struct plan_app *app,
			   struct path_reasons *reasons)
{
	char name[PLAN_LINE_SIZE];

	if (strcmp(c->path->transport, "socket") && !app_needs_memnet_run(c->path))
		path_reason(reasons, "the app %s has a server, which its command finds by TCP/IP: "
			    "no program goes over %s unchanged", app->name, c->path->name);
	else if (strstr(app->server, PLAN_GUEST_ADDR) && !c->path->reach)
		path_reason(reasons, "the app %s serves, and over %s nobody finds what a guest "
			    "serves: give it paths with a tap device, or memnet", app->name,
			    c->path->name);
	if (lacks_program(app->server, name))
		path_reason(reasons, "there is no program %s here for the server of the app %s: "
			    "install it", name, app->name);
}

bool config_missing(const struct plan *plan, const struct plan_config *c, const char *build,
		    struct path_reasons *reasons)
{
	const struct plan_app *app = plan_app_find(plan, c->app);

	plan_path_missing(plan, c->path, build, reasons);
	if (app)
		files_missing(app, reasons);
	if (app && c->path->no_vm)
		path_reason(reasons, "apps run in VMs, and %s has none", c->path->name);
	if (app && *app->server)
		server_missing(c, app, reasons);
	return reasons->text[0];
}
