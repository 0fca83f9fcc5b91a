/* SPDX-License-Identifier: BSD-2-Clause */
/* Which results folders may be compared, and how much of them; and the gate on whole folders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "harness/compare.h"
#include "harness/provenance.h"
#include "harness/rows.h"
#include "harness/test/made_rows.h"
#include "harness/test/scratch.h"

#define LISTS "scenarios = network\narms = spare-core, equal-core\ndirections = send\n"
#define PLAN "[plan]\nname = a\nrepetitions = 6\nwindow = 1s\n[matrix m]\n" \
	     "paths = memnet, virtio-tap\n" LISTS
#define ENVIRONMENT(accelerator, cpu) \
	"{\"accelerator\":\"" accelerator "\",\"qemu\":\"7.2\",\"guest_kernel\":\"6.1\"," \
	"\"vcpu_cpus\":[0],\"host\":{\"cpu\":\"" cpu "\",\"cpus_online\":2,\"governor\":null}}"

static char *text;
static char err[1024];

static void write_in(const char *dir, const char *name, const char *content)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	scratch_write(path, content);
}

/* Seven runs of about @insns instructions per byte and a rate of @rate. */
static void write_runs_of(const char *dir, int schema_version, int64_t insns, double rate)
{
	struct run_row rows[7];
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/runs.csv", scratch_dir, dir);
	for (int b = 0; b < 7; b++) {
		rows[b] = made_run("memnet", "network", b);
		rows[b].schema_version = schema_version;
		rows[b].stream_bytes = 1000000;
		rows[b].stream_bytes_per_s = rate + b;
		rows[b].guest_insns_user = insns * 1000000 + 1000 * b;
		rows[b].guest_insns_kernel = 0;
		ROW_TEXT(rows[b].guest_insns_source, "tcg-plugin");
	}
	assert_int_equal(runs_save(path, rows, 7, err, sizeof(err)), 0);
}

static void write_runs(const char *dir, int64_t insns, double rate)
{
	write_runs_of(dir, SCHEMA_VERSION, insns, rate);
}

static int begin(void **state)
{
	if (scratch_make(state))
		return -1;
	for (int i = 0; i < 3; i++) {
		const char *dir = (const char *[]){ "old", "new", "aa" }[i];

		mkdir(scratch(dir), 0755);
		write_in(dir, "environment.json", ENVIRONMENT("tcg", "EPYC"));
		write_in(dir, "plan.ini", PLAN);
		write_runs(dir, 3, 1e6);
	}
	scratch_write("margins.csv", "metric,floor_percent,noise_factor,why\n\"any\",2,3,\n");
	return 0;
}

static int end(void **state)
{
	free(text);
	text = NULL;
	return scratch_remove(state);
}

static FILE *capture(void)
{
	static size_t len;

	free(text);
	text = NULL;
	return open_memstream(&text, &len);
}

static int compare(bool with_aa)
{
	char old[128], new[128], aa[128], margins[128];
	const struct compare_options o = { old, new, with_aa ? aa : NULL, margins };
	FILE *f = capture();
	int ret;

	strcpy(old, scratch("old"));
	strcpy(new, scratch("new"));
	strcpy(aa, scratch("aa"));
	strcpy(margins, scratch("margins.csv"));
	err[0] = '\0';
	ret = compare_folders(&o, f, false, err, sizeof(err));
	fclose(f);
	return ret;
}

static void expect(int code, const char *part)
{
	int got = compare(false);

	if (got != code || !strstr(text, part))
		fail_msg("exit %d instead of %d, or no '%s':\n%s%s", got, code, part, text, err);
}

static void folders_of_one_experiment_are_compared(void **state)
{
	expect(COMPARE_OK, "0 worse, 0 inconclusive, 2 unchanged within their margins "
	       "(2 .. 2 %), 0 better: no regression\n");
	assert_null(strstr(text, "differs"));
	write_runs("new", 4, 1e6);
	expect(COMPARE_WORSE,
	       "REGRESSION    memnet, spare-core, network send: guest_insns_per_byte ");
}

