/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up runs analysed, and rows of their summary, for the tests of analyse.c. */
#ifndef MEMNET_HARNESS_TEST_ANALYSED_H
#define MEMNET_HARNESS_TEST_ANALYSED_H

#include "harness/analyse.h"
#include "harness/test/made_rows.h"

static struct analysis result;

/* Analyse @rows into result, which the next call and the tear-down release. */
static inline void analyse_rows(const struct run_row *rows, size_t n)
{
	analysis_release(&result);
	assert_int_equal(analyse(rows, n, NULL, &result), 0);
}

static inline int release(void **state)
{
	analysis_release(&result);
	return 0;
}

static inline const struct summary_row *find(const char *scenario, const char *path,
					     const char *metric)
{
	struct summary_row like;

	columns_clear(summary_columns(), &like);
	ROW_TEXT(like.scenario, "%s", scenario);
	ROW_TEXT(like.direction, "send");
	ROW_TEXT(like.arm, "spare-core");
	ROW_TEXT(like.topology, "one-vm");
	return summary_find(result.summary, result.n_summary, &like, path, metric);
}

static inline const struct summary_row *must_find(const char *scenario, const char *path,
						  const char *metric)
{
	const struct summary_row *s = find(scenario, path, metric);

	if (!s)
		fail_msg("no row for %s, %s, %s", scenario, path, metric);
	return s;
}

static inline void near(double got, double want)
{
	if (!(fabs(got - want) < 1e-9))
		fail_msg("got %.9g instead of %.9g", got, want);
}

/*
 * Six blocks whose level doubles from block to block while the ratio within a
 * block stays 2.0 .. 2.5: drift that any comparison across blocks would drown in.
 */
static inline size_t drifting(struct run_row *rows, const char *scenario)
{
	static const double ratio[] = { 2.0, 2.1, 2.2, 2.3, 2.4, 2.5 };

	for (int b = 0; b < 6; b++) {
		rows[2 * b] = made_run("virtio-tap", scenario, b);
		rows[2 * b].compute_ops_per_s = 1 << b;
		rows[2 * b + 1] = made_run("memnet", scenario, b);
		rows[2 * b + 1].compute_ops_per_s = ratio[b] * (1 << b);
		rows[2 * b].stream_bytes_per_s = rows[2 * b + 1].stream_bytes_per_s = 100;
	}
	return 12;
}

#endif
