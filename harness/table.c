/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * lines[] says which metric of which scenario gets a line and, where a gain is defined on
 * it, which; the table is that list once per arm, topology, direction, number of flows,
 * chunk and spin budget of memnet, with the lines left out that the plan did not measure.
 * A gain is shown as "how many times better": ratios of metrics where less is better are
 * turned over. A number is shown as a gain only where analyse.c judges it, so that nobody
 * reads one into CPU seconds spent on different amounts of work.
 */
#include "harness/table.h"
#include "harness/table_internal.h"

#include <string.h>

#include "harness/groups.h"
#include "harness/interference.h"
#include "memnet-core/base/stats.h"


#define LABEL_WIDTH 28

struct line {
	const char *scenario, *metric, *label;
	const char *gain;	/* NULL: the metric's own ratio, if it is judged */
	bool if_measured;	/* left out where a model estimated it */
};

static const struct line lines[] = {
	{ "idle", "cpu_total", "CPU time, nothing running", NULL },
	{ "idle", "energy_net", "energy above no VM", NULL, true },
	{ "compute", "compute_rate", "compute alone", NULL },
	{ "compute", "compute_rate_min", "of it, slowest VM", NULL },
	{ "compute", "compute_rate_max", "of it, fastest VM", NULL },
	{ "network", "network_rate", "network alone", NULL },
	{ "network", "network_rate_min", "of it, slowest VM", NULL },
	{ "network", "network_rate_max", "of it, fastest VM", NULL },
	{ "network", "cpu_per_gb", "CPU time per GB", NULL },
	{ "network", "guest_insns_per_byte", "guest insns", NULL },
	{ "network", "syscalls_per_mb", "host system calls", NULL },
	{ "network", "kvm_exits_per_mb", "KVM exits", NULL },
	{ "network", "energy_per_gb", "energy per GB", NULL, true },
	{ "network-paced", "network_rate", "network", NULL },
	{ "network-paced", "network_rate_min", "of it, slowest VM", NULL },
	{ "network-paced", "network_rate_max", "of it, fastest VM", NULL },
	{ "network-paced", "cpu_per_gb", "CPU time per GB", NULL },
	{ "network-paced", "guest_insns_per_byte", "guest insns", NULL },
	{ "network-paced", "syscalls_per_mb", "host system calls", NULL },
	{ "network-paced", "kvm_exits_per_mb", "KVM exits", NULL },
	{ "network-paced", "energy_per_gb", "energy per GB", NULL, true },
	{ "rr", "latency_p50", "latency, median", NULL },
	{ "rr", "latency_p99", "latency, 99 of 100 within", NULL },
	{ "rr", "request_rate", "requests", NULL },
	{ "rr", "request_rate_min", "of it, slowest VM", NULL },
	{ "rr", "request_rate_max", "of it, fastest VM", NULL },
	{ "rr", "cpu_per_1000_requests", "CPU time per 1000 requests", NULL },
	{ "rr", "energy_per_1000_requests", "energy per 1000 requests", NULL, true },
	{ "conn", "request_rate", "connections", NULL },
	{ "conn", "request_rate_min", "of it, slowest VM", NULL },
	{ "conn", "request_rate_max", "of it, fastest VM", NULL },
	{ "conn", "connect_p50", "connect, median", NULL },
	{ "conn", "connect_p99", "connect, 99 of 100 within", NULL },
	{ "conn", "latency_p50", "until the answer, median", NULL },
	{ "conn", "latency_p99", "until it, 99 of 100 within", NULL },
	{ "conn", "cpu_per_1000_requests", "CPU time per 1000 of them", NULL },
	{ "conn", "energy_per_1000_requests", "energy per 1000 of them", NULL, true },
	{ "hybrid-rr", "compute_rate", "compute", NULL },
	{ "hybrid-rr", "compute_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-rr", "compute_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-rr", "latency_p50", "latency, median", NULL },
	{ "hybrid-rr", "latency_p99", "latency, 99 of 100 within", NULL },
	{ "hybrid-rr", "request_rate", "requests", NULL },
	{ "hybrid-rr", "request_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-rr", "request_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-rr", "cpu_total", "CPU time", NULL },
	{ "hybrid-saturate", "network_rate", "network", "network_gain" },
	{ "hybrid-saturate", "network_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-saturate", "network_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-saturate", "compute_rate", "compute", NULL },
	{ "hybrid-saturate", "compute_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-saturate", "compute_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-saturate", "cpu_total", "CPU time", NULL },
	{ "hybrid-saturate", "energy", "energy", NULL },
	{ "hybrid-saturate", "self_interference_network", "network kept beside compute", NULL },
	{ "hybrid-saturate", "self_interference_compute", "compute kept beside network", NULL },
	{ "hybrid-saturate", "interaction_energy", "interaction energy", NULL },
	{ "hybrid-paced", "compute_rate", "compute", "compute_gain" },
	{ "hybrid-paced", "compute_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-paced", "compute_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-paced", "network_rate", "network", NULL },
	{ "hybrid-paced", "network_rate_min", "of it, slowest VM", NULL },
	{ "hybrid-paced", "network_rate_max", "of it, fastest VM", NULL },
	{ "hybrid-paced", "cpu_total", "CPU time", NULL },
	{ "hybrid-paced", "energy", "energy", NULL },
	{ "hybrid-fixed", "duration", "duration", NULL },
	{ "hybrid-fixed", "cpu_total", "CPU time", "cpu_efficiency_gain" },
	{ "hybrid-fixed", "energy", "energy", "energy_efficiency_gain" },
	{ "hybrid-fixed", "energy_net", "energy net of idle", "energy_efficiency_gain_net" },
	{ "app", "app_score", "value, higher is better", NULL },
	{ "app", "app_cost", "value, lower is better", NULL },
	{ "app", "duration", "duration", NULL },
	{ "app", "cpu_total", "CPU time", NULL },
	{ "app", "energy", "energy", NULL },
};

