/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A results folder is analysed, drawn and gated from its files alone. Run from the
 * root of the repository; the drawing is skipped where gnuplot is not installed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "harness/results.h"
#include "harness/rows.h"
#include "harness/test/made_rows.h"
#include "harness/test/scratch.h"

static char err[512];

/* A folder of @n rows of runs, and of samples of those that have energy. */
static const char *make_folder_of(const char *name, const struct run_row *runs, size_t n)
{
	struct sample_row *samples = calloc(MADE_SAMPLES * n + 1, sizeof(*samples));
	const char *dir = scratch(name);
	size_t n_samples = 0;
	char path[160];

	for (size_t i = 0; i < n; i++)
		if (!isnan(runs[i].energy_j))
			n_samples += made_samples(&runs[i], samples + n_samples);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/runs.csv", dir);
	assert_int_equal(runs_save(path, runs, n, err, sizeof(err)), 0);
	snprintf(path, sizeof(path), "%s/samples.csv", dir);
	if (n_samples)
		assert_int_equal(samples_save(path, samples, n_samples, err, sizeof(err)), 0);
	free(samples);
	if (results_analyse(dir, NULL, NULL, false, err, sizeof(err)))
		fail_msg("%s", err);
	return dir;
}

/* The folder @name with an experiment of @blocks blocks; @source: of energy. */
static const char *make_folder(const char *name, int blocks, const char *source)
{
	struct run_row *runs = calloc(MADE_RUNS(blocks) + 1, sizeof(*runs));
	bool model = !strcmp(source, "model"), none = !strcmp(source, "none");
	const char *dir;

	made_experiment(runs, blocks);
	for (size_t i = 0; i < MADE_RUNS(blocks); i++) {
		ROW_TEXT(runs[i].energy_source, "%s", source);
		ROW_TEXT(runs[i].energy_quality,
			 none ? "absent" : model ? "estimated" : "measured");
		if (none)
			runs[i].energy_j = NAN;
	}
	dir = make_folder_of(name, runs, MADE_RUNS(blocks));
	free(runs);
	return dir;
}

/* Draw, without a word from gnuplot. */
static void draw(const char *dir)
{
	char command[512], *said;

	if (system("command -v gnuplot >/dev/null")) {
		print_message("gnuplot is not installed: apt-get install gnuplot-nox\n");
		skip();
	}
	snprintf(command, sizeof(command), "plots/plot.sh %s >%s/said 2>&1", dir, dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/said", dir);
	said = scratch_read(command);
	assert_string_equal(said, "");
	free(said);
}

static char *figure(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	return scratch_read(path);
}

static void says(const char *dir, const char *name, const char *words)
{
	char *text = figure(dir, name);

	if (!strstr(text, words))
		fail_msg("%s does not say '%s'", name, words);
	free(text);
}

static const char *const svg[] = { "gains.svg", "power.svg", "cpu.svg" };

static void every_figure_says_accelerator_energy_source_and_n(void **state)
{
	static const char *const png[] = { "gains.png", "power.png", "cpu.png" };
	const char *dir = make_folder("model", 7, "model");

	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(svg); i++) {
		char *image = figure(dir, png[i]);

		says(dir, svg[i], "TCG");
		says(dir, svg[i], "energy: MODEL");
		says(dir, svg[i], "n = 7 ");
		assert_memory_equal(image, "\x89PNG", 4);
		free(image);
	}
	says(dir, "gains.svg", "paper +70 % (1.70)");
	says(dir, "gains.svg", "energy, MODEL");
	says(dir, "power.svg", ">MODEL<");
	says(dir, "power.svg", "the model's band");
}

static void a_measured_source_is_not_called_a_model(void **state)
{
	const char *dir = make_folder("measured", 7, "powercap");

	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(svg); i++) {
		char *text = figure(dir, svg[i]);

		assert_null(strstr(text, "MODEL"));
		assert_non_null(strstr(text, "energy: powercap"));
		free(text);
	}
}

