/* SPDX-License-Identifier: BSD-2-Clause */
/* One table per workload gives getopt_long its options and --help its text. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/parse.h"
#include "workloads/workload.h"

#define MAX_OPTIONS 24
#define HELP_VALUE 1000

int option_text(const char *text, void *value)
{
	*(const char **)value = text;
	return 0;
}

int option_u64(const char *text, void *value)
{
	return mn_parse_u64(text, value);
}

int option_bytes(const char *text, void *value)
{
	return mn_parse_bytes(text, value);
}

int option_duration(const char *text, void *value)
{
	return mn_parse_duration_ns(text, value);
}

int option_addr(const char *text, void *value)
{
	return mn_parse_addr(text, value);
}

static void print_help(const struct workload *w)
{
	printf("Usage: memnet-work %s [OPTION...]\n%s\n\n", w->name, w->summary);
	for (const struct option_spec *o = w->options; o->name; o++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", o->name, o->arg ? o->arg : "");
		printf("  %-24s %s\n", left, o->help);
	}
	printf("  %-24s %s\n", "--help", "this text");
	printf("\nExamples:\n%s", w->examples);
}

static void set_option(const struct workload *w, const struct option_spec *o,
		       const char *text, void *values)
{
	void *value = (char *)values + o->offset;
	int ret;

	if (!o->arg) {
		*(bool *)value = true;
		return;
	}
	ret = o->parse(text, value);
	if (!ret)
		return;
	work_error("%s: --%s %s: %s; it takes %s: %s (see memnet-work %s --help)", w->name,
		   o->name, text, strerror(-ret), o->arg, o->help, w->name);
	exit(2);
}

void options_parse(const struct workload *w, int argc, char **argv, void *values)
{
	struct option longs[MAX_OPTIONS + 2] = { 0 };
	int n = 0, c;

	for (; w->options[n].name && n < MAX_OPTIONS; n++)
		longs[n] = (struct option){ w->options[n].name,
			w->options[n].arg ? required_argument : no_argument, NULL, n };
	longs[n] = (struct option){ "help", no_argument, NULL, HELP_VALUE };
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c == HELP_VALUE) {
			print_help(w);
			exit(0);
		}
		if (c == '?' || c == ':') {
			work_error("%s: %s: %s (see memnet-work %s --help)", w->name,
				   argv[optind - 1],
				   c == ':' ? "a value is missing" : "no such option", w->name);
			exit(2);
		}
		set_option(w, &w->options[c], optarg, values);
	}
	if (optind == argc)
		return;
	work_error("%s: '%s' is no option (see memnet-work %s --help)", w->name, argv[optind],
		   w->name);
	exit(2);
}
