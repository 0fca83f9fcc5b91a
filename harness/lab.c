/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-lab: experiments. Each command is a line of the table below; what it
 * does lives in a file of its own.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/doctor.h"
#include "harness/experiment.h"
#include "harness/gate.h"
#include "harness/metrics.h"
#include "harness/report.h"
#include "harness/results.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

#define THRESHOLDS "results/thresholds.csv"

static struct experiment_options options = {
	.results = "results", .accel = "auto", .build = "build",
};

static int complain(const char *err)
{
	fprintf(stderr, "memnet-lab: %s\n", err);
	return 1;
}

static int command_report(const char *dir)
{
	char err[1024];

	if (results_analyse(dir, NULL, stdout, isatty(STDOUT_FILENO), err, sizeof(err)) ||
	    report_write(dir, err, sizeof(err)))
		return complain(err);
	return 0;
}

/* Run, then analyse what is there: also after an interruption there may be much. */
static int run_and_report(void)
{
	char dir[512];
	int status = experiment_run(&options, dir, sizeof(dir));
	int report = dir[0] ? command_report(dir) : 0;

	return status ? status : report;
}

static int command_run(const char *plan)
{
	options.plan = plan;
	return run_and_report();
}

static int command_resume(const char *dir)
{
	options.resume = dir;
	return run_and_report();
}

static int command_check(const char *dir)
{
	char summary[600], err[1024];
	int ret;

	snprintf(summary, sizeof(summary), "%s/summary.csv", dir);
	ret = gate_run(summary, THRESHOLDS, stdout, isatty(STDOUT_FILENO), err, sizeof(err));
	if (ret >= 0)
		return ret;
	complain(err);
	return GATE_INCONCLUSIVE;
}

static int command_doctor(const char *unused)
{
	return doctor_run(options.build, stdout);
}

static int command_columns(const char *unused)
{
	results_reference(stdout);
	return 0;
}

static const struct command {
	const char *name, *argument, *summary;
	int (*run)(const char *argument);
} commands[] = {
	{ "run", "PLAN", "carry out a plan, analyse it, print its table", command_run },
	{ "resume", "DIR", "finish an interrupted experiment", command_resume },
	{ "report", "DIR", "analyse a results folder again, print its table, write its report.html", command_report },
	{ "check", "DIR", "compare a results folder with results/thresholds.csv", command_check },
	{ "doctor", NULL, "what works on this machine, and what mends the rest", command_doctor },
	{ "columns", NULL, "print the reference of all columns, as markdown", command_columns },
};

/* --- options ----------------------------------------------------------------- */

struct arguments {
	const struct command *command;
	const char *argument;
};

enum { OPT_RESULTS = 256, OPT_BUILD, OPT_FAULT, OPT_READY };

static const struct argp_option option_table[] = {
	{ "accel", 'a', "auto|kvm|tcg", 0, "accelerator (auto: KVM if a kernel really boots under it)" },
	{ "results", OPT_RESULTS, "DIR", 0, "parent of results folders (results)" },
	{ "build", OPT_BUILD, "DIR", 0, "where programs and guest image are (build)" },
	{ "fault", OPT_FAULT, "WORD", OPTION_HIDDEN, "memnet.fault= of the guest, for tests" },
	{ "ready-timeout", OPT_READY, "MS", OPTION_HIDDEN, "patience with a booting guest, for tests" },
	{ 0 }
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static error_t parse_argument(struct arguments *a, char *arg, struct argp_state *state)
{
	if (!a->command) {
		a->command = find_command(arg);
		if (!a->command)
			argp_error(state, "no command '%s'", arg);
	} else if (a->command->argument && !a->argument) {
		a->argument = arg;
	} else {
		argp_error(state, "'%s': one argument too many", arg);
	}
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'a':
		options.accel = arg;
		break;
	case OPT_RESULTS:
		options.results = arg;
		break;
	case OPT_BUILD:
		options.build = arg;
		break;
	case OPT_FAULT:
		options.fault = arg;
		break;
	case OPT_READY:
		options.ready_timeout_ms = atoi(arg);
		break;
	case ARGP_KEY_ARG:
		return parse_argument(a, arg, state);
	case ARGP_KEY_END:
		if (!a->command)
			argp_error(state, "which command?");
		if (a->command->argument && !a->argument)
			argp_error(state, "%s wants %s", a->command->name, a->command->argument);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void list_commands(FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-8s %-5s %s\n", commands[i].name,
			commands[i].argument ? commands[i].argument : "", commands[i].summary);
}

static char *help(int key, const char *text, void *input)
{
	return key == ARGP_KEY_HELP_PRE_DOC ? mn_help_above(text, list_commands) : (char *)text;
}

static const struct argp argp = {
	option_table, parse_option, "COMMAND [ARGUMENT]",
	"Boot VMs, run co-scheduled work in them, measure what it costs.\v"
	"Examples:\n"
	"  memnet-lab run harness/plans/smoke.ini\n"
	"  memnet-lab resume results/latest\n"
	"  memnet-lab check results/latest",
	NULL, help,
};

int main(int argc, char **argv)
{
	struct arguments a = { 0 };

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	return a.command->run(a.argument);
}