static void what_is_not_there_is_drawn_as_absent(void **state)
{
	const char *dir = make_folder("no-energy", 3, "none");

	draw(dir);
	says(dir, "gains.svg", "absent");
	says(dir, "power.svg", "absent");
	says(dir, "cpu.svg", "energy: absent");
}

static bool is_drawn(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	return !access(path, F_OK);
}

static void requests_and_spin_budgets_have_figures_where_they_were_measured(void **state)
{
	static const char *const drawn[] = { "latency.svg", "spin.svg" };
	struct run_row runs[MADE_SPIN_RUNS(7)];
	const char *dir;

	made_spin_experiment(runs, 7);
	dir = make_folder_of("spin", runs, ARRAY_SIZE(runs));
	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(drawn); i++) {
		says(dir, drawn[i], "TCG");
		says(dir, drawn[i], "energy: MODEL");
		says(dir, drawn[i], "n = 7 ");
		says(dir, drawn[i], "adaptive");
		says(dir, drawn[i], "virtio-tap");
	}
	says(dir, "spin.svg", "CPU seconds");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].energy_source, "powercap");
		ROW_TEXT(runs[i].energy_quality, "measured");
		runs[i].spin[0] = '\0';
	}
	dir = make_folder_of("no-spin", runs, ARRAY_SIZE(runs));
	draw(dir);
	assert_true(is_drawn(dir, "latency.svg"));
	assert_false(is_drawn(dir, "spin.svg"));
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (!strcmp(runs[i].path, "memnet"))
			ROW_TEXT(runs[i].spin, "20us");
	dir = make_folder_of("joules", runs, ARRAY_SIZE(runs));
	draw(dir);
	says(dir, "spin.svg", "joules");
	dir = make_folder("neither", 6, "model");
	draw(dir);
	assert_false(is_drawn(dir, "latency.svg") || is_drawn(dir, "spin.svg"));
}

static void flows_and_spin_budgets_are_not_drawn_over_each_other(void **state)
{
	struct run_row runs[2 * MADE_RUNS(6)];

	made_experiment(runs, 6);
	made_experiment(runs + MADE_RUNS(6), 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		runs[i].flows = i < MADE_RUNS(6) ? 2 : 8;
		if (runs[i].flows == 8)
			runs[i].stream_bytes_per_s *= 1000;
	}
	draw(make_folder_of("flows", runs, ARRAY_SIZE(runs)));
	says(scratch("flows"), "gains.svg", "2 flows");
	says(scratch("flows"), "cpu.svg", "2 flows");
}

static const char *const all[] = {
	"gains.svg", "tradeoff.svg", "interference.svg", "cpu.svg", "cost.svg", "insns.svg",
	"latency.svg", "quantiles.svg", "power.svg", "spin.svg", "drift.svg",
};

/* The figures of @dir are those of @wanted, a list with blanks around each name, and no others. */
static void drawn_are(const char *dir, const char *wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char name[32];

		snprintf(name, sizeof(name), " %.*s ", (int)strcspn(all[i], "."), all[i]);
		if (is_drawn(dir, all[i]) != !!strstr(wanted, name))
			fail_msg("%s of %s is %sdrawn", all[i], dir,
				 is_drawn(dir, all[i]) ? "" : "not ");
	}
}

static void where_nothing_was_measured_nothing_is_drawn(void **state)
{
	struct run_row run = made_run("memnet", "hybrid-fixed", 0);
	const char *dir = make_folder("nothing", 0, "model");

	draw(dir);
	drawn_are(dir, "");
	ROW_TEXT(run.status, "failed");
	dir = make_folder_of("failed", &run, 1);
	draw(dir);
	drawn_are(dir, "");
}

