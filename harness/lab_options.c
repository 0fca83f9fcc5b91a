/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of memnet-lab. getopt_long() knows all options of all commands, so that
 * they may stand anywhere; which of them the command takes is looked at when it is known.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/base/version.h"

#define MAX_COMMANDS 32
#define FIRST_LONG 256		/* what getopt_long() returns for option 0 */

/* --- options ----------------------------------------------------------------- */

static int set_results(struct lab *lab, const char *text)
{
	lab->experiment.results = text;
	return *text ? 0 : -EINVAL;
}

static int set_build(struct lab *lab, const char *text)
{
	lab->experiment.build = text;
	return *text ? 0 : -EINVAL;
}

static int set_accel(struct lab *lab, const char *text)
{
	lab->experiment.accel = text;
	return strcmp(text, "auto") && strcmp(text, "kvm") && strcmp(text, "tcg") ? -EINVAL : 0;
}

static int set_seed(struct lab *lab, const char *text)
{
	return mn_parse_u64(text, &lab->experiment.seed) || !lab->experiment.seed ? -EINVAL : 0;
}

/* "A..B", both from 1. */
static int set_runs(struct lab *lab, const char *text)
{
	unsigned int first, last;
	int end = 0;

	if (sscanf(text, "%9u..%9u%n", &first, &last, &end) != 2 || text[end] || !first ||
	    last < first)
		return -EINVAL;
	lab->experiment.part = (struct plan_range){ first, last };
	return 0;
}

static int set_aa(struct lab *lab, const char *text)
{
	lab->comparison.aa_dir = text;
	return *text ? 0 : -EINVAL;
}

static int set_deterministic(struct lab *lab, const char *text)
{
	lab->comparison.deterministic_only = true;
	return 0;
}

static int set_wait(struct lab *lab, const char *text)
{
	lab->experiment.wait = true;
	return 0;
}

static int set_lock(struct lab *lab, const char *text)
{
	lab->experiment.lock = text;
	return 0;
}

static int set_fault(struct lab *lab, const char *text)
{
	lab->experiment.fault = text;
	return 0;
}

static int set_ready_timeout(struct lab *lab, const char *text)
{
	lab->experiment.ready_timeout_ms = atoi(text);
	return 0;
}

const struct lab_option lab_options[LAB_OPTIONS] = {
	[LAB_RESULTS] = { "results", 0, "DIR", "where results folders are (results)", set_results },
	[LAB_BUILD] = { "build", 0, "DIR", "where programs and guest image are (build)", set_build },
	[LAB_ACCEL] = { "accel", 'a', "auto|kvm|tcg",
		"accelerator (auto: KVM if a kernel really boots under it)", set_accel },
	[LAB_SEED] = { "seed", 0, "N", "seed of the order, in place of the plan's", set_seed },
	[LAB_RUNS] = { "runs", 0, "A..B", "only the boots that begin with a run from A to B",
		set_runs },
	[LAB_AA] = { "aa", 0, "DIR",
		"another measurement of OLD, for the A/A noise (the halves of OLD and of NEW)", set_aa },
	[LAB_DETERMINISTIC] = { "deterministic", 0, NULL,
		"only metrics that do not depend on the host's mood", set_deterministic },
	[LAB_WAIT] = { "wait", 0, NULL, "let another experiment on this machine end first", set_wait },
	[LAB_LOCK] = { "lock", 0, "FILE", NULL, set_lock },
	[LAB_FAULT] = { "fault", 0, "WORD", NULL, set_fault },
	[LAB_READY_TIMEOUT] = { "ready-timeout", 0, "MS", NULL, set_ready_timeout },
	[LAB_HELP] = { "help", 'h', NULL, "this text; of a command: its options and examples" },
	[LAB_VERSION] = { "version", 'V', NULL, "which commit this was built from" },
};

/* --- mistakes ---------------------------------------------------------------- */

static void refuse(const struct lab *lab, const char *format, ...) PRINTF_LIKE(2, 3);

static void refuse(const struct lab *lab, const char *format, ...)
{
	va_list ap;

	fputs("memnet-lab: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "; see memnet-lab %s%s--help\n", lab->command ? lab->command->name : "",
		lab->command ? " " : "");
	exit(LAB_USAGE);
}

static void refuse_word(const struct lab *lab, const char *what, const char *word,
			const char *prefix, const char *const *known, size_t n)
{
	const char *meant = mn_nearest(word, known, n);

	if (meant)
		refuse(lab, "no %s %s%s; did you mean %s%s?", what, prefix, word, prefix, meant);
	refuse(lab, "no %s %s%s", what, prefix, word);
}

static void refuse_option(const struct lab *lab, const char *typed)
{
	const char *known[LAB_OPTIONS];
	char name[64];
	size_t n = 0;

	if (strncmp(typed, "--", 2))
		refuse(lab, "no option %s", typed);
	for (size_t i = 0; i < LAB_OPTIONS; i++)
		if (lab_options[i].summary)
			known[n++] = lab_options[i].name;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
	refuse_word(lab, "option", name, "--", known, n);
}

static void refuse_command(const struct lab *lab, const char *typed)
{
	const char *known[MAX_COMMANDS];
	size_t n = 0;

	for (; n < MAX_COMMANDS && lab_command_at(n); n++)
		known[n] = lab_command_at(n)->name;
	refuse_word(lab, "command", typed, "", known, n);
}

