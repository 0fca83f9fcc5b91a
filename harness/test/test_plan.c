/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a plan: what is accepted, how a mistake is named, what is inherited and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/test/plan_text.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

static void the_shipped_plans_load(void **state)
{
	static const char *const shipped[] = {
		"harness/plans/paper.ini", "harness/plans/smoke.ini",
		"harness/plans/paths.ini", "harness/plans/spin.ini",
		"harness/plans/two-vm.ini", "harness/plans/n-vm.ini",
		"harness/plans/sizes.ini", "harness/plans/flows.ini", "harness/plans/aa.ini",
		"harness/plans/apps.ini", "harness/plans/connections.ini",
		"harness/plans/programs.ini",
		"harness/plans/regions.ini",
		"harness/plans/link.ini",
	};
	struct plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(shipped); i++)
		if (plan_load(&plan, shipped[i], err, sizeof(err)))
			fail_msg("%s", err);
}

static void values_have_units_and_defaults(void **state)
{
	struct plan plan;

	assert_int_equal(load(&plan, "[plan]\nname=x\nwindow=2s\nchunk=64k\n" MATRIX), 0);
	assert_string_equal(plan.name, "x");
	assert_true(plan.window_ns == 2 * NSEC_PER_SEC);
	assert_int_equal(plan.chunk_bytes, 65536);
	assert_int_equal(plan.vcpus, 1);
	assert_int_equal(plan.steal_percent, PLAN_STEAL_PERCENT);
	assert_int_equal(load(&plan, "[plan]\nsteal_percent=100\n" MATRIX), 0);
	assert_int_equal(plan.steal_percent, 100);
	assert_int_equal(plan.idle_ns, NSEC_PER_SEC);
	assert_int_equal(load(&plan, "[plan]\nidle_window=0s\n" MATRIX), 0);
	assert_int_equal(plan.idle_ns, 0);
	assert_int_equal(load(&plan, "[plan]\nrequest_bytes=1\nresponse_bytes=5k\nrr_rate=2000\n"
			      MATRIX), 0);
	assert_int_equal(plan.request_bytes, 1);
	assert_int_equal(plan.response_bytes, 5120);
	assert_int_equal(plan.rr_rate, 2000);
	assert_false(plan.guest_insns || plan.syscalls);
	assert_int_equal(load(&plan, "[plan]\nguest_insns=yes\nsyscalls=yes\n" MATRIX), 0);
	assert_true(plan.guest_insns && plan.syscalls);
	assert_int_equal(load(&plan, "[plan]\nguest_insns=no\n" MATRIX), 0);
	assert_false(plan.guest_insns);
}

static void a_link_has_a_rate_and_a_delay(void **state)
{
	static const struct { const char *text; uint64_t rate; } rates[] = {
		{ "200Mbit", 200000000 }, { "1gbit", 1000000000 }, { "1500kbit", 1500000 },
		{ "1000000bit", 1000000 }, { "400Gbit", 400000000000 }, { "none", 0 },
	};
	struct plan plan;
	char text[512];

	assert_int_equal(load(&plan, MATRIX), 0);
	assert_false(plan.link_rate_bits_per_s || plan.link_delay_ns);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		snprintf(text, sizeof(text), "[plan]\nlink_rate=%s\nlink_delay=%zums\n" MATRIX,
			 rates[i].text, i);
		assert_int_equal(load(&plan, text), 0);
		assert_true(plan.link_rate_bits_per_s == rates[i].rate);
		assert_true(plan.link_delay_ns == (int64_t)i * NSEC_PER_MSEC);
	}
	scratch_write("base.ini", "[plan]\nlink_rate=2Gbit\nlink_delay=5ms\n" MATRIX);
	assert_int_equal(load(&plan, "[plan]\ninherits=base.ini\nlink_rate=none\n"), 0);
	assert_true(!plan.link_rate_bits_per_s && plan.link_delay_ns == 5 * NSEC_PER_MSEC);
}

static void a_link_of_another_kind_is_refused(void **state)
{
	static const char *const rates[] = {
		"200", "0Mbit", "Mbit", "999kbit", "401Gbit", "20MByte", "2.5Gbit", "-1Mbit",
		"100000000000000000Gbit", "99999999999999999999bit", "10 Mbit", "Mbit10",
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		snprintf(text, sizeof(text), "[plan]\nname=x\nlink_rate=%s\n" MATRIX, rates[i]);
		refused(text, ":3:", ": want a rate from 1Mbit to 400Gbit, such as 200Mbit; none: ");
	}
	refused("[plan]\nlink_delay=2s\n" MATRIX, ":2:", "want a time up to 1s, such as 5ms; 0s: none");
	refused("[plan]\nlink_delay=5\n" MATRIX, ":2:", "want a time up to 1s");
	refused("[plan]\nlinkrate=5Mbit\n" MATRIX, ":2:", "did you mean 'link_rate'?");
}

