/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run of an app. In the guest its runner (app_image.c) waits at the barrier, runs the
 * command and keeps what that writes, so that nothing else works in the window; then it
 * gives the exit status as its result, and the output line by line. The metric is looked for
 * in each: what counts is the last line of standard output that has it, else of standard error.
 */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/app.h"
#include "harness/run_internal.h"
#include "memnet-core/base/clock.h"

#define SLOT 0
#define OUTPUT_TIMEOUT_MS 20000
#define SIGNALLED 128	/* a shell's exit status of a command killed by signal N is this + N */

enum { OUTPUT, ERROR, STREAMS };

struct run_app {
	const struct plan_app *app;
	struct guest_link *link;
	regex_t metric;
	FILE *log;			/* or NULL */
	double value[STREAMS];		/* NAN: no line had it */
	char last[STREAMS][160];	/* lines, fit for a row */
};

/* The number in the metric's group; NAN where the line does not match, or that is none. */
static double value_in(const struct run_app *a, const char *line)
{
	regmatch_t match[2];
	char *end;
	double value;

	if (!*a->app->metric || regexec(&a->metric, line, 2, match, 0) || match[1].rm_so < 0)
		return NAN;
	value = strtod(line + match[1].rm_so, &end);
	return match[1].rm_so < match[1].rm_eo && end == line + match[1].rm_eo ? value : NAN;
}

/* In one line of plain letters, whatever the program wrote. */
static void keep_last(char last[160], const char *line)
{
	if (!line[strspn(line, " \t\r")])
		return;
	snprintf(last, 160, "%s", line);
	for (char *c = last; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = ' ';
}

static void take_output(void *arg, bool error, const char *text)
{
	struct run_app *a = arg;
	const char *line = text + (strncmp(text, "| ", 2) ? 0 : 2);	/* else the runner's own */
	int stream = error ? ERROR : OUTPUT;
	double value = value_in(a, line);

	if (!isnan(value))
		a->value[stream] = value;
	keep_last(a->last[stream], line);
	if (a->log)
		fprintf(a->log, "%s%s\n", error ? "2> " : "", line);
}

/* Beside the other logs, under the name of the run; without it the run goes on. */
static FILE *open_log(const struct run *r)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s.log", r->ctx->vms->vm[0].config.log_dir,
		 r->row->run_id);
	return fopen(path, "ae");
}

int run_app_spawn(struct run *r, struct vm *vm)
{
	struct run_app *a = calloc(1, sizeof(*a));
	char text[64];

	if (!a)
		return run_lost(r, -ENOMEM, "out of memory");
	a->app = plan_app_find(r->ctx->plan, r->ctx->config->app);
	a->link = &vm->link;
	a->value[OUTPUT] = a->value[ERROR] = NAN;
	if (*a->app->metric)
		regcomp(&a->metric, a->app->metric, REG_EXTENDED);	/* as plan_load() did */
	a->log = open_log(r);
	if (a->log)
		fprintf(a->log, "$ %s\n", a->app->command);
	r->app = a;
	vm->link.output = take_output;
	vm->link.output_arg = a;
	snprintf(text, sizeof(text), "/bin/sh " APP_RUNNER " %s", a->app->name);
	return run_spawn(r, vm, SLOT, text);
}

static bool has_result(const struct guest_slot *s)
{
	return s->result[0];
}

int run_app_wait(struct run *r)
{
	int64_t timeout_ns = r->app->app->timeout_ns;
	int ret = guest_wait_slots(r->app->link, has_result, timeout_ns / NSEC_PER_MSEC);

	if (ret == -ETIMEDOUT)
		return run_lost(r, ret, "the command did not end within %g s, the app's timeout",
				SECONDS(timeout_ns));
	return ret ? run_lost_waiting(r, &r->ctx->vms->vm[0], ret, "running the command") : 0;
}

static bool has_ended(const struct guest_slot *s)
{
	return s->exited;
}

int run_app_end(struct run *r)
{
	const struct run_app *a = r->app;
	char signal[32] = "";
	int64_t status;
	int ret = run_wait_slots(r, has_ended, OUTPUT_TIMEOUT_MS, "telling the command's output");

	if (ret)
		return ret;
	if (guest_value(a->link->slots[SLOT].result, "status", &status))
		return run_lost(r, -ECANCELED, "the command's shell ended before it (%s)",
				a->link->slots[SLOT].status);
	if (!status)
		return 0;
	if (status > SIGNALLED)
		snprintf(signal, sizeof(signal), " (signal %d)", (int)status - SIGNALLED);
	return run_lost(r, -ECANCELED, "the command ended with status %d%s%s%s", (int)status,
			signal, *a->last[ERROR] ? ": " : "", a->last[ERROR]);
}

void run_app_fill(struct run *r)
{
	const struct run_app *a = r->app;
	const char *last;

	if (!a || !*a->app->metric)
		return;
	r->row->app_value = isnan(a->value[OUTPUT]) ? a->value[ERROR] : a->value[OUTPUT];
	if (!isnan(r->row->app_value))
		return;
	last = *a->last[OUTPUT] ? a->last[OUTPUT] : a->last[ERROR];
	run_invalidate(r->row, "the metric '%s' found no number in the output, whose last line is "
		       "'%s'", a->app->metric, last);
}

void run_app_close(struct run *r)
{
	struct run_app *a = r->app;

	if (!a)
		return;
	a->link->output = NULL;
	if (a->log)
		fclose(a->log);
	if (*a->app->metric)
		regfree(&a->metric);
	free(a);
	r->app = NULL;
}
