/* SPDX-License-Identifier: BSD-2-Clause */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "energy/calibrate.h"
#include "energy/tool/tool.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"

#define SHORTEST_NS	(100 * NSEC_PER_MSEC)
#define LONGEST_NS	(3600 * NSEC_PER_SEC)
#define LEAST_SLOPE	0.01	/* of idle power; what is less is rounding */

enum { OPT_SETTLE = 256, OPT_HOLD };

struct calibrate_options {
	int64_t settle_ns, hold_ns;
};

static const struct argp_option option_table[] = {
	{ "settle", OPT_SETTLE, "TIME", 0, "wait after each change of load (1s)" },
	{ "hold", OPT_HOLD, "TIME", 0, "measure each load so long (2s)" },
	{ 0 }
};

static void parse_time(struct argp_state *state, const char *text, int64_t least_ns, int64_t *ns)
{
	if (mn_parse_duration_ns(text, ns) || *ns < least_ns || *ns > LONGEST_NS)
		argp_error(state, "'%s' is no time, too short, or over an hour: 500ms, 2s, ...",
			   text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct calibrate_options *o = state->input;

	switch (key) {
	case OPT_SETTLE:
		parse_time(state, arg, 0, &o->settle_ns);
		return 0;
	case OPT_HOLD:
		parse_time(state, arg, SHORTEST_NS, &o->hold_ns);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	option_table, parse_option, NULL,
	"Load this machine's CPUs step by step, measure, and fit idle watts and slope.\v"
	"Wants an energy counter (see memnet-energy doctor) and a machine where nobody else works. "
	"Options of memnet-energy (--source, --sysfs) come before the word calibrate."
};

static int fail(const char *what, const char *mend)
{
	complain("calibrate: %s%s%s", what, *mend ? "; " : "", mend);
	return STATUS_TOOL;
}

static void print_points(const struct calibrate_point *points, int n)
{
	printf("  CPUs loaded   machine busy     power\n");
	for (int i = 0; i < n; i++)
		printf("  %11u  %11.1f %%  %6.2f W\n", points[i].cpus, points[i].busy_share * 100,
		       points[i].watts);
}

static void print_fits(const struct calibrate_fit fits[POWER_SHAPES], enum power_shape best,
		       bool residuals)
{
	printf("\n  %-12s       idle   all busy   residual rms, most\n", "shape");
	for (int shape = 0; shape < POWER_SHAPES; shape++) {
		const struct calibrate_fit *f = &fits[shape];

		printf("  %-12s %8.2f W %8.2f W", power_shape_name(shape), f->idle_w,
		       f->idle_w + f->slope_w);
		if (residuals)
			printf("   %6.2f W, %.2f W%s", f->rms_w, f->max_w,
			       shape == (int)best ? "   fits best" : "");
		putchar('\n');
	}
	if (!residuals)
		printf("  two loads only: nothing tells the shapes apart\n");
}

/* "package, dram": the kinds that are in the total. */
static unsigned name_kinds(const struct energy *e, char *buf, size_t size)
{
	unsigned kinds = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		const struct energy_domain *domain = energy_domain(e, i);
		size_t len = strlen(buf);

		if (!domain->in_total || kinds & 1u << domain->kind)
			continue;
		snprintf(buf + len, size - len, "%s%s", len ? ", " : "",
			 energy_kind_name(domain->kind));
		kinds |= 1u << domain->kind;
	}
	return kinds;
}

static void print_model(const struct energy *e, const struct calibrate_fit *linear)
{
	char names[128];
	unsigned kinds = name_kinds(e, names, sizeof(names));

	printf("\n  linear: %.2f W idle and %.2f W for each busy CPU, of what %s counts\n",
	       linear->idle_w, linear->slope_w / sysconf(_SC_NPROCESSORS_ONLN), energy_source(e));
	printf("  (%s)%s\n", names, kinds & (1u << ENERGY_SERVER | 1u << ENERGY_DEVICE) ? "" :
	       ", not of the server at the wall");
}

/* Neither noise nor rounding. */
static bool grows(const struct calibrate_fit *fit)
{
	return fit->slope_w > fmax(fit->rms_w, LEAST_SLOPE * fabs(fit->idle_w));
}

static int report(const struct energy *e, const struct calibrate_point *points, int n)
{
	struct calibrate_fit fits[POWER_SHAPES];
	enum power_shape best;
	int ret = calibrate_fit(points, n, fits, &best);

	if (ret)
		return fail("the loads were all alike, so there is no slope",
			    "let it run on more CPUs, and nothing else beside it");
	print_points(points, n);
	print_fits(fits, best, n > 2);
	if (points[0].busy_share > BUSY_IDLE)
		printf("  the machine was %.0f %% busy by itself: idle is extrapolated\n",
		       points[0].busy_share * 100);
	if (!grows(&fits[SHAPE_LINEAR]))
		return fail("power did not grow with load",
			    "is the counter this machine's? see memnet-energy doctor");
	print_model(e, &fits[SHAPE_LINEAR]);
	return fflush(stdout) || ferror(stdout) ? fail("the report could not be written", "") : 0;
}

/* The source that was tried says what would mend it; the model is no such source. */
static const char *mend(const struct energy *e)
{
	const struct energy_note *first = energy_note(e, 0);

	return first && strcmp(first->source, "model") ? refusal(e, NULL, "")
						       : "see memnet-energy doctor";
}

static int run(const struct energy *e, const struct calibrate_options *o)
{
	const struct calibrate_config config = {
		.energy = e, .proc = "/proc", .settle_ns = o->settle_ns, .hold_ns = o->hold_ns,
	};
	struct calibrate_point points[CALIBRATE_STEPS];
	char why[256];
	int n = calibrate_collect(&config, points, why, sizeof(why));

	if (n < 0)
		return fail(why, n == -ENOTSUP ? mend(e) : "");
	return report(e, points, n);
}

int calibrate(const struct options *options)
{
	struct calibrate_options own = { .settle_ns = NSEC_PER_SEC, .hold_ns = 2 * NSEC_PER_SEC };
	const struct energy_config config = { .source = options->source,
					      .sysfs_root = options->sysfs };
	struct energy *e;
	int argc = 0, ret;

	while (options->command[argc])
		argc++;
	argp_err_exit_status = STATUS_TOOL;
	options->command[0] = "memnet-energy calibrate";	/* the name argp gives */
	argp_parse(&parser, argc, options->command, 0, NULL, &own);
	ret = energy_open(&e, &config);
	if (ret == -EINVAL)
		return fail("there is no such energy source", "see memnet-energy doctor");
	if (ret)
		return fail(strerror(-ret), "");
	ret = run(e, &own);
	energy_close(e);
	return ret;
}
