/* SPDX-License-Identifier: BSD-2-Clause */
/* Which runs the power figure shows, and what of their samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "harness/power_series.h"
#include "harness/test/made_rows.h"

static struct sample_row sample(const struct run_row *run, double t_s, const char *quantity,
				double value)
{
	struct sample_row s;

	columns_clear(samples_columns(), &s);
	ROW_TEXT(s.run_id, "%s", run->run_id);
	ROW_TEXT(s.phase, "window");
	ROW_TEXT(s.domain, "total");
	ROW_TEXT(s.quantity, "%s", quantity);
	s.t_ns = run->window_begin_ns + t_s * 1e9;
	s.value = value;
	return s;
}

static void samples_of_one_moment_become_one_row_by_time(void **state)
{
	struct run_row runs[2] = {
		made_run("virtio-tap", "hybrid-paced", 0), made_run("memnet", "hybrid-paced", 0),
	};
	struct sample_row samples[6] = {
		sample(&runs[1], 0.5, "power", 4), sample(&runs[1], -0.5, "power", 2),
		sample(&runs[1], 0.5, "power_low", 3), sample(&runs[1], 0.5, "power_high", 6),
		sample(&runs[1], 0.5, "cpu_share", 1), sample(&runs[1], 0.5, "power", 9),
	};
	struct power_row *rows;
	size_t n;

	ROW_TEXT(samples[5].domain, "package-0");
	assert_int_equal(power_series(runs, 2, samples, 6, "virtio-tap", "memnet", &rows, &n), 0);
	assert_int_equal(n, 2);
	assert_true(rows[0].t_s == -0.5 && rows[0].power_w == 2);
	assert_true(isnan(rows[0].power_low_w));
	assert_true(rows[1].t_s == 0.5 && rows[1].power_w == 4);
	assert_true(rows[1].power_low_w == 3 && rows[1].power_high_w == 6);
	assert_string_equal(rows[1].role, "memnet");
	free(rows);
}

static void the_run_of_median_energy_is_shown(void **state)
{
	struct run_row runs[6];
	struct sample_row samples[6];
	struct power_row *rows;
	size_t n;

	for (int i = 0; i < 6; i++) {
		runs[i] = made_run(i < 3 ? "virtio-tap" : "memnet", "hybrid-fixed", i % 3);
		runs[i].energy_j = (int[]){ 7, 9, 8, 4, 100, 5 }[i];
		samples[i] = sample(&runs[i], 1, "power", i);
	}
	ROW_TEXT(runs[4].status, "invalid");
	assert_int_equal(power_series(runs, 6, samples, 6, "virtio-tap", "memnet", &rows, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].run_id, runs[2].run_id);
	assert_string_equal(rows[1].run_id, runs[3].run_id);
	free(rows);
}

static void hybrid_fixed_comes_before_paced_if_both_paths_have_it(void **state)
{
	struct run_row runs[4] = {
		made_run("virtio-tap", "hybrid-paced", 0), made_run("memnet", "hybrid-paced", 0),
		made_run("virtio-tap", "hybrid-fixed", 0), made_run("memnet", "hybrid-fixed", 0),
	};
	struct sample_row samples[4];
	struct power_row *rows;
	size_t n;

	for (int i = 0; i < 4; i++)
		samples[i] = sample(&runs[i], 1, "power", i);
	assert_int_equal(power_series(runs, 4, samples, 4, "virtio-tap", "memnet", &rows, &n), 0);
	assert_string_equal(rows[0].scenario, "hybrid-fixed");
	free(rows);
	ROW_TEXT(runs[3].status, "failed");
	assert_int_equal(power_series(runs, 4, samples, 4, "virtio-tap", "memnet", &rows, &n), 0);
	assert_string_equal(rows[0].scenario, "hybrid-paced");
	free(rows);
}

/* Of two chunks the figure has one, also where the run of median energy is of the other. */
static void all_runs_are_of_one_chunk(void **state)
{
	struct run_row runs[4] = {
		made_run("memnet", "hybrid-paced", 0), made_run("virtio-tap", "hybrid-paced", 0),
		made_run("virtio-tap", "hybrid-paced", 1), made_run("memnet", "hybrid-paced", 1),
	};
	struct sample_row samples[4];
	struct power_row *rows;
	size_t n;

	for (int i = 0; i < 4; i++) {
		runs[i].chunk_bytes = i % 2 ? 65536 : 4096;
		runs[i].energy_j = 10 - i;
		samples[i] = sample(&runs[i], 1, "power", i);
	}
	assert_int_equal(power_series(runs, 4, samples, 4, "virtio-tap", "memnet", &rows, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].run_id, runs[2].run_id);
	assert_string_equal(rows[1].run_id, runs[0].run_id);
	free(rows);
}

