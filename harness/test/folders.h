/* SPDX-License-Identifier: BSD-2-Clause */
/* Results folders and their files, for tests. What goes wrong fails the test. */
#ifndef MEMNET_HARNESS_TEST_FOLDERS_H
#define MEMNET_HARNESS_TEST_FOLDERS_H

#include <sys/stat.h>

#include "harness/results.h"
#include "harness/rows.h"
#include "harness/test/scratch.h"

static char err[2048];	/* what the last call that may fail said */

/* The file @name of @dir; good until the next call. */
static inline const char *file_of(const char *dir, const char *name)
{
	static char path[700];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static inline void put(const char *dir, const char *name, const char *text)
{
	FILE *f = fopen(file_of(dir, name), "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		fail_msg("%s/%s cannot be written", dir, name);
}

static inline void put_runs(const char *dir, const struct run_row *runs, size_t n)
{
	if (runs_save(file_of(dir, "runs.csv"), runs, n, err, sizeof(err)))
		fail_msg("%s", err);
}

static inline void analyse_folder(const char *dir)
{
	if (results_analyse(dir, NULL, NULL, false, err, sizeof(err)))
		fail_msg("%s", err);
}

/* The folder @name of @n runs and @n_samples samples, analysed; its path is scratch()'s. */
static inline const char *analysed_folder(const char *name, const struct run_row *runs, size_t n,
					  const struct sample_row *samples, size_t n_samples)
{
	const char *dir = scratch(name);

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(file_of(dir, "figures"), 0700), 0);
	put_runs(dir, runs, n);
	if (n_samples &&
	    samples_save(file_of(dir, "samples.csv"), samples, n_samples, err, sizeof(err)))
		fail_msg("%s", err);
	analyse_folder(dir);
	return dir;
}

/* The rows of the runs of @dir, for free(); *@n: how many. */
static inline struct run_row *runs_of(const char *dir, size_t *n)
{
	struct run_row *rows;

	if (runs_load(file_of(dir, "runs.csv"), &rows, n, err, sizeof(err)))
		fail_msg("%s", err);
	return rows;
}

#endif
