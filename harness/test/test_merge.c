/* SPDX-License-Identifier: BSD-2-Clause */
/* Results folders put together: halves equal the whole; what does not belong is named. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/folder.h"
#include "harness/merge.h"
#include "harness/test/folders.h"
#include "harness/test/made_rows.h"

#define HEAD "[plan]\nname=made-up\nrepetitions=6\n"
#define MATRIX "[matrix m]\npaths=virtio-tap,memnet\nscenarios=network,hybrid-saturate\n" \
	       "arms=spare-core\ndirections=send\n"
#define PLAN HEAD "seed=7\n" MATRIX
#define HOST "{\"accelerator\":\"tcg\",\"host\":{\"cpu\":\"one\"}}"
#define RUNS 24

static char notes[2048];

/* The run of row @r of this test, as it was measured. */
static struct run_row measured(const struct plan_run *r)
{
	uint64_t seed = r->number;
	struct run_row row = made_run(r->config->path->name, r->config->scenario->name, r->block);

	ROW_TEXT(row.run_id, "%s", r->id);
	row.boot = r->boot;
	row.stream_bytes_per_s = 1e8 * made_noise(&seed);
	row.cpu_total_s = made_noise(&seed);
	return row;
}

struct making {
	const char *plan, *host;
	struct plan_range part;
	int calibrations;	/* or idle windows */
	bool idle;
};

static void append_runs(const struct folder *f, const struct plan *plan, int order)
{
	struct sample_row samples[MADE_SAMPLES];
	struct plan_run *runs;
	size_t n = plan_expand(plan, f->seed, &runs);

	n = plan_part(runs, n, f->part);
	for (size_t i = 0; i < n; i++) {
		struct run_row row = measured(&runs[i]);

		row.order = ++order;
		assert_int_equal(runs_append(f->runs_fd, &row, 1), 0);
		assert_int_equal(samples_append(f->samples_fd, samples, made_samples(&row, samples)), 0);
	}
	free(runs);
}

/* A results folder as an experiment leaves it. Its path is good until the call after the next. */
static const char *make_folder(struct making m)
{
	static char dirs[3][512];
	static int turn;
	char *dir = dirs[++turn % 3], path[600];
	struct plan plan;
	struct folder f;
	FILE *env;

	assert_int_equal(plan_load(&plan, scratch_write("made-up.ini", m.plan ? m.plan : PLAN), err,
				   sizeof(err)), 0);
	if (folder_create(&f, scratch("results"), &plan, m.part, err, sizeof(err)))
		fail_msg("%s", err);
	for (int i = 1; i <= m.calibrations; i++) {
		struct run_row row = made_run("virtio-tap", "hybrid-saturate", 0);

		ROW_TEXT(row.kind, "%s", m.idle ? "idle" : "calibrate");
		ROW_TEXT(row.run_id, m.idle ? "idle.%d" : "calibrate.spare-core.%d", i);
		row.order = i;
		row.window_begin_ns = m.part.first + i;
		assert_int_equal(runs_append(f.runs_fd, &row, 1), 0);
	}
	append_runs(&f, &plan, m.calibrations);
	folder_environment(&f, 1, path, sizeof(path));
	env = fopen(path, "w");
	fputs(m.host ? m.host : HOST, env);
	fclose(env);
	strcpy(dir, f.dir);
	folder_close(&f);
	return dir;
}

/* Merge two folders; what merge() returned, the new one in @dir. */
static int merge_two(const char *a, const char *b, char dir[512])
{
	char *const dirs[] = { (char *)a, (char *)b };
	FILE *f = fmemopen(notes, sizeof(notes), "w");
	int ret = merge(dirs, 2, scratch("results"), dir, 512, f, err, sizeof(err));

	fclose(f);
	return ret;
}

static void refused(const char *a, const char *b, const char *words)
{
	char dir[512];

	assert_int_not_equal(merge_two(a, b, dir), 0);
	assert_string_equal(dir, "");
	if (!strstr(err, words) || !strstr(err, b))
		fail_msg("'%s' lacks '%s' or '%s'", err, words, b);
}

static void same_file(const char *a, const char *b, const char *name)
{
	char *text_a = scratch_read(file_of(a, name)), *text_b = scratch_read(file_of(b, name));

	assert_true(strlen(text_a) > 100);
	assert_string_equal(text_a, text_b);
	free(text_a);
	free(text_b);
}

