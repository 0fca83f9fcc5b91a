/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/provenance.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/explain.h"

/* --- environment.json ---------------------------------------------------------- */

static const struct {
	const char *object;	/* NULL: the outermost */
	const char *key;
	bool host;		/* what it says is of the host alone */
} fields[] = {
	{ NULL, "accelerator", false },
	{ NULL, "qemu", false },
	{ NULL, "guest_kernel", false },
	{ NULL, "vcpu_cpus", true },
	{ NULL, "host_cpus", true },
	{ "host", "cpu", true },
	{ "host", "microcode", true },
	{ "host", "cpus_online", true },
	{ "host", "kernel", true },
	{ "host", "governor", true },
	{ "host", "boost", true },
	{ "host", "intel_no_turbo", true },
	{ "host", "smt_active", true },
	{ "host", "transparent_hugepage", true },
};

/* What @o says of a field, as text for free(); absent and null are the same. */
static char *field_text(const json_t *o, const char *object, const char *key)
{
	const json_t *value = json_object_get(object ? json_object_get(o, object) : o, key);

	if (!value || json_is_null(value))
		return strdup("absent");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void differ(FILE *out, const char *what, const char *old, const char *new)
{
	fprintf(out, "differs       %s: '%s' and '%s'\n", what, old, new);
}

static int compare_field(const json_t *old, const json_t *new, size_t i, FILE *out,
			 struct provenance *p)
{
	char *a = field_text(old, fields[i].object, fields[i].key);
	char *b = field_text(new, fields[i].object, fields[i].key);
	int ret = a && b ? 0 : -ENOMEM;

	if (!ret && strcmp(a, b)) {
		differ(out, fields[i].key, a, b);
		*(fields[i].host ? &p->same_host : &p->same_experiment) = false;
	}
	free(a);
	free(b);
	return ret;
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
		snprintf(err, errlen, "%s: %s; a results folder has one, so that its numbers can be "
			 "told from another machine's", path, error.text);
	return o;
}

static int compare_environments(const json_t *old, const json_t *new, FILE *out,
				struct provenance *p)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields) && !ret; i++)
		ret = compare_field(old, new, i, out, p);
	if (!p->same_host && strcmp(json_string_value(json_object_get(old, "accelerator")) ?: "", "tcg"))
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
