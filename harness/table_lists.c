/* SPDX-License-Identifier: BSD-2-Clause */
/* The paragraphs below the figures that go from configuration to configuration. */
#include "harness/table_internal.h"

#include <stdlib.h>
#include <string.h>

#include "harness/interference.h"

/* --- what gains hold equal ----------------------------------------------------- */

/* " spare-core send 8 flows": all but scenario, path and spin budget. */
static void format_configuration(const struct table *t, FILE *f, const struct summary_row *s)
{
	const char *topology = table_has_topologies(t) ? s->topology : "";

	fprintf(f, " %s%s%s %s", s->arm, *topology ? " " : "", topology, s->direction);
	if (s->flows > 1)
		fprintf(f, " %lld flows", (long long)s->flows);
	if (s->chunk_bytes > 0)
		fprintf(f, " %lld KiB", (long long)s->chunk_bytes / 1024);
}

/* "spare-core send 1.00, 1.00": the ratios of what @gain has to hold in one configuration. */
static void format_checks(const struct table *t, FILE *f, const struct gain *gain,
			  const struct summary_row *s)
{
	format_configuration(t, f, s);
	fprintf(f, "%s%s", *s->spin ? " spin " : "", s->spin);
	for (size_t c = 0; c < ARRAY_SIZE(gain->check) && gain->check[c].metric; c++) {
		const struct summary_row *held =
			summary_find(t->a->summary, t->a->n_summary, s, s->path,
				     gain->check[c].metric);

		if (held && !isnan(held->ratio))
			fprintf(f, "%s %.2f", c ? "," : "", held->ratio);
		else
			fprintf(f, "%s absent", c ? "," : "");
	}
	fprintf(f, "%s;", !strcmp(s->verdict, VERDICT_UNEQUAL) ? " NOT HELD" : "");
}

/* Was there anything to say? */
static bool say_check(const struct table *t, const struct gain *gain, const char *head)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	const char *metric2 = gain->check[1].metric;

	if (!f)
		return false;
	for (size_t i = 0; i < t->a->n_summary; i++) {
		const struct summary_row *s = &t->a->summary[i];

		if (!strcmp(s->metric, gain->name) && !strcmp(s->path, t->a->subject))
			format_checks(t, f, gain, s);
	}
	fclose(f);
	if (text && len) {
		text[len - 1] = '.';
		say(t->out, head, "%s, %s (%s%s%s):%s", gain->scenario, gain->held,
		    gain->check[0].metric, metric2 ? ", " : "", metric2 ? metric2 : "", text);
	}
	free(text);
	return len;
}

void table_checks(const struct table *t)
{
	const struct gain *gain, *former = NULL;
	const char *head = "held equal";

	for (size_t i = 0; (gain = gains_at(i)); former = gain, i++)
		if (gain->check[0].metric &&
		    (!former || strcmp(former->scenario, gain->scenario)) &&
		    say_check(t, gain, head))
			head = "";
}

/* --- both workloads together --------------------------------------------------- */

/* A share as percent, joules as they are. */
static void format_estimate(FILE *f, const struct summary_row *s)
{
	bool share = !strcmp(s->unit, "1");
	double scale = share ? 100 : 1;
	const char *unit = share ? "%" : s->unit;

	if (isnan(s->median)) {
		fprintf(f, " absent");
		return;
	}
	fprintf(f, " %.*f %s", share ? 0 : 2, scale * s->median, unit);
	if (!isnan(s->ci_low))
		fprintf(f, " (%.*f .. %.*f)", share ? 0 : 2, scale * s->ci_low, share ? 0 : 2,
			scale * s->ci_high);
}

/* Has the configuration of @s no run but skipped ones? Each has a row of cpu_total. */
static bool was_skipped(const struct table *t, const struct summary_row *s)
{
	const struct summary_row *cpu = summary_find(t->a->summary, t->a->n_summary, s, s->path,
						     "cpu_total");

	return cpu && cpu->n + cpu->n_invalid + cpu->n_failed == 0;
}

/* "spare-core send: memnet 52 % (50 .. 53), virtio-tap 48 % (45 .. 50);" True: a model's. */
static bool list_interference(const struct table *t, FILE *f, const struct interference *i)
{
	const struct summary_row *last = NULL;
	bool model = false;

	for (size_t n = 0; n < t->a->n_summary; n++) {
		const struct summary_row *s = &t->a->summary[n];
		bool same = last && !strcmp(last->arm, s->arm) &&
			    !strcmp(last->topology, s->topology) &&
			    !strcmp(last->direction, s->direction) && last->flows == s->flows &&
			    last->chunk_bytes == s->chunk_bytes;

		if (strcmp(s->metric, i->name) || was_skipped(t, s))
			continue;
		if (!same) {
			fprintf(f, "%s", last ? ";" : "");
			format_configuration(t, f, s);
		}
		fprintf(f, "%s %s%s%s", same ? "," : ":", s->path, *s->spin ? " spin " : "",
			s->spin);
		format_estimate(f, s);
		model |= !strcmp(s->quality, "estimated");
		last = s;
	}
	return model;
}

/* One measure, its definition, and what it came to. */
static void say_measure(const struct table *t, const struct interference *i)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool model;

	if (!f)
		return;
	model = list_interference(t, f, i);
	fclose(f);
	if (text && len)
		say(t->out, "", "%s = %s:%s. %s.%s", i->name, i->definition, text, i->meaning,
		    model ? " MODEL: it says what CPU time says." : "");
	free(text);
}

static bool has_interference(const struct table *t)
{
	for (size_t n = 0; n < t->a->n_summary; n++)
		if (interference_find(t->a->summary[n].metric))
			return true;
	return false;
}

void table_interference(const struct table *t)
{
	const struct interference *i;

	if (!has_interference(t))
		return;
	say(t->out, "together", INTERFERENCE_SCENARIO " against each of its workloads alone, block "
	    "by block: the median over the blocks and, from 6 on, its 95 %% interval.");
	for (size_t n = 0; (i = interference_at(n)); n++)
		say_measure(t, i);
}
