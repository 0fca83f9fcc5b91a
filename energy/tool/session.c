/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One call: everything that can be refused is refused before the command runs; then
 * one window, or as many as asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/tool/events.h"
#include "energy/tool/net.h"
#include "energy/tool/output.h"
#include "energy/tool/repeat.h"
#include "energy/tool/sink.h"
#include "energy/tool/target.h"
#include "energy/tool/window.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/nearest.h"

/* What emit() needs. */
struct report {
	const struct session *session;
	struct sink sink;
	struct repeat repeat;
	struct idle_window idle;	/* the last one: after a run, and before the next */
	int idle_signal;		/* that ended it, or 0 */
};

/* The report is made in memory and written at once: stdio would try again what is lost. */
struct page {
	FILE *out;
	char *text;
	size_t len;
};

static FILE *page_begin(struct report *report, struct page *page)
{
	*page = (struct page){ 0 };
	if (!report->sink.error)
		page->out = open_memstream(&page->text, &page->len);
	if (!page->out && !report->sink.error)
		report->sink.error = -errno;
	return page->out;
}

static void page_end(struct report *report, struct page *page)
{
	if (fclose(page->out))
		report->sink.error = -errno;
	else
		sink_write(&report->sink, page->text, page->len);
	free(page->text);
}

static void measure_idle(struct report *report)
{
	if (report->session->options->idle_ns)
		report->idle_signal = idle_measure(report->session, &report->idle);
}

static void write_begin(struct report *report)
{
	struct page page;

	if (!page_begin(report, &page))
		return;
	report->session->options->output->begin(page.out, report->session);
	page_end(report, &page);
}

static void write_record(struct report *report, const struct record *record)
{
	struct page page;

	if (!report->sink.begun)
		write_begin(report);
	if (!page_begin(report, &page))
		return;
	report->session->options->output->record(page.out, report->session, record);
	page_end(report, &page);
}

static void write_summary(struct report *report)
{
	struct page page;

	if (!report->repeat.n_runs || !page_begin(report, &page))
		return;
	report->session->options->output->summary(page.out, report->session, &report->repeat);
	page_end(report, &page);
}

static bool emit(void *ctx, const struct record *of_window)
{
	struct report *report = ctx;
	struct record record = *of_window;

	if (record.kind == RECORD_RUN) {
		record.before = report->idle;
		measure_idle(report);
		record.after = report->idle;
	}
	net_fill(report->session, &record);
	write_record(report, &record);
	/* A run that failed did something else than the others: a row, but no value. */
	if (report->session->options->repeat && record.kind == RECORD_RUN && record.status <= 0)
		repeat_add(&report->repeat, &record);
	return !report->sink.error;
}