static void a_plan_has_the_figures_of_what_it_measured(void **state)
{
	struct run_row runs[MADE_STREAM_RUNS(7)];
	const char *dir = make_folder("hybrids", 6, "model");

	draw(dir);
	drawn_are(dir, " gains tradeoff cpu power drift ");
	says(dir, "tradeoff.svg", "hybrid-paced, the guest sends");
	says(dir, "cpu.svg", ">QEMU<");
	made_stream_experiment(runs, 7);
	dir = make_folder_of("streams", runs, ARRAY_SIZE(runs));
	draw(dir);
	drawn_are(dir, " cost insns drift ");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!is_drawn(dir, all[i]))
			continue;
		says(dir, all[i], "TCG");
		says(dir, all[i], "energy: MODEL");
		says(dir, all[i], "n = 7 ");
		says(dir, all[i], "plan made-up, 0123456");
	}
	says(dir, "cost.svg", "CPU seconds per GB");
	says(dir, "cost.svg", "8 flows");
	says(dir, "insns.svg", "counted by tcg-plugin");
	says(dir, "insns.svg", "user mode");
}

static void measured_joules_take_the_place_of_cpu_seconds(void **state)
{
	struct run_row runs[MADE_STREAM_RUNS(6)];
	const char *dir;

	made_stream_experiment(runs, 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].energy_source, "powercap");
		ROW_TEXT(runs[i].energy_quality, "measured");
	}
	dir = make_folder_of("cost-joules", runs, ARRAY_SIZE(runs));
	draw(dir);
	says(dir, "cost.svg", "joules per GB");
	says(dir, "cost.svg", "energy: powercap");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].energy_source, "none");
		ROW_TEXT(runs[i].energy_quality, "absent");
		runs[i].energy_j = NAN;
	}
	dir = make_folder_of("cost-absent", runs, ARRAY_SIZE(runs));
	draw(dir);
	says(dir, "cost.svg", "CPU seconds per GB");
	says(dir, "cost.svg", "energy: absent");
}

static void one_path_alone_is_drawn(void **state)
{
	struct run_row runs[MADE_STREAM_RUNS(6) + MADE_RUNS(6)];
	size_t n = 0;
	const char *dir;

	made_stream_experiment(runs, 6);
	made_experiment(runs + MADE_STREAM_RUNS(6), 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (!strcmp(runs[i].path, "memnet"))
			runs[n++] = runs[i];
	dir = make_folder_of("alone", runs, n);
	draw(dir);
	drawn_are(dir, " gains tradeoff cpu power cost insns drift ");
	says(dir, "tradeoff.svg", ">memnet: median, 95 % interval<");
}

static void a_topology_is_a_figure_of_its_own(void **state)
{
	struct run_row runs[2 * MADE_RUNS(6)];
	const char *dir;
	char *text;

	made_experiment(runs, 6);
	made_experiment(runs + MADE_RUNS(6), 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (i >= MADE_RUNS(6)) {
			ROW_TEXT(runs[i].topology, "two-vm");
			ROW_TEXT(runs[i].run_id, "two-%zu", i);
			if (runs[i].block > 4)
				ROW_TEXT(runs[i].status, "failed");
		}
	dir = make_folder_of("topologies", runs, ARRAY_SIZE(runs));
	draw(dir);
	says(dir, "gains.svg", "n = 6 ");
	says(dir, "gains-two-vm.svg", "n = 5 ");
	says(dir, "cpu-two-vm.svg", "two-vm");
	says(dir, "drift-two-vm.svg", "cross: failed");
	says(dir, "power.svg", "the model's band");
	says(dir, "power-two-vm.svg", "the model's band");
	text = figure(dir, "gains.svg");
	assert_null(strstr(text, "two-vm"));
	free(text);
}

/* What the power figure of a topology shows is that topology's. */
static void power_is_that_of_its_topology(void **state)
{
	struct run_row runs[2 * MADE_RUNS(6)];
	char *alone, *first, *second;
	const char *dir;

	made_experiment(runs, 6);
	dir = make_folder_of("power-alone", runs, MADE_RUNS(6));
	draw(dir);
	alone = figure(dir, "power.svg");
	made_experiment(runs + MADE_RUNS(6), 6);
	for (size_t i = MADE_RUNS(6); i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].topology, "two-vm");
		ROW_TEXT(runs[i].run_id, "two-%zu", i);
		runs[i].energy_j *= 10;
	}
	dir = make_folder_of("power-two", runs, ARRAY_SIZE(runs));
	draw(dir);
	first = figure(dir, "power.svg");
	second = figure(dir, "power-two-vm.svg");
	assert_string_equal(alone, first);
	assert_non_null(strstr(second, "two-vm"));
	assert_null(strstr(first, "<text> 80</text>"));
	assert_non_null(strstr(second, "<text> 80</text>"));	/* of the axis, W */
	free(alone);
	free(first);
	free(second);
}

