/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What came out, in sentences and in a table of all that is judged. Both go by what
 * summary.csv has: a gain or metric that is new appears by itself, gains[] only gives some a
 * sentence of their own.
 */
#include "harness/report_internal.h"

#include <stdlib.h>
#include <string.h>

#include "harness/groups.h"
#include "harness/metrics.h"
#include "harness/report_html.h"
#include "harness/table_internal.h"

static const struct {
	const char *name, *sentence;	/* %s: the gain */
} sentences[] = {
	{ "network_gain", "moves %s times the bytes per second, both workloads as fast as they go" },
	{ "compute_gain", "lets the guest compute %s times as fast beside a stream of the same rate" },
	{ "cpu_efficiency_gain", "does the same work with the CPU time divided by %s" },
	{ "energy_efficiency_gain", "does the same work with the energy divided by %s" },
	{ "energy_efficiency_gain_net",
	  "does the same work with the energy above idle divided by %s" },
	{ "app_score_gain", "lets the command get %s times its figure, of which higher is better" },
	{ "app_cost_gain", "divides the command's figure, of which lower is better, by %s" },
	{ "app_duration_gain", "divides the time the command takes by %s" },
};

/* --- configurations -------------------------------------------------------------- */

/* "the guest sends, 8 flows": what a row is of besides scenario, arm and path. */
static void write_configuration(FILE *out, const struct summary_row *s)
{
	const char *gap = "";

	if (!strcmp(s->direction, "send") || !strcmp(s->direction, "recv")) {
		html_printf(out, "the guest %s", *s->direction == 's' ? "sends" : "receives");
		gap = ", ";
	}
	if (s->flows > 1) {
		html_printf(out, "%s%lld flows", gap, (long long)s->flows);
		gap = ", ";
	}
	if (*s->spin) {
		html_printf(out, "%sspin %s", gap, s->spin);
		gap = ", ";
	}
	if (*s->topology && strcmp(s->topology, "one-vm"))
		html_printf(out, "%s%s", gap, s->topology);
}

static bool is_compared(const struct report *r, const struct summary_row *s)
{
	return *s->verdict && !isnan(s->ratio) && strcmp(s->path, r->a.baseline);
}

/* --- the verdict ------------------------------------------------------------------- */

static const char *sentence_of(const char *gain)
{
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++)
		if (!strcmp(sentences[i].name, gain))
			return sentences[i].sentence;
	return NULL;
}

static void write_interval(FILE *out, const struct summary_row *s)
{
	if (isnan(s->ratio_ci_low))
		html_printf(out, "%lld blocks are too few for a 95 %% interval", (long long)s->n);
	else
		html_printf(out, "95 %% interval %.2f to %.2f, %lld blocks", s->ratio_ci_low,
			    s->ratio_ci_high, (long long)s->n);
}

/* "; 1203 kB/s against 1180": the medians a gain of an app stands on, in its unit. */
static void write_values(const struct report *r, const struct gain *gain,
			 const struct summary_row *s)
{
	const struct summary_row *own = summary_find(r->a.summary, r->a.n_summary, s, s->path,
						     gain->metric);
	const struct summary_row *base = summary_find(r->a.summary, r->a.n_summary, s,
						      s->baseline, gain->metric);

	if (own && base)
		html_printf(r->out, "; %.*f %s against %.*f", own->median < 100 ? 2 : 0,
			    own->median, own->unit, base->median < 100 ? 2 : 0, base->median);
}

static void write_gain(const struct report *r, const struct gain *gain,
		       const struct summary_row *s)
{
	const char *sentence = sentence_of(gain->name);
	bool is_app = scenario_is(s->scenario, "app");
	char value[32];

	snprintf(value, sizeof(value), "%.2f", s->ratio);
	fputs("<li><b>", r->out);
	html_text(r->out, s->arm);
	fputs("</b>, ", r->out);
	if (is_app)
		html_text(r->out, s->scenario);
	write_configuration(r->out, s);
	html_printf(r->out, ": %s ", s->path);
	if (sentence) {
		const char *at = strstr(sentence, "%s");

		html_printf(r->out, "%.*s", (int)(at - sentence), sentence);
		fprintf(r->out, "<b>%s</b>", value);
		html_text(r->out, at + 2);
	} else {
		html_printf(r->out, "has a gain of %s in %s", value, gain->doc);
	}
	html_printf(r->out, "%s (", !strcmp(s->quality, "estimated") ? ", by a MODEL" : "");
	write_interval(r->out, s);
	if (is_app)
		write_values(r, gain, s);
	if (s->need_n != ABSENT_INTEGER)
		html_printf(r->out, "): inconclusive, some %lld blocks would tell.",
			    (long long)s->need_n);
	else
		html_printf(r->out, "): %s.", s->verdict);
	if (!strcmp(s->verdict, VERDICT_UNEQUAL))
		html_printf(r->out, " What had to be equal for it (%s) was not.", gain->held);
	fputs("</li>\n", r->out);
}

