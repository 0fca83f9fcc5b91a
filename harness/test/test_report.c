/* SPDX-License-Identifier: BSD-2-Clause */
/* report.html: everything of the folder is in it, and nothing that came from outside acts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/report.h"
#include "harness/report_html.h"
#include "harness/report_svg.h"
#include "harness/test/folders.h"
#include "harness/test/made_rows.h"

#define EVIL "<script>alert('1')</script>&\""

static char *svg_of(const char *svg, int expected)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(svg_inline(f, svg, "power", "label"), expected);
	fclose(f);
	return text;
}

static void assert_svg(const char *svg, const char *expected)
{
	char *text = svg_of(svg, 0);

	assert_string_equal(text, expected);
	free(text);
}

#define ROOT "<svg role=\"img\" aria-labelledby=\"label\">"

static void a_drawing_keeps_what_draws(void **state)
{
	assert_svg("<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<!-- x -->"
		   "<svg width=\"9\" viewBox=\"0 0 1 2\">"
		   "<g fill = 'none'><path d='M0,1'/>\n<text>a &lt; b > c</text></g></svg>\n",
		   "<svg role=\"img\" aria-labelledby=\"label\" viewBox=\"0 0 1 2\"><g fill=\"none\">"
		   "<path d=\"M0,1\"/>\n<text>a &lt; b &gt; c</text></g></svg>\n");
}

static void names_in_a_drawing_are_its_own(void **state)
{
	assert_svg("<svg><circle id='p'/><use xlink:href='#p'/><use href='#p'/>"
		   "<rect fill='url(#p)' stroke='#fff'/></svg>",
		   ROOT "<circle id=\"power-p\"/><use xlink:href=\"#power-p\"/>"
		   "<use href=\"#power-p\"/><rect fill=\"url(#power-p)\" stroke=\"#fff\"/></svg>");
}

static void what_acts_or_loads_is_left_out(void **state)
{
	static const char *const evil[] = {
		"<script>alert(1)</script>", "<script href='x'/>", "<SCRIPT>x</SCRIPT>",
		"<style>x</style>", "<foreignObject><g><b>x</b></g></foreignObject>",
		"<a href='x'><rect/></a>", "<image href='http://x/'/>", "<title><g>x</g></title>",
		"<!-- <script>x</script> -->", "<animate attributeName='href'/>",
	};
	static const char *const attribute[] = {
		"onload='x'", "ONCLICK='x'", "href='http://x/'", "xlink:href='javascript:x'",
		"fill='url(http://x/)'", "fill='URL( #x)'", "xml:base='x'", "fill='u\\72l(x)'",
		"style='fill:url(&quot;x&quot;)'", "onload",
	};
	char svg[256];

	for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
		snprintf(svg, sizeof(svg), "<svg>%s</svg>", evil[i]);
		assert_svg(svg, ROOT "</svg>");
	}
	for (size_t i = 0; i < ARRAY_SIZE(attribute); i++) {
		snprintf(svg, sizeof(svg), "<svg><rect %s/></svg>", attribute[i]);
		assert_svg(svg, ROOT "<rect/></svg>");
	}
	assert_svg("<svg><rect x='\"><script>'/></svg>",
		   ROOT "<rect x=\"&quot;&gt;&lt;script&gt;\"/></svg>");
}

static void what_is_no_drawing_is_refused(void **state)
{
	static const char *const torn[] = {
		"", "text", "<html></html>", "<svg><g", "<svg><path d='M0 0>", "<!-- <svg/>",
		"<svg><script>x", "<svg><>",
	};

	for (size_t i = 0; i < ARRAY_SIZE(torn); i++)
		free(svg_of(torn[i], -EINVAL));
}

/* --- pages ------------------------------------------------------------------------- */

static char *report(const char *dir)
{
	if (report_write(dir, err, sizeof(err)))
		fail_msg("%s", err);
	return scratch_read(file_of(dir, "report.html"));
}

static void assert_says(const char *page, const char *words)
{
	if (!strstr(page, words))
		fail_msg("the page does not say '%s'", words);
}

