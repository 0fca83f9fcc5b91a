/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For people, in the manner of perf stat: the number first, right-aligned, then what
 * it is. A value that is not measured says MODEL, or absent and why, in its own line.
 */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "energy/tool/output.h"
#include "energy/tool/text_format.h"

#define SHORT_S		0.2

/* --- one window ---------------------------------------------------------------- */

/* "(ended by SIGTERM, status 143)" as well as "(exit status 3)"; nothing for success. */
static void print_status(FILE *out, const struct record *r)
{
	const char *name = sigabbrev_np(r->ended_by);

	if (r->ended_by && name)
		fprintf(out, " (ended by SIG%s, status %d)", name, r->status);
	else if (r->ended_by)
		fprintf(out, " (ended by signal %d, status %d)", r->ended_by, r->status);
	else if (r->status > 0)
		fprintf(out, " (exit status %d)", r->status);
}

static void print_joules(FILE *out, const struct energy_value *v, const char *name,
			 const char *remark, double duration_s)
{
	char joules[32], watts[32], band[80];

	range(v->low_j, v->high_j, band, sizeof(band));
	fprintf(out, "%14s %12s   %-16s %-11s %-10s",
		short_number(v->joules, joules, sizeof(joules)),
		short_number(v->joules / duration_s, watts, sizeof(watts)), name,
		source_word(v->source), energy_quality_name(v->quality));
	if (band[0])
		fprintf(out, " %s J", band);
	fprintf(out, "%s\n", remark);
}

static double idle_watts(const struct idle_window *idle)
{
	return idle->total.joules / idle->duration_s;
}

static void print_net(FILE *out, const struct record *r)
{
	char before[32], after[32], remark[96];

	snprintf(remark, sizeof(remark), "  (idle %s W before, %s W after)",
		 short_number(idle_watts(&r->before), before, sizeof(before)),
		 short_number(idle_watts(&r->after), after, sizeof(after)));
	print_joules(out, &r->net, "net of idle", remark, r->duration_s);
}

static void print_energy(FILE *out, const struct session *session, const struct record *r)
{
	fprintf(out, "%14s %12s   %-16s %-11s %-10s %s\n", "joules", "watts", "domain", "source",
		"quality", "between");
	for (size_t i = 0; i < energy_domain_count(session->energy); i++) {
		const struct energy_domain *domain = energy_domain(session->energy, i);

		print_joules(out, &r->domains[i], domain->name, domain->witness ? "  (a check)" :
			     domain->in_total ? "" : "  (not in the total)", r->duration_s);
	}
	print_joules(out, &r->total, "total", "", r->duration_s);
	if (session->options->idle_ns)
		print_net(out, r);
	if (r->share.quality == ENERGY_ESTIMATED)
		print_joules(out, &r->share, "of it, command", session->options->idle_ns ?
			     "  (by CPU time above idle, rule busy-share)" :
			     "  (by CPU time, rule busy-share; idle included)", r->duration_s);
}

/* Which sources there are none of, in one line: why is the same at each run. */
static void print_unread(FILE *out, const struct energy *energy)
{
	const struct energy_note *note;
	const char *before = "";

	for (size_t i = 0; (note = energy_note(energy, i)); i++) {
		if (!note->error || !strcmp(note->source, before))
			continue;
		fprintf(out, "%s%s", *before ? ", " : "  no ", note->source);
		before = note->source;
	}
	if (*before)
		fputs(" here: memnet-energy doctor tells why, and what mends it\n", out);
}

/* What @source lacks or left out, with the mend; what the model assumes. NULL: all sources. */
static void print_notes(FILE *out, const struct energy *energy, const char *source)
{
	const struct energy_note *note;

	if (!source)
		print_unread(out, energy);
	for (size_t i = 0; (note = energy_note(energy, i)); i++)
		if (source ? !strcmp(note->source, source) : !note->error)
			fprintf(out, "  %s%s%s\n", source ? source : "", source ? ": " : "",
				note->text);
}

/* Why nothing was measured; else what the source that was used does not see. */
static void print_notes_of(FILE *out, const struct session *session, const struct record *r)
{
	print_notes(out, session->energy, r->total.quality == ENERGY_MEASURED
		    ? energy_source(session->energy) : NULL);
}