static bool any_gain(const struct report *r)
{
	for (size_t i = 0; i < r->a.n_summary; i++)
		if (gains_find(r->a.summary[i].metric) && is_compared(r, &r->a.summary[i]))
			return true;
	return false;
}

static void write_gains(const struct report *r)
{
	const struct gain *gain;

	fputs("<ul>\n", r->out);
	for (size_t g = 0; (gain = gains_at(g)); g++)
		for (size_t i = 0; i < r->a.n_summary; i++) {
			const struct summary_row *s = &r->a.summary[i];

			if (!strcmp(s->metric, gain->name) && is_compared(r, s))
				write_gain(r, gain, s);
		}
	fputs("</ul>\n", r->out);
}

/* Has @path a valid run? */
static bool was_measured(const struct report *r, const char *path)
{
	for (size_t i = 0; i < r->n_runs; i++)
		if (!strcmp(r->runs[i].path, path) && !strcmp(r->runs[i].kind, "measure") &&
		    run_is_ok(&r->runs[i]))
			return true;
	return false;
}

/* The paths that were @measured, or were not, each once, as a sentence lists them. How many. */
static size_t write_paths(const struct report *r, bool measured)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_runs; i++) {
		size_t first = 0;

		while (strcmp(r->runs[first].path, r->runs[i].path))
			first++;
		if (first != i || !*r->runs[i].path || was_measured(r, r->runs[i].path) != measured)
			continue;
		html_printf(r->out, "%s%s", n++ ? ", " : measured ? "" : " Not measured, for the "
			    "reasons under \"Which runs count\": ", r->runs[i].path);
	}
	return n;
}

static const char *summary_text(const struct report *r, const char *column)
{
	const struct column *c = columns_find(summary_columns(), column);

	return r->a.n_summary && c ? (const char *)r->a.summary + c->offset : "";
}

static bool any_energy_is(const struct report *r, const char *quality)
{
	for (size_t i = 0; i < r->a.n_summary; i++)
		if (!strcmp(r->a.summary[i].metric, "energy") &&
		    !strcmp(r->a.summary[i].quality, quality))
			return true;
	return false;
}

static void caveat(const struct report *r, const char *head, const char *text)
{
	fprintf(r->out, "<p class=\"caveat\"><b>%s</b> ", head);
	html_text(r->out, text);
	fputs("</p>\n", r->out);
}

/* Of what ran without a VM. */
static void write_bound(const struct report *r, bool tcg)
{
	const char *bound = runs_bound(r->runs, r->n_runs);

	if (!bound)
		return;
	fputs("<p class=\"caveat\"><b>BOUND.</b> ", r->out);
	html_printf(r->out, "%s has no VM: the same programs as processes of the host, over its "
		    "own sockets. It bounds what a path of a VM can reach, and is compared with "
		    "none.%s", bound, tcg ? " Under TCG its numbers must not be set beside the "
		    "others: the guest's CPU is emulated, and that of its programs is not." : "");
	fputs("</p>\n", r->out);
}

static void write_link(const struct report *r)
{
	char link[LINK_TEXT_SIZE];

	if (!*runs_link(r->runs, r->n_runs, link))
		return;
	fputs("<p class=\"caveat\"><b>LINK.</b> ", r->out);
	html_printf(r->out, "Between the host and the peer was %s, the same for every path. A rate that "
		    "comes near it is the link's: then what it costs tells paths apart.", link);
	fputs("</p>\n", r->out);
}

static void write_caveats(const struct report *r)
{
	const char *accelerator = runs_accelerator(r->runs, r->n_runs);

	write_link(r);

	if (!strcmp(accelerator, "tcg"))
		caveat(r, "TCG.", "QEMU emulated the guest's CPU in software. Two paths are compared under "
		       "the same emulation; this is no reproduction of the paper's percentages, which were "
		       "measured under KVM.");
	else if (!strcmp(accelerator, "kvm"))
		caveat(r, "KVM,", "as in the paper. The paper names neither VM sizes nor workloads nor meter; "
		       "here the plan defines them, so compare directions before digits.");
	write_bound(r, !strcmp(accelerator, "tcg"));
	if (any_energy_is(r, "estimated"))
		caveat(r, "MODEL.", "Joules are CPU time restated by published averages: nothing measured "
		       "energy here. They show nothing that CPU time does not show.");
	else if (!any_energy_is(r, "measured"))
		caveat(r, "No energy.", "This machine has no energy counter that could be read; memnet-lab "
		       "doctor says what is missing.");
	caveat(r, "Both arms.", "A gain in spare-core alone is one that the host's spare core paid for. "
	       "equal-core is the arm in which nobody has a core to spare.");
}