static void two_halves_equal_the_whole(void **state)
{
	static const char *const files[] = { "runs.csv", "samples.csv", "plan.ini", "summary.csv",
					     "gains.csv" };
	const char *whole = make_folder((struct making){ 0 });
	const char *a = make_folder((struct making){ .part = { 1, 12 } });
	const char *b = make_folder((struct making){ .part = { 13, RUNS } });
	char dir[512];

	assert_int_equal(merge_two(a, b, dir), 0);
	assert_string_equal(notes, "");
	analyse_folder(whole);
	analyse_folder(dir);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		same_file(whole, dir, files[i]);
	assert_int_equal(access(file_of(dir, "environment-2.json"), F_OK), 0);
}

static void what_is_split_or_missing_is_said(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 2 } });
	const char *b = make_folder((struct making){ .part = { 3, 6 } });
	char dir[512];

	assert_int_equal(merge_two(a, b, dir), 0);
	assert_non_null(strstr(notes, "block 1 is split between"));
	assert_non_null(strstr(notes, "18 of 24 runs are missing"));
}

static void each_part_keeps_its_calibrations(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 }, .calibrations = 3 });
	const char *b = make_folder((struct making){ .part = { 5, 8 }, .calibrations = 3 });
	struct run_row *rows;
	char dir[512];
	size_t n;

	assert_int_equal(merge_two(a, b, dir), 0);
	rows = runs_of(dir, &n);
	assert_int_equal(n, 14);
	assert_string_equal(rows[2].run_id, "calibrate.spare-core.3");
	assert_string_equal(rows[9].run_id, "calibrate.spare-core.3.part2");
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rows[i].order, i + 1);
	free(rows);
}

static void each_part_keeps_its_idle_windows(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 }, .calibrations = 2, .idle = true });
	const char *b = make_folder((struct making){ .part = { 5, 8 }, .calibrations = 2, .idle = true });
	struct run_row *rows;
	char dir[512];
	size_t n;

	assert_int_equal(merge_two(a, b, dir), 0);
	rows = runs_of(dir, &n);
	assert_int_equal(n, 12);
	assert_string_equal(rows[1].run_id, "idle.2");
	assert_string_equal(rows[7].run_id, "idle.2.part2");
	free(rows);
}

static void a_run_that_is_twice_the_same_is_kept_once(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 8 } });
	const char *b = make_folder((struct making){ .part = { 5, 12 } });
	struct run_row *rows;
	struct sample_row *samples;
	char dir[512], last[128] = "";
	size_t n, runs = 0;

	assert_int_equal(merge_two(a, b, dir), 0);
	rows = runs_of(dir, &n);
	assert_int_equal(n, 12);
	free(rows);
	assert_int_equal(samples_load(file_of(dir, "samples.csv"), &samples, &n, err, sizeof(err)), 0);
	for (size_t i = 0; i < n; i++) {
		runs += !!strcmp(last, samples[i].run_id);
		strcpy(last, samples[i].run_id);
	}
	assert_int_equal(runs, 12);
	free(samples);
}

/* The order of a plan without a seed was drawn; a merged folder's plan has it. */
static void a_merged_folder_is_a_part_like_others(void **state)
{
	const char *a = make_folder((struct making){ .plan = HEAD MATRIX });
	char dir[512], again[512], command[1200];
	struct folder drawn, whole;
	struct plan plan;

	snprintf(command, sizeof(command), "cp -r %s %s", a, scratch("copy"));
	assert_int_equal(system(command), 0);
	assert_int_equal(merge_two(a, scratch("copy"), dir), 0);
	assert_int_equal(folder_load(&drawn, a, &plan, err, sizeof(err)), 0);
	assert_int_equal(folder_load(&whole, dir, &plan, err, sizeof(err)), 0);
	assert_int_equal(whole.seed, drawn.seed);
	folder_close(&drawn);
	folder_close(&whole);
	if (merge_two(a, dir, again))
		fail_msg("%s", err);
	same_file(dir, again, "runs.csv");
}

/* Also under the name that the newest has. */
static void a_folder_that_is_named_twice_is_refused(void **state)
{
	const char *a = make_folder((struct making){ 0 });
	char link[300];

	snprintf(link, sizeof(link), "%s", scratch("newest"));
	assert_int_equal(symlink(a, link), 0);
	refused(a, a, "are one folder: name each part once");
	refused(a, link, "are one folder: name each part once");
}

static void a_run_that_is_twice_and_not_the_same_is_refused(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 } });
	const char *b = make_folder((struct making){ .part = { 5, 8 } });
	struct run_row *rows;
	size_t n;

	rows = runs_of(a, &n);
	rows[0].stream_bytes++;
	put_runs(b, rows, 1);
	refused(a, b, "they are not the same");
	assert_non_null(strstr(err, rows[0].run_id));
	free(rows);
}