static const struct {
	const char *scenario, *about;
} scenarios[] = {
	{ "idle", "the guest only waits" },
	{ "compute", "the computing alone" },
	{ "network", "the stream alone" },
	{ "network-paced", "the stream alone, at a fixed rate" },
	{ "rr", "requests alone, each waiting for its response" },
	{ "conn", "connections alone, each for one request and its response" },
	{ "hybrid-rr", "computing freely beside requests" },
	{ "hybrid-saturate", "both as fast as they can" },
	{ "hybrid-paced", "computing freely beside a stream of fixed rate" },
	{ "hybrid-fixed", "the same operations and the same bytes" },
	{ "app", "a command of the plan" },
};

static const struct {
	const char *arm, *about;
} arms[] = {
	{ "spare-core", "the vCPU has a core of its own, all host-side work another one" },
	{ "equal-core", "vCPU, QEMU, vhost and memnetd share the same cores" },
};

/* --- cells --------------------------------------------------------------------- */

static void format_bits(char *text, size_t size, double bytes_per_s)
{
	double bits = 8 * bytes_per_s;

	if (bits >= 1e9)
		snprintf(text, size, "%.2f Gb/s", bits / 1e9);
	else if (bits >= 1e7)
		snprintf(text, size, "%.0f Mb/s", bits / 1e6);
	else
		snprintf(text, size, "%.3g Mb/s", bits / 1e6);
}

/* sha256 is shown as bytes hashed; another kernel's operations as they are. */
static void format_operations(char *text, size_t size, double per_s, const char *kernel)
{
	if (!strcmp(kernel, "sha256"))
		snprintf(text, size, "%.1f MB/s", per_s * SHA256_OP_BYTES / 1e6);
	else
		snprintf(text, size, "%.4g op/s", per_s);
}

static void format_time(char *text, size_t size, double ns)
{
	if (ns >= 1e7)
		snprintf(text, size, "%.1f ms", ns / 1e6);
	else
		snprintf(text, size, "%.*f us", ns < 1e5 ? 1 : 0, ns / 1e3);
}

static int digits(double value)
{
	return fabs(value) < 0.1 ? 4 : fabs(value) < 100 ? 2 : 0;
}

static void format_value(char *text, size_t size, const struct summary_row *s, const char *kernel)
{
	const struct metric *m = s ? metrics_find(s->metric) : NULL;

	if (!s || isnan(s->median))
		snprintf(text, size, "absent");
	else if (m && m->app_better)	/* its unit is the plan's word, as it stands there */
		snprintf(text, size, "%.*f %s", digits(s->median), s->median, s->unit);
	else if (!strcmp(s->unit, "B/s"))
		format_bits(text, size, s->median);
	else if (!strcmp(s->unit, "ops/s"))
		format_operations(text, size, s->median, kernel);
	else if (!strcmp(s->unit, "ns"))
		format_time(text, size, s->median);
	else if (!strcmp(s->unit, "1/s"))
		snprintf(text, size, "%.0f /s", s->median);
	else if (!strcmp(s->unit, "1"))
		snprintf(text, size, "%.0f %%", 100 * s->median);
	else
		snprintf(text, size, "%.*f %s", digits(s->median), s->median, s->unit);
}

/* The kernel of the measured runs; they all have the same in one plan. */
static const char *compute_kernel(const struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (*t->rows[i].compute_kernel)
			return t->rows[i].compute_kernel;
	return "";
}