static void of_another_host_only_the_deterministic_is_compared(void **state)
{
	write_in("new", "environment.json", ENVIRONMENT("tcg", "Xeon"));
	write_runs("new", 3, 1e3);
	expect(COMPARE_OK, "differs       cpu: 'EPYC' and 'Xeon'\n");
	assert_non_null(strstr(text, "of two hosts: only what is deterministic is compared\n"));
	assert_non_null(strstr(text, "not compared  1: 1 not deterministic\n"));
	write_runs("new", 4, 1e3);
	expect(COMPARE_WORSE, "guest_insns_per_byte");
}

/* Under KVM the guest's CPU is the host's. */
static void of_another_host_under_kvm_nothing_is_compared(void **state)
{
	write_in("old", "environment.json", ENVIRONMENT("kvm", "EPYC"));
	write_in("new", "environment.json", ENVIRONMENT("kvm", "Xeon"));
	expect(COMPARE_NOTHING, "are not of one experiment: nothing was comparable\n");
}

static void of_another_accelerator_nothing_is_compared(void **state)
{
	write_in("new", "environment.json", ENVIRONMENT("kvm", "EPYC"));
	expect(COMPARE_NOTHING, "differs       accelerator: 'tcg' and 'kvm'\n");
	assert_null(strstr(text, "worse"));
}

static void what_is_absent_in_one_differs(void **state)
{
	write_in("new", "environment.json", "{\"accelerator\":\"tcg\",\"qemu\":null}");
	expect(COMPARE_NOTHING, "differs       qemu: '7.2' and 'absent'\n");
	assert_non_null(strstr(text, "differs       vcpu_cpus: '[0]' and 'absent'\n"));
	assert_null(strstr(text, "governor"));	/* null in one, not there in the other */
}

static void a_folder_resumed_elsewhere_is_of_two_hosts(void **state)
{
	write_in("old", "environment-2.json", ENVIRONMENT("tcg", "EPYC"));
	write_in("old", "environment-3.json", ENVIRONMENT("tcg", "Xeon"));
	expect(COMPARE_OK, "differs       cpu: 'EPYC' and 'Xeon'\nof two hosts");
}

static void a_plan_is_its_content(void **state)
{
	static const char *const same[] = {
		"; a comment\n\n[plan]\n  name = b ; another\nrepetitions=20\nseed = 7\n"
		"window = 1s  \n[matrix m]\npaths = memnet,virtio-tap\n" LISTS,
		/* another order, a default written out, a time in another unit */
		"[plan]\nsettle = 100ms\nwindow = 1000ms ; no longer\n[matrix other]\n"
		"directions = send\nscenarios = network\narms = equal-core, spare-core\n"
		"paths = virtio-tap, memnet\n",
		/* two matrices that come to the same */
		"[plan]\nwindow = 1s\n[matrix a]\npaths = virtio-tap\n" LISTS
		"[matrix b]\npaths = memnet\n" LISTS,
	};
	static const struct { const char *plan, *part; } other[] = {
		{ "[plan]\nwindow = 2s\n[matrix m]\npaths = memnet, virtio-tap\n" LISTS,
		  "plan: 'window = 1s' and 'window = 2s'" },
		{ PLAN "flows = 8\n", "plan: 'memnet.equal-core.network.send' and "
		  "'memnet.equal-core.network.send.8-flows'" },
		{ "[plan]\nwindow = 1s\n[matrix m]\npaths = memnet\n" LISTS,
		  "plan: 'virtio-tap.equal-core.network.send' and ''" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		write_in("new", "plan.ini", same[i]);
		expect(COMPARE_OK, "no regression");
	}
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		write_in("new", "plan.ini", other[i].plan);
		expect(COMPARE_NOTHING, other[i].part);
	}
	write_in("old", "plan.ini", "[plan]\nname = one\n[matrix m]\npaths = memnet\n" LISTS);
	write_in("new", "plan.ini", "[plan]\nname = two\n[matrix m]\npaths = virtio-tap\n" LISTS);
	expect(COMPARE_NOTHING, "name of the plan: 'one' and 'two'\ndiffers       plan: ");
}

