/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/provenance.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "harness/host_class.h"
#include "harness/plan.h"
#include "memnet-core/base/explain.h"

/* --- environment.json ---------------------------------------------------------- */

static void differ(FILE *out, const char *what, const char *old, const char *new)
{
	fprintf(out, "differs       %s: '%s' and '%s'\n", what, old, new);
}

struct said {
	FILE *out;
	struct provenance *p;
};

/* Values of two sources of energy are told apart metric by metric. */
static void say_difference(void *arg, enum environment_about about, const char *key, const char *a,
			   const char *b)
{
	struct said *said = arg;

	if (about == ABOUT_ENERGY)
		return;
	differ(said->out, key, a, b);
	*(about == ABOUT_HOST ? &said->p->same_host : &said->p->same_experiment) = false;
}

/* The first of a folder, or the @number-th: each time it was resumed it got another. */
static json_t *load_environment(const char *dir, int number, char *err, size_t errlen)
{
	char path[4096];
	json_error_t error;
	json_t *o;

	snprintf(path, sizeof(path), "%s/environment.json", dir);
	if (number > 1)
		snprintf(path, sizeof(path), "%s/environment-%d.json", dir, number);
	o = json_load_file(path, 0, &error);
	if (!o)
		snprintf(err, errlen, "%s: %s; a results folder has one, so that its numbers can "
			 "be told from another machine's", path, error.text);
	return o;
}

static int compare_environments(const json_t *old, const json_t *new, FILE *out,
				struct provenance *p)
{
	struct said said = { out, p };
	const char *accelerator = json_string_value(json_object_get(old, "accelerator")) ?: "";
	int ret = environment_compare(old, new, say_difference, &said);

	if (!p->same_host && strcmp(accelerator, "tcg"))
		p->same_experiment = false;
	return ret;
}

/* Was a folder resumed where it was begun? */
static int compare_resumed(const json_t *first, const char *dir, FILE *out, struct provenance *p)
{
	char unused[1];
	json_t *o;
	int ret = 0;

	for (int i = 2; !ret && (o = load_environment(dir, i, unused, sizeof(unused))); i++) {
		ret = compare_environments(first, o, out, p);
		json_decref(o);
	}
	return ret;
}

/* --- plan.ini ------------------------------------------------------------------ */

static int load_plan(const char *dir, struct plan *plan, char *err, size_t errlen)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/plan.ini", dir);
	return plan_load(plan, path, err, errlen);
}

static int compare_plans(const char *old_dir, const char *new_dir, FILE *out, struct provenance *p,
			 char *err, size_t errlen)
{
	struct plan old, new;
	struct plan_difference d;
	int ret = load_plan(old_dir, &old, err, errlen) ?: load_plan(new_dir, &new, err, errlen);

	if (ret)
		return ret;
	ret = plan_compare(&old, &new, &d);
	if (ret < 0)
		return mn_explain(err, errlen, ret, "%s", strerror(-ret));
	if (ret && strcmp(old.name, new.name))
		differ(out, "name of the plan", old.name, new.name);
	if (ret) {
		differ(out, "plan", d.a, d.b);
		p->same_experiment = false;
	}
	return 0;
}

/* --- both ---------------------------------------------------------------------- */

int provenance_compare(const char *old_dir, const char *new_dir, FILE *out, struct provenance *p,
		       char *err, size_t errlen)
{
	json_t *old = load_environment(old_dir, 1, err, errlen);
	json_t *new = old ? load_environment(new_dir, 1, err, errlen) : NULL;
	int ret = -ENOENT;

	*p = (struct provenance){ true, true };
	if (new) {
		ret = compare_environments(old, new, out, p) ?:
		      compare_resumed(old, old_dir, out, p) ?:
		      compare_resumed(new, new_dir, out, p);
		if (ret)
			mn_explain(err, errlen, ret, "%s", strerror(-ret));
		else
			ret = compare_plans(old_dir, new_dir, out, p, err, errlen);
	}
	json_decref(old);
	json_decref(new);
	return ret;
}