/* --- gains --------------------------------------------------------------------- */

struct shown_gain {
	double median, low, high;
	const char *verdict;
	double paper;
	int64_t need_n;
};

static struct shown_gain gain_of_ratio(const struct summary_row *s)
{
	struct shown_gain g = { s->ratio, s->ratio_ci_low, s->ratio_ci_high, s->verdict, NAN,
				 s->need_n };
	const struct metric *m = metrics_find(s->metric);

	if (m && m->sense != METRIC_MORE) {
		g.median = 1 / s->ratio;
		g.low = 1 / s->ratio_ci_high;
		g.high = 1 / s->ratio_ci_low;
	}
	return g;
}

static const char *colour_of(const struct table *t, const char *verdict)
{
	if (!t->colour)
		return "";
	if (!strcmp(verdict, VERDICT_BETTER))
		return "\033[32m";
	if (!strcmp(verdict, VERDICT_WORSE))
		return "\033[31m";
	return "\033[33m";
}

static void print_gain(const struct table *t, const struct shown_gain *g)
{
	char gain[32] = "absent", interval[48] = "";

	if (!isnan(g->median))
		snprintf(gain, sizeof(gain), "%.2fx", g->median);
	if (!strcmp(g->verdict, VERDICT_UNEQUAL))
		snprintf(interval, sizeof(interval), "%s", g->verdict);
	else if (!isnan(g->low))
		snprintf(interval, sizeof(interval), "%.2f .. %.2f", g->low, g->high);
	else if (!isnan(g->median))
		snprintf(interval, sizeof(interval), "n < %d: none", STATS_INTERVAL_MIN_N);
	fprintf(t->out, "  %s%8s%s%s%s", colour_of(t, g->verdict), gain,
		*interval || !isnan(g->paper) ? "  " : "", interval, t->colour ? "\033[0m" : "");
	if (!isnan(g->paper))
		fprintf(t->out, "%*s  %.2fx (%+.0f%%)", 14 - (int)strlen(interval), "", g->paper,
			100 * (g->paper - 1));
	if (g->need_n != ABSENT_INTEGER)
		fprintf(t->out, "  need n = %lld", (long long)g->need_n);
}

/* --- lines --------------------------------------------------------------------- */

/* The row of @metric of @path in the configuration that @like is of. */
static const struct summary_row *find(const struct table *t, const struct summary_row *like,
				      const char *metric, const char *path)
{
	return summary_find(t->a->summary, t->a->n_summary, like, path, metric);
}

/* Where its value is from is not the same in every folder. */
static bool has_source(const char *name)
{
	const struct interference *i = interference_find(name);

	return !metrics_find(i ? i->metric : name)->source;
}

static void print_line(const struct table *t, const struct line *line,
		       const struct summary_row *like)
{
	const struct summary_row *base = find(t, like, line->metric, t->a->baseline);
	const struct summary_row *memnet = find(t, like, line->metric, t->a->subject);
	const struct summary_row *gain = NULL;
	const char *kernel = compute_kernel(t);
	char label[48], base_text[32], memnet_text[32];
	struct shown_gain shown;
	int over;	/* letters too many: the next cell has room */

	if (line->gain)
		gain = find(t, like, line->gain, t->a->subject);
	else if (memnet && *memnet->verdict)
		gain = memnet;
	snprintf(label, sizeof(label), "%s", line->label);
	if (has_source(line->metric) && (memnet || base))
		snprintf(label, sizeof(label), "%s (%s)", line->label,
			 (memnet ? memnet : base)->source);
	format_value(base_text, sizeof(base_text), base, kernel);
	format_value(memnet_text, sizeof(memnet_text), memnet, kernel);
	over = MAX((int)strlen(label) - LABEL_WIDTH, 0);
	fprintf(t->out, "    %-*s %*s %12s", LABEL_WIDTH, label, 12 - over, base_text, memnet_text);
	if (gain) {
		shown = gain_of_ratio(gain);
		if (line->gain && !strcmp(t->a->subject, "memnet"))	/* not of A/A */
			shown.paper = gains_find(line->gain)->paper;
		print_gain(t, &shown);
	}
	fputc('\n', t->out);
}

static bool is_shown(const struct table *t, const struct line *line,
		     const struct summary_row *like)
{
	const struct summary_row *row = find(t, like, line->metric, t->a->subject);

	if (!row)
		row = find(t, like, line->metric, t->a->baseline);
	return row && !(line->if_measured && strcmp(row->quality, "measured"));
}