static void a_report_says_what_came_out_and_what_it_is_not(void **state)
{
	static struct run_row runs[MADE_RUNS(7)];
	const char *dir;
	char *page;

	made_experiment(runs, 7);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i].seed = 4242;
	ROW_TEXT(runs[3].status, "invalid");
	ROW_TEXT(runs[3].reason, "vCPU thread off its core");
	ROW_TEXT(runs[4].kind, "calibrate");
	ROW_TEXT(runs[4].reason, "a hypervisor took it, which a calibration allows");
	dir = analysed_folder("whole", runs, ARRAY_SIZE(runs), NULL, 0);
	put(dir, "plan.ini", "[plan]\nname = made-up\n");
	put(dir, "environment.json", "{\"host\": {\"cpu\": \"Z80\", \"boost\": null}, "
	    "\"cpus\": [0, 1], \"notes\": [\"one\", \"two <b>\"]}");
	put(dir, "figures/gains.svg", "<svg><rect id='a'/></svg>");
	put(dir, "figures/power.svg", "<svg><rect id='a'/></svg>");
	put(dir, "figures/cpu.svg", "<svg><rect id='a'");
	put(dir, "figures/drift-one-vm.svg", "<svg><rect id='a'/></svg>");
	page = report(dir);
	assert_says(page, "<html lang=\"en\">");
	assert_says(page, "<title>MemNet: plan made-up</title>");
	assert_says(page, "is compared with virtio-tap");
	assert_says(page, "<b>spare-core</b>, the guest sends: memnet moves <b>8.");
	assert_says(page, ", by a MODEL (95 % interval");
	assert_says(page, "TCG.");
	assert_says(page, "no reproduction");
	assert_says(page, "MemNet against virtio-tap");
	assert_says(page, "What kind of result this is");
	assert_says(page, "82 valid, 1 invalid, 0 failed, 0 skipped");
	assert_says(page, "vCPU thread off its core");
	assert_says(page, "a hypervisor took it, which a calibration allows");
	assert_says(page, "host, cpu</th><td>Z80</td>");
	assert_says(page, "host, boost</th><td>absent</td>");
	assert_says(page, "cpus</th><td>0, 1</td>");
	assert_says(page, "notes</th><td>one<br>two &lt;b&gt;</td>");
	assert_says(page, "name = made-up\n");
	assert_says(page, "git checkout 0123456\n");
	assert_says(page, "seed = 4242");
	assert_says(page, "<a href=\"runs.csv\">runs.csv</a>: One row per attempted run");
	assert_says(page, "<td><code>network_gain</code></td>");
	assert_says(page, "<rect id=\"gains-a\"/>");
	assert_says(page, "<rect id=\"power-a\"/>");
	assert_says(page, "aria-labelledby=\"figure-gains\"");
	assert_says(page, "<rect id=\"drift-one-vm-a\"/>");
	assert_says(page, "Values over the order of runs, one-vm</h3>");
	assert_says(page, "figures/cpu.svg is not whole");
	assert_null(strstr(page, "http:"));
	free(page);
}

static void a_report_has_all_of_the_table(void **state)
{
	struct run_row runs[4];
	char *page;

	made_net_rows(runs);
	page = report(analysed_folder("idle", runs, ARRAY_SIZE(runs), NULL, 0));
	assert_says(page, "Net of idle: less 2.00 W");
	free(page);
	ROW_TEXT(runs[0].status, "invalid");
	page = report(analysed_folder("busy", runs, ARRAY_SIZE(runs), NULL, 0));
	assert_says(page, "2 of 2 valid runs have no net energy, for example: ");
	free(page);
}

static void a_path_without_a_valid_run_was_not_measured(void **state)
{
	static struct run_row runs[MADE_RUNS(6) + 1];
	char *page;

	made_experiment(runs, 6);
	runs[MADE_RUNS(6)] = made_run("virtio-vhost", "hybrid-paced", 0);
	ROW_TEXT(runs[MADE_RUNS(6)].status, "skipped");
	page = report(analysed_folder("skipped", runs, ARRAY_SIZE(runs), NULL, 0));
	assert_says(page, "network paths: virtio-tap, memnet. Each is");
	assert_says(page, "&quot;Which runs count&quot;: virtio-vhost.</p>");
	assert_null(strstr(page, "Other paths were measured"));
	free(page);
}

