/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of [app NAME]: each is a line of the table below. What an app measures is the number
 * in the one group of `metric`, which has a unit and a better end; an app without it is a fixed
 * amount of work, and measures how long that takes. A matrix names apps that stand above it.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "harness/plan_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/util.h"

#define PLAN_PEER "@peer_"

static int parse_better(void *field, const struct plan_key *key, const char *text)
{
	if (strcmp(text, "higher") && strcmp(text, "lower"))
		return -EINVAL;
	return plan_parse_text(field, key, text);
}

static int parse_files(void *field, const struct plan_key *key, const char *text)
{
	for (const char *word = text; *word; word += strcspn(word, PLAN_BLANKS)) {
		word += strspn(word, PLAN_BLANKS);
		if (*word && *word != '/' && strncmp(word, PLAN_BIN "/", strlen(PLAN_BIN "/")))
			return -EINVAL;
	}
	return plan_parse_text(field, key, text);
}

/* The port is the one both know: what listens at another is not found. */
static int parse_server(void *field, const struct plan_key *key, const char *text)
{
	return strstr(text, PLAN_PEER_PORT) ? plan_parse_text(field, key, text) : -EINVAL;
}

#define AT(field) offsetof(struct plan_app, field)
#define SIZE_OF(field) sizeof(((struct plan_app *)0)->field)

static const struct plan_key keys[] = {
	{ "command", plan_parse_text, plan_format_text, AT(command), 0, SIZE_OF(command),
	  "a command line for the guest's shell" },
	{ "server", parse_server, plan_format_text, AT(server), 0, SIZE_OF(server),
	  "a command line for this host's shell, that listens at " PLAN_PEER_PORT },
	{ "metric", plan_parse_text, plan_format_text, AT(metric), 0, SIZE_OF(metric),
	  "an expression" },
	{ "unit", plan_parse_text, plan_format_text, AT(unit), 0, SIZE_OF(unit),
	  "the metric's unit, of at most 15 characters" },
	{ "better", parse_better, plan_format_text, AT(better), 0, SIZE_OF(better),
	  "higher or lower" },
	{ "files", parse_files, plan_format_text, AT(files), 0, SIZE_OF(files),
	  "absolute paths of files of this host, or " PLAN_BIN "/NAME" },
	{ "timeout", plan_parse_time, plan_format_time, AT(timeout_ns), 100, 3600000,
	  "a time of 100ms to 3600s" },
};

static const struct plan_key name_key = {
	"name", plan_parse_word, plan_format_text, AT(name), 0, SIZE_OF(name),
	"a word of letters, digits and ._+-, of at most 27 characters"
};

const struct plan_key *plan_app_key_at(size_t i)
{
	return i < ARRAY_SIZE(keys) ? &keys[i] : NULL;
}

const struct plan_app *plan_app_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_apps; i++)
		if (!strcmp(plan->apps[i].name, name))
			return &plan->apps[i];
	return NULL;
}

struct plan_app *plan_app_begin(struct plan *plan, const char *name, char *err, size_t errlen)
{
	struct plan_app *app = (struct plan_app *)plan_app_find(plan, name);

	if (!app && plan->n_apps == PLAN_LIST_MAX) {
		snprintf(err, errlen, "more than %d apps", PLAN_LIST_MAX);
		return NULL;
	}
	if (!app)
		app = &plan->apps[plan->n_apps++];
	*app = (struct plan_app){ .timeout_ns = 60 * NSEC_PER_SEC };
	if (!name_key.parse(app->name, &name_key, name))
		return app;
	snprintf(err, errlen, "[app %s]: want %s", name, name_key.want);
	return NULL;
}

/* 0; -EINVAL: it is no expression, or not one with one group. */
static int check_metric(const char *text, char *err, size_t errlen)
{
	char why[128];
	regex_t regex;
	int ret = regcomp(&regex, text, REG_EXTENDED);

	if (ret) {
		regerror(ret, &regex, why, sizeof(why));
	} else {
		snprintf(why, sizeof(why), "it has %zu groups", regex.re_nsub);
		ret = regex.re_nsub != 1;
		regfree(&regex);
	}
	if (ret)
		snprintf(err, errlen, "metric = %s: %s; want a POSIX extended "
			 "regular expression with one group: the number", text, why);
	return ret ? -EINVAL : 0;
}

int plan_app_parse(struct plan_app *app, const struct plan_key *key, const char *text, char *err,
		   size_t errlen)
{
	if (key->parse((char *)app + key->offset, key, text)) {
		snprintf(err, errlen, "%s = %s: want %s", key->name, text, key->want);
		return -EINVAL;
	}
	/* What is wrong with this one is more than its `want` can tell. */
	return key->offset == AT(metric) ? check_metric(text, err, errlen) : 0;
}

int plan_app_end(struct plan_app *app, char *err, size_t errlen)
{
	const char *wrong = NULL;

	if (!*app->command)
		wrong = "it lacks a command";
	else if (strstr(app->command, PLAN_PEER) && !*app->server)
		wrong = "its command has a peer, and it has no server";
	else if (*app->metric && !*app->unit)
		wrong = "its metric has no unit";
	else if (!*app->metric && (*app->unit || *app->better))
		wrong = "unit and better are of a metric, and it has none: its duration is "
			"measured, in seconds, lower is better";
	if (wrong) {
		snprintf(err, errlen, "[app %s]: %s", app->name, wrong);
		return -EINVAL;
	}
	if (*app->metric && !*app->better)
		strcpy(app->better, "higher");
	return 0;
}

int plan_app_check(const struct plan *plan, const struct plan_matrix *m, char *err, size_t errlen)
{
	const char *known[PLAN_LIST_MAX], *meant;

	for (size_t i = 0; i < plan->n_apps; i++)
		known[i] = plan->apps[i].name;
	for (size_t i = 0; i < m->n_apps; i++) {
		if (plan_app_find(plan, m->apps[i]))
			continue;
		meant = mn_nearest(m->apps[i], known, plan->n_apps);
		if (meant)
			snprintf(err, errlen, "apps = %s: did you mean '%s'?", m->apps[i], meant);
		else
			snprintf(err, errlen, "apps = %s: there is no [app %s] above it",
				 m->apps[i], m->apps[i]);
		return -EINVAL;
	}
	return 0;
}