/* Why there is no net energy, or what to mind of it. */
static void print_net_reason(FILE *out, const struct record *r)
{
	double busy = fmax(r->before.busy_share, r->after.busy_share);

	if (!isfinite(r->net.joules))
		fprintf(out, "  no net: %s\n", r->net.reason);
	else if (busy > BUSY_IDLE)
		fprintf(out, "  others kept the CPUs %.0f %% busy while all was to be idle: net is "
			"what came on top of them\n", 100 * busy);
}

static void print_reasons(FILE *out, const struct session *session, const struct record *r)
{
	if (is_model(session))
		fprintf(out, "  " MODEL_WORD ", not a measurement: CPU time of the whole machine "
			"restated in joules by published averages.\n");
	for (size_t i = 0; i < energy_domain_count(session->energy); i++) {
		const struct energy_value *v = &r->domains[i];

		if (r->checks[i].text[0] && strcmp(r->checks[i].text, v->reason))
			fprintf(out, "  check: %s\n", r->checks[i].text);
		if (v->reason[0] && v->quality != ENERGY_ESTIMATED)
			fprintf(out, "  %s: %s\n", energy_quality_name(v->quality), v->reason);
	}
	if (session->options->idle_ns)
		print_net_reason(out, r);
	print_notes_of(out, session, r);
	if (r->total.quality == ENERGY_ESTIMATED && r->duration_s < SHORT_S)
		fprintf(out, "  %s\n", r->total.reason);
}

static void print_share(FILE *out, const struct session *session, const struct cpu_use *cpu,
			double duration_s)
{
	double all = cpu->busy + cpu->steal + cpu->idle;

	if (cpu->steal > 0)
		fprintf(out, ", %.2f s stolen by a hypervisor", cpu->steal);
	/* In a window this short the machine's busy time is a few ticks, or none. */
	if (all > 0 && duration_s >= SHORT_S)
		fprintf(out, ", %.1f %% of %u CPU%s", 100 * cpu->busy / all, session->cpus,
			session->cpus == 1 ? "" : "s");
	/* The time of -p leaves out children. */
	if (session->options->command && isfinite(cpu->command) && cpu->busy > 0 &&
	    duration_s >= SHORT_S)
		fprintf(out, "; the command was %.0f %% of its busy time",
			MIN(100 * cpu->command / cpu->busy, 100.0));
	putc('\n', out);
}

static void print_times(FILE *out, const struct session *session, const struct record *r)
{
	const struct cpu_use *cpu = &r->cpu;

	fprintf(out, "\n%14s\n%14.3f   duration\n", "seconds", r->duration_s);
	if (isfinite(cpu->command)) {
		fprintf(out, "%14.3f   CPU, %s", cpu->command,
			session->options->command ? "the command" :
			session->options->n_pids == 1 ? "the process itself" :
			"the processes themselves");
		if (isfinite(cpu->user))
			fprintf(out, "  (user %.3f, system %.3f)", cpu->user, cpu->system);
		if (r->gone)
			fputs("  (up to 100 ms before its end may be missing)", out);
		putc('\n', out);
	}
	if (isfinite(cpu->busy)) {
		fprintf(out, "%14.3f   CPU, whole machine", cpu->busy);
		print_share(out, session, cpu, r->duration_s);
	}
}

/* @above: the reason of the line before. */
static void print_count(FILE *out, const struct value *v, const char *above)
{
	const char *reason = strcmp(reason_of(v), above) ? reason_of(v) : "the same";
	char count[40], scaled[32];

	scaled_mark(v, scaled, sizeof(scaled));
	count_text(v, count, sizeof(count));
	fprintf(out, "%14s   %-*s%s", count, scaled[0] || v->reason[0] ? 24 : 0, v->name, scaled);
	fprintf(out, "%s%s\n", v->reason[0] ? " " : "", v->reason[0] ? reason : "");
}

static void print_counts(FILE *out, const struct session *session, const struct record *r)
{
	size_t n = record_value_count(session);
	char above[sizeof(((struct value *)NULL)->reason)] = "";

	if (!session->n_events || !(session->options->command || session->options->all ||
				    session->options->n_pids))
		return;
	fprintf(out, "\n%14s   event\n", "count");
	for (size_t i = n - session->n_events; i < n; i++) {
		struct value v;

		record_value(session, r, i, &v);
		print_count(out, &v, above);
		snprintf(above, sizeof(above), "%s", reason_of(&v));
	}
}