/* Gains whose interval has 1 in it: how many blocks would tell, in words. */
static void what_is_inconclusive_says_what_would_tell(void **state)
{
	static struct run_row runs[MADE_RUNS(6)];
	char *page;

	made_experiment(runs, 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i].stream_bytes_per_s = 1e6 * (1 + (i * 7 + runs[i].block * 5) % 11);
	page = report(analysed_folder("inconclusive", runs, ARRAY_SIZE(runs), NULL, 0));
	assert_says(page, "6 blocks): inconclusive, some ");
	assert_says(page, " blocks would tell.</li>");
	free(page);
}

/* The page of an experiment of @blocks blocks, after @change of each of its runs. */
static char *report_of(const char *name, int blocks, void (*change)(struct run_row *run))
{
	static struct run_row runs[MADE_RUNS(6)];
	size_t n = MADE_RUNS(blocks);

	made_experiment(runs, blocks);
	for (size_t i = 0; change && i < n; i++)
		change(&runs[i]);
	return report(analysed_folder(name, runs, n, NULL, 0));
}

static void under_kvm_without_energy(struct run_row *run)
{
	ROW_TEXT(run->accelerator, "kvm");
	ROW_TEXT(run->energy_quality, "absent");
	run->energy_j = NAN;
}

static void with_measured_energy(struct run_row *run)
{
	ROW_TEXT(run->energy_quality, "measured");
}

static void with_other_rates_of_memnet(struct run_row *run)
{
	if (!strcmp(run->path, "memnet") && !strcmp(run->scenario, "hybrid-paced"))
		run->stream_bytes_per_s *= 2;
}

static void behind_a_link(struct run_row *run)
{
	run->link_rate_bits_per_s = 1000000000;
	run->link_delay_ns = 10000000;
}

static void with_memnet_out_of_its_vm(struct run_row *run)
{
	if (strcmp(run->path, "memnet"))
		return;
	ROW_TEXT(run->path, "native");
	ROW_TEXT(run->accelerator, ACCELERATOR_NONE);
}

static void a_report_says_how_far_its_results_go(void **state)
{
	static const struct {
		int blocks;
		void (*change)(struct run_row *run);
		const char *said, *unsaid;
	} cases[] = {
		{ 6, NULL, "<b>MODEL.</b> Joules are", "<b>No energy." },
		{ 6, NULL, "<b>TCG.</b> QEMU", "<b>KVM," },
		{ 6, under_kvm_without_energy, "<b>No energy.</b> This", "<b>MODEL." },
		{ 6, under_kvm_without_energy, "<b>KVM,</b> as in the paper", "<b>TCG." },
		{ 6, with_measured_energy, "<b>Both arms.</b>", "<b>No energy." },
		{ 6, with_measured_energy, "<b>Both arms.</b>", "<b>MODEL." },
		{ 3, NULL, "3 blocks are too few for a 95 % interval", "95 % interval nan" },
		{ 6, with_other_rates_of_memnet,
		  "not comparable. What had to be equal for it (", "too few for" },
		{ 6, with_memnet_out_of_its_vm, "<b>BOUND.</b> native has no VM", "native moves" },
		{ 6, with_memnet_out_of_its_vm, "<b>TCG.</b> QEMU", "<td>native</td><td>" },
		{ 6, NULL, "<b>TCG.</b> QEMU", "<b>BOUND." },
		{ 6, behind_a_link, "was a link of 1000 Mbit/s with 10 ms each way, the", "nan" },
		{ 6, NULL, "<b>TCG.</b> QEMU", "<b>LINK." },
		{ 6, NULL, "95 % interval", "What had to be equal for it" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[16], *page;

		snprintf(name, sizeof(name), "case-%zu", i);
		page = report_of(name, cases[i].blocks, cases[i].change);
		assert_says(page, cases[i].said);
		if (strstr(page, cases[i].unsaid))
			fail_msg("case %zu says '%s'", i, cases[i].unsaid);
		free(page);
	}
}

static void at_a_topology_elsewhere(struct run_row *run)
{
	ROW_TEXT(run->topology, "/../../x");
}

static void a_name_of_a_topology_leads_to_no_other_folder(void **state)
{
	const char *dir;
	char *page;

	free(report_of("leads", 6, at_a_topology_elsewhere));
	dir = scratch("leads");
	mkdir(file_of(dir, "figures/gains-"), 0700);
	put(dir, "x.svg", "<svg><rect id='stray'/></svg>");
	page = report(dir);
	assert_null(strstr(page, "stray"));
	free(page);
}

static void the_same_folder_gives_the_same_bytes(void **state)
{
	static struct run_row runs[MADE_RUNS(6)];
	const char *dir;
	char *first, *second;

	made_experiment(runs, 6);
	dir = analysed_folder("twice", runs, ARRAY_SIZE(runs), NULL, 0);
	first = report(dir);
	second = report(dir);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void text_from_outside_is_inert(void **state)
{
	static struct run_row runs[MADE_RUNS(6)];
	const char *dir;
	char *page;

	made_experiment(runs, 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].plan, "%s", EVIL);
		ROW_TEXT(runs[i].git, "%s", EVIL);
		ROW_TEXT(runs[i].arm, "%s", "<b onclick=x>");
		ROW_TEXT(runs[i].compute_kernel, "%s", "<script>");
		ROW_TEXT(runs[i].reason, "%s\x01", EVIL);
	}
	ROW_TEXT(runs[0].path, "%s", "<script>p");
	ROW_TEXT(runs[1].status, "%s", "<script>");
	dir = analysed_folder("evil", runs, ARRAY_SIZE(runs), NULL, 0);
	put(dir, "plan.ini", "name = " EVIL);
	put(dir, "environment.json", "{\"<script>\": \"</td><script>\"}");
	put(dir, "figures/gains.svg", "<svg><text>&lt;script></text><script>x</script></svg>");
	put(dir, "<script>.csv", "");
	page = report(dir);
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "<b onclick"));
	assert_null(strstr(page, "\x01"));
	assert_null(strstr(page, "git checkout"));
	assert_says(page, "<title>MemNet: plan &lt;script&gt;"
		    "alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;");
	free(page);
}

