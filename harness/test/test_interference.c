/* SPDX-License-Identifier: BSD-2-Clause */
/* Both workloads together against each alone: results computed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/analyse.h"
#include "harness/interference.h"
#include "harness/test/made_rows.h"

#define BLOCKS	6
#define PARTS	4

static struct analysis result;
static struct run_row rows[BLOCKS * PARTS];

static int release(void **state)
{
	analysis_release(&result);
	return 0;
}

/* Row @part of @block: 0 both, 1 compute, 2 network, 3 idle. */
static struct run_row *row_of(int block, int part)
{
	return &rows[block * PARTS + part];
}

/*
 * Levels double from block to block, so that nothing that mixes blocks comes out right.
 * Together compute keeps 50 %, 51 %, ... and the stream 40 %, 41 %, ... of what it does alone;
 * E(both) - E(compute) - E(network) + E(idle) is 10 - 8 - 7 + 2 = -3 J, times the level, and 1 J
 * less in each further block.
 */
static void make_rows(void)
{
	static const char *const scenario[] = {
		INTERFERENCE_SCENARIO, "compute", "network", "idle",
	};
	static const double joules[] = { 10, 8, 7, 2 };

	for (int b = 0; b < BLOCKS; b++) {
		double level = 1 << b;

		for (int p = 0; p < PARTS; p++) {
			struct run_row *r = row_of(b, p);

			*r = made_run("memnet", scenario[p], b);
			if (p == 1 || p == 3)
				ROW_TEXT(r->direction, "none");
			else
				r->flows = 1;
			r->window_s = 2;
			r->energy_j = joules[p] - (p ? 0 : b);
		}
		row_of(b, 1)->compute_ops_per_s = 1000 * level;
		row_of(b, 0)->compute_ops_per_s = (500 + 10 * b) * level;
		row_of(b, 2)->stream_bytes_per_s = 100 * level;
		row_of(b, 0)->stream_bytes_per_s = (40 + b) * level;
	}
}

static const struct summary_row *find(const char *metric)
{
	for (size_t i = 0; i < result.n_summary; i++)
		if (!strcmp(result.summary[i].metric, metric))
			return &result.summary[i];
	return NULL;
}

static const struct summary_row *analysed(size_t n, const char *metric)
{
	analysis_release(&result);
	assert_int_equal(analyse(rows, n, NULL, &result), 0);
	return find(metric);
}

static const struct summary_row *must_find(const char *metric)
{
	const struct summary_row *s = analysed(ARRAY_SIZE(rows), metric);

	if (!s)
		fail_msg("no row of %s", metric);
	return s;
}

static void near(const struct summary_row *s, const char *what, double got, double want)
{
	if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-9))
		fail_msg("%s: %s is %.9g instead of %.9g", s->metric, what, got, want);
}

static void is(const struct summary_row *s, size_t n, double median, double low, double high)
{
	assert_int_equal(s->n, n);
	near(s, "median", s->median, median);
	near(s, "low end", s->ci_low, low);
	near(s, "high end", s->ci_high, high);
}

static void each_rate_is_held_against_its_own_alone(void **state)
{
	const struct summary_row *s;

	make_rows();
	s = must_find("self_interference_compute");
	is(s, 6, 0.525, 0.50, 0.55);
	assert_string_equal(s->scenario, "hybrid-saturate");
	assert_string_equal(s->unit, "1");
	assert_string_equal(s->source, "workload");
	assert_string_equal(s->quality, "measured");
	assert_string_equal(s->baseline, "");
	is(find("self_interference_network"), 6, 0.425, 0.40, 0.45);
}

static void interaction_energy_is_what_the_sum_does_not_explain(void **state)
{
	const struct summary_row *s;

	make_rows();
	s = must_find("interaction_energy");
	is(s, 6, -5.5, -8, -3);
	assert_string_equal(s->unit, "J");
	assert_string_equal(s->source, "model");
	assert_string_equal(s->quality, "estimated");
}

static void windows_that_differ_by_chance_are_brought_to_one(void **state)
{
	make_rows();
	for (int b = 0; b < BLOCKS; b++) {
		row_of(b, 1)->window_s = 2.04;	/* 2 % late, and so are its joules */
		row_of(b, 1)->energy_j = 8 * 1.02;
	}
	is(must_find("interaction_energy"), 6, -5.5, -8, -3);
}

static void windows_that_are_not_equal_are_not_added(void **state)
{
	const struct summary_row *s;

	make_rows();
	row_of(2, 3)->window_s = 1.8;		/* -3, -4, -6, -7, -8 are left */
	is(must_find("interaction_energy"), 5, -6, NAN, NAN);
	for (int b = 0; b < BLOCKS; b++)
		row_of(b, 3)->window_s = 1;
	s = must_find("interaction_energy");
	is(s, 0, NAN, NAN, NAN);
	assert_string_equal(s->quality, "absent");
	is(find("self_interference_compute"), 6, 0.525, 0.50, 0.55);
}

static void a_block_without_a_part_is_left_out(void **state)
{
	make_rows();
	ROW_TEXT(row_of(0, 1)->status, "invalid");
	row_of(5, 2)->energy_j = NAN;
	is(must_find("self_interference_compute"), 5, 0.53, NAN, NAN);
	is(find("self_interference_network"), 6, 0.425, 0.40, 0.45);
	is(find("interaction_energy"), 4, -5.5, NAN, NAN);
}

