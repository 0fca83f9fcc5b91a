/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up results folders, their figures drawn, and what these say; for the tests of plots. */
#ifndef MEMNET_HARNESS_TEST_DRAWN_H
#define MEMNET_HARNESS_TEST_DRAWN_H

#include "harness/test/folders.h"
#include "harness/test/made_rows.h"

/* A folder of @n rows of runs, and of samples of those that have energy. */
static inline const char *make_folder_of(const char *name, const struct run_row *runs, size_t n)
{
	struct sample_row *samples = calloc(MADE_SAMPLES * n + 1, sizeof(*samples));
	size_t n_samples = 0;
	const char *dir;

	for (size_t i = 0; i < n; i++)
		if (!isnan(runs[i].energy_j))
			n_samples += made_samples(&runs[i], samples + n_samples);
	dir = analysed_folder(name, runs, n, samples, n_samples);
	free(samples);
	return dir;
}

/* The folder @name with an experiment of @blocks blocks; @source: of energy. */
static inline const char *make_folder(const char *name, int blocks, const char *source)
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
static inline void draw(const char *dir)
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

static inline char *figure(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	return scratch_read(path);
}

static inline void says(const char *dir, const char *name, const char *words)
{
	char *text = figure(dir, name);

	if (!strstr(text, words))
		fail_msg("%s does not say '%s'", name, words);
	free(text);
}

static inline bool is_drawn(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/figures/%s", dir, name);
	return !access(path, F_OK);
}

static const char *const all_figures[] = {
	"gains.svg", "tradeoff.svg", "interference.svg", "cpu.svg", "cost.svg", "insns.svg",
	"latency.svg", "quantiles.svg", "power.svg", "spin.svg", "drift.svg",
};

/* The figures of @dir are those of @wanted, a list with blanks around each name, and no others. */
static inline void drawn_are(const char *dir, const char *wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_figures); i++) {
		char name[32];

		snprintf(name, sizeof(name), " %.*s ", (int)strcspn(all_figures[i], "."), all_figures[i]);
		if (is_drawn(dir, all_figures[i]) != !!strstr(wanted, name))
			fail_msg("%s of %s is %sdrawn", all_figures[i], dir,
				 is_drawn(dir, all_figures[i]) ? "" : "not ");
	}
}

/* How often the figure has @words. */
static inline int count_in(const char *dir, const char *name, const char *words)
{
	char *text = figure(dir, name);
	int n = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	free(text);
	return n;
}

#endif
