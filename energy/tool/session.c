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
#include "energy/tool/target.h"
#include "energy/tool/window.h"

/* What emit() needs. */
struct report {
	const struct session *session;
	FILE *out;
	struct repeat repeat;
	struct idle_window idle;	/* the last one: after a run, and before the next */
	int idle_signal;		/* that ended it, or 0 */
};

static void measure_idle(struct report *report)
{
	if (report->session->options->idle_ns)
		report->idle_signal = idle_measure(report->session, &report->idle);
}

static void emit(void *ctx, const struct record *of_window)
{
	struct report *report = ctx;
	struct record record = *of_window;

	if (record.kind == RECORD_RUN) {
		record.before = report->idle;
		measure_idle(report);
		record.after = report->idle;
	}
	net_fill(report->session, &record);
	report->session->options->output->record(report->out, report->session, &record);
	fflush(report->out);
	/* A run that failed did something else than the others: a row, but no value. */
	if (report->session->options->repeat && record.kind == RECORD_RUN && record.status <= 0)
		repeat_add(&report->repeat, &record);
}

static int no_command(const char *name, int error)
{
	complain("%s: %s; nothing was measured", name,
		 error == -ENOENT ? "no such command" : strerror(-error));
	return error == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
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
	options->output->begin(report->out, report->session);
	fflush(report->out);
	for (unsigned run = 1; run <= n && !status && !end.signal && !report->idle_signal; run++)
		status = measure_once(report, run, &origin_ns, &end);
	if (options->repeat && status)
		complain("a run ended with status %d: stopped; it is not in the summary", status);
	if (options->repeat && report->repeat.n_runs)
		options->output->summary(report->out, report->session, &report->repeat);
	return status;
}

/* A report that is lost must not look like one that was made. */
static int finish(struct report *report, int status)
{
	const struct options *options = report->session->options;
	bool bad = fflush(report->out) || ferror(report->out);
	int error = errno;

	if (report->out != stderr && fclose(report->out) && !bad) {
		bad = true;
		error = errno;
	}
	if (!bad)
		return status;
	complain("the report could not be written to %s: %s",
		 options->file ? options->file : "standard error", strerror(error));
	return status ? status : STATUS_TOOL;
}

static int with_output(const struct session *session)
{
	const struct options *options = session->options;
	struct report report = { .session = session, .out = stderr };
	int status = STATUS_TOOL;

	if (options->file)
		report.out = fopen(options->file, "we");
	if (!report.out) {
		complain("-o %s: %s", options->file, strerror(errno));
		return STATUS_TOOL;
	}
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

	if (events_parse(session->options->events, &events, err, sizeof(err))) {
		complain("%s", err);
		return STATUS_TOOL;
	}
	while (events[session->n_events])
		session->n_events++;
	session->events = (const char *const *)events;
	session->event_notes = calloc(session->n_events, sizeof(*session->event_notes));
	if (session->event_notes)
		status = with_output(session);
	free(session->event_notes);
	events_free(events);
	return status;
}

static int refuse_source(const char *name)
{
	const char *names[16];
	size_t n = 0;

	while (n < ARRAY_SIZE(names) && (names[n] = energy_source_name(n)))
		n++;
	name = nearest(name, names, n);
	complain("--source: there is no such source%s%s%s; memnet-energy doctor lists them",
		 name ? ": did you mean '" : "", name ? name : "", name ? "'?" : "");
	return STATUS_TOOL;
}

/* Who forces a source wants that one or nothing. */
static int check_forced(const struct session *session)
{
	const char *source = session->options->source;
	const struct energy_note *note = energy_note(session->energy, 0);

	/* "hwmon:CHIP/SENSOR" is of hwmon */
	if (!source || !strncmp(energy_source(session->energy), source, strcspn(source, ":")))
		return 0;
	complain("--source %s: %s; nothing was measured", source,
		 note ? note->text : "cannot be used here");
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

	target_prepare();
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
