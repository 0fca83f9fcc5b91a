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
	"low,high,gaps,in_total,witness,agree,counted,enabled_ns,running_ns,user_only,threads,"
	"threads_absent,n,ci95_low,ci95_high,min,max,exit_status,reason\n";

static void text(FILE *out, const char *value)
{
	if (value[0])
		csv_fwrite(out, value, strlen(value));
	putc(',', out);
}

/* Whole numbers with all their digits, as far as a double has them. */
static void number(FILE *out, double value)
{
	bool whole = value == trunc(value) && fabs(value) < WHOLE_BELOW;
	char digits[40] = "";

	if (isfinite(value))
		snprintf(digits, sizeof(digits), whole ? "%.0f" : "%.15g", value);
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

static void csv_counter(FILE *out, const struct counter_sum *sum, bool summed)
{
	bool there = sum && sum->threads;

	integer(out, there && !summed, there ? sum->counted : 0);
	integer(out, there, there ? sum->enabled_ns : 0);
	integer(out, there, there ? sum->running_ns : 0);
	integer(out, there, there && sum->user_only);
	integer(out, sum, sum ? sum->threads : 0);
	integer(out, sum, sum ? sum->absent : 0);
}

static void csv_empty(FILE *out, int cells)
{
	while (cells--)
		text(out, "");
}

static void record_begin(FILE *out, const struct record *record)
{
	row_begin(out, record->kind == RECORD_RUN ? "run" : "interval", record->run,
		  record->interval);
	number(out, record->begin_s);
	number(out, record->duration_s);
}

static void record_end(FILE *out, const struct record *record, const char *reason)
{
	csv_empty(out, 5);			/* of summaries */
	integer(out, record->status >= 0, record->status);
	row_end(out, reason);
}

static void csv_value(FILE *out, const struct record *record, const struct value *v)
{
	bool joules = !strcmp(v->metric, "energy_j"), domain = joules && strcmp(v->name, "total");

	record_begin(out, record);
	row_value(out, v, v->value, v->low, v->high);
	integer(out, joules, v->gaps);
	integer(out, domain, v->in_total);
	integer(out, domain, v->witness);
	text(out, "");				/* of checks */
	csv_counter(out, v->counter, false);
	record_end(out, record, v->reason);
}

/* The difference as a part of the domain's joules, and the band within which they agree. */
static void csv_check(FILE *out, const struct session *session, const struct record *record,
		      size_t i)
{
	const struct energy_check *check = &record->checks[i];
	struct value v = {
		.metric = "energy_check", .name = energy_domain(session->energy, i)->name,
		.source = check->witness,
	};

	record_begin(out, record);
	row_value(out, &v, check->difference, -check->tolerance, check->tolerance);
	csv_empty(out, 3);			/* of joules */
	integer(out, check->compared, check->agree);
	csv_counter(out, NULL, false);
	record_end(out, record, check->text);
}

static void csv_record(FILE *out, const struct session *session, const struct record *record)
{
	for (size_t i = 0; i < record_value_count(session); i++) {
		struct value v;

		record_value(session, record, i, &v);
		csv_value(out, record, &v);
	}
	for (size_t i = 0; i < energy_domain_count(session->energy); i++) {
		if (record->checks[i].text[0])
			csv_check(out, session, record, i);
	}
}

static void csv_summary(FILE *out, const struct session *session, struct repeat *repeat)
{
	for (size_t i = 0; i < repeat->n_values; i++) {
		struct summary s;

		repeat_summary(repeat, i, &s);
		row_begin(out, "median", 0, 0);
		csv_empty(out, 2);		/* of runs */
		row_value(out, s.value, s.estimate.median, s.low, s.high);
		csv_empty(out, 4);
		csv_counter(out, s.value->counter, true);
		integer(out, true, s.estimate.n);
		number(out, s.estimate.low);
		number(out, s.estimate.high);
		number(out, s.min);
		number(out, s.max);
		text(out, "");
		row_end(out, s.value->reason);
	}
}

const struct output_ops output_csv = { csv_begin, csv_record, csv_summary };
