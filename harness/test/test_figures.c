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

/* The folder @name with an experiment of @blocks blocks; @source: of energy. */
static const char *make_folder(const char *name, int blocks, const char *source)
{
	const char *dir = scratch(name);
	struct run_row *runs = calloc(MADE_RUNS(blocks) + 1, sizeof(*runs));
	struct sample_row *samples = calloc(MADE_SAMPLES * (MADE_RUNS(blocks) + 1),
					    sizeof(*samples));
	bool model = !strcmp(source, "model"), none = !strcmp(source, "none");
	size_t n = 0;
	char path[160];

	made_experiment(runs, blocks);
	for (size_t i = 0; i < MADE_RUNS(blocks); i++) {
		ROW_TEXT(runs[i].energy_source, "%s", source);
		ROW_TEXT(runs[i].energy_quality,
			 none ? "absent" : model ? "estimated" : "measured");
		if (none)
			runs[i].energy_j = NAN;
		else
			n += made_samples(&runs[i], samples + n);
	}
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/runs.csv", dir);
	assert_int_equal(runs_save(path, runs, MADE_RUNS(blocks), err, sizeof(err)), 0);
	snprintf(path, sizeof(path), "%s/samples.csv", dir);
	if (n)
		assert_int_equal(samples_save(path, samples, n, err, sizeof(err)), 0);
	free(samples);
	free(runs);
	if (results_analyse(dir, NULL, NULL, false, err, sizeof(err)))
		fail_msg("%s", err);
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
	dir = make_folder("nothing", 0, "model");
	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(svg); i++)
		says(dir, svg[i], "absent");
}

static bool is_drawn(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	return !access(path, F_OK);
}

/* A folder of @n rows of runs alone. */
static const char *make_folder_of(const char *name, const struct run_row *runs, size_t n)
{
	const char *dir = scratch(name);
	char path[160];

	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/runs.csv", dir);
	assert_int_equal(runs_save(path, runs, n, err, sizeof(err)), 0);
	if (results_analyse(dir, NULL, NULL, false, err, sizeof(err)))
		fail_msg("%s", err);
	return dir;
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

static void figures_are_the_same_byte_by_byte_each_time(void **state)
{
	const char *dir = make_folder("twice", 6, "model");
	char *first[ARRAY_SIZE(svg)], *second;

	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(svg); i++)
		first[i] = figure(dir, svg[i]);
	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(svg); i++) {
		second = figure(dir, svg[i]);
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
		cmocka_unit_test(figures_are_the_same_byte_by_byte_each_time),
		cmocka_unit_test(a_folder_without_runs_is_refused_with_its_name),
	};

	return cmocka_run_group_tests_name("figures", tests, scratch_make, scratch_remove);
}
