/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/provenance.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/host_class.h"
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

/* Cut comment and space off both ends. */
static char *bare(char *line)
{
	char *end = line + strcspn(line, "\n");

	for (char *c = line; c < end; c++)
		if ((*c == ';' || *c == '#') && (c == line || c[-1] == ' ' || c[-1] == '\t'))
			end = c;
	while (end > line && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return line + strspn(line, " \t");
}

/* What changes how often it is done, not what is done. */
static bool is_of_no_account(const char *line)
{
	static const char *const keys[] = { "name", "repetitions", "seed" };
	size_t len = strcspn(line, " \t=:");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i]) == len && !strncmp(keys[i], line, len))
			return true;
	return !*line;
}

/* The next line of account, or "" behind the last. */
static const char *next_line(FILE *f, char *line, int size)
{
	while (fgets(line, size, f)) {
		const char *text = bare(line);

		if (!is_of_no_account(text))
			return text;
	}
	return "";
}

static void compare_plans(FILE *old, FILE *new, FILE *out, struct provenance *p)
{
	char line_a[1024], line_b[1024];
	const char *a, *b;

	do {
		a = next_line(old, line_a, sizeof(line_a));
		b = next_line(new, line_b, sizeof(line_b));
		if (strcmp(a, b)) {
			differ(out, "plan", a, b);
			p->same_experiment = false;
			return;
		}
	} while (*a);
}

static FILE *open_plan(const char *dir, char *err, size_t errlen)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/plan.ini", dir);
	f = fopen(path, "re");
	if (!f)
		snprintf(err, errlen, "%s: %s; a results folder has the plan it was made by", path,
			 strerror(errno));
	return f;
}

/* --- both ---------------------------------------------------------------------- */

int provenance_compare(const char *old_dir, const char *new_dir, FILE *out, struct provenance *p,
		       char *err, size_t errlen)
{
	json_t *old = load_environment(old_dir, 1, err, errlen);
	json_t *new = old ? load_environment(new_dir, 1, err, errlen) : NULL;
	FILE *old_plan = new ? open_plan(old_dir, err, errlen) : NULL;
	FILE *new_plan = old_plan ? open_plan(new_dir, err, errlen) : NULL;
	int ret = -ENOENT;

	*p = (struct provenance){ true, true };
	if (new_plan) {
		ret = compare_environments(old, new, out, p) ?:
		      compare_resumed(old, old_dir, out, p) ?:
		      compare_resumed(new, new_dir, out, p);
		if (ret)
			mn_explain(err, errlen, ret, "%s", strerror(-ret));
		compare_plans(old_plan, new_plan, out, p);
	}
	if (old_plan)
		fclose(old_plan);
	if (new_plan)
		fclose(new_plan);
	json_decref(old);
	json_decref(new);
	return ret;
}
