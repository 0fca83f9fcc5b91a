/* SPDX-License-Identifier: BSD-2-Clause */
/* results/COLUMNS.md is what the tables say. Run from the root of the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/metrics.h"
#include "harness/test/scratch.h"

static void the_committed_reference_is_current(void **state)
{
	FILE *f = fopen(scratch("COLUMNS.md"), "w");
	char *made, *committed;

	assert_non_null(f);
	results_reference(f);
	fclose(f);
	made = scratch_read(scratch("COLUMNS.md"));
	committed = scratch_read("results/COLUMNS.md");
	if (strcmp(made, committed))
		fail_msg("out of date: memnet-lab columns > results/COLUMNS.md");
	free(made);
	free(committed);
}

static void every_metric_can_be_had_and_every_gain_stands_on_metrics(void **state)
{
	const struct metric *m;
	const struct gain *g;

	for (size_t i = 0; (m = metrics_at(i)); i++) {
		assert_ptr_equal(metrics_find(m->name), m);
		assert_int_equal(!!m->value + !!m->column + !!m->net_column, 1);
		assert_true(!m->column || columns_find(runs_columns(), m->column));
		assert_true(!m->net_column || columns_find(net_columns(), m->net_column));
	}
	for (size_t i = 0; (g = gains_at(i)); i++) {
		assert_ptr_equal(gains_find(g->name), g);
		assert_null(metrics_find(g->name));
		assert_non_null(metrics_find(g->metric));
		for (size_t c = 0; c < ARRAY_SIZE(g->check); c++)
			assert_true(!g->check[c].metric || metrics_find(g->check[c].metric));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_committed_reference_is_current),
		cmocka_unit_test(every_metric_can_be_had_and_every_gain_stands_on_metrics),
	};

	return cmocka_run_group_tests_name("reference", tests, scratch_make, scratch_remove);
}
