/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/host_class.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

static const struct {
	const char *object;	/* NULL: the outermost */
	const char *key;
	enum environment_about about;
} members[] = {
	{ NULL, "accelerator", ABOUT_EXPERIMENT },
	{ NULL, "qemu", ABOUT_EXPERIMENT },
	{ NULL, "guest_kernel", ABOUT_EXPERIMENT },
	{ NULL, "vcpu_cpus", ABOUT_HOST },
	{ NULL, "host_cpus", ABOUT_HOST },
	{ "host", "cpu", ABOUT_HOST },
	{ "host", "microcode", ABOUT_HOST },
	{ "host", "cpus_online", ABOUT_HOST },
	{ "host", "kernel", ABOUT_HOST },
	{ "host", "governor", ABOUT_HOST },
	{ "host", "boost", ABOUT_HOST },
	{ "host", "intel_no_turbo", ABOUT_HOST },
	{ "host", "smt_active", ABOUT_HOST },
	{ "host", "transparent_hugepage", ABOUT_HOST },
	{ "energy", "source", ABOUT_ENERGY },
};

/* For free(); NULL: no memory. */
static char *member_text(const json_t *o, const char *object, const char *key)
{
	const json_t *value = json_object_get(object ? json_object_get(o, object) : o, key);

	if (!value || json_is_null(value))
		return strdup("absent");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static int compare_member(const json_t *a, const json_t *b, size_t i, environment_differs *differs,
			  void *arg)
{
	char *in_a = member_text(a, members[i].object, members[i].key);
	char *in_b = member_text(b, members[i].object, members[i].key);
	int ret = in_a && in_b ? 0 : -ENOMEM;

	if (!ret && strcmp(in_a, in_b))
		differs(arg, members[i].about, members[i].key, in_a, in_b);
	free(in_a);
	free(in_b);
	return ret;
}

int environment_compare(const json_t *a, const json_t *b, environment_differs *differs, void *arg)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(members) && !ret; i++)
		ret = compare_member(a, b, i, differs, arg);
	return ret;
}

struct first_difference {
	char *text;
	size_t size;
	bool found;
};

static void keep_first(void *arg, enum environment_about about, const char *key, const char *a,
		       const char *b)
{
	struct first_difference *first = arg;

	if (!first->found)
		snprintf(first->text, first->size, "%s is '%s' against '%s'", key, a, b);
	first->found = true;
}

int host_class_compare(const char *a, const char *b, char *why, size_t why_size)
{
	struct first_difference first = { why, why_size, false };
	json_error_t error;
	json_t *ja = json_load_file(a, 0, &error), *jb = ja ? json_load_file(b, 0, &error) : NULL;
	int ret;

	if (jb)
		ret = environment_compare(ja, jb, keep_first, &first);
	else
		ret = mn_explain(why, why_size, -EBADMSG, "%s: %s", ja ? b : a, error.text);
	json_decref(ja);
	json_decref(jb);
	return ret ? ret : first.found ? -EXDEV : 0;
}
