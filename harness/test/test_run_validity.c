/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes a run invalid, each on its own, and its reason. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "harness/run_internal.h"

static struct plan plan;
static struct run_context ctx = { .plan = &plan };
static struct run_row row;
static struct run r;

/* Two seconds on two CPUs, of which nothing is to be said. */
static int make_run(void **state)
{
	plan.steal_percent = PLAN_STEAL_PERCENT;
	plan.link_rate_bits_per_s = 0;
	CPU_ZERO(&plan.vcpu_cpus);
	CPU_ZERO(&plan.host_cpus);
	CPU_SET(0, &plan.vcpu_cpus);
	CPU_SET(1, &plan.host_cpus);
	columns_clear(runs_columns(), &row);
	ROW_TEXT(row.status, "ok");
	row.window_s = row.guest_window_s = 2;
	row.samples_due = 20;
	row.samples_lost = 0;
	r = (struct run){ .ctx = &ctx, .row = &row };
	return 0;
}

static void is_valid(const char *remark)
{
	run_check(&r);
	assert_string_equal(row.status, "ok");
	assert_string_equal(row.reason, remark);
}

static void is_invalid(const char *reason)
{
	run_check(&r);
	assert_string_equal(row.status, "invalid");
	assert_string_equal(row.reason, reason);
}

static void a_quiet_run_is_valid(void **state)
{
	is_valid("");
}

static void what_the_machine_does_not_tell_cannot_fail(void **state)
{
	row.core_throttles = row.package_throttles = ABSENT_INTEGER;
	row.copy_bandwidth_bytes_per_s = ABSENT_INTEGER;
	r.fastest_stream = 1e9;
	is_valid("");
}

static void any_throttling_is_too_much(void **state)
{
	row.core_throttles = row.package_throttles = 0;
	is_valid("");
	row.package_throttles = 2;
	is_invalid("the CPUs were throttled for heat: 0 times by core, 2 by package; cool the "
		   "machine, or measure shorter");
	make_run(NULL);
	row.core_throttles = 1;
	is_invalid("the CPUs were throttled for heat: 1 times by core, 0 by package; cool the "
		   "machine, or measure shorter");
}

static void the_governor_must_not_change(void **state)
{
	ROW_TEXT(r.begin.state.governor, "powersave");
	ROW_TEXT(r.end.state.governor, "powersave");
	is_valid("");
	ROW_TEXT(r.end.state.governor, "performance");
	is_invalid("the CPUs' governor changed from powersave to performance");
}

static void some_samples_may_be_lost(void **state)
{
	row.samples_lost = 4;			/* a fifth */
	is_valid("");
	row.samples_lost = 5;
	is_invalid("5 of 20 samples are missing: the host's CPUs were overloaded");
	make_run(NULL);
	row.samples_due = 3;
	row.samples_lost = 1;			/* one is no rate */
	is_valid("");
	row.samples_lost = 2;
	is_invalid("2 of 3 samples are missing: the host's CPUs were overloaded");
}

static void threads_must_be_where_they_were_pinned(void **state)
{
	r.astray = "a thread of the peer was not where it was pinned";
	is_invalid("a thread of the peer was not where it was pinned");
}

static void steal_is_judged_by_each_set_of_cpus(void **state)
{
	r.end.vcpu_steal_ns = 200000000;	/* 10 % of one CPU for 2 s */
	r.end.host_steal_ns = 200000000;
	is_valid("");
	r.end.host_steal_ns = 220000000;
	is_invalid("a hypervisor took 11.0 % of the host's CPUs");
	make_run(NULL);
	plan.steal_percent = 20;
	r.end.vcpu_steal_ns = 300000000;
	is_valid("a hypervisor took 15.0 % of the vCPUs' CPUs, which this plan allows");
}

static void other_programs_may_use_as_much(void **state)
{
	row.others_s = NAN;			/* nobody knows */
	is_valid("");
	row.others_s = 0.4;			/* 10 % of two CPUs for 2 s */
	is_valid("");
	row.others_s = 0.5;
	is_invalid("other programs used 12.5 % of the run's CPUs");
	make_run(NULL);
	plan.steal_percent = 20;
	row.others_s = 0.5;
	is_valid("other programs used 12.5 % of the run's CPUs, which this plan allows");
}

static void a_calibration_goes_on_where_a_hypervisor_steals(void **state)
{
	ROW_TEXT(row.kind, "calibrate");
	r.end.vcpu_steal_ns = 200000000;
	is_valid("");
	r.end.vcpu_steal_ns = 1200000000;	/* 60 % */
	is_valid("a hypervisor took 60.0 % of the vCPUs' CPUs, which a calibration allows");
	row.reason[0] = '\0';
	row.core_throttles = 1;			/* and all else is judged */
	row.package_throttles = 0;
	is_invalid("a hypervisor took 60.0 % of the vCPUs' CPUs, which a calibration allows; the "
		   "CPUs were throttled for heat: 1 times by core, 0 by package; cool the machine, "
		   "or measure shorter");
}