/* --- help -------------------------------------------------------------------- */

static void list_options(unsigned int wanted)
{
	char left[64];

	printf("\nOptions:\n");
	for (size_t i = 0; i < LAB_OPTIONS; i++) {
		const struct lab_option *o = &lab_options[i];

		if (!(wanted & LAB_BIT(i)) || !o->summary)
			continue;
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : "  ",
			 o->letter ? o->letter : ' ', o->letter ? ", " : " ", o->name,
			 o->argument ? "=" : "", o->argument ? o->argument : "");
		printf("  %-24s %s\n", left, o->summary);
	}
}

static void help_command(const struct lab_command *c)
{
	printf("Usage: memnet-lab %s%s%s [OPTION...]\n\n%s.\n", c->name, c->arguments ? " " : "",
	       c->arguments ? c->arguments : "", c->summary);
	if (c->more)
		printf("\n%s", c->more);
	list_options(c->options | LAB_COMMON);
	printf("\nExamples:\n%s", c->examples);
}

static void help(void)
{
	const struct lab_command *c;
	char left[64];

	printf("Usage: memnet-lab COMMAND [ARGUMENT...] [OPTION...]\n\n"
	       "Boot VMs, run co-scheduled work in them, measure what it costs.\n\nCommands:\n");
	for (size_t i = 0; (c = lab_command_at(i)); i++) {
		snprintf(left, sizeof(left), "%s %s", c->name, c->arguments ? c->arguments : "");
		printf("  %-24s %s\n", left, c->summary);
	}
	list_options(LAB_COMMON);
	printf("\nmemnet-lab COMMAND --help has the options of a command, and examples.\n\n"
	       "Exit status: 0 done; 1 something failed, and a line says what; 64 wrong usage;\n"
	       "75 another experiment runs on this machine; 130 interrupted. check and compare:\n"
	       "0 nothing is worse; 1 a regression; 2 nothing can be said; 77 nothing was comparable.\n");
}

/* --- parsing ----------------------------------------------------------------- */

/* What getopt_long() wants to know. */
static void describe(struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (size_t i = 0; i < LAB_OPTIONS; i++) {
		const struct lab_option *o = &lab_options[i];

		longs[i] = (struct option){ o->name, o->argument ? required_argument : no_argument,
					    NULL, FIRST_LONG + i };
		if (!o->letter)
			continue;
		*shorts++ = o->letter;
		if (o->argument)
			*shorts++ = ':';
	}
	longs[LAB_OPTIONS] = (struct option){ 0 };
	*shorts = '\0';
}

static int find_option(int c)
{
	int i = c - FIRST_LONG;

	if (c >= FIRST_LONG)
		return i;
	for (i = 0; i < LAB_OPTIONS && lab_options[i].letter != c; i++)
		;
	return i;
}

static void find_command(struct lab *lab, const char *typed)
{
	const struct lab_command *c;

	for (size_t i = 0; (c = lab_command_at(i)); i++)
		if (!strcmp(c->name, typed)) {
			lab->command = c;
			return;
		}
	refuse_command(lab, typed);
}

/* The options, one by one; the bits of those seen. */
static unsigned int parse_options(struct lab *lab, int argc, char **argv)
{
	struct option longs[LAB_OPTIONS + 1];
	char shorts[2 * LAB_OPTIONS + 2];
	unsigned int seen = 0;
	int c, i;

	describe(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
		if (c == ':')
			refuse(lab, "%s: its argument is missing", argv[optind - 1]);
		if (c == '?' && optopt >= FIRST_LONG)
			refuse(lab, "--%s takes no argument", lab_options[optopt - FIRST_LONG].name);
		if (c == '?')
			refuse_option(lab, argv[optind - 1]);
		i = find_option(c);
		seen |= LAB_BIT(i);
		if (lab_options[i].set && lab_options[i].set(lab, optarg))
			refuse(lab, "--%s=%s: want %s: %s", lab_options[i].name, optarg,
			       lab_options[i].argument,
			       lab_options[i].summary ? lab_options[i].summary : "for tests");
	}
	return seen;
}

static void check_usage(const struct lab *lab, unsigned int seen)
{
	const struct lab_command *c = lab->command;

	for (size_t i = 0; i < LAB_OPTIONS; i++)
		if (seen & LAB_BIT(i) & ~(c->options | LAB_COMMON))
			refuse(lab, "%s takes no --%s", c->name, lab_options[i].name);
	if (lab->n_arguments < c->least)
		refuse(lab, "%s wants %s", c->name, c->arguments);
	if (lab->n_arguments > c->most)
		refuse(lab, "'%s': one argument too many", lab->arguments[c->most]);
}

void lab_parse(struct lab *lab, int argc, char **argv)
{
	unsigned int seen = parse_options(lab, argc, argv);

	if (seen & LAB_BIT(LAB_VERSION)) {
		printf("memnet-lab %s\n", version_git);
		exit(lab_end(NULL, LAB_OK));
	}
	if (optind < argc)
		find_command(lab, argv[optind]);
	if (seen & LAB_BIT(LAB_HELP)) {
		if (lab->command)
			help_command(lab->command);
		else
			help();
		exit(lab_end(NULL, LAB_OK));
	}
	if (!lab->command)
		refuse(lab, "which command?");
	lab->arguments = &argv[optind + 1];
	lab->n_arguments = argc - optind - 1;
	check_usage(lab, seen);
}
