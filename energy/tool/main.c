/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: what a command, a process or the machine costs, in joules and events. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/tool/output.h"
#include "energy/tool/tool.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/parse.h"

static const struct subcommand {
	const char *name, *summary;
	bool has_options;		/* of its own, behind its name */
	int (*run)(const struct options *options);
} subcommands[] = {
	{ "doctor", "what works here, and what mends the rest", false, doctor },
	{ "calibrate", "fit this machine's idle watts and slope", true, calibrate },
};

#define IDLE_LEAST_NS	(100 * NSEC_PER_MSEC)

enum { OPT_INTERVAL = 256, OPT_TIMEOUT, OPT_IDLE, OPT_CSV, OPT_JSON, OPT_SOURCE, OPT_SYSFS };

static const struct argp_option option_table[] = {
	{ "pid", 'p', "PID[,PID]", 0, "measure while these processes run, until they end or ctrl-C" },
	{ "all-cpus", 'a', NULL, 0, "count events on all CPUs; without COMMAND until ctrl-C" },
	{ "timeout", OPT_TIMEOUT, "TIME", 0, "end a window of -p or -a after 500ms, 10s ..." },
	{ "interval", 'I', "MS", 0, "a line every MS milliseconds, too (10 or more)" },
	{ "repeat", 'r', "N", 0, "run COMMAND N times: median and 95 % interval" },
	{ "idle", OPT_IDLE, "TIME", 0, "joules above idle, measured so long before and after COMMAND" },
	{ "events", 'e', "LIST", 0, "events or sets of them, by comma; @FILE: those in a file" },
	{ "source", OPT_SOURCE, "NAME", 0, "take joules from this source or not at all" },
	{ "csv", OPT_CSV, NULL, 0, "one row per number" },
	{ "json", OPT_JSON, NULL, 0, "one object per window" },
	{ "output", 'o', "FILE", 0, "the report goes to FILE, not to standard error" },
	{ "sysfs", OPT_SYSFS, "ROOT", 0, "look for energy counters under ROOT (/sys)" },
	{ "help", '?', NULL, 0, "this text" },
	{ "version", 'V', NULL, 0, "which commit this was built from" },
	{ 0 }
};

void complain(const char *format, ...)
{
	va_list ap;

	fputs("memnet-energy: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	putc('\n', stderr);
}

int said_it_all(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	complain("standard output cannot be written: %s", strerror(errno));
	return STATUS_TOOL;
}

static void usage_error(const char *format, ...) PRINTF_LIKE(1, 2);

static void usage_error(const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	complain("%s; see memnet-energy --help", text);
	exit(STATUS_TOOL);
}

/* "-r" without its argument, or a letter of nobody's. */
static void refuse_letter(const char *word)
{
	for (const struct argp_option *o = option_table; o->name; o++)
		if (o->arg && o->key == word[1] && !word[2])
			usage_error("%s, --%s: an argument is missing: %s", word, o->name, o->arg);
	usage_error("'%s': no such option", word);
}

/* argp gave up at @word. */
static void refuse_word(const char *word)
{
	const char *names[ARRAY_SIZE(option_table)], *best;
	char name[64];
	size_t n = 0;

	if (strncmp(word, "--", 2))
		refuse_letter(word);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (!strcmp(name, "settle") || !strcmp(name, "hold"))
		usage_error("--%s is an option of calibrate, behind its name", name);
	for (const struct argp_option *o = option_table; o->name; o++)
		names[n++] = o->name;
	best = mn_nearest(name, names, n);
	if (best && !strcmp(best, name))
		usage_error("--%s: an argument is missing, or one too many", name);
	if (best)
		usage_error("no option --%s; did you mean --%s?", name, best);
	usage_error("no option --%s", name);
}

/* Each process once: what is named twice is not measured twice. */
static void add_pid(struct options *o, pid_t pid)
{
	for (size_t i = 0; i < o->n_pids; i++) {
		if (o->pids[i] == pid)
			return;
	}
	if (o->n_pids == MAX_PIDS)
		usage_error("-p: more than %d processes", MAX_PIDS);
	o->pids[o->n_pids++] = pid;
}

static void parse_pids(struct options *o, char *text)
{
	for (char *word; (word = strsep(&text, ","));) {
		uint64_t pid;

		if (!*word)
			usage_error("-p: an empty process id");
		if (mn_parse_u64(word, &pid) || !pid || pid > INT32_MAX)
			usage_error("-p %s: not a process id", word);
		add_pid(o, pid);
	}
}

static int64_t parse_interval(const char *text)
{
	uint64_t ms;

	if (mn_parse_u64(text, &ms) || ms < 10 || ms > 86400000)
		usage_error("--interval %s: milliseconds from 10 to 86400000", text);
	return ms * NSEC_PER_MSEC;
}

static int64_t parse_time(const char *option, const char *text)
{
	int64_t ns;

	if (mn_parse_duration_ns(text, &ns) || !ns)
		usage_error("%s %s: a time with its unit, as 500ms or 10s", option, text);
	return ns;
}

static int64_t parse_idle(const char *text)
{
	int64_t ns = parse_time("--idle", text);

	if (ns < IDLE_LEAST_NS)
		usage_error("--idle %s: too short to tell watts; 100ms or more", text);
	return ns;
}

static unsigned parse_repeat(const char *text)
{
	uint64_t n;

	if (mn_parse_u64(text, &n) || !n || n > 100000)
		usage_error("--repeat %s: a number from 1 to 100000", text);
	return n;
}

static void set_output(struct options *o, const struct output_ops *output)
{
	if (o->output && o->output != output)
		usage_error("--csv or --json, not both");
	o->output = output;
}

/* What could not be written was not said. */
static void exit_said(void) __attribute__((noreturn));

static void exit_said(void)
{
	exit(said_it_all());
}

static const struct argp argp;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'p':
		parse_pids(o, arg);
		break;
	case 'a':
		o->all = true;
		break;
	case 'I':
		o->interval_ns = parse_interval(arg);
		break;
	case 'r':
		o->repeat = parse_repeat(arg);
		break;
	case 'e':
		o->events = arg;
		break;
	case 'o':
		o->file = arg;
		break;
	case '?':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, "memnet-energy");
		exit_said();
	case 'V':
		argp_program_version_hook(stdout, state);
		exit_said();
	case OPT_TIMEOUT:
		o->timeout_ns = parse_time("--timeout", arg);
		break;
	case OPT_IDLE:
		o->idle_ns = parse_idle(arg);
		break;
	case OPT_SOURCE:
		o->source = arg;
		break;
	case OPT_SYSFS:
		o->sysfs = arg;
		break;
	case OPT_CSV:
		set_output(o, &output_csv);
		break;
	case OPT_JSON:
		set_output(o, &output_json);
		break;
	case ARGP_KEY_ARG:		/* the command, and all that follows is its own */
		o->command = &state->argv[state->next - 1];
		state->next = state->argc;
		break;
	case ARGP_KEY_ERROR:
		refuse_word(state->argv[state->next - 1][0] == '-' || !state->argv[state->next]
			    ? state->argv[state->next - 1] : state->argv[state->next]);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void list_subcommands(FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		fprintf(f, "  memnet-energy %-10s %s\n", subcommands[i].name,
			subcommands[i].summary);
}