/* Each by its own runs: the second has no hybrid-fixed, and what it has receives. */
static void every_topology_is_shown(void **state)
{
	struct run_row runs[6] = {
		made_run("virtio-tap", "hybrid-fixed", 0), made_run("memnet", "hybrid-fixed", 0),
		made_run("virtio-tap", "hybrid-paced", 1), made_run("memnet", "hybrid-paced", 1),
		made_run("virtio-tap", "hybrid-fixed", 2), made_run("memnet", "hybrid-paced", 2),
	};
	struct sample_row samples[6];
	struct power_row *rows;
	size_t n;

	for (int i = 0; i < 6; i++) {
		if (i >= 2)
			ROW_TEXT(runs[i].topology, i < 4 ? "two-vm" : "n-vm-4");
		if (i == 2 || i == 3)
			ROW_TEXT(runs[i].direction, "recv");
		samples[i] = sample(&runs[i], 1, "power", i);
	}
	assert_int_equal(power_series(runs, 6, samples, 6, "virtio-tap", "memnet", &rows, &n), 0);
	assert_int_equal(n, 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(rows[i].run_id, runs[i].run_id);
		assert_string_equal(rows[i].topology, i < 2 ? "one-vm" : "two-vm");
	}
	free(rows);
}

static void of_aa_both_names_are_shown(void **state)
{
	struct run_row runs[4] = {
		made_run("memnet@b", "hybrid-paced", 0), made_run("memnet", "hybrid-paced", 0),
		made_run("memnet@b", "hybrid-paced", 1), made_run("memnet", "hybrid-paced", 1),
	};
	struct sample_row samples[4];
	struct power_row *rows;
	size_t n;

	for (int i = 0; i < 4; i++) {
		ROW_TEXT(runs[i].spin, i == 1 || i == 2 ? "50us" : "0");
		runs[i].energy_j = 10 - i;
		samples[i] = sample(&runs[i], 1, "power", i);
	}
	assert_int_equal(power_series(runs, 4, samples, 4, "memnet", "memnet@b", &rows, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].run_id, runs[3].run_id);
	assert_string_equal(rows[1].run_id, runs[0].run_id);
	free(rows);
}

static void nothing_gives_no_rows(void **state)
{
	struct power_row *rows;
	size_t n;

	assert_int_equal(power_series(NULL, 0, NULL, 0, "", "memnet", &rows, &n), 0);
	assert_int_equal(n, 0);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_of_one_moment_become_one_row_by_time),
		cmocka_unit_test(the_run_of_median_energy_is_shown),
		cmocka_unit_test(hybrid_fixed_comes_before_paced_if_both_paths_have_it),
		cmocka_unit_test(all_runs_are_of_one_chunk),
		cmocka_unit_test(every_topology_is_shown),
		cmocka_unit_test(of_aa_both_names_are_shown),
		cmocka_unit_test(nothing_gives_no_rows),
	};

	return cmocka_run_group_tests_name("power series", tests, NULL, NULL);
}