/* A file that is there and is not found is a script whose first line names nothing. */
static int no_command(const char *name, int error)
{
	bool lost = error == -ENOENT, script = lost && mn_program_there(name);

	complain("%s: %s; nothing was measured", name, script ? "its interpreter is missing" :
		 lost ? "no such command" : strerror(-error));
	return lost && !script ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

static int measure_once(struct report *report, unsigned run, int64_t *origin_ns,
			struct window_end *end)
{
	char err[256];

	if (window_run(report->session, run, origin_ns, emit, report, end, err, sizeof(err))) {
		complain("%s", err);
		return STATUS_TOOL;
	}
	if (end->exec_error)
		return no_command(report->session->options->command[0], end->exec_error);
	return end->status;
}

/* Without a report there is nothing to go on for. */
static bool goes_on(const struct report *report, const struct window_end *end, int status)
{
	return !status && !end->signal && !report->idle_signal && !report->sink.error;
}

/* What somebody cut short is no success, whatever the last run was; as a shell has it. */
static int stopped(const struct report *report, int signal, int status)
{
	const char *name = sigabbrev_np(signal);

	complain("stopped by SIG%s after %zu of %u runs", name ? name : "?", report->repeat.n_runs,
		 report->session->options->repeat);
	return status ? status : 128 + signal;
}

static int end_repeat(struct report *report, const struct window_end *end, int status)
{
	int signal = end->signal ? end->signal : report->idle_signal;

	if (signal && report->repeat.n_runs < report->session->options->repeat)
		status = stopped(report, signal, status);
	else if (status)
		complain("a run ended with status %d: stopped; it is not in the summary", status);
	write_summary(report);
	return status;
}

static int measure(struct report *report)
{
	const struct options *options = report->session->options;
	unsigned n = MAX(options->repeat, 1u);
	struct window_end end = { 0 };
	int64_t origin_ns = 0;
	int status = 0;

	measure_idle(report);
	if (report->idle_signal) {
		complain("ended while idle was measured; the command was not run");
		return 128 + report->idle_signal;
	}
	for (unsigned run = 1; run <= n && (run == 1 || goes_on(report, &end, status)); run++)
		status = measure_once(report, run, &origin_ns, &end);
	return options->repeat ? end_repeat(report, &end, status) : status;
}

/* A report that is lost must not look like one that was made. */
static int finish(struct report *report, int status)
{
	const char *file = report->session->options->file;
	int error = sink_close(&report->sink);

	if (!error)
		return status;
	/* Standard error that nobody reads is no place to say so. */
	if (file || error != -EINTR)
		complain("the report could not be written to %s: %s",
			 file ? file : "standard error",
			 error == -EINTR ? "nobody read it, and a signal came" : strerror(-error));
	return status ? status : STATUS_TOOL;
}

static int with_output(const struct session *session)
{
	const struct options *options = session->options;
	struct report report = { .session = session };
	int status = STATUS_TOOL, ret = sink_open(&report.sink, options->file);

	if (ret) {
		complain("-o %s: %s", options->file ? options->file : "standard error",
			 strerror(-ret));
		return STATUS_TOOL;
	}
	target_prepare();		/* not before: the file may be a FIFO without a reader */
	if (options->repeat && repeat_open(&report.repeat, session, options->repeat))
		complain("out of memory");
	else
		status = measure(&report);
	if (options->repeat)
		repeat_close(&report.repeat);
	return finish(&report, status);
}

static int with_events(struct session *session)
{
	char **events, err[512];
	int status = STATUS_TOOL;
	bool *is_time;

	if (events_parse(session->options->events, &events, err, sizeof(err))) {
		complain("%s", err);
		return STATUS_TOOL;
	}
	while (events[session->n_events])
		session->n_events++;
	session->events = (const char *const *)events;
	session->event_notes = calloc(session->n_events, sizeof(*session->event_notes));
	session->event_is_time = is_time = calloc(session->n_events, sizeof(*is_time));
	for (size_t i = 0; is_time && i < session->n_events; i++)
		is_time[i] = counters_is_clock(events[i]);
	if (session->event_notes && is_time)
		status = with_output(session);
	else
		complain("out of memory");
	free(is_time);
	free(session->event_notes);
	events_free(events);
	return status;
}

int refuse_source(const char *name)
{
	const char *names[16], *near;
	size_t n = 0;

	while (n < ARRAY_SIZE(names) && (names[n] = energy_source_name(n)))
		n++;
	near = mn_nearest(name, names, n);
	complain("--source: there is no source '%s'%s%s%s; memnet-energy doctor lists them", name,
		 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return STATUS_TOOL;
}

/* Who forces a source wants that one or nothing. */
static int check_forced(const struct session *session)
{
	const char *source = session->options->source;

	/* "hwmon:CHIP/SENSOR" is of hwmon */
	if (!source || !strncmp(energy_source(session->energy), source, strcspn(source, ":")))
		return 0;
	complain("--source %s: %s; nothing was measured", source,
		 refusal(session->energy, NULL, "cannot be used here"));
	return STATUS_TOOL;
}

int session_run(const struct options *options)
{
	const struct energy_config config = {
		.sysfs_root = options->sysfs, .source = options->source,
	};
	struct session session = {
		.options = options, .cpus = sysconf(_SC_NPROCESSORS_ONLN),
	};
	struct energy *energy;
	int status, ret;

	ret = energy_open(&energy, &config);
	if (ret == -EINVAL)
		return refuse_source(options->source);
	if (ret) {
		complain("energy: %s", strerror(-ret));
		return STATUS_TOOL;
	}
	session.energy = energy;
	status = check_forced(&session);
	if (!status)
		status = with_events(&session);
	energy_close(energy);
	return status;
}