static char *help(int key, const char *text, void *input)
{
	return key == ARGP_KEY_HELP_PRE_DOC ? mn_help_above(text, list_subcommands) : (char *)text;
}

static const struct argp argp = {
	option_table, parse_option, "[--] COMMAND [ARGUMENT...]\n-p PID\n-a [-- COMMAND]",
	"Run COMMAND and tell what the machine spent meanwhile: joules by domain with their "
	"source and band, CPU time, event counts. Joules are the whole machine's."
	"\v"
	"Examples:\n"
	"  memnet-energy -- make -j8\n"
	"  memnet-energy -r 10 -- gzip -k file\n"
	"  memnet-energy --idle 10s -- ./job\n"
	"  memnet-energy -a -I 1000\n"
	"  memnet-energy -p 4711 --timeout 10s -e default,scheduling\n"
	"The exit status is the command's; 125: memnet-energy itself failed, 126 and 127: the "
	"command could not be run, and nothing was measured.",
	NULL, help,
};

static void check_together(const struct options *o)
{
	if (!o->command && !o->n_pids && !o->all)
		usage_error("measure what? a COMMAND, -p PID, or -a");
	if (o->n_pids && (o->command || o->all))
		usage_error("-p goes with neither a command nor -a; --timeout limits it");
	if (o->timeout_ns && o->command)
		usage_error("--timeout is for -p and -a; for a command: timeout 10s COMMAND");
	if (o->repeat && !o->command)
		usage_error("--repeat wants a command");
	if (o->repeat && o->interval_ns)
		usage_error("--repeat or --interval, not both");
	if (o->idle_ns && !o->command)
		usage_error("--idle wants a command, before which the machine is idle");
	if (o->idle_ns && o->interval_ns)
		usage_error("--idle or --interval, not both: idle is known only at the end");
}

/*
 * A subcommand is a word alone, or with options of its own, and not after "--": a program
 * of its name can still be run.
 */
static const struct subcommand *find_subcommand(const struct options *o)
{
	if (!o->command || !strcmp(o->command[-1], "--"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		const struct subcommand *s = &subcommands[i];
		const char *next = o->command[1];

		if (strcmp(o->command[0], s->name))
			continue;
		if (!next || (s->has_options && *next == '-'))
			return s;
		if (*next == '-')
			usage_error("%s has no options of its own; --source and --sysfs come "
				    "before its name; a program of that name: -- %s", s->name, s->name);
		usage_error("%s takes no '%s'; a program of that name: -- %s", s->name, next,
			    s->name);
	}
	return NULL;
}

/* Is there an option that is for measuring a window? */
static bool says_more(const struct options *o)
{
	return o->n_pids || o->all || o->interval_ns || o->timeout_ns || o->idle_ns ||
	       o->repeat || o->events || o->file || o->output;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	const struct subcommand *subcommand;
	bool nowhere = fcntl(STDERR_FILENO, F_GETFD) < 0;

	if (mn_open_standard_fds())
		return STATUS_TOOL;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_ERRS | ARGP_NO_HELP,
		       NULL, &options))
		usage_error("the options cannot be read");
	if (options.sysfs && access(options.sysfs, R_OK | X_OK))
		usage_error("--sysfs %s: %s", options.sysfs, strerror(errno));
	subcommand = find_subcommand(&options);
	if (subcommand && says_more(&options))
		usage_error("with %s go --source and --sysfs alone", subcommand->name);
	if (subcommand)
		return subcommand->run(&options);
	if (!options.output)
		options.output = &output_text;
	check_together(&options);
	if (nowhere && !options.file)
		return STATUS_TOOL;	/* the report would be lost, which can be said nowhere */
	return session_run(&options);
}