static void print_window(FILE *out, const struct session *session, const struct record *r)
{
	char what[256];

	describe(session->options, what, sizeof(what));
	fprintf(out, "\n Energy of the whole machine%s%s", what[0] ? " during " : "", what);
	print_status(out, r);
	fputs(":\n\n", out);
	print_energy(out, session, r);
	print_reasons(out, session, r);
	print_times(out, session, r);
	print_counts(out, session, r);
	if (r->sampler.lost && !is_model(session))
		fprintf(out, "\n  %llu readings of the energy counters came too late or not at "
			"all\n",
			(unsigned long long)r->sampler.lost);
	if (r->missed_threads)
		fprintf(out, "\n  %u threads began while counters were attached: perhaps not "
			"counted\n",
			r->missed_threads);
	putc('\n', out);
}

/* --- one line per interval or run ---------------------------------------------- */

static void print_line_head(FILE *out, const struct session *session, const char *what)
{
	fprintf(out, "%10s %10s %10s %10s  %-20s %-11s %-10s %7s %10s\n", what, "seconds", "joules",
		"watts", "between (J)", "source", "quality", "busy", "CPU s");
}

static void print_line_counts(FILE *out, const struct session *session, const struct record *r)
{
	size_t n = record_value_count(session);

	for (size_t i = n - session->n_events; i < n; i++) {
		struct value v;
		char count[40], marks[80];

		record_value(session, r, i, &v);
		fprintf(out, "  %s %s%s", count_text(&v, count, sizeof(count)), v.name,
			count_marks(&v, marks, sizeof(marks)));
	}
}

static void print_line_net(FILE *out, const struct energy_value *net)
{
	char joules[32], band[80];

	if (isfinite(net->joules))
		fprintf(out, "  net %s J (%s)", short_number(net->joules, joules, sizeof(joules)),
			range(net->low_j, net->high_j, band, sizeof(band)));
	else
		fprintf(out, "  no net: %s", net->reason);
}

/* Does a total lack something? What is the same of each line is said above or below all. */
static bool lacks(const struct session *session, const struct record *r)
{
	if (r->total.quality == ENERGY_ESTIMATED)
		return false;
	for (size_t i = 0; i < energy_domain_count(session->energy); i++) {
		if (energy_domain(session->energy, i)->in_total && !isfinite(r->domains[i].joules))
			return true;
	}
	return r->total.quality != ENERGY_MEASURED;
}

static void print_line(FILE *out, const struct session *session, const struct record *r)
{
	const struct energy_value *v = &r->total;
	const struct cpu_use *cpu = &r->cpu;
	char joules[32], watts[32], band[80], busy[16] = "-", used[32];
	double all = cpu->busy + cpu->steal + cpu->idle;

	if (all > 0 && r->duration_s >= SHORT_S)
		snprintf(busy, sizeof(busy), "%.1f%%", 100 * cpu->busy / all);
	if (r->kind == RECORD_RUN)
		fprintf(out, "%10u", r->run);
	else
		fprintf(out, "%10.3f", r->begin_s + r->duration_s);
	fprintf(out, " %10.3f %10s %10s  %-20s %-11s %-10s %7s %10s", r->duration_s,
		short_number(v->joules, joules, sizeof(joules)),
		short_number(v->joules / r->duration_s, watts, sizeof(watts)),
		range(v->low_j, v->high_j, band, sizeof(band)), source_word(v->source),
		energy_quality_name(v->quality), busy,
		short_number(cpu->command, used, sizeof(used)));
	if (session->options->idle_ns)
		print_line_net(out, &r->net);
	if (session->options->events)
		print_line_counts(out, session, r);
	if (r->kind == RECORD_RUN)
		print_status(out, r);
	if (lacks(session, r))
		fprintf(out, "  %s", v->reason);
	else if (v->quality == ENERGY_ESTIMATED && r->kind == RECORD_INTERVAL &&
		 r->duration_s < SHORT_S)
		fputs("  rough: few ticks of 10 ms", out);
	putc('\n', out);
}

static void text_begin(FILE *out, const struct session *session)
{
	const struct options *options = session->options;

	if ((options->interval_ns || options->repeat) && !is_model(session))
		print_notes(out, session->energy, energy_source(session->energy));
	if (options->interval_ns)
		print_line_head(out, session, "until s");
	else if (options->repeat)
		print_line_head(out, session, "run");
}