static void what_the_plan_did_not_measure_has_no_row(void **state)
{
	make_rows();
	for (int b = 0; b < BLOCKS; b++)
		ROW_TEXT(row_of(b, 2)->direction, "recv");	/* another stream */
	assert_non_null(must_find("self_interference_compute"));
	assert_null(find("self_interference_network"));
	assert_null(find("interaction_energy"));
}

static void parts_are_of_the_same_path_arm_and_budget(void **state)
{
	static const struct { size_t at; const char *other; } field[] = {
		{ offsetof(struct run_row, path), "virtio-tap" },
		{ offsetof(struct run_row, arm), "equal-core" },
		{ offsetof(struct run_row, topology), "two-vm" },
		{ offsetof(struct run_row, accelerator), "kvm" },
		{ offsetof(struct run_row, spin), "20us" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		make_rows();
		for (int b = 0; b < BLOCKS; b++)
			strcpy((char *)row_of(b, 1) + field[i].at, field[i].other);
		assert_null(analysed(ARRAY_SIZE(rows), "self_interference_compute"));
		assert_null(find("interaction_energy"));
		assert_non_null(find("self_interference_network"));
	}
	make_rows();
	for (int b = 0; b < BLOCKS; b++)
		row_of(b, 2)->flows = 8;
	assert_null(analysed(ARRAY_SIZE(rows), "self_interference_network"));
	make_rows();
	for (int b = 0; b < BLOCKS; b++)
		row_of(b, 2)->chunk_bytes = 4096;
	assert_null(analysed(ARRAY_SIZE(rows), "self_interference_network"));
	assert_non_null(find("self_interference_compute"));	/* computing has no chunk */
}

/* Each chunk's stream is held against its own alone, whichever comes first. */
static void a_chunk_has_its_own_stream_alone(void **state)
{
	struct run_row two[2 * BLOCKS * PARTS];
	size_t found = 0;

	make_rows();
	for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
		two[i] = rows[i % ARRAY_SIZE(rows)];
		if (strcmp(two[i].direction, "none"))
			two[i].chunk_bytes = i < ARRAY_SIZE(rows) ? 4096 : 65536;
		if (!strcmp(two[i].scenario, "network") && i >= ARRAY_SIZE(rows))
			two[i].stream_bytes_per_s *= 2;
	}
	analysis_release(&result);
	assert_int_equal(analyse(two, ARRAY_SIZE(two), NULL, &result), 0);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "self_interference_network"))
			continue;
		found++;
		is(s, BLOCKS, s->chunk_bytes == 4096 ? 0.425 : 0.2125,
		   s->chunk_bytes == 4096 ? 0.4 : 0.2, s->chunk_bytes == 4096 ? 0.45 : 0.225);
	}
	assert_int_equal(found, 2);
}

static void energies_of_two_sources_are_not_added(void **state)
{
	const struct summary_row *s;

	make_rows();
	for (int b = 0; b < BLOCKS; b++)
		ROW_TEXT(row_of(b, 3)->energy_source, "powercap");
	s = must_find("interaction_energy");
	is(s, 0, NAN, NAN, NAN);
	assert_string_equal(s->quality, "absent");
}

static void several_runs_of_a_part_in_one_block_count_once(void **state)
{
	make_rows();
	*row_of(5, 3) = *row_of(0, 1);		/* block 0 has compute alone three times: */
	*row_of(4, 3) = *row_of(0, 1);
	row_of(5, 3)->compute_ops_per_s = 625;	/* 625, 1000, 1600: its median is what it was */
	row_of(4, 3)->compute_ops_per_s = 1600;
	is(must_find("self_interference_compute"), 6, 0.525, 0.50, 0.55);
	*row_of(5, 3) = *row_of(5, 0);		/* both together twice in block 5: 0.55 and 0.65 */
	row_of(5, 3)->compute_ops_per_s = 650 * 32;
	ROW_TEXT(row_of(4, 3)->status, "invalid");
	is(must_find("self_interference_compute"), 6, 0.525, 0.50, 0.60);
}

static void every_measure_stands_on_a_metric(void **state)
{
	const struct interference *i;
	size_t n;

	for (n = 0; (i = interference_at(n)); n++) {
		assert_ptr_equal(interference_find(i->name), i);
		assert_non_null(metrics_find(i->metric));
		assert_null(metrics_find(i->name));
		assert_null(i->part[INTERFERENCE_PARTS]);
	}
	assert_int_equal(n, 3);
	assert_null(interference_find("energy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rate_is_held_against_its_own_alone),
		cmocka_unit_test(interaction_energy_is_what_the_sum_does_not_explain),
		cmocka_unit_test(windows_that_differ_by_chance_are_brought_to_one),
		cmocka_unit_test(windows_that_are_not_equal_are_not_added),
		cmocka_unit_test(a_block_without_a_part_is_left_out),
		cmocka_unit_test(what_the_plan_did_not_measure_has_no_row),
		cmocka_unit_test(parts_are_of_the_same_path_arm_and_budget),
		cmocka_unit_test(a_chunk_has_its_own_stream_alone),
		cmocka_unit_test(energies_of_two_sources_are_not_added),
		cmocka_unit_test(several_runs_of_a_part_in_one_block_count_once),
		cmocka_unit_test(every_measure_stands_on_a_metric),
	};

	return cmocka_run_group_tests_name("interference", tests, NULL, release);
}
