/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A results folder is analysed and drawn from its files alone. Run from the
 * root of the repository; the drawing is skipped where gnuplot is not installed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/test/drawn.h"

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

static void requests_and_spin_budgets_have_figures_where_they_were_measured(void **state)
{
	static const char *const drawn[] = { "latency.svg", "spin.svg" };
	struct run_row runs[MADE_SPIN_RUNS(7)], few[MADE_SPIN_RUNS(3)];
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
	/* nor where a verdict has a comma in it: "inconclusive, need n = 6" */
	made_spin_experiment(few, 3);
	for (size_t i = 0; i < ARRAY_SIZE(few); i++)
		few[i].spin[0] = '\0';
	dir = make_folder_of("few", few, ARRAY_SIZE(few));
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
	drawn_are(dir, " gains cpu cost insns drift ");
	for (size_t i = 0; i < ARRAY_SIZE(all_figures); i++) {
		if (!is_drawn(dir, all_figures[i]))
			continue;
		says(dir, all_figures[i], "TCG");
		says(dir, all_figures[i], "energy: MODEL");
		says(dir, all_figures[i], "n = 7 ");
		says(dir, all_figures[i], "plan made-up, 0123456");
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

static void put_figure(const char *dir, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "figures/%s", name);
	put(dir, path, "");
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
		put_figure(dir, stale[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		put_figure(dir, others[i]);
	draw(dir);
	drawn_are(dir, " gains tradeoff cpu power drift ");
	for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
		if (is_drawn(dir, stale[i]))
			fail_msg("%s is still there", stale[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!is_drawn(dir, others[i]))
			fail_msg("%s is gone", others[i]);
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
		cmocka_unit_test(figures_not_drawn_any_more_go_and_files_of_others_stay),
		cmocka_unit_test(interference_is_drawn_where_summary_has_it),
		cmocka_unit_test(a_folder_without_runs_is_refused_with_its_name),
	};

	return cmocka_run_group_tests_name("figures", tests, scratch_make, scratch_remove);
}