static void make_file(const char *dir, const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void figures_not_drawn_any_more_go_and_files_of_others_stay(void **state)
{
	static const char *const stale[] = {
		"latency.svg", "latency.png", "spin-two-vm.svg", "gains-two-vm.png",
		"gains-n-vm-4.svg", "insns-one-vm.svg",
	};
	static const char *const others[] = {
		"mine.svg", "gains-mine.svg", "latency-n-vm-4-mine.svg", "latency.pdf",
		"my-latency.svg", "n-vm-4.svg",
	};
	const char *dir = make_folder("stale", 6, "model");

	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
		make_file(dir, stale[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		make_file(dir, others[i]);
	draw(dir);
	drawn_are(dir, " gains tradeoff cpu power drift ");
	for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
		if (is_drawn(dir, stale[i]))
			fail_msg("%s is still there", stale[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!is_drawn(dir, others[i]))
			fail_msg("%s is gone", others[i]);
}

/* How many marks of a point type and colour the figure has; in the file types count from 0. */
static int count_marks(const char *svg_text, int type, const char *colour)
{
	char mark[32];
	int n = 0;

	snprintf(mark, sizeof(mark), "<use xlink:href='#gpPt%d'", type - 1);
	for (const char *at = svg_text; (at = strstr(at, mark)); at++) {
		const char *end = strchr(at, '>');
		const char *found = strstr(at, colour);

		n += found && found < end;
	}
	return n;
}

#define TAP_COLOUR "rgb(213,  94,   0)"
#define MEMNET_COLOUR "rgb(  0, 114, 178)"

static void check_marks(const char *dir, int type, const char *colour, int wanted)
{
	char *text = figure(dir, "drift.svg");
	int n = count_marks(text, type, colour);

	free(text);
	if (n != wanted)
		fail_msg("%s has %d marks of type %d in %s, not %d", dir, n, type, colour, wanted);
}

/* One of memnet's: a hollow mark in each of two panels, in the place of a filled one. */
static void invalid_runs_are_seen_in_the_drift(void **state)
{
	enum { TAP = 9, MEMNET = 5, KEY = 1, PANELS = 2, OF_A_PATH = PANELS * MADE_RUNS(7) / 2 };
	struct run_row runs[MADE_RUNS(7)];
	const char *dir;

	made_experiment(runs, 7);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i].order = i;
	dir = make_folder_of("valid", runs, ARRAY_SIZE(runs));
	draw(dir);
	check_marks(dir, MEMNET, MEMNET_COLOUR, OF_A_PATH + KEY);
	check_marks(dir, MEMNET - 1, MEMNET_COLOUR, 0);
	ROW_TEXT(runs[41].status, "invalid");
	dir = make_folder_of("invalid", runs, ARRAY_SIZE(runs));
	draw(dir);
	check_marks(dir, MEMNET, MEMNET_COLOUR, OF_A_PATH - PANELS + KEY);
	check_marks(dir, MEMNET - 1, MEMNET_COLOUR, PANELS);
	check_marks(dir, TAP, TAP_COLOUR, OF_A_PATH + KEY);
	check_marks(dir, TAP - 1, TAP_COLOUR, 0);
	says(dir, "drift.svg", "hollow: invalid, in no median");
}

/* A row of summary.csv beside those that the analysis made. */
static void interference_is_drawn_where_summary_has_it(void **state)
{
	static const char *const metric[] = {
		"self_interference_compute", "self_interference_network", "interaction_energy",
	};
	const char *dir = make_folder("interference", 6, "model");
	struct summary_row *rows, *row;
	size_t n;
	char path[160];

	snprintf(path, sizeof(path), "%s/summary.csv", dir);
	assert_int_equal(summary_load(path, &rows, &n, err, sizeof(err)), 0);
	rows = realloc(rows, (n + 2 * ARRAY_SIZE(metric)) * sizeof(*rows));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(metric); i++) {
		row = &rows[n + i];
		*row = rows[0];
		ROW_TEXT(row->scenario, "hybrid-saturate");
		ROW_TEXT(row->direction, "send");
		ROW_TEXT(row->path, "%s", i % 2 ? "memnet" : "virtio-tap");
		ROW_TEXT(row->metric, "%s", metric[i / 2]);
		row->n = 6;
		row->median = i < 4 ? 0.5 : -0.5;
		row->ci_low = row->median - 0.1;
		row->ci_high = row->median + 0.1;
	}
	assert_int_equal(summary_save(path, rows, n + 2 * ARRAY_SIZE(metric), err, sizeof(err)), 0);
	free(rows);
	draw(dir);
	drawn_are(dir, " gains tradeoff interference cpu power drift ");
	says(dir, "interference.svg", "interaction energy, MODEL");
	says(dir, "interference.svg", "hollow, dashed: MODEL");
	says(dir, "interference.svg", "% of alone");
}

static void figures_are_the_same_byte_by_byte_each_time(void **state)
{
	const char *dir;
	static struct run_row runs[MADE_RUNS(6) + MADE_SPIN_RUNS(6) + MADE_STREAM_RUNS(6)];
	char *first[ARRAY_SIZE(all)], *second;

	made_experiment(runs, 6);
	made_spin_experiment(runs + MADE_RUNS(6), 6);
	made_stream_experiment(runs + MADE_RUNS(6) + MADE_SPIN_RUNS(6), 6);
	dir = make_folder_of("twice", runs, ARRAY_SIZE(runs));
	draw(dir);
	drawn_are(dir, " gains tradeoff cpu cost insns latency quantiles power spin drift ");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		first[i] = is_drawn(dir, all[i]) ? figure(dir, all[i]) : NULL;
	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!first[i])
			continue;
		second = figure(dir, all[i]);
		assert_string_equal(first[i], second);
		free(first[i]);
		free(second);
	}
}