static void attempts_are_all_kept(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 } });
	const char *b = make_folder((struct making){ .part = { 5, 8 } });
	struct run_row *rows, again;
	char dir[512];
	size_t n;

	rows = runs_of(b, &n);
	again = rows[1];
	ROW_TEXT(again.run_id, "%s.attempt2", rows[1].run_id);
	ROW_TEXT(rows[1].status, "invalid");
	rows[2] = again;
	put_runs(b, rows, 3);
	free(rows);
	assert_int_equal(merge_two(a, b, dir), 0);
	rows = runs_of(dir, &n);
	assert_int_equal(n, 7);
	assert_string_equal(rows[5].status, "invalid");
	free(rows);
}

static void rewrite_rows(const char *dir, int64_t schema, const char *accelerator)
{
	struct run_row *rows;
	size_t n;

	rows = runs_of(dir, &n);
	for (size_t i = 0; i < n; i++) {
		rows[i].schema_version = schema;
		ROW_TEXT(rows[i].accelerator, "%s", accelerator);
	}
	put_runs(dir, rows, n);
	free(rows);
}

/* The first run; what VMs ran under, the others tell. */
static void take_out_of_its_vm(const char *dir)
{
	struct run_row *rows;
	size_t n;

	rows = runs_of(dir, &n);
	ROW_TEXT(rows[0].accelerator, ACCELERATOR_NONE);
	put_runs(dir, rows, n);
	free(rows);
}

static void what_has_no_vm_is_of_any_accelerator(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 } });
	const char *b = make_folder((struct making){ .part = { 5, 8 } });
	char dir[512];

	take_out_of_its_vm(a);
	assert_int_equal(merge_two(a, b, dir), 0);
}

static void what_differs_is_named(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 } });
	const char *b;

	b = make_folder((struct making){ .plan = PLAN "flows=8\n", .part = { 5, 8 } });
	refused(a, b, "another plan");
	assert_non_null(strstr(err, "'flows = 8' against ''"));
	b = make_folder((struct making){ .plan = HEAD "window=9s\nseed=7\n" MATRIX, .part = { 5, 8 } });
	refused(a, b, "'window = 9s' against 'window = 1500ms'");
	a = make_folder((struct making){ .part = { 1, 4 } });
	b = make_folder((struct making){ .host = "{\"accelerator\":\"tcg\",\"host\":{\"cpu\":\"two\"}}",
					 .part = { 5, 8 } });
	refused(a, b, "cpu is 'two' against 'one'");
	b = make_folder((struct making){ .host = "{\"accelerator\":\"tcg\"}", .part = { 5, 8 } });
	refused(a, b, "cpu is 'absent' against 'one'");
	b = make_folder((struct making){ .host = "no json", .part = { 5, 8 } });
	refused(a, b, "environment.json");
	a = make_folder((struct making){ .part = { 1, 4 } });
	b = make_folder((struct making){ .part = { 5, 8 } });
	rewrite_rows(b, SCHEMA_OLDEST, "tcg");
	refused(a, b, "of schema 1");
	rewrite_rows(b, SCHEMA_VERSION, "kvm");
	refused(a, b, "accelerator kvm");
	take_out_of_its_vm(b);
	refused(a, b, "accelerator kvm");
	refused(a, scratch("nothing"), "No such file");
}

static void another_order_is_named(void **state)
{
	const char *a = make_folder((struct making){ .part = { 1, 4 } });
	const char *b = make_folder((struct making){
		.plan = HEAD "seed=8\n" MATRIX, .part = { 5, 8 } });

	refused(a, b, "seed 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_halves_equal_the_whole),
		cmocka_unit_test(what_is_split_or_missing_is_said),
		cmocka_unit_test(each_part_keeps_its_calibrations),
		cmocka_unit_test(each_part_keeps_its_idle_windows),
		cmocka_unit_test(a_run_that_is_twice_the_same_is_kept_once),
		cmocka_unit_test(a_merged_folder_is_a_part_like_others),
		cmocka_unit_test(a_folder_that_is_named_twice_is_refused),
		cmocka_unit_test(a_run_that_is_twice_and_not_the_same_is_refused),
		cmocka_unit_test(attempts_are_all_kept),
		cmocka_unit_test(what_has_no_vm_is_of_any_accelerator),
		cmocka_unit_test(what_differs_is_named),
		cmocka_unit_test(another_order_is_named),
	};

	return cmocka_run_group_tests_name("merge", tests, scratch_make, scratch_remove);
}
