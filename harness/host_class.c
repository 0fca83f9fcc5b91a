/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/host_class.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

/* Where in environment.json; NULL: at its top. */
static const struct { const char *part, *key; } alike[] = {
	{ NULL, "accelerator" },
	{ NULL, "vcpu_cpus" },
	{ NULL, "host_cpus" },
	{ NULL, "qemu" },
	{ "host", "cpu" },
	{ "host", "cpus_online" },
	{ "host", "kernel" },
	{ "host", "governor" },
	{ "host", "boost" },
	{ "host", "intel_no_turbo" },
	{ "host", "smt_active" },
	{ "energy", "source" },
};

static const json_t *value(const json_t *environment, size_t i)
{
	if (alike[i].part)
		environment = json_object_get(environment, alike[i].part);
	return json_object_get(environment, alike[i].key);
}

/* Also of what is not there. For free(). */
static char *text(const json_t *v)
{
	return v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("absent");
}

static int compare(const json_t *a, const json_t *b, char *why, size_t why_size)
{
	for (size_t i = 0; i < ARRAY_SIZE(alike); i++) {
		const json_t *va = value(a, i), *vb = value(b, i);
		char *ta, *tb;

		if (va == vb || json_equal(va, vb))
			continue;
		ta = text(va);
		tb = text(vb);
		snprintf(why, why_size, "%s is %s against %s", alike[i].key, ta, tb);
		free(ta);
		free(tb);
		return -EXDEV;
	}
	return 0;
}

int host_class_compare(const char *a, const char *b, char *why, size_t why_size)
{
	json_error_t error;
	json_t *ja = json_load_file(a, 0, &error), *jb = ja ? json_load_file(b, 0, &error) : NULL;
	int ret;

	if (jb)
		ret = compare(ja, jb, why, why_size);
	else
		ret = mn_explain(why, why_size, -EBADMSG, "%s: %s", ja ? b : a, error.text);
	json_decref(ja);
	json_decref(jb);
	return ret;
}