static void text_record(FILE *out, const struct session *session, const struct record *r)
{
	if (r->kind == RECORD_INTERVAL || session->options->repeat)
		print_line(out, session, r);
	else
		print_window(out, session, r);
}

/* --- repetitions --------------------------------------------------------------- */

/* Events are whole numbers; clocks are shown in ms. */
static const char *summary_number(const struct value *v, double value, char *buf, size_t size)
{
	if (strcmp(v->metric, "count"))
		return short_number(strcmp(v->metric, "time_ns") ? value : value / 1e6, buf, size);
	return isfinite(value) ? grouped(llround(value), buf, size) : "-";
}

static const char *summary_pair(const struct value *v, double low, double high, char *buf,
				size_t size)
{
	char a[40], b[40];

	buf[0] = '\0';
	if (isfinite(low))
		snprintf(buf, size, "%s .. %s", summary_number(v, low, a, sizeof(a)),
			 summary_number(v, high, b, sizeof(b)));
	return buf;
}

static void summary_label(const struct value *v, char *buf, size_t size)
{
	char marks[80];

	count_marks(v, marks, sizeof(marks));
	if (!strcmp(v->metric, "count"))
		snprintf(buf, size, "%s%s", v->name, marks);
	else if (!strcmp(v->metric, "time_ns"))
		snprintf(buf, size, "%s (ms)%s", v->name, marks);
	else
		snprintf(buf, size, "%s %s", v->metric, v->name);
}

/* The model's band has what its ticks do to it; that they do is said here. */
static void print_rough(FILE *out, const struct repeat *repeat)
{
	for (size_t i = 0; i < repeat->n_values; i++) {
		const struct value *v = &repeat->kept[i].value;

		if (!strcmp(v->metric, "energy_j") && !strcmp(v->name, "total"))
			fprintf(out, "  %s\n", v->reason);
	}
}

static void print_summary(FILE *out, const struct summary *s, size_t n_runs)
{
	const struct value *v = s->value;
	bool model = !strcmp(v->source, "model");
	char median[40], interval[96], all[96], band[80], label[160];

	summary_label(v, label, sizeof(label));
	fprintf(out, "%14s   %-32s %-24s %-*s",
		summary_number(v, s->estimate.median, median, sizeof(median)), label,
		summary_pair(v, s->estimate.low, s->estimate.high, interval, sizeof(interval)),
		model ? 24 : 0, summary_pair(v, s->min, s->max, all, sizeof(all)));
	if (model)
		fprintf(out, " " MODEL_WORD ", band %s",
			range(s->low, s->high, band, sizeof(band)));
	if (s->estimate.n < n_runs)
		fprintf(out, " (%zu of %zu runs; not all: %s)", s->estimate.n, n_runs, v->reason);
	putc('\n', out);
}

/* Joules and events that no run has were asked for, and are missed aloud. */
static void print_no_summary(FILE *out, const struct value *v)
{
	char label[160];

	summary_label(v, label, sizeof(label));
	fprintf(out, "%14s   %-32s %s in all runs: %s\n", "-", label,
		energy_quality_name(v->quality), reason_of(v));
}

static void text_summary(FILE *out, const struct session *session, struct repeat *repeat)
{
	char what[256];

	describe(session->options, what, sizeof(what));
	fprintf(out, "\n %zu runs of %s:\n\n", repeat->n_runs, what);
	fprintf(out, "%14s   %-32s %-24s %s\n", "median", "", "95 % interval", "least .. most");
	for (size_t i = 0; i < repeat->n_values; i++) {
		struct summary s;

		repeat_summary(repeat, i, &s);
		if (s.estimate.n)
			print_summary(out, &s, repeat->n_runs);
		else if (!strcmp(s.value->metric, "energy_j") || s.value->counter)
			print_no_summary(out, s.value);
	}
	if (repeat->n_runs < STATS_INTERVAL_MIN_N)
		fprintf(out, "\n  %zu runs give no 95 %% interval of a median; %d do.\n",
			repeat->n_runs, STATS_INTERVAL_MIN_N);
	if (is_model(session)) {
		fputs("  " MODEL_WORD ", not a measurement: intervals show how the runs differ; "
		      "the band, how far the model may be off in all of them.\n", out);
		print_rough(out, repeat);
		print_notes(out, session->energy, NULL);
	}
	putc('\n', out);
}

const struct output_ops output_text = { text_begin, text_record, text_summary };
