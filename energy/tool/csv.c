/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row per number, so that domains and events need no columns of their own. An
 * absent number is an empty cell, and `reason` says why.
 */
#include <csv.h>
#include <math.h>
#include <string.h>

#include "energy/tool/output.h"

static const char header[] =
	"schema_version,record,run,interval,begin_s,duration_s,metric,name,value,source,quality,"
	"low,high,gaps,in_total,counted,enabled_ns,running_ns,user_only,n,ci95_low,ci95_high,"
	"min,max,exit_status,reason\n";

static void text(FILE *out, const char *value)
{
	if (value[0])
		csv_fwrite(out, value, strlen(value));
	putc(',', out);
}

static void number(FILE *out, double value)
{
	char digits[40] = "";

	if (isfinite(value))
		snprintf(digits, sizeof(digits), "%.12g", value);
	text(out, digits);
}

static void integer(FILE *out, bool present, uint64_t value)
{
	char digits[24] = "";

	if (present)
		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	text(out, digits);
}

static void row_begin(FILE *out, const char *record, unsigned run, unsigned interval)
{
	integer(out, true, SCHEMA_VERSION);
	text(out, record);
	integer(out, run, run);
	integer(out, interval, interval);
}

static void row_value(FILE *out, const struct value *v, double value, double low, double high)
{
	text(out, v->metric);
	text(out, v->name);
	number(out, value);
	text(out, v->source);
	text(out, isfinite(value) || v->quality == ENERGY_INVALID
	     ? energy_quality_name(v->quality) : energy_quality_name(ENERGY_ABSENT));
	number(out, low);
	number(out, high);
}

/* The last cell has no comma behind it. */
static void row_end(FILE *out, const char *reason)
{
	if (reason[0])
		csv_fwrite(out, reason, strlen(reason));
	putc('\n', out);
}

static void csv_begin(FILE *out, const struct session *session)
{
	fputs(header, out);
}

static void csv_counter(FILE *out, const struct counter_sum *sum)
{
	bool there = sum && sum->threads;

	integer(out, there, there ? sum->counted : 0);
	integer(out, there, there ? sum->enabled_ns : 0);
	integer(out, there, there ? sum->running_ns : 0);
	integer(out, there, there && sum->user_only);
}

static void csv_record(FILE *out, const struct session *session, const struct record *record)
{
	for (size_t i = 0; i < record_value_count(session); i++) {
		struct value v;
		bool joules;

		record_value(session, record, i, &v);
		joules = !strcmp(v.metric, "energy_j");
		row_begin(out, record->kind == RECORD_RUN ? "run" : "interval", record->run,
			  record->interval);
		number(out, record->begin_s);
		number(out, record->duration_s);
		row_value(out, &v, v.value, v.low, v.high);
		integer(out, joules, v.gaps);
		integer(out, joules && strcmp(v.name, "total"), v.in_total);
		csv_counter(out, v.counter);
		for (int empty = 0; empty < 5; empty++)
			text(out, "");		/* of summaries */
		integer(out, record->status >= 0, record->status);
		row_end(out, v.reason);
	}
}

static void csv_summary(FILE *out, const struct session *session, struct repeat *repeat)
{
	for (size_t i = 0; i < repeat->n_values; i++) {
		struct summary s;

		repeat_summary(repeat, i, &s);
		row_begin(out, "median", 0, 0);
		text(out, "");
		text(out, "");
		row_value(out, s.value, s.estimate.median, s.low, s.high);
		for (int empty = 0; empty < 6; empty++)
			text(out, "");		/* of runs */
		integer(out, true, s.estimate.n);
		number(out, s.estimate.low);
		number(out, s.estimate.high);
		number(out, s.min);
		number(out, s.max);
		text(out, "");
		row_end(out, s.estimate.n ? "" : "absent in all runs");
	}
}

const struct output_ops output_csv = { csv_begin, csv_record, csv_summary };