static void a_folder_without_runs_is_refused_with_its_name(void **state)
{
	assert_int_equal(results_analyse("/nowhere", NULL, NULL, false, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nowhere/runs.csv"));
	assert_true(system("plots/plot.sh /nowhere 2>/dev/null") != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_figure_says_accelerator_energy_source_and_n),
		cmocka_unit_test(a_measured_source_is_not_called_a_model),
		cmocka_unit_test(what_is_not_there_is_drawn_as_absent),
		cmocka_unit_test(requests_and_spin_budgets_have_figures_where_they_were_measured),
		cmocka_unit_test(flows_and_spin_budgets_are_not_drawn_over_each_other),
		cmocka_unit_test(where_nothing_was_measured_nothing_is_drawn),
		cmocka_unit_test(a_plan_has_the_figures_of_what_it_measured),
		cmocka_unit_test(measured_joules_take_the_place_of_cpu_seconds),
		cmocka_unit_test(one_path_alone_is_drawn),
		cmocka_unit_test(a_topology_is_a_figure_of_its_own),
		cmocka_unit_test(power_is_that_of_its_topology),
		cmocka_unit_test(figures_not_drawn_any_more_go_and_files_of_others_stay),
		cmocka_unit_test(invalid_runs_are_seen_in_the_drift),
		cmocka_unit_test(interference_is_drawn_where_summary_has_it),
		cmocka_unit_test(figures_are_the_same_byte_by_byte_each_time),
		cmocka_unit_test(a_folder_without_runs_is_refused_with_its_name),
	};

	return cmocka_run_group_tests_name("figures", tests, scratch_make, scratch_remove);
}
