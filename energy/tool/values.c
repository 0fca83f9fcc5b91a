/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record as a list of numbers: scalars, then domains, what is of the whole machine,
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

static void set_reason(struct value *value, const char *reason)
{
	snprintf(value->reason, sizeof(value->reason), "%s", reason);
}

static void scalar_value(const struct session *session, const struct record *record, size_t i,
			 struct value *value)
{
	const struct scalar *scalar = &scalars[i];

	value->metric = scalar->metric;
	value->source = scalar->source;
	memcpy(&value->value, (const char *)record + scalar->offset, sizeof(double));
	if (isnan(value->value)) {
		value->quality = ENERGY_ABSENT;
		set_reason(value, scalar->absent);
	} else if (session->options->n_pids &&
		   scalar->offset == offsetof(struct record, cpu.command)) {
		snprintf(value->reason, sizeof(value->reason), "of the processes themselves, "
			 "without their children%s", record->gone ?
			 "; of those that ended up to 100 ms may be missing" : "");
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
	set_reason(value, joules->reason);
}

static void domain_value(const struct session *session, const struct record *record, size_t i,
			 struct value *value)
{
	const struct energy_domain *domain = energy_domain(session->energy, i);

	joules_value(&record->domains[i], value);
	value->name = domain->name;
	value->in_total = domain->in_total;
	value->witness = domain->witness;
}

static void joules_to_watts(double seconds, struct value *value)
{
	value->value /= seconds;
	value->low /= seconds;
	value->high /= seconds;
}

static void total_joules(const struct record *record, struct value *value)
{
	joules_value(&record->total, value);
}

static void total_watts(const struct record *record, struct value *value)
{
	joules_value(&record->total, value);
	joules_to_watts(record->duration_s, value);
}

static void share_joules(const struct record *record, struct value *value)
{
	joules_value(&record->share, value);
}

static void net_joules(const struct record *record, struct value *value)
{
	joules_value(&record->net, value);
}

static void before_watts(const struct record *record, struct value *value)
{
	joules_value(&record->before.total, value);
	joules_to_watts(record->before.duration_s, value);
}

static void after_watts(const struct record *record, struct value *value)
{
	joules_value(&record->after.total, value);
	joules_to_watts(record->after.duration_s, value);
}

static void idle_watts(const struct record *record, struct value *value)
{
	const struct energy_idle *idle = &record->idle;

	value->source = record->total.source;
	value->quality = idle->quality;
	value->value = idle->watts;
	value->low = idle->low_w;
	value->high = idle->high_w;
	set_reason(value, idle->reason);
}

enum with_idle { ALWAYS, WITHOUT, WITH };

static const struct whole {
	enum with_idle with_idle;
	const char *metric, *name;
	void (*get)(const struct record *record, struct value *value);
} wholes[] = {
	{ ALWAYS, "energy_j", "total", total_joules },
	{ ALWAYS, "power_w", "total", total_watts },
	{ WITHOUT, "energy_share_j", "busy-share-gross", share_joules },
	{ WITH, "energy_net_j", "total", net_joules },
	{ WITH, "energy_share_j", "busy-share-net", share_joules },
	{ WITH, "power_idle_w", "before", before_watts },
	{ WITH, "power_idle_w", "after", after_watts },
	{ WITH, "power_idle_w", "mean", idle_watts },
};

/* The @i-th of those this session has, or NULL. */
static const struct whole *find_whole(const struct session *session, size_t i)
{
	enum with_idle not = session->options->idle_ns ? WITHOUT : WITH;

	for (size_t at = 0; at < ARRAY_SIZE(wholes); at++) {
		if (wholes[at].with_idle != not && !i--)
			return &wholes[at];
	}
	return NULL;
}

static size_t count_wholes(const struct session *session)
{
	size_t n = 0;

	while (find_whole(session, n))
		n++;
	return n;
}

size_t record_value_count(const struct session *session)
{
	return N_SCALARS + energy_domain_count(session->energy) + count_wholes(session) +
	       session->n_events;
}

static void whole_value(const struct whole *whole, const struct record *record,
			struct value *value)
{
	whole->get(record, value);
	value->metric = whole->metric;
	value->name = whole->name;
}

static void count_reason(const struct counter_sum *sum, const char *note, struct value *value)
{
	char why[300] = "";

	if (note[0])
		snprintf(why, sizeof(why), "%s", note);
	else if (sum->error)
		snprintf(why, sizeof(why), "%s: %s", strerrorname_np(-sum->error),
			 counters_mend(sum->error));
	if (!sum->threads)
		set_reason(value, why[0] ? why : "nothing of -p, -a or a command to count");
	else if (sum->absent)
		snprintf(value->reason, sizeof(value->reason), "not on %u of %u: %s", sum->absent,
			 sum->absent + sum->threads, why);
	else
		set_reason(value, note);
}

static void event_value(const struct session *session, const struct record *record, size_t i,
			struct value *value)
{
	const struct counter_sum *sum = &record->counters[i];

	value->metric = session->event_is_time[i] ? "time_ns" : "count";
	value->name = session->events[i];
	value->source = "perf";
	value->counter = sum;
	value->value = sum->threads ? (double)sum->value : NAN;	/* NAN is a float */
	if (!sum->threads)
		value->quality = ENERGY_ABSENT;
	count_reason(sum, session->event_notes[i], value);
}

void record_value(const struct session *session, const struct record *record, size_t i,
		  struct value *value)
{
	size_t n = energy_domain_count(session->energy), n_wholes = count_wholes(session);

	*value = (struct value){ .name = "", .quality = ENERGY_MEASURED, .low = NAN,
				 .high = NAN };
	if (i < N_SCALARS) {
		scalar_value(session, record, i, value);
		return;
	}
	i -= N_SCALARS;
	if (i < n)
		domain_value(session, record, i, value);
	else if (i < n + n_wholes)
		whole_value(find_whole(session, i - n), record, value);
	else
		event_value(session, record, i - n - n_wholes, value);
}
