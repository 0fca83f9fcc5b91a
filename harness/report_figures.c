/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/report_internal.h"

#include <stdlib.h>
#include <string.h>

#include "harness/report_html.h"
#include "harness/report_svg.h"

/* In the order of the page; plots/plot.sh draws those that the plan measured. */
static const struct figure {
	const char *name, *title, *caption;
} figures[] = {
	{ "gains", "Gains",
	  "How many times better each path is than the baseline, on a logarithmic axis: above the "
	  "line at 1 it is better. A small dot is one block, in which both paths ran within minutes "
	  "of each other; the large mark is the median over the blocks, the bar its 95 % interval. "
	  "Where both workloads ran at once, broken lines are what the paper claims for KVM in 2016; "
	  "where streams and requests ran alone, it is their rates, costs and latencies." },
	{ "tradeoff", "Computing against network",
	  "What a guest gets of both at once: to the right more bytes per second, upwards more "
	  "computing. A small mark is one run, a large one the median of a path with its 95 % interval "
	  "on both axes. A path whose mark lies further up and to the right gives more of both; one "
	  "that lies further right but lower pays for its bytes with computing." },
	{ "interference", "Self-interference",
	  "What is left to each workload beside the other, as a share of what it does alone in the "
	  "same block: 100 % is a workload that does not feel its neighbour. Where it was measured, "
	  "also the interaction energy: what both together cost beyond the sum of each alone." },
	{ "cpu", "CPU seconds by thread class",
	  "Where CPU time went, and how much of it, over each path. At equal byte rates computing is "
	  "not the same amount, and streams alone are not the same bytes; only hybrid-fixed does the "
	  "same work on every path, so only there is a lower stack a saving. A dot is one run." },
	{ "cost", "Cost of a gigabyte against the rate",
	  "What it costs to move 10^9 bytes, in joules where they were measured and else in CPU "
	  "seconds of guest and host, at the rate at which they moved. Down and to the right is "
	  "better on both axes, which are logarithmic. A small mark is one run, a large one the median "
	  "with its 95 % intervals." },
	{ "insns", "Guest instructions per byte",
	  "How many instructions the guest executes for each byte of a stream, in user mode and in its "
	  "kernel, on logarithmic axes. It hardly depends on what else the machine does. A dot is one "
	  "run, a mark the median with its 95 % interval." },
	{ "latency", "Latency of requests",
	  "How long a request waits for its response: the median of each run's requests, and what all "
	  "but a hundredth of them did not exceed. A dot is one run; the mark is the median over the "
	  "runs with its 95 % interval." },
	{ "quantiles", "Distribution of latency",
	  "The share of requests that were slower than a latency, both axes logarithmic. Each mark is "
	  "the median over the runs of a percentile (50, 90, 99, 99.9) with its 95 % interval; lines "
	  "only lead the eye from one percentile to the next: between them nothing was recorded. "
	  "Paths stand a little apart, so that one interval does not hide another. Hollow is the "
	  "longest request of a run, which stands for one in as many as there were." },
	{ "power", "Power over time",
	  "Power before, during and after the measured window, of the run of median energy of each "
	  "path and arm. Broken lines and the hatched band are a model, CPU time restated; a solid line "
	  "is measured." },
	{ "spin", "What polling is worth and costs",
	  "Latency and cost against the time either side of memnet polls before it sleeps. The "
	  "baseline, which has no such setting, is the broken line." },
	{ "drift", "Values over the order of runs",
	  "Every run in the order in which it was made, held against the median of its own "
	  "configuration: a slope is a machine that became slower or faster, a mark far from the line an "
	  "outlier. Hollow marks are runs that are invalid and enter no median." },
};

/* A drawing of one figure: the first topology's has no name behind the figure's. */
static char *read_drawing(const struct report *r, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "figures/%s.svg", name);
	return report_read(r, path);
}

/* The figure, whole or not at all: a drawing that ends in the middle is left out. */
static bool write_figure(const struct report *r, const struct figure *f, const char *name,
			 const char *svg)
{
	char *drawing = NULL, label[128];
	size_t size;
	FILE *memory = open_memstream(&drawing, &size);
	int ret;

	if (!memory)
		return false;
	snprintf(label, sizeof(label), "figure-%s", name);
	ret = svg_inline(memory, svg, name, label);
	fclose(memory);
	if (!ret) {
		fprintf(r->out, "<figure>\n<h3 id=\"%s\">%s%s%s</h3>\n<div class=\"scroll\" role=\"region\" "
			"tabindex=\"0\" aria-label=\"%s\">\n%s\n</div>\n<figcaption>", label, f->title,
			name[strlen(f->name)] ? ", " : "", name + strlen(f->name) + !!name[strlen(f->name)],
			f->title, drawing);
		html_text(r->out, f->caption);
		fprintf(r->out, " <a href=\"figures/%s.svg\">SVG</a>, <a href=\"figures/%s.png\">PNG</a>"
			"</figcaption>\n</figure>\n", name, name);
	}
	free(drawing);
	return !ret;
}

/* The drawing called @name, if it is there: how many were written. */
static size_t write_drawing(const struct report *r, const struct figure *f, const char *name)
{
	char *svg = read_drawing(r, name);
	size_t written = 0;

	if (svg && write_figure(r, f, name, svg))
		written = 1;
	else if (svg)
		html_element(r->out, "p", "figures/%s.svg is not whole: draw it again with "
			     "plots/plot.sh.", name);
	free(svg);
	return written;
}

/* Is the topology of row @i the first of its name, and a name that files may have? */
static bool is_new_topology(const struct report *r, size_t i)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *topology = r->a.summary[i].topology;

	for (size_t j = 0; j < i; j++)
		if (!strcmp(r->a.summary[j].topology, topology))
			return false;
	return *topology && strspn(topology, plain) == strlen(topology);
}

void report_figures(const struct report *r)
{
	size_t drawn = 0;

	html_heading(r->out, "figures", "Figures");
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		drawn += write_drawing(r, &figures[i], figures[i].name);
		for (size_t j = 0; j < r->a.n_summary; j++) {
			char name[64];

			if (!is_new_topology(r, j))
				continue;
			snprintf(name, sizeof(name), "%s-%s", figures[i].name, r->a.summary[j].topology);
			drawn += write_drawing(r, &figures[i], name);
		}
	}
	if (!drawn)
		html_element(r->out, "p", "There are none. plots/plot.sh draws what was measured into "
			     "this folder, memnet-lab report puts them here; make experiment does both.");
}
