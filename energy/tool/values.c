/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record as a list of numbers: scalars, then domains, the total and its mean power,
 * then events. CSV writes them, repetitions collect them; a new number is a line here.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "energy/tool/tool.h"

static const struct scalar {
	const char *metric, *source, *absent;
	size_t offset;			/* in struct record */
} scalars[] = {
	{ "duration_s", "clock", "", offsetof(struct record, duration_s) },
	{ "cpu_command_s", "kernel", "no command and no process was measured, or this is an interval",
	  offsetof(struct record, cpu.command) },
	{ "cpu_user_s", "kernel", "only known of a command that has ended",
	  offsetof(struct record, cpu.user) },
	{ "cpu_system_s", "kernel", "only known of a command that has ended",
	  offsetof(struct record, cpu.system) },
	{ "cpu_machine_busy_s", "/proc/stat", "/proc/stat cannot be read",
	  offsetof(struct record, cpu.busy) },
	{ "cpu_machine_steal_s", "/proc/stat", "/proc/stat cannot be read",
	  offsetof(struct record, cpu.steal) },
	{ "cpu_machine_idle_s", "/proc/stat", "/proc/stat cannot be read",
	  offsetof(struct record, cpu.idle) },
};

#define N_SCALARS	ARRAY_SIZE(scalars)
#define N_TOTALS	2		/* energy_j and power_w */

size_t record_value_count(const struct session *session)
{
	return N_SCALARS + energy_domain_count(session->energy) + N_TOTALS + session->n_events;
}

static void scalar_value(const struct record *record, size_t i, struct value *value)
{
	const struct scalar *scalar = &scalars[i];

	value->metric = scalar->metric;
	value->source = scalar->source;
	memcpy(&value->value, (const char *)record + scalar->offset, sizeof(double));
	if (isnan(value->value)) {
		value->quality = ENERGY_ABSENT;
		value->reason = scalar->absent;
	}
}

static void joules_value(const struct energy_value *joules, struct value *value)
{
	value->metric = "energy_j";
	value->source = joules->source;
	value->quality = joules->quality;
	value->value = joules->joules;
	value->low = joules->low_j;
	value->high = joules->high_j;
	value->gaps = joules->gaps;
	value->reason = joules->reason;
}

static void domain_value(const struct session *session, const struct record *record, size_t i,
			 struct value *value)
{
	const struct energy_domain *domain = energy_domain(session->energy, i);

	joules_value(&record->domains[i], value);
	value->name = domain->name;
	value->in_total = domain->in_total;
}

static void total_value(const struct record *record, bool power, struct value *value)
{
	joules_value(&record->total, value);
	value->name = "total";
	if (!power)
		return;
	value->metric = "power_w";
	value->value /= record->duration_s;
	value->low /= record->duration_s;
	value->high /= record->duration_s;
}

static bool counts_time(const char *event)
{
	return !strncmp(event, "task-clock", 10) || !strncmp(event, "cpu-clock", 9);
}

static void event_value(const struct session *session, const struct record *record, size_t i,
			struct value *value)
{
	const struct counter_sum *sum = &record->counters[i];

	value->metric = counts_time(session->events[i]) ? "time_ns" : "count";
	value->name = session->events[i];
	value->source = "perf";
	value->reason = session->event_notes[i];
	value->counter = sum;
	value->value = sum->value;
	if (sum->threads)
		return;
	value->value = NAN;
	value->quality = ENERGY_ABSENT;
	if (!value->reason[0])
		value->reason = sum->error ? strerrorname_np(-sum->error)
					   : "nothing of -p, -a or a command to count";
}

void record_value(const struct session *session, const struct record *record, size_t i,
		  struct value *value)
{
	size_t n = energy_domain_count(session->energy);

	*value = (struct value){ .name = "", .quality = ENERGY_MEASURED, .low = NAN,
				 .high = NAN, .reason = "" };
	if (i < N_SCALARS) {
		scalar_value(record, i, value);
		return;
	}
	i -= N_SCALARS;
	if (i < n)
		domain_value(session, record, i, value);
	else if (i < n + N_TOTALS)
		total_value(record, i > n, value);
	else
		event_value(session, record, i - n - N_TOTALS, value);
}