static void a_mistake_is_named_with_its_line_and_the_mend(void **state)
{
	refused("[plan]\nname=x\nwidow=2s\n" MATRIX, ":3:", "did you mean 'window'");
	refused("[plan]\nwindow=2\n" MATRIX, ":2:", "want a time");
	refused("[plan]\nchunk=5000\n" MATRIX, ":2:", "multiple of 4k");
	refused("[plan]\nidle_window=2h\n" MATRIX, ":2:", "0s: none");
	refused("[plan]\nsteal_percent=101\n" MATRIX, ":2:", "0 to 100");
	refused("[plan]\nrepetitions=0\n" MATRIX, ":2:", "1 to 1000");
	refused("[plan]\nmemory_mib=99999999\n" MATRIX, ":2:", "128 to 1048576");
	refused("[plan]\npackages = curl /bin/sh\n" MATRIX, ":2:", "names of Debian packages");
	refused("[plan]\npackages = curl -y\n" MATRIX, ":2:", "names of Debian packages");
	refused("[plan]\npackages = Curl\n" MATRIX, ":2:", "names of Debian packages");
	refused("[plan]\nsettle=61s\n" MATRIX, ":2:", "up to 60s");
	refused("[plan]\nwindow=3601s\n" MATRIX, ":2:", "to 3600s");
	refused("[plans]\nname=x\n", ":2:", "[plan] or [matrix NAME]");
	refused("[plan]\nno equals sign\n" MATRIX, ":2:", "key = value");
	refused("[matrix m]\npaths=virtio-tap,carrier-pigeon\n", ":2:", "memnet");
	refused("[plan]\ncompute=sha265\n" MATRIX, ":2:", "sha256 or matmul");
	refused("[plan]\nguest_insns=maybe\n" MATRIX, ":2:", "yes or no");
	refused(MATRIX MATRIX, ":7:", "set twice");
	refused("[matrix m]\npath=memnet\n", ":2:", "did you mean 'paths'");
	refused("[plan]\nname=x\n", "", "needs paths, scenarios, arms, directions");
	refused("[plan]\nname=../x\n" MATRIX, ":2:", "results folder");
	refused("[matrix a]\npaths=memnet\n" MATRIX, ":4:",
		"[matrix a] lacks scenarios, arms, directions; apps may stand");
	refused("[matrix a]\npaths=memnet\nscenarios=idle\n" MATRIX, ":5:", "lacks arms, directions");
}

static void words_that_nobody_knows_get_the_nearest(void **state)
{
	refused("[matrix m]\npaths=memnte\n", ":2:", "did you mean 'memnet'? want a list out of virtio-tap");
	refused("[matrix m]\nscenarios=hybird-paced\n", ":2:", "did you mean 'hybrid-paced'?");
	refused("[matrix m]\narms=equal_core\n", ":2:", "did you mean 'equal-core'?");
	refused("[matrix m]\ndirections=sent\n", ":2:", "did you mean 'send'?");
	refused("[matrix m]\npaths=\n", ":2:", "want a list out of virtio-tap");
	refused("[matrix m]\nflows=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n", ":2:", "more than 16");
}

static void a_plan_takes_over_what_it_inherits(void **state)
{
	struct plan plan;

	scratch_write("base.ini", "[plan]\nname=base\nwindow=2s\nwarmup=1s\n" MATRIX);
	assert_int_equal(load(&plan, "[plan]\nwarmup=2s\ninherits=base.ini\n"), 0);
	assert_true(plan.window_ns == 2 * NSEC_PER_SEC);
	assert_true(plan.warmup_ns == 2 * NSEC_PER_SEC);
	assert_int_equal(plan.n_configs, 12);
	assert_string_equal(plan.name, "plan");		/* its file's, not the other's */
	assert_int_equal(load(&plan, "[plan]\nname=mine\ninherits=base.ini\n[matrix one]\n"
			      "paths=memnet\nscenarios=idle\narms=spare-core\ndirections=send\n"), 0);
	assert_int_equal(plan.n_configs, 1);
	assert_string_equal(plan.name, "mine");
}

static void inheritance_that_does_not_end_is_refused(void **state)
{
	char name[16], text[64];

	scratch_write("a.ini", "[plan]\ninherits=b.ini\n");
	scratch_write("b.ini", "[plan]\ninherits=./a.ini\n");
	refused("[plan]\ninherits=a.ini\n", "a.ini: ", "inherits from itself");
	refused("[plan]\ninherits=plan\n", "plan: ", "inherits from itself");
	refused("[plan]\ninherits=\n", ":2:", "want the file of a plan");
	refused("[plan]\ninherits=no-such.ini\n", "/no-such.ini nor ",
		"share/memnet/plans/no-such.ini is there");
	refused("[plan]\ninherit=a.ini\n", ":2:", "did you mean 'inherits'");
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "%d.ini", i);
		snprintf(text, sizeof(text), "[plan]\ninherits=%d.ini\n", i + 1);
		scratch_write(name, text);
	}
	refused("[plan]\ninherits=0.ini\n", "4.ini: ", "more than 4 plans");
}