static void the_guests_clock_must_agree(void **state)
{
	row.guest_window_s = 1.91;
	is_valid("");
	row.guest_window_s = 1.89;
	is_invalid("the guest's clock disagrees: 1.890 s for a window of 2.000 s");
	ROW_TEXT(row.accelerator, ACCELERATOR_NONE);	/* no guest, no clock of its own */
	ROW_TEXT(row.reason, "%s", "");
	is_invalid("memnet-native was held up: its counts are 1.890 s apart for a window of "
		   "2.000 s");
	make_run(NULL);
	row.guest_window_s = NAN;
	run_check(&r);
	assert_string_equal(row.status, "invalid");
}

/* It may be over sooner than its edges: they tell how long the guest has counted. */
static void an_apps_clock_is_held_against_the_answers(void **state)
{
	row.window_s = 0.1;
	row.guest_window_s = 0.124;
	is_invalid("the guest's clock disagrees: 0.124 s for a window of 0.100 s");
	make_run(NULL);
	ROW_TEXT(row.app, "speed");
	r.begin.guest[0].at_ns = 7;
	r.end.guest[0].at_ns = 100000007;
	row.window_s = 0.03;
	row.guest_window_s = 0.154;
	is_valid("");
	row.guest_window_s = 0.156;
	is_invalid("the guest's clock disagrees: 0.156 s for a window of 0.100 s");
}

static void bytes_must_be_right_and_possible(void **state)
{
	ROW_TEXT(row.stream_content, "bad");
	is_invalid("content check failed");
	make_run(NULL);
	row.copy_bandwidth_bytes_per_s = 1000;
	r.fastest_stream = 1000;
	is_valid("");
	r.fastest_stream = 1001;
	is_invalid("the rate exceeds the guest's copy bandwidth of the same boot");
}

/* 5 MB/s, of which 5 % and a burst of 128 KiB in 2 s may be too much. */
static void nothing_is_faster_than_the_link(void **state)
{
	row.stream_bytes_per_s = 1e9;
	is_valid("");				/* there is none */
	plan.link_rate_bits_per_s = 40000000;
	row.stream_bytes_per_s = 5.31e6;
	is_valid("");
	row.stream_bytes_per_s = 5.32e6;
	is_invalid("42.6 Mbit/s came through a link of 40.0 Mbit/s: it was not between; please "
		   "report this");
	make_run(NULL);
	plan.link_rate_bits_per_s = 40000000;
	is_valid("");				/* nothing came */
	row.requests = 10640;
	row.request_rate_per_s = 5320;
	row.request_bytes = 64;
	row.response_bytes = 990;
	is_valid("");
	row.response_bytes = 1000;
	is_invalid("42.6 Mbit/s came through a link of 40.0 Mbit/s: it was not between; please "
		   "report this");
}

/* Of 4 s of two CPUs for two seconds. */
static void idle_is_idle(void **state)
{
	r.end.host = (struct cputime_host){ .busy_ns = 200000000, .idle_ns = 3800000000 };
	run_check_idle(&r);
	assert_string_equal(row.status, "ok");
	r.end.host = (struct cputime_host){ .busy_ns = 240000000, .idle_ns = 3760000000 };
	run_check_idle(&r);
	assert_string_equal(row.status, "invalid");
	assert_string_equal(row.reason, "others kept the CPUs 6 % busy while the machine was to be "
			    "idle; stop what else runs here");
	make_run(NULL);				/* nothing was read */
	run_check_idle(&r);
	assert_string_equal(row.status, "invalid");
	make_run(NULL);
	r.end.host = (struct cputime_host){ .idle_ns = 4000000000 };
	row.package_throttles = 1;		/* and the machine's own checks */
	run_check_idle(&r);
	assert_string_equal(row.status, "invalid");
}

static void all_reasons_are_given(void **state)
{
	ROW_TEXT(row.stream_content, "bad");
	row.core_throttles = 1;
	row.samples_lost = 20;
	run_check(&r);
	assert_non_null(strstr(row.reason, "content check failed; the CPUs were throttled"));
	assert_non_null(strstr(row.reason, "; 20 of 20 samples"));
	for (int i = 0; i < 20; i++)		/* and never more than there is room for */
		run_check(&r);
	assert_true(strlen(row.reason) < sizeof(row.reason));
}

#define TEST(f)	cmocka_unit_test_setup(f, make_run)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_quiet_run_is_valid),
		TEST(what_the_machine_does_not_tell_cannot_fail),
		TEST(any_throttling_is_too_much),
		TEST(the_governor_must_not_change),
		TEST(some_samples_may_be_lost),
		TEST(threads_must_be_where_they_were_pinned),
		TEST(steal_is_judged_by_each_set_of_cpus),
		TEST(other_programs_may_use_as_much),
		TEST(a_calibration_goes_on_where_a_hypervisor_steals),
		TEST(the_guests_clock_must_agree),
		TEST(an_apps_clock_is_held_against_the_answers),
		TEST(bytes_must_be_right_and_possible),
		TEST(nothing_is_faster_than_the_link),
		TEST(idle_is_idle),
		TEST(all_reasons_are_given),
	};

	return cmocka_run_group_tests_name("run validity", tests, NULL, NULL);
}