static void a_plan_that_is_none_is_an_error_that_names_it(void **state)
{
	static const char *const none[] = { "", "[plan]\nnonsense = 1\n" };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		write_in("new", "plan.ini", none[i]);
		if (compare(false) >= 0 || !strstr(err, "new/plan.ini"))
			fail_msg("plan %zu is taken, or '%s' does not name the file", i, err);
	}
}

static void another_schema_is_refused(void **state)
{
	write_runs_of("new", SCHEMA_VERSION - 1, 3, 1e6);
	expect(COMPARE_NOTHING, "differs       schema_version: ");
}

static void an_aa_folder_has_to_be_of_the_same_too(void **state)
{
	write_runs("new", 3, 0.9e6);
	assert_int_equal(compare(false), COMPARE_WORSE);
	write_runs("aa", 3, 1.05e6);
	assert_int_equal(compare(true), COMPARE_OK);
	write_in("aa", "plan.ini", PLAN "flows = 8\n");
	assert_int_equal(compare(true), COMPARE_NOTHING);
	assert_non_null(strstr(text, "/aa are not of one experiment"));
}

static void write_runs_at(const char *dir, const char *start_utc)
{
	struct run_row *rows;
	char path[128];
	size_t n;

	snprintf(path, sizeof(path), "%s/%s/runs.csv", scratch_dir, dir);
	assert_int_equal(runs_load(path, &rows, &n, err, sizeof(err)), 0);
	for (size_t i = 1; i < n; i++)		/* one does not say */
		ROW_TEXT(rows[i].start_utc, "%s", start_utc);
	assert_int_equal(runs_save(path, rows, n, err, sizeof(err)), 0);
	free(rows);
}

static void two_sittings_are_noted(void **state)
{
	static const struct { const char *old, *new, *note; } cases[] = {
		{ "2026-01-31T12:00:00Z", "2026-01-31T12:50:00Z", NULL },
		{ "2026-01-31T12:00:00Z", "2026-02-01T14:30:00Z",
		  "note          measured 26.5 h apart" },
		{ "2026-02-01T14:30:00Z", "2026-01-31T12:00:00Z",
		  "note          measured 26.5 h apart" },
		{ "", "2026-02-01T14:30:00Z", NULL },
		{ "nonsense", "2026-02-01T14:30:00Z", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_runs_at("old", cases[i].old);
		write_runs_at("new", cases[i].new);
		expect(COMPARE_OK, cases[i].note ? cases[i].note : "");
		assert_true(!strstr(text, "note") == !cases[i].note);
		assert_int_equal(compare(true), COMPARE_OK);
		assert_null(strstr(text, "note"));
	}
}

static void what_cannot_be_read_is_an_error_that_names_it(void **state)
{
	static const char *const files[] = {
		"new/plan.ini", "new/environment.json", "new/runs.csv", "margins.csv",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		unlink(scratch(files[i]));
		assert_true(compare(false) < 0);
		if (!strstr(err, files[i]))
			fail_msg("'%s' does not name %s", err, files[i]);
	}
}

static void a_torn_environment_is_an_error(void **state)
{
	static const char *const torn[] = { "", "{", "[]", "{\"host\": 3}", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(torn); i++) {
		int ret;

		write_in("old", "environment.json", torn[i]);
		ret = compare(false);
		assert_true(ret < 0 || ret == COMPARE_NOTHING);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(folders_of_one_experiment_are_compared),
		TEST(of_another_host_only_the_deterministic_is_compared),
		TEST(of_another_host_under_kvm_nothing_is_compared),
		TEST(of_another_accelerator_nothing_is_compared),
		TEST(what_is_absent_in_one_differs),
		TEST(a_folder_resumed_elsewhere_is_of_two_hosts),
		TEST(a_plan_is_its_content),
		TEST(a_plan_that_is_none_is_an_error_that_names_it),
		TEST(another_schema_is_refused),
		TEST(an_aa_folder_has_to_be_of_the_same_too),
		TEST(two_sittings_are_noted),
		TEST(what_cannot_be_read_is_an_error_that_names_it),
		TEST(a_torn_environment_is_an_error),
	};

	return cmocka_run_group_tests_name("provenance", tests, NULL, NULL);
}
