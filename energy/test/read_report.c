/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/test/read_report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

json_t *report_read(char *text)
{
	json_t *all = json_array();

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		json_error_t error;
		json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);

		if (!object)
			fail_msg("%s in %s", error.text, line);
		json_array_append_new(all, object);
	}
	return all;
}

json_t *report_find(json_t *record, const char *metric, const char *name)
{
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(record, "values"), i, value) {
		const char *of = json_string_value(json_object_get(value, "name"));

		if (!strcmp(json_string_value(json_object_get(value, "metric")), metric) &&
		    !strcmp(of ? of : "", name))
			return value;
	}
	return NULL;
}

static json_t *member(json_t *record, const char *metric, const char *name, const char *key)
{
	json_t *found = json_object_get(report_find(record, metric, name), key);

	if (!found)
		fail_msg("no %s of %s %s", key, metric, name);
	return found;
}

double report_value(json_t *record, const char *metric, const char *name, const char *key)
{
	json_t *number = member(record, metric, name, key);

	return json_is_null(number) ? NAN : json_number_value(number);
}

const char *report_text(json_t *record, const char *metric, const char *name, const char *key)
{
	const char *text = json_string_value(member(record, metric, name, key));

	return text ? text : "";
}