/* What is wrong is said of the file it is in. */
static void a_mistake_in_what_is_inherited_is_named_there(void **state)
{
	scratch_write("base.ini", "[plan]\nwidow=2s\n" MATRIX);
	refused("[plan]\ninherits=base.ini\n", "base.ini:2:", "did you mean 'window'");
}

static const char *written(const struct plan *plan)
{
	const char *path = scratch("written.ini");
	FILE *f = fopen(path, "w");

	plan_write(plan, f);
	fclose(f);
	return path;
}

static void what_is_written_is_read_as_the_same(void **state)
{
	struct plan plan, again;

	scratch_write("base.ini", "[plan]\nname=base\nwindow=1234567us\nchunk=12k\nvcpu_cpus=0-1,3\n"
		      "host_cpus=2\nguest_insns=yes\nrequest_bytes=4M\n" WIDE "chunk=4k,1M\n" MATRIX);
	assert_int_equal(load(&plan, "[plan]\nname=x\nrr_rate=7\nlink_rate=1500kbit\n"
			      "link_delay=250us\npace=40Mbit\ninherits=base.ini\n"), 0);
	assert_true(plan.pace_bits_per_s == 40000000);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
	assert_int_equal(load(&plan, MATRIX), 0);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
}

static void what_is_long_is_written_in_whole(void **state)
{
	static const char long_paths[] = "memnet@a1234567890,memnet@b1234567890,memnet@c1234567890,"
		"memnet@d1234567890,memnet@e1234567890,memnet@f1234567890,memnet@g1234567890,memnet@h";
	struct plan plan, again;
	char text[1024];

	snprintf(text, sizeof(text), "[plan]\nvcpu_cpus=0-511,600,700-701\nhost_cpus=512-599\n"
		 "[matrix m]\npaths=%s\nscenarios=idle\narms=spare-core\ndirections=send\n", long_paths);
	assert_int_equal(load(&plan, text), 0);
	assert_int_equal(plan.n_configs, 8);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
	snprintf(text, sizeof(text), "[matrix m]\npaths=%s,memnet@i1234567890,memnet@j\n", long_paths);
	refused(text, ":2:", "more than 160 characters");
}

/* Whatever a file holds: it loads, or is refused with one line. */
static void a_spoilt_file_is_refused_in_one_line(void **state)
{
	static const char good[] = "[plan]\nname=x\nwindow=2s\nvcpu_cpus=0-3\nhost_cpus=4\n" WIDE
				   "chunk=4k,1M\n";
	uint64_t rng = 1;
	struct plan plan;
	char text[sizeof(good)];
	int bad = 0;

	for (int i = 0; i < 3000; i++) {
		memcpy(text, good, sizeof(good));
		for (int n = mn_splitmix64(&rng) % 4; n >= 0; n--)
			text[mn_splitmix64(&rng) % (sizeof(good) - 1)] = 1 + mn_splitmix64(&rng) % 255;
		if (!load(&plan, text))
			continue;
		bad++;
		assert_true(*err && strlen(err) < sizeof(err));
		assert_null(strchr(err, '\n'));
	}
	assert_in_range(bad, 1000, 2999);
}

static void a_missing_file_is_named(void **state)
{
	struct plan plan;

	assert_int_not_equal(plan_load(&plan, "/no/such.ini", err, sizeof(err)), 0);
	assert_non_null(strstr(err, "/no/such.ini: No such file"));
}

static void impossible_core_lists_are_refused(void **state)
{
	static const char *const impossible[] = {
		"vcpu_cpus=0\n",				/* the other is missing */
		"vcpu_cpus=0\nhost_cpus=0\n",			/* not apart */
		"vcpu_cpus=0\nhost_cpus=1023\n",		/* not there */
	};
	struct plan plan;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		snprintf(text, sizeof(text), "[plan]\n%s" MATRIX, impossible[i]);
		assert_int_equal(load(&plan, text), 0);
		assert_int_not_equal(plan_choose_cpus(&plan, err, sizeof(err)), 0);
		assert_non_null(strstr(err, "host_cpus"));
	}
	refused("[plan]\nvcpu_cpus=zero\n" MATRIX, ":2:", "CPU list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_plans_load),
		cmocka_unit_test(values_have_units_and_defaults),
		cmocka_unit_test(a_link_has_a_rate_and_a_delay),
		cmocka_unit_test(a_link_of_another_kind_is_refused),
		cmocka_unit_test(a_mistake_is_named_with_its_line_and_the_mend),
		cmocka_unit_test(words_that_nobody_knows_get_the_nearest),
		cmocka_unit_test(a_plan_takes_over_what_it_inherits),
		cmocka_unit_test(inheritance_that_does_not_end_is_refused),
		cmocka_unit_test(a_mistake_in_what_is_inherited_is_named_there),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
		cmocka_unit_test(what_is_long_is_written_in_whole),
		cmocka_unit_test(a_spoilt_file_is_refused_in_one_line),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(impossible_core_lists_are_refused),
	};

	return cmocka_run_group_tests_name("plan", tests, scratch_make, scratch_remove);
}
