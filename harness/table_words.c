/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Below the figures: what they mean and what they do not. Every paragraph is
 * composed in memory and then wrapped to the width of the table.
 */
#include "harness/table_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/groups.h"
#include "harness/net_energy.h"
#include "memnet-core/base/stats.h"

/* Print a paragraph "head  words words ...", its lines indented under the words. */
static void wrap(FILE *out, const char *head, const char *text)
{
	const size_t indent = 14, width = TABLE_WIDTH - indent;

	fprintf(out, "  %-12s", head);
	while (*text) {
		size_t len = strlen(text);

		if (len > width) {
			len = width;
			while (len > 1 && text[len] != ' ')
				len--;
			if (len <= 1)		/* one word wider than the line */
				len = strcspn(text, " ");
		}
		fprintf(out, "%.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
		if (*text)
			fprintf(out, "%*s", (int)indent, "");
	}
}

void say(FILE *out, const char *head, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	for (char *c = text; *c; c++)	/* a reason may have brought line ends along */
		if ((unsigned char)*c < ' ')
			*c = ' ';
	wrap(out, head, text);
	free(text);
}

/* --- paragraphs ---------------------------------------------------------------- */

/* The field's text if all measured rows of VMs agree, "mixed" if not. */
static const char *common(const struct table *t, size_t offset)
{
	const char *common = "";

	for (size_t i = 0; i < t->n; i++) {
		const char *text = (const char *)&t->rows[i] + offset;

		if (strcmp(t->rows[i].kind, "measure") || strcmp(t->rows[i].status, "ok") ||
		    !strcmp(t->rows[i].accelerator, ACCELERATOR_NONE))
			continue;
		if (*common && strcmp(common, text))
			return "mixed";
		common = text;
	}
	return common;
}

static bool any_is_inconclusive(const struct analysis *a)
{
	for (size_t i = 0; i < a->n_summary; i++)
		if (a->summary[i].need_n != ABSENT_INTEGER)
			return true;
	return false;
}

static void say_gain(const struct table *t)
{
	if (!t->a->baseline[0])
		return;
	say(t->out, "gain", "How many times better %s is: rates %s / %s, seconds and joules "
	    "%s / %s, compared block by block; the median over the blocks. Other values are "
	    "medians over the valid runs.%s", t->a->subject, t->a->subject, t->a->baseline,
	    t->a->baseline, t->a->subject, any_is_inconclusive(t->a) ? " Where it says 'need n', neither a "
	    "difference nor its absence is shown: about so many repetitions would." : "");
}

static void say_topologies(const struct table *t)
{
	if (table_has_topologies(t))
		say(t->out, "topologies", "two-vm: one VM computes and another one has the "
		    "network's work, their vCPUs on the same CPUs. n-vm-N: N VMs at once, each "
		    "with both. A value is the sum over the VMs of a run.");
}

static void say_accelerator(const struct table *t)
{
	const char *accelerator = common(t, offsetof(struct run_row, accelerator));

	if (!strcmp(accelerator, "tcg"))
		say(t->out, "accelerator", "TCG: QEMU emulated the guest's CPU in software. The "
		    "gains compare two paths under the same emulation. They cannot be set beside "
		    "the paper's percentages (KVM, 2016) as a reproduction; those stand in the "
		    "table to show what was claimed.");
	else if (!strcmp(accelerator, "kvm"))
		say(t->out, "accelerator", "KVM, as in the paper. The paper names neither VM sizes "
		    "nor workloads nor meter; ours are defined by the plan, so compare directions "
		    "before digits.");
	else
		say(t->out, "accelerator", "%s. Runs of different accelerators are never compared.",
		    *accelerator ? accelerator : "unknown: there is no valid run in a VM");
}

/* What ran without a VM is in none of the figures above. */
static void say_bound(const struct table *t)
{
	const char *bound = runs_bound(t->rows, t->n);

	if (bound)
		say(t->out, "bound", "%s has no VM: the same programs as processes of the host, "
		    "over its own sockets. It bounds what a path of a VM can reach, and is "
		    "compared with none; summary.csv has its values.%s", bound,
		    !strcmp(runs_accelerator(t->rows, t->n), "tcg") ? " Under TCG they must not "
		    "be set beside the others': the guest's CPU is emulated, and that of its "
		    "programs is not." : "");
}

/* That of the plan: all rows of a folder have it. */
static void say_link(const struct table *t)
{
	char link[LINK_TEXT_SIZE];

	if (*runs_link(t->rows, t->n, link))
		say(t->out, "link", "Between the host and the peer was %s, the same for every path. "
		    "A rate that comes near it is the link's: then what it costs tells paths apart.",
		    link);
}

/* How far the model's band goes, as median fractions of the value. */
static void model_band(const struct table *t, double *low, double *high)
{
	double *lows = calloc(t->n + 1, sizeof(*lows)), *highs = calloc(t->n + 1, sizeof(*highs));
	size_t n = 0;

	for (size_t i = 0; lows && highs && i < t->n; i++) {
		const struct run_row *r = &t->rows[i];

		if (!(r->energy_j > 0) || isnan(r->energy_low_j) || isnan(r->energy_high_j))
			continue;
		lows[n] = r->energy_low_j / r->energy_j;
		highs[n++] = r->energy_high_j / r->energy_j;
	}
	*low = lows && highs ? stats_median(lows, n) : NAN;
	*high = lows && highs ? stats_median(highs, n) : NAN;
	free(lows);
	free(highs);
}

static void say_energy(const struct table *t)
{
	const char *source = common(t, offsetof(struct run_row, energy_source));
	char band[64] = "";
	double low, high;

	if (!strcmp(source, "model")) {
		model_band(t, &low, &high);
		if (!isnan(low))
			snprintf(band, sizeof(band), " (band %+.0f %% .. %+.0f %%)",
				 100 * (low - 1), 100 * (high - 1));
		say(t->out, "energy", "MODEL, not measured%s: this machine gives no energy "
		    "counter, so CPU time is restated in joules by published averages. It shows "
		    "nothing that CPU time does not show, and no gate uses it.", band);
	} else if (!strcmp(source, "perf-power") || !strcmp(source, "powercap")) {
		say(t->out, "energy", "Measured by RAPL through %s: CPU packages and memory, "
		    "without power supply, fans and disks.", source);
	} else if (!strcmp(source, "hwmon")) {
		say(t->out, "energy", "Measured by sensors of hwmon: of the CPU packages, or else "
		    "of the whole machine (environment.json names the domains).");
	} else if (!strcmp(source, "mixed")) {
		say(t->out, "energy", "The runs have different energy sources, so energy is not "
		    "compared.");
	} else {
		say(t->out, "energy", "Absent: this machine gives no energy counter (memnet-lab "
		    "doctor says what is missing).");
	}
}

/* The median of a column of the *@n_used idle windows that can be used, per second of theirs. */
static double idle_rate(const struct table *t, size_t offset, size_t *n_used)
{
	double *values = calloc(t->n + 1, sizeof(*values)), median;
	size_t n = 0;

	for (size_t i = 0; values && i < t->n; i++) {
		const struct run_row *r = &t->rows[i];
		double v = *(const double *)((const char *)r + offset) / r->window_s;

		if (run_is_idle(r) && run_is_ok(r) && isfinite(v))
			values[n++] = v;
	}
	median = stats_median(values, n);
	free(values);
	*n_used = n;
	return median;
}

/* Runs without net energy, and the reason of the first. */
static size_t count_no_net(const struct table *t, const char **why)
{
	size_t absent = 0;

	for (size_t i = 0; i < t->a->n_net; i++) {
		if (strcmp(t->a->net[i].quality, "absent"))
			continue;
		*why = absent ? *why : t->a->net[i].reason;
		absent++;
	}
	return absent;
}

/* Of what net energy is net, how sure that is, and for how many runs it could not be had. */
static void say_idle(const struct table *t)
{
	size_t n_busy, n_used, n_idle = 0;
	double busy = idle_rate(t, offsetof(struct run_row, host_busy_s), &n_busy);
	double watts = idle_rate(t, offsetof(struct run_row, energy_j), &n_used);
	const char *why = "", *source = common(t, offsetof(struct run_row, energy_source));
	size_t absent = count_no_net(t, &why);

	if (!t->a->n_net || !strcmp(common(t, offsetof(struct run_row, energy_quality)), "absent"))
		return;
	for (size_t i = 0; i < t->n; i++)
		n_idle += run_is_idle(&t->rows[i]);
	if (absent < t->a->n_net)
		say(t->out, "idle", "Net of idle: less %.2f W, what this machine uses with no VM "
		    "(%.2f of its CPUs busy; medians of %zu of %zu windows before and behind the "
		    "boots).%s", watts, busy, n_used, n_idle, strcmp(source, "model") ? "" :
		    " By the MODEL that leaves CPU seconds times a constant.");
	if (absent)
		say(t->out, absent == t->a->n_net ? "idle" : "", "%zu of %zu valid runs have no net energy, "
		    "for example: %s.", absent, t->a->n_net, why);
}

static size_t count(const struct table *t, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += !strcmp(t->rows[i].kind, "measure") &&
		     (!status || !strcmp(t->rows[i].status, status));
	return n;
}

/* How many valid runs the configurations have: the fewest and the most. */
static void range_of_n(const struct table *t, int64_t *least, int64_t *most)
{
	*least = INT64_MAX;
	*most = 0;
	for (size_t i = 0; i < t->a->n_summary; i++) {
		const struct summary_row *s = &t->a->summary[i];

		/* The metric each of them has; what was skipped stands on nothing. */
		if (strcmp(s->metric, "cpu_total") || s->n + s->n_invalid + s->n_failed == 0)
			continue;
		*least = MIN(*least, s->n);
		*most = MAX(*most, s->n);
	}
}

static void say_runs(const struct table *t)
{
	size_t all = count(t, NULL), ok = count(t, "ok"), invalid = count(t, "invalid");
	size_t skipped = count(t, "skipped");
	int64_t least, most;
	char range[64];

	range_of_n(t, &least, &most);
	if (least == most)
		snprintf(range, sizeof(range), "%lld", (long long)most);
	else
		snprintf(range, sizeof(range), "%lld to %lld", (long long)least, (long long)most);
	say(t->out, "runs", "%zu: %zu valid, %zu invalid, %zu failed, %zu skipped. Each value "
	    "stands on %s valid runs%s.", all, ok, invalid, all - ok - invalid - skipped, skipped,
	    range, least < STATS_INTERVAL_MIN_N ? "; a 95 % interval needs 6" : "");
}

/* Past the number that begins at @text, or @text itself. */
static const char *past_number(const char *text)
{
	return text + strspn(text, "0123456789.");
}

bool same_reason(const char *a, const char *b)
{
	while (*a && *b) {
		const char *after_a = past_number(a), *after_b = past_number(b);

		if ((after_a == a) != (after_b == b) || (after_a == a && *a != *b))
			return false;
		a = after_a == a ? a + 1 : after_a;
		b = after_b == b ? b + 1 : after_b;
	}
	return !*a && !*b;
}

bool has_remark(const struct run_row *r)
{
	bool ok = !strcmp(r->status, "ok");

	if (!strcmp(r->kind, "calibrate"))
		return ok && *r->reason;
	return !strcmp(r->kind, "measure") && (!ok || *r->reason);
}

/* The reasons of runs left out, and remarks on others, each once with its count, most first. */
static void say_reasons(const struct table *t)
{
	bool *said = calloc(t->n + 1, sizeof(*said));

	for (size_t round = 0; said && round < t->n; round++) {
		size_t best = 0, best_count = 0;

		for (size_t i = 0; i < t->n; i++) {
			const struct run_row *r = &t->rows[i];
			size_t same = 0;

			if (said[i] || !has_remark(r))
				continue;
			for (size_t j = 0; j < t->n; j++)
				same += has_remark(&t->rows[j]) &&
					!strcmp(t->rows[j].status, r->status) &&
					same_reason(t->rows[j].reason, r->reason);
			if (same > best_count) {
				best = i;
				best_count = same;
			}
		}
		if (!best_count)
			break;
		for (size_t j = 0; j < t->n; j++)
			said[j] |= !strcmp(t->rows[j].status, t->rows[best].status) &&
				   same_reason(t->rows[j].reason, t->rows[best].reason);
		say(t->out, "", "%zu x %s: %s%s", best_count, t->rows[best].status,
		    *t->rows[best].reason ? t->rows[best].reason : "no reason given",
		    best_count > 1 && strpbrk(t->rows[best].reason, "0123456789")
		    ? " (and the like)" : "");
	}
	free(said);
}

bool table_has_topologies(const struct table *t)
{
	for (size_t i = 0; i < t->a->n_summary; i++)
		if (strcmp(t->a->summary[i].topology, "one-vm"))
			return true;
	return false;
}

static void say_other_paths(const struct table *t)
{
	for (size_t i = 0; i < t->a->n_summary; i++) {
		const char *path = t->a->summary[i].path;

		if (t->a->summary[i].n > 0 && strcmp(path, t->a->subject) &&
		    strcmp(path, t->a->baseline) &&
		    strcmp(t->a->summary[i].accelerator, ACCELERATOR_NONE)) {
			say(t->out, "also", "Other paths were measured: summary.csv has them.");
			return;
		}
	}
}

void table_words(const struct table *t)
{
	fprintf(t->out, "What kind of result this is\n");
	say_gain(t);
	say_topologies(t);
	say_link(t);
	say_accelerator(t);
	say_bound(t);
	say_energy(t);
	say_idle(t);
	say_runs(t);
	say_reasons(t);
	table_checks(t);
	table_interference(t);
	say_other_paths(t);
}
