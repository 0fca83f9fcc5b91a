/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/link.h"
#include "memnet-core/base/io.h"

int app_expand(const char *text, const char *build, char out[APP_LINE_SIZE])
{
	const size_t word = strlen(PLAN_BIN);
	char *real = realpath(build, NULL);
	const char *at;
	size_t n = 0;

	for (; (at = strstr(text, PLAN_BIN)) && n < APP_LINE_SIZE; text = at + word)
		n += snprintf(out + n, APP_LINE_SIZE - n, "%.*s%s/bin", (int)(at - text), text,
			      real ? real : build);
	if (n < APP_LINE_SIZE)
		n += snprintf(out + n, APP_LINE_SIZE - n, "%s", text);
	free(real);
	return n < APP_LINE_SIZE ? 0 : -ENAMETOOLONG;
}

/* Each word of `files` by itself: the folder of a build may have blanks in its name. */
static void files_missing(const struct plan_app *app, const char *build,
			  struct path_reasons *reasons)
{
	char files[PLAN_LINE_SIZE], path[APP_LINE_SIZE], *save = NULL;

	strcpy(files, app->files);
	for (char *f = strtok_r(files, PLAN_BLANKS, &save); f; f = strtok_r(NULL, PLAN_BLANKS, &save)) {
		int ret = app_expand(f, build, path) ?: access(path, R_OK) ? -errno : 0;

		if (ret)
			path_reason(reasons, "the app %s needs %s (%s): %s", app->name, path,
				    strerror(-ret), strstr(f, PLAN_BIN) ? "make all" :
				    "install what has it");
	}
}

/* The first word of @command, if that is the name of a program and nothing for a shell. */
static bool lacks_program(const char *command, char name[APP_LINE_SIZE])
{
	size_t n = strcspn(command, " \t");

	snprintf(name, APP_LINE_SIZE, "%.*s", (int)n, command);
	return !strpbrk(name, "=$`'\"\\;&|<>(){}*?[]~#@!") && !mn_program_there(name);
}

bool app_needs_memnet_run(const struct path *path)
{
	return !strcmp(path->transport, "memnet");
}

static void server_missing(const struct plan_config *c, const struct plan_app *app,
			   const char *build, struct path_reasons *reasons)
{
	char server[APP_LINE_SIZE], name[APP_LINE_SIZE];

	if (strcmp(c->path->transport, "socket") && !app_needs_memnet_run(c->path))
		path_reason(reasons, "the app %s has a server, which its command finds by TCP/IP: "
			    "no program goes over %s unchanged", app->name, c->path->name);
	else if (strstr(app->server, PLAN_GUEST_ADDR) && !c->path->reach)
		path_reason(reasons, "the app %s serves, and over %s nobody finds what a guest "
			    "serves: give it paths with a tap device, or memnet", app->name,
			    c->path->name);
	if (app_expand(app->server, build, server) || lacks_program(server, name))
		path_reason(reasons, "there is no program %s here for the server of the app %s: %s",
			    name, app->name, strstr(app->server, PLAN_BIN) == app->server ?
			    "make all" : "install it");
}

bool config_missing(const struct plan *plan, const struct plan_config *c, const char *build,
		    struct path_reasons *reasons)
{
	const struct plan_app *app = plan_app_find(plan, c->app);

	plan_path_missing(plan, c->path, build, reasons);
	if (app)
		files_missing(app, build, reasons);
	if (app && c->path->no_vm)
		path_reason(reasons, "apps run in VMs, and %s has none", c->path->name);
	if (app && *app->server)
		server_missing(c, app, build, reasons);
	return reasons->text[0];
}
