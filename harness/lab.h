/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-lab: what its commands have in common. A command is a line of the table in
 * lab_commands.c and a function; an option is a line of the table in lab_options.c, and
 * each command names those it takes.
 */
#ifndef HARNESS_LAB_H
#define HARNESS_LAB_H

#include <stdio.h>

#include "harness/compare.h"
#include "harness/experiment.h"

/* Statuses beside those that a command documents itself. */
enum { LAB_OK = 0, LAB_FAILED = 1, LAB_USAGE = 64 };

/* What was typed. */
struct lab {
	struct experiment_options experiment;
	struct compare_options comparison;
	const struct lab_command *command;
	char **arguments;
	int n_arguments;
};

enum lab_option_id {
	LAB_RESULTS, LAB_BUILD,			/* of every command */
	LAB_ACCEL, LAB_SEED, LAB_RUNS, LAB_WAIT,
	LAB_AA, LAB_DETERMINISTIC,
	LAB_LOCK, LAB_FAULT, LAB_READY_TIMEOUT,		/* for tests */
	LAB_HELP, LAB_VERSION,
	LAB_OPTIONS
};

#define LAB_BIT(option) (1u << (option))
#define LAB_COMMON (LAB_BIT(LAB_RESULTS) | LAB_BIT(LAB_BUILD) | LAB_BIT(LAB_HELP) | \
		    LAB_BIT(LAB_VERSION))

struct lab_option {
	const char *name;
	char letter;			/* or 0 */
	const char *argument;		/* as help calls it; NULL: it has none */
	const char *summary;		/* NULL: not shown */
	/* Take @text. 0; -EINVAL: @summary says what it should be. NULL: the table's user does. */
	int (*set)(struct lab *lab, const char *text);
};

extern const struct lab_option lab_options[LAB_OPTIONS];

struct lab_command {
	const char *name, *arguments, *summary;
	int least, most;		/* arguments */
	unsigned int options;		/* LAB_BIT() of each, beside LAB_COMMON */
	const char *more;		/* paragraphs for its help; or NULL */
	const char *examples;		/* a line each */
	int (*run)(struct lab *lab);	/* the exit status */
	int unsaid;			/* the one when its answer cannot be told; 0: LAB_FAILED */
};

/* Command number @i, NULL past the last. */
const struct lab_command *lab_command_at(size_t i);

/*
 * Read options, in any order, and the command with its arguments. What is wrong ends the
 * program with one line and LAB_USAGE; --help and --version with LAB_OK.
 */
void lab_parse(struct lab *lab, int argc, char **argv);

/* One line on standard error. Returns LAB_FAILED. */
int lab_complain(const char *err);

/*
 * The exit status of a program that wants to exit with @status: not LAB_OK, and after a line,
 * where standard output could not be written. @command may be NULL.
 */
int lab_end(const struct lab_command *command, int status);

/* The file of a plan as it was typed: that file, or what is shipped under this name. */
const char *lab_find_plan(const char *typed);

/*
 * The results folder that was typed, or the newest where none was. NULL after a line about
 * there being none. Of a command with [DIR].
 */
const char *lab_find_folder(const struct lab *lab);

/* Analyse a results folder, print its table, write its report.html. LAB_OK or LAB_FAILED. */
int lab_report(const char *dir);

/* The commands of lab_plan.c and lab_run.c. */
int lab_plan(struct lab *lab);
int lab_plans(struct lab *lab);
int lab_run(struct lab *lab);
int lab_resume(struct lab *lab);
int lab_merge(struct lab *lab);

#endif
