/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run of an app. In the guest its runner (app_image.c) waits at the barrier, runs the
 * command and keeps what that writes, so that nothing else works in the window; then it
 * gives the exit status as its result, and the output line by line. The metric is looked for
 * in each: what counts is the last line of standard output that has it, else of standard error.
 *
 * An app with a server has that in the place of the VM's peer while it runs; the next run
 * starts the peer anew.
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
	struct vm *vm;
	struct guest_link *link;	/* of it */
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

/* Beside the other logs, under the name of the run. */
static void log_path(const struct run *r, const char *suffix, char path[700])
{
	snprintf(path, 700, "%s/%s%s", r->app->vm->config.log_dir, r->row->run_id, suffix);
}

/* "198.18.0.1:7000" */
static void split_address(const char *address, char host[PATH_ADDR_SIZE],
			  char port[PATH_ADDR_SIZE])
{
	const char *colon = strrchr(address, ':');

	snprintf(host, PATH_ADDR_SIZE, "%.*s", (int)(colon - address), address);
	snprintf(port, PATH_ADDR_SIZE, "%s", colon + 1);
}

/* Put @text in the place of each @word of @command, which has room for @size. */
static void replace(char *command, size_t size, const char *word, const char *text)
{
	char rest[APP_LINE_SIZE];

	for (char *at = command; (at = strstr(at, word)); at += strlen(text)) {
		snprintf(rest, sizeof(rest), "%s", at + strlen(word));
		if ((size_t)(at - command) + strlen(text) + strlen(rest) >= size)
			return;
		strcpy(at, text);
		strcat(at, rest);
	}
}

/* A server may end when it has served: that ends no wait. */
static int watch_vms_alone(void *vms)
{
	return vm_set_vital_casualty(vms) ? -ECHILD : 0;
}

static int start_server(struct run *r)
{
	char host[PATH_ADDR_SIZE], port[PATH_ADDR_SIZE], command[APP_LINE_SIZE], log[700];
	struct run_app *a = r->app;
	int ret = app_expand(a->app->server, r->ctx->build, command);
	char why[512];

	if (ret)
		return run_lost(r, ret, "the server's command line is too long");
	split_address(a->vm->end.listen, host, port);
	replace(command, sizeof(command), PLAN_PEER_ADDR, host);
	replace(command, sizeof(command), PLAN_PEER_PORT, port);
	replace(command, sizeof(command), PLAN_GUEST_ADDR, a->vm->end.reach);
	log_path(r, ".server.log", log);
	ret = vm_start_server(a->vm, command, &r->ctx->plan->host_cpus, log,
			      a->app->timeout_ns / NSEC_PER_MSEC, why, sizeof(why));
	if (ret)
		return run_lost(r, ret, "%s", why);
	a->link->watchdog = watch_vms_alone;
	return 0;
}

/* All that ends with run_app_close(). */
static struct run_app *begin(struct run *r, struct vm *vm)
{
	struct run_app *a = calloc(1, sizeof(*a));
	char path[700];

	if (!a)
		return NULL;
	r->app = a;
	a->app = plan_app_find(r->ctx->plan, r->ctx->config->app);
	a->vm = vm;
	a->link = &vm->link;
	a->value[OUTPUT] = a->value[ERROR] = NAN;
	if (*a->app->metric)
		regcomp(&a->metric, a->app->metric, REG_EXTENDED);	/* as plan_load() did */
	log_path(r, ".log", path);
	a->log = fopen(path, "ae");	/* without it the run goes on */
	if (a->log)
		fprintf(a->log, "$ %s\n", a->app->command);
	vm->link.output = take_output;
	vm->link.output_arg = a;
	return a;
}

int run_app_spawn(struct run *r, struct vm *vm)
{
	struct run_app *a = begin(r, vm);
	char host[PATH_ADDR_SIZE], port[PATH_ADDR_SIZE], text[160];
	int ret;

	if (!a)
		return run_lost(r, -ENOMEM, "out of memory");
	ret = *a->app->server ? start_server(r) : 0;
	if (ret)
		return ret;
	split_address(vm->end.peer, host, port);
	snprintf(text, sizeof(text), "/bin/sh " APP_RUNNER " %s %s %s %s", a->app->name, host, port,
		 app_needs_memnet_run(vm->config.path) ? APP_MEMNET_RUN : "");
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
	if (*a->app->server)
		vm_stop_server(a->vm);
	free(a);
	r->app = NULL;
}