static void a_folder_with_little_in_it_has_a_report(void **state)
{
	struct run_row run = made_run("memnet", "idle", 0);
	char *page = report(analysed_folder("empty", NULL, 0, NULL, 0));

	assert_says(page, "plan without runs");
	assert_says(page, "environment.json is not there");
	assert_says(page, "plan.ini is not there");
	assert_says(page, "There are none.");
	assert_says(page, "0 valid, 0 invalid");
	free(page);
	page = report(analysed_folder("one", &run, 1, NULL, 0));
	assert_says(page, "No baseline has a valid run");
	free(page);
}

static void a_folder_that_cannot_be_read_is_refused_with_its_name(void **state)
{
	assert_int_equal(report_write("/nowhere", err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nowhere/runs.csv"));
}

static void a_bar_in_code_is_none_between_cells(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	html_markdown(f, "## Head\n\nOne\ntwo.\n\n| a | b |\n|---|---|\n| `x|y` | <z> |\n");
	fclose(f);
	assert_says(text, "<h4>Head</h4>\n<p>One\ntwo.\n</p>\n");
	assert_says(text, "<th scope=\"col\">a</th>");
	assert_says(text, "<td><code>x|y</code></td><td>&lt;z&gt;</td>");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drawing_keeps_what_draws),
		cmocka_unit_test(names_in_a_drawing_are_its_own),
		cmocka_unit_test(what_acts_or_loads_is_left_out),
		cmocka_unit_test(what_is_no_drawing_is_refused),
		cmocka_unit_test(a_report_says_what_came_out_and_what_it_is_not),
		cmocka_unit_test(a_report_has_all_of_the_table),
		cmocka_unit_test(a_path_without_a_valid_run_was_not_measured),
		cmocka_unit_test(what_is_inconclusive_says_what_would_tell),
		cmocka_unit_test(a_report_says_how_far_its_results_go),
		cmocka_unit_test(a_name_of_a_topology_leads_to_no_other_folder),
		cmocka_unit_test(the_same_folder_gives_the_same_bytes),
		cmocka_unit_test(text_from_outside_is_inert),
		cmocka_unit_test(a_folder_with_little_in_it_has_a_report),
		cmocka_unit_test(a_folder_that_cannot_be_read_is_refused_with_its_name),
		cmocka_unit_test(a_bar_in_code_is_none_between_cells),
	};

	return cmocka_run_group_tests_name("report", tests, scratch_make, scratch_remove);
}