void report_verdict(const struct report *r)
{
	html_heading(r->out, "verdict", "What came out");
	fputs("<p>", r->out);
	html_printf(r->out, "The plan %s measured these network paths: ", summary_text(r, "plan"));
	fputs(write_paths(r, true) ? ". " : "none. ", r->out);
	if (*r->a.baseline)
		html_printf(r->out, "Each is compared with %s, block by block; what stands here is "
			    "the median over the blocks.", r->a.baseline);
	else
		html_printf(r->out, "No baseline has a valid run, so nothing is compared.");
	if (write_paths(r, false))
		fputs(".", r->out);
	fputs("</p>\n", r->out);
	if (any_gain(r))
		write_gains(r);
	else if (*r->a.baseline)
		html_element(r->out, "p", "The plan has none of the scenarios that the gains are defined "
			     "on. Which path was better at what stands under \"All ratios that are judged\".");
	write_caveats(r);
}

/* --- ratios ------------------------------------------------------------------------ */

static void cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	html_text(out, text);
	fputs("</td>", out);
}

static void write_ratio(FILE *out, const struct summary_row *s)
{
	char ratio[32], interval[64] = "";

	snprintf(ratio, sizeof(ratio), "%.2f", s->ratio);
	if (!isnan(s->ratio_ci_low))
		snprintf(interval, sizeof(interval), "%.2f .. %.2f", s->ratio_ci_low, s->ratio_ci_high);
	fputs("<tr>", out);
	cell(out, s->metric);
	cell(out, s->scenario);
	cell(out, s->arm);
	fputs("<td>", out);
	write_configuration(out, s);
	fputs("</td>", out);
	cell(out, s->path);
	cell(out, ratio);
	cell(out, interval);
	html_element(out, "td", "%lld", (long long)s->n);
	cell(out, s->quality);
	cell(out, s->verdict);
	fputs("</tr>\n", out);
}

void report_ratios(const struct report *r)
{
	static const char *const heads[] = {
		"metric", "scenario", "arm", "configuration", "path", "ratio", "95 % interval", "n",
		"quality", "verdict", NULL,
	};

	html_heading(r->out, "ratios", "All ratios that are judged");
	html_element(r->out, "p", "Values of the path over those of the baseline; of a gain: how many "
		     "times "
		    "better. Whether more or less is better, the column reference says.");
	fprintf(r->out, "<details%s>\n<summary>Show the table</summary>\n", any_gain(r) ? "" : " open");
	html_table(r->out, "ratios", heads);
	for (size_t i = 0; i < r->a.n_summary; i++)
		if (is_compared(r, &r->a.summary[i]))
			write_ratio(r->out, &r->a.summary[i]);
	html_table_end(r->out);
	fputs("</details>\n", r->out);
}

/* --- validity ---------------------------------------------------------------------- */

static bool is_measured(const struct run_row *row)
{
	return !strcmp(row->kind, "measure");
}

static size_t count(const struct report *r, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_runs; i++)
		n += is_measured(&r->runs[i]) && !strcmp(r->runs[i].status, status);
	return n;
}

static bool same_remark(const struct run_row *a, const struct run_row *b)
{
	return has_remark(a) && has_remark(b) && !strcmp(a->status, b->status) &&
	       !strcmp(a->path, b->path) && same_reason(a->reason, b->reason);
}

/* Remark @i, if it is the first of its kind: how often it was made of this path. */
static size_t count_remark(const struct report *r, size_t i)
{
	size_t n = 0;

	if (!has_remark(&r->runs[i]))
		return 0;
	for (size_t j = 0; j < r->n_runs; j++) {
		if (!same_remark(&r->runs[i], &r->runs[j]))
			continue;
		if (j < i)
			return 0;
		n++;
	}
	return n;
}

static void write_remarks(const struct report *r)
{
	static const char *const heads[] = { "runs", "status", "path", "for example", "why", NULL };
	bool any = false;

	for (size_t i = 0; i < r->n_runs; i++) {
		const struct run_row *row = &r->runs[i];
		size_t n = count_remark(r, i);

		if (!n)
			continue;
		if (!any)
			html_table(r->out, "runs left out, and remarks", heads);
		any = true;
		fputs("<tr>", r->out);
		html_element(r->out, "td", "%zu", n);
		cell(r->out, row->status);
		cell(r->out, row->path);
		cell(r->out, row->run_id);
		cell(r->out, *row->reason ? row->reason : "no reason given");
		fputs("</tr>\n", r->out);
	}
	if (any)
		html_table_end(r->out);
}

void report_validity(const struct report *r)
{
	html_heading(r->out, "validity", "Which runs count");
	html_element(r->out, "p", "%zu valid, %zu invalid, %zu failed, %zu skipped. Only valid runs "
		     "enter a median; the others stay in runs.csv with their reason.", count(r, "ok"),
		     count(r, "invalid"), count(r, "failed"), count(r, "skipped"));
	write_remarks(r);
}
