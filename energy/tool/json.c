/* SPDX-License-Identifier: BSD-2-Clause */
/* One object a line: intervals, runs, the summary. What is absent is null, with a reason. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "energy/tool/output.h"

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Counts are whole numbers, and so are their medians but for a half. */
static json_t *number_of(const struct value *v, double value)
{
	if (v->counter && value == trunc(value) && fabs(value) < WHOLE_BELOW)
		return json_integer(value);
	return number(value);
}

/* A word of a command, or the name of an event, may be any bytes; JSON is UTF-8. */
static json_t *any_text(const char *word)
{
	json_t *string = json_string(word);
	char *copy;

	if (string)
		return string;
	copy = strdup(word);
	for (char *p = copy; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return string ? string : json_null();
}

static json_t *text(const char *value)
{
	return value && value[0] ? any_text(value) : json_null();
}

static json_t *counter_json(const struct counter_sum *sum, bool summed, json_t *object)
{
	if (sum->threads) {
		if (!summed)
			json_object_set_new(object, "counted", json_integer(sum->counted));
		json_object_set_new(object, "enabled_ns", json_integer(sum->enabled_ns));
		json_object_set_new(object, "running_ns", json_integer(sum->running_ns));
		json_object_set_new(object, "user_only", json_boolean(sum->user_only));
	}
	json_object_set_new(object, "threads", json_integer(sum->threads));
	json_object_set_new(object, "threads_absent", json_integer(sum->absent));
	json_object_set_new(object, "error", text(sum->error ? strerrorname_np(-sum->error) : ""));
	return object;
}

/* What a value is of, and how sure. */
static json_t *value_head(const struct value *v)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:o}", "metric", v->metric, "name", text(v->name),
			 "source", v->source, "quality", energy_quality_name(v->quality),
			 "reason", text(v->reason));
}

static json_t *value_json(const struct value *v)
{
	json_t *object = value_head(v);

	json_object_set_new(object, "value", number_of(v, v->value));
	json_object_set_new(object, "low", number(v->low));
	json_object_set_new(object, "high", number(v->high));
	json_object_set_new(object, "gaps", json_integer(v->gaps));
	json_object_set_new(object, "in_total", json_boolean(v->in_total));
	json_object_set_new(object, "witness", json_boolean(v->witness));
	return v->counter ? counter_json(v->counter, false, object) : object;
}

static json_t *head(const struct session *session, const char *record)
{
	json_t *object = json_object(), *command = json_array();

	json_object_set_new(object, "schema_version", json_integer(SCHEMA_VERSION));
	json_object_set_new(object, "record", json_string(record));
	for (char **word = session->options->command; word && *word; word++)
		json_array_append_new(command, any_text(*word));
	json_object_set_new(object, "command", command);
	json_object_set_new(object, "energy_source",
			    json_string(energy_source(session->energy)));
	return object;
}

static json_t *notes(const struct energy *energy)
{
	json_t *array = json_array();
	const struct energy_note *note;

	for (size_t i = 0; (note = energy_note(energy, i)); i++)
		json_array_append_new(array, json_pack(
			"{s:s, s:o, s:o}", "source", note->source, "error",
			text(note->error ? strerrorname_np(-note->error) : ""), "text",
			text(note->text)));
	return array;
}

static json_t *check_json(const struct energy_domain *domain, const struct energy_check *check)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "name", text(domain->name), "source", text(check->source),
			 "witness", text(check->witness), "joules", number(check->joules),
			 "witness_joules", number(check->witness_joules),
			 "difference", number(check->difference),
			 "tolerance", number(check->tolerance),
			 "agree", check->compared ? json_boolean(check->agree) : json_null(),
			 "reason", text(check->text));
}

static json_t *checks(const struct session *session, const struct record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < energy_domain_count(session->energy); i++) {
		if (record->checks[i].text[0])
			json_array_append_new(array, check_json(energy_domain(session->energy, i),
								&record->checks[i]));
	}
	return array;
}

static void write_line(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
	putc('\n', out);
	json_decref(object);
}

static void json_begin(FILE *out, const struct session *session)
{
}

static void json_record(FILE *out, const struct session *session, const struct record *record)
{
	json_t *object = head(session, record->kind == RECORD_RUN ? "run" : "interval");
	json_t *values = json_array();

	json_object_set_new(object, "run", json_integer(record->run));
	if (record->interval)
		json_object_set_new(object, "interval", json_integer(record->interval));
	json_object_set_new(object, "begin_s", number(record->begin_s));
	json_object_set_new(object, "duration_s", number(record->duration_s));
	json_object_set_new(object, "exit_status",
			    record->status < 0 ? json_null() : json_integer(record->status));
	json_object_set_new(object, "samples_late", json_integer(record->sampler.late));
	json_object_set_new(object, "samples_lost", json_integer(record->sampler.lost));
	json_object_set_new(object, "threads_maybe_not_counted",
			    json_integer(record->missed_threads));
	for (size_t i = 0; i < record_value_count(session); i++) {
		struct value v;

		record_value(session, record, i, &v);
		json_array_append_new(values, value_json(&v));
	}
	json_object_set_new(object, "values", values);
	json_object_set_new(object, "checks", checks(session, record));
	json_object_set_new(object, "notes", notes(session->energy));
	write_line(out, object);
}

static json_t *summary_json(const struct summary *s)
{
	json_t *object = value_head(s->value);

	json_object_set_new(object, "n", json_integer(s->estimate.n));
	json_object_set_new(object, "median", number_of(s->value, s->estimate.median));
	json_object_set_new(object, "ci95_low", number_of(s->value, s->estimate.low));
	json_object_set_new(object, "ci95_high", number_of(s->value, s->estimate.high));
	json_object_set_new(object, "min", number_of(s->value, s->min));
	json_object_set_new(object, "max", number_of(s->value, s->max));
	json_object_set_new(object, "low", number(s->low));
	json_object_set_new(object, "high", number(s->high));
	return s->value->counter ? counter_json(s->value->counter, true, object) : object;
}

static void json_summary(FILE *out, const struct session *session, struct repeat *repeat)
{
	json_t *object = head(session, "summary"), *values = json_array();

	json_object_set_new(object, "runs", json_integer(repeat->n_runs));
	for (size_t i = 0; i < repeat->n_values; i++) {
		struct summary s;

		repeat_summary(repeat, i, &s);
		json_array_append_new(values, summary_json(&s));
	}
	json_object_set_new(object, "values", values);
	write_line(out, object);
}

const struct output_ops output_json = { json_begin, json_record, json_summary };
