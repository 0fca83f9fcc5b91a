/* SPDX-License-Identifier: BSD-2-Clause */
/* A results folder that is opened again: what is remembered, repaired, refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "harness/folder.h"
#include "harness/rows.h"
#include "harness/test/made_rows.h"
#include "harness/test/scratch.h"
#include "memnet-core/base/version.h"

#define PLAN "[plan]\nname=made-up\n[matrix m]\npaths=memnet\nscenarios=idle\narms=spare-core\n" \
	     "directions=send\n"

static char err[2048];
static char dir[512];

/* A folder with three rows; its path in dir. */
static void make_folder(struct plan_range part)
{
	struct run_row rows[3];
	struct plan plan;
	struct folder f;

	assert_int_equal(plan_load(&plan, scratch_write("plan.ini", PLAN), err, sizeof(err)), 0);
	assert_int_equal(folder_create(&f, scratch("results"), &plan, part, err, sizeof(err)), 0);
	for (int i = 0; i < 3; i++)
		rows[i] = made_run("memnet", "idle", i);
	ROW_TEXT(rows[2].reason, "a text with \"quotes\", commas\nand a second line");
	assert_int_equal(runs_append(f.runs_fd, rows, 3), 0);
	strcpy(dir, f.dir);
	folder_close(&f);
}

static const char *in_dir(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(in_dir(name), &st) ? -1 : st.st_size;
}

static size_t read_text(const char *name, char *text, size_t size)
{
	FILE *f = fopen(in_dir(name), "r");
	size_t n = fread(text, 1, size - 1, f);

	fclose(f);
	text[n] = '\0';
	return n;
}

static void manifest_has(const char *words)
{
	char text[4096];

	read_text("manifest", text, sizeof(text));
	if (!strstr(text, words))
		fail_msg("'%s' lacks '%s'", text, words);
}

static void manifest_lacks(const char *words)
{
	char text[4096];

	read_text("manifest", text, sizeof(text));
	assert_null(strstr(text, words));
}

static void seed_and_part_are_remembered(void **state)
{
	struct plan plan;
	struct folder f;

	make_folder((struct plan_range){ 3, 17 });
	assert_int_equal(folder_resume(&f, dir, &plan, err, sizeof(err)), 0);
	assert_true(f.seed != 0);
	assert_int_equal(f.part.first, 3);
	assert_int_equal(f.part.last, 17);
	assert_string_equal(f.git, version_git);
	assert_string_equal(f.repaired, "");
	assert_int_equal(f.n_done, 3);
	assert_string_equal(plan.name, "made-up");
	manifest_lacks("resumed");	/* it may still be refused */
	assert_int_equal(folder_note_resumption(&f, err, sizeof(err)), 0);
	folder_close(&f);
	manifest_has(" runs=3..17\n");
	manifest_has("resumed git=");
}

/* Cut the file anywhere in its last row: the two before stay, and the piece is kept. */
static void a_torn_row_is_cut_off_and_kept(void **state)
{
	static char text[16384];
	off_t whole, two;

	make_folder((struct plan_range){ 0 });
	whole = size_of("runs.csv");
	read_text("runs.csv", text, sizeof(text));
	two = strstr(text, "memnet-idle-2") - text;
	two = (char *)memrchr(text, '\n', two) + 1 - text;
	for (off_t at = whole - 1; at > two; at -= 7) {
		FILE *f = fopen(in_dir("runs.csv"), "w");
		struct plan plan;
		struct folder folder;
		static char left[sizeof(text)];

		fwrite(text, 1, at, f);
		fclose(f);
		unlink(in_dir("runs.csv.torn"));
		assert_int_equal(folder_resume(&folder, dir, &plan, err, sizeof(err)), 0);
		assert_int_equal(folder.n_done, 2);
		assert_non_null(strstr(folder.repaired, "cut off a torn last row"));
		assert_int_equal(folder_note_resumption(&folder, err, sizeof(err)), 0);
		folder_close(&folder);
		assert_int_equal(size_of("runs.csv"), two);
		assert_int_equal(read_text("runs.csv.torn", left, sizeof(left)), at - two);
		assert_memory_equal(left, text + two, at - two);
	}
	manifest_has("repaired ");
}

static void rows_after_a_repair_are_whole(void **state)
{
	struct run_row row = made_run("memnet", "idle", 9);
	struct plan plan;
	struct folder f;

	make_folder((struct plan_range){ 0 });
	assert_int_equal(truncate(in_dir("runs.csv"), size_of("runs.csv") - 20), 0);
	assert_int_equal(folder_resume(&f, dir, &plan, err, sizeof(err)), 0);
	assert_int_equal(runs_append(f.runs_fd, &row, 1), 0);
	folder_close(&f);
	assert_int_equal(folder_load(&f, dir, &plan, err, sizeof(err)), 0);
	assert_int_equal(f.n_done, 3);
	assert_string_equal(f.done[2].run_id, "memnet-idle-9");
	folder_close(&f);
}

static void another_version_is_named(void **state)
{
	static char text[16384];
	FILE *file;
	struct plan plan;
	struct folder f;

	make_folder((struct plan_range){ 0 });
	read_text("runs.csv", text, sizeof(text));
	file = fopen(in_dir("runs.csv"), "w");
	fprintf(file, "columns_of_old,%s", text);
	fclose(file);
	assert_int_equal(folder_resume(&f, dir, &plan, err, sizeof(err)), -EPROTO);
	assert_non_null(strstr(err, "begun by another version (git "));
	assert_non_null(strstr(err, version_git));
	folder_close(&f);
	assert_int_equal(size_of("runs.csv.torn"), -1);
}

static void what_is_no_results_folder_is_refused(void **state)
{
	struct plan plan;
	struct folder f;

	assert_int_not_equal(folder_resume(&f, scratch("none"), &plan, err, sizeof(err)), 0);
	assert_non_null(strstr(err, "/none: No such file"));
	folder_close(&f);
	assert_int_not_equal(folder_resume(&f, scratch("results"), &plan, err, sizeof(err)), 0);
	assert_non_null(strstr(err, "/manifest: No such file"));
	folder_close(&f);
	scratch_write("manifest", "2026-01-31T12:00:00Z created\n");
	assert_int_not_equal(folder_resume(&f, scratch_dir, &plan, err, sizeof(err)), 0);
	assert_non_null(strstr(err, "/manifest: no seed in its first line"));
	folder_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_and_part_are_remembered),
		cmocka_unit_test(a_torn_row_is_cut_off_and_kept),
		cmocka_unit_test(rows_after_a_repair_are_whole),
		cmocka_unit_test(another_version_is_named),
		cmocka_unit_test(what_is_no_results_folder_is_refused),
	};

	return cmocka_run_group_tests_name("folder", tests, scratch_make, scratch_remove);
}