static void print_title(const struct table *t, const struct summary_row *like, const char *about)
{
	char flows[32] = "", chunk[32] = "";
	int width;

	if (like->flows > 1)
		snprintf(flows, sizeof(flows), ", %lld flows", (long long)like->flows);
	if (like->chunk_bytes > 0)
		snprintf(chunk, sizeof(chunk), ", %lld KiB a call",
			 (long long)like->chunk_bytes / 1024);
	width = fprintf(t->out, "  %s%s%s%s%s%s", like->scenario,
			!strcmp(like->direction, "send") ? ", the guest sends" :
			!strcmp(like->direction, "recv") ? ", the guest receives" : "",
			flows, chunk, *like->spin ? ", spin " : "", like->spin);
	if (width + 2 + strlen(about) <= TABLE_WIDTH)
		fprintf(t->out, ": %s", about);
	fputc('\n', t->out);
}

/* All there is to say of the configuration @like, in both paths. */
static void print_configuration(const struct table *t, size_t scenario,
				const struct summary_row *like)
{
	bool titled = false;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!scenario_is(like->scenario, lines[i].scenario) ||
		    !is_shown(t, &lines[i], like))
			continue;
		if (!titled)
			print_title(t, like, scenarios[scenario].about);
		titled = true;
		print_line(t, &lines[i], like);
	}
}

static bool same_section(const struct summary_row *a, const struct summary_row *b)
{
	return !strcmp(a->arm, b->arm) && !strcmp(a->topology, b->topology);
}

/*
 * Is @s the row that stands for a configuration: the one of memnet, else the baseline's?
 * There is one row of cpu_total for each path, whatever became of its runs.
 */
static bool stands_for_both(const struct table *t, const struct summary_row *s)
{
	if (strcmp(s->metric, "cpu_total"))
		return false;
	return !strcmp(s->path, t->a->subject) ||
	       (!strcmp(s->path, t->a->baseline) && !find(t, s, "cpu_total", t->a->subject));
}

/* In the arm and topology of @like. */
static void print_scenario(const struct table *t, size_t scenario, const struct summary_row *like)
{
	for (size_t i = 0; i < t->a->n_summary; i++) {
		const struct summary_row *s = &t->a->summary[i];

		if (scenario_is(s->scenario, scenarios[scenario].scenario) &&
		    same_section(s, like) && stands_for_both(t, s))
			print_configuration(t, scenario, s);
	}
}

/* Whose gain it is must be seen beside the paper's figures, which are KVM's. */
static const char *gain_title(const struct table *t)
{
	const char *accelerator = runs_accelerator(t->rows, t->n);

	return !strcmp(accelerator, "tcg") ? "TCG gain" :
	       !strcmp(accelerator, "kvm") ? "KVM gain" : "gain";
}

static void print_section(const struct table *t, size_t arm, const struct summary_row *like)
{
	const char *topology = table_has_topologies(t) ? like->topology : "";

	fprintf(t->out, "\n%s%s%s%s%s: %s\n", t->colour ? "\033[1m" : "", arms[arm].arm,
		*topology ? ", " : "", topology, t->colour ? "\033[0m" : "", arms[arm].about);
	fprintf(t->out, "    %-28s %12s %12s  %8s  %-14s  %s\n", "", t->a->baseline,
		t->a->subject, gain_title(t), "95 % interval", "paper (KVM)");
	for (size_t s = 0; s < ARRAY_SIZE(scenarios); s++)
		print_scenario(t, s, like);
}

static bool is_first_of_section(const struct table *t, size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (same_section(&t->a->summary[i], &t->a->summary[row]))
			return false;
	return true;
}

static void print_arm(const struct table *t, size_t arm)
{
	for (size_t i = 0; i < t->a->n_summary; i++)
		if (!strcmp(t->a->summary[i].arm, arms[arm].arm) && is_first_of_section(t, i))
			print_section(t, arm, &t->a->summary[i]);
}

void table_print(FILE *out, const struct analysis *a, const struct run_row *rows, size_t n,
		 bool colour)
{
	struct table t = { out, a, rows, n, colour };

	if (!a->n_summary) {
		fprintf(out, "No run was measured: there is nothing to compare.\n");
		return;
	}
	fprintf(out, "%s%s against %s%s   plan %s, software %s\n", colour ? "\033[1m" : "",
		strcmp(a->subject, "memnet") ? a->subject : "MemNet",
		*a->baseline ? a->baseline : "no baseline (none has a valid run)",
		colour ? "\033[0m" : "", a->summary[0].plan, a->summary[0].git);
	for (size_t i = 0; i < ARRAY_SIZE(arms); i++)
		print_arm(&t, i);
	fprintf(out, "\n");
	table_words(&t);
}
