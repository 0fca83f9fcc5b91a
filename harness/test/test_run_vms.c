/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of runs in several VMs, from counts made up here: whose figures, sums, spreads, verdicts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/rows.h"
#include "harness/run_internal.h"
#include "memnet-core/base/clock.h"

static void close_to(double got, double want)
{
	if (!(fabs(got - want) < 1e-6 * fabs(want)))
		fail_msg("got %.9g instead of %.9g", got, want);
}

/* A run of a second and what it stands on. */
static struct fixture {
	struct vm_set vms;
	struct plan plan;
	struct plan_config config;
	struct run_context ctx;
	struct run_row row;
	struct run *run;
	struct energy *energy;
} f;

#define BEGIN_NS	(5 * NSEC_PER_SEC)
#define END_NS		(BEGIN_NS + 1010 * NSEC_PER_MSEC)

static int setup(void **state)
{
	static const struct energy_config energy_config = { 0 };
	struct sampler_config sampler = { .max_samples = 4, .max_marks = 4, .cpu = -1 };

	memset(&f, 0, sizeof(f));
	f.plan = (struct plan){ .compute = "sha256", .steal_percent = 10 };
	CPU_SET(0, &f.plan.vcpu_cpus);
	CPU_SET(1, &f.plan.host_cpus);
	f.ctx = (struct run_context){ .vms = &f.vms, .plan = &f.plan, .config = &f.config };
	runs_clear(&f.row);
	f.run = calloc(1, sizeof(*f.run));
	assert_non_null(f.run);
	f.run->ctx = &f.ctx;
	f.run->row = &f.row;
	f.run->begin.t_ns = BEGIN_NS;
	f.run->end.t_ns = END_NS;
	assert_int_equal(energy_open(&f.energy, &energy_config), 0);
	f.ctx.energy = sampler.energy = f.energy;
	assert_int_equal(sampler_start(&f.run->sampler, &sampler), 0);
	sampler_stop(f.run->sampler);
	return 0;
}

static int teardown(void **state)
{
	sampler_free(f.run->sampler);
	energy_close(f.energy);
	free(f.run);
	return 0;
}

static void topology(const char *name, unsigned int vms, const char *scenario,
		     const char *direction)
{
	f.config = (struct plan_config){
		.path = path_find("memnet"), .scenario = scenario_find(scenario),
		.arm = arm_find("equal-core"), .topology = topology_find(name), .vms = vms,
		.direction = direction, .flows = 1,
	};
	f.vms.n = vms;
	for (unsigned int i = 0; i < vms; i++)
		vm_clear(&f.vms.vm[i], &(struct vm_config){ .path = f.config.path,
							    .no_insns = "not asked for" },
			 (vms > 1) + i);
}

/* What VM @i counted in a window of @ms of its own. */
static void counted(unsigned int i, int ms, long ops, long bytes)
{
	snprintf(f.run->begin.guest[i].line, GUEST_LINE,
		 "mark edge t_ns=7 user=100 nice=0 intr=5 ops0=10 bytes1=20 ops1=30");
	snprintf(f.run->end.guest[i].line, GUEST_LINE,
		 "mark edge t_ns=%lld user=%lld nice=0 intr=8 ops0=%ld bytes1=%ld ops1=%ld",
		 7 + ms * NSEC_PER_MSEC, 100 + 200 * NSEC_PER_MSEC, 10 + ops, 20 + bytes, 30 + ops);
	f.run->end.peer_bytes[i] = bytes;
	f.run->end.threads.vcpu_ns[i] = (i + 1) * 100 * NSEC_PER_MSEC;
	f.run->went[i].at_ns = BEGIN_NS + (int[]){ 2000, 3000, 500 }[i];
}

/* Its stream's last words, and its peer's. */
static void ended(unsigned int i, long bytes, const char *content)
{
	snprintf(f.vms.vm[i].link.slots[1].result, sizeof(f.vms.vm[i].link.slots[1].result),
		 "workload=stream bytes=%ld verified_bytes=%ld content=%s kicks_to_host=%u "
		 "latencies=9 p50_ns=77 connect_p50_ns=33 provider=ivshmem cache=write-back", bytes,
		 bytes, content, i + 1);
	f.run->vm[i].peer_results = 1;
	f.run->vm[i].peer_result_bytes = bytes;
}

static void status_is(const char *status, const char *reason)
{
	if (strcmp(f.row.status, status) || !strstr(f.row.reason, reason))
		fail_msg("%s: '%s' instead of %s: '%s'", f.row.status, f.row.reason, status,
			 reason);
}

static void one_vm_has_nothing_of_several(void **state)
{
	topology("one-vm", 1, "hybrid-saturate", "send");
	counted(0, 1000, 500, 4000);
	ended(0, 4100, "ok");
	run_fill_row(f.run);
	status_is("ok", "");
	close_to(f.row.compute_ops_per_s, 500);
	close_to(f.row.stream_bytes_per_s, 4000 / 1.01);
	close_to(f.row.guest_window_s, 1);
	assert_true(f.row.start_skew_ns == ABSENT_INTEGER);
	assert_true(isnan(f.row.compute_ops_per_s_min) && isnan(f.row.stream_bytes_per_s_max));
	assert_true(isnan(f.row.cpu_vcpu_compute_s) && isnan(f.row.cpu_vcpu_network_s));
}

static void a_region_that_is_not_where_the_plan_has_it_is_invalid(void **state)
{
	char *result = f.vms.vm[0].link.slots[1].result;

	topology("one-vm", 1, "network", "send");
	counted(0, 1000, 0, 4000);
	ended(0, 4100, "ok");
	run_fill_row(f.run);
	status_is("ok", "");
	assert_string_equal(f.row.region_provider, "ivshmem");
	assert_string_equal(f.row.region_cache, "write-back");
	f.config.region = "guest-ram";
	run_fill_row(f.run);
	status_is("invalid", "the region was to be guest-ram, and is ivshmem");
	*f.row.reason = '\0';
	*strstr(result, " provider=") = '\0';
	f.config.region = NULL;
	run_fill_row(f.run);
	status_is("invalid", "the region was to be ivshmem, and is not told");
}

static void each_of_two_vms_gives_what_it_does(void **state)
{
	topology("two-vm", 2, "hybrid-saturate", "send");
	counted(0, 1000, 500, 99);	/* no stream there: the bytes are nobody's */
	counted(1, 1030, 77, 4000);
	ended(1, 4100, "ok");
	run_fill_row(f.run);
	status_is("ok", "");
	assert_int_equal(f.row.compute_ops, 500);
	close_to(f.row.compute_ops_per_s, 500);
	assert_int_equal(f.row.stream_bytes, 4000);
	close_to(f.row.stream_bytes_per_s, 4000 / 1.01);
	assert_int_equal(f.row.stream_verified_bytes, 4100);
	close_to(f.row.guest_window_s, 1.03);	/* the farther one */
	close_to(f.row.guest_user_s, 0.4);
	assert_int_equal(f.row.guest_interrupts, 6);
	assert_int_equal(f.row.start_skew_ns, 1000);
	close_to(f.row.cpu_vcpu_compute_s, 0.1);
	close_to(f.row.cpu_vcpu_network_s, 0.2);
	assert_true(isnan(f.row.compute_ops_per_s_min) && isnan(f.row.stream_bytes_per_s_min));
}

static void three_alike(const char *scenario, const char *direction)
{
	static const int ms[] = { 1000, 1020, 990 };

	topology("n-vm", 3, scenario, direction);
	for (int i = 0; i < 3; i++) {
		counted(i, ms[i], 100 * (i + 1), 1000 * (3 - i));
		ended(i, 5000, "ok");
	}
}

static void several_vms_are_summed_each_by_its_own_clock(void **state)
{
	three_alike("hybrid-saturate", "recv");
	run_fill_row(f.run);
	status_is("ok", "");
	assert_int_equal(f.row.compute_ops, 600);
	close_to(f.row.compute_ops_per_s, 100 / 1. + 200 / 1.02 + 300 / 0.99);
	close_to(f.row.compute_ops_per_s_min, 100);
	close_to(f.row.compute_ops_per_s_max, 300 / 0.99);
	assert_int_equal(f.row.stream_bytes, 6000);
	close_to(f.row.stream_bytes_per_s, 3000 / 1. + 2000 / 1.02 + 1000 / 0.99);
	close_to(f.row.stream_bytes_per_s_min, 1000 / 0.99);
	close_to(f.row.stream_bytes_per_s_max, 3000);
	assert_int_equal(f.row.stream_verified_bytes, 15000);
	assert_int_equal(f.row.kicks_to_host, 1 + 2 + 3);
	assert_int_equal(f.row.start_skew_ns, 2500);
	assert_true(isnan(f.row.cpu_vcpu_compute_s));
}

static void what_is_paced_is_asked_of_all(void **state)
{
	three_alike("hybrid-paced", "send");
	f.ctx.targets.stream_bytes_per_s = 2000;
	run_fill_row(f.run);
	assert_int_equal(f.row.stream_target_bytes_per_s, 6000);
}

static void of_given_work_there_is_no_fastest_vm(void **state)
{
	three_alike("hybrid-fixed", "send");
	for (int i = 0; i < 3; i++)
		strcpy(f.vms.vm[i].link.slots[0].result, "workload=compute ops=50");
	run_fill_row(f.run);
	status_is("ok", "");
	assert_int_equal(f.row.compute_ops, 150);
	close_to(f.row.compute_ops_per_s, 150 / 1.01);
	assert_true(isnan(f.row.compute_ops_per_s_min) && isnan(f.row.stream_bytes_per_s_max));
}

static void percentiles_of_several_guests_are_absent(void **state)
{
	three_alike("rr", "none");
	run_fill_row(f.run);
	assert_int_equal(f.row.requests, 600);
	close_to(f.row.request_rate_per_s_min, 100);
	assert_true(f.row.latency_p50_ns == ABSENT_INTEGER);
	assert_true(f.row.latency_count == ABSENT_INTEGER);
}

static void percentiles_of_the_one_that_asks_are_there(void **state)
{
	topology("two-vm", 2, "hybrid-rr", "none");
	counted(0, 1000, 500, 0);
	counted(1, 1000, 77, 0);
	ended(1, 100, "ok");
	run_fill_row(f.run);
	assert_int_equal(f.row.requests, 77);
	assert_int_equal(f.row.latency_p50_ns, 77);
	assert_int_equal(f.row.connect_p50_ns, 33);
	assert_int_equal(f.row.latency_count, 9);
}

static void one_bad_verdict_is_enough(void **state)
{
	three_alike("network", "send");
	ended(1, 5000, "bad");
	run_fill_row(f.run);
	assert_string_equal(f.row.stream_content, "bad");
	status_is("invalid", "content check failed");
}

static void who_has_no_verdict_or_lost_bytes_is_named(void **state)
{
	three_alike("network", "send");
	f.vms.vm[2].link.slots[1].result[0] = '\0';
	f.run->vm[1].peer_result_bytes = 4999;
	run_fill_row(f.run);
	status_is("invalid", "no verdict on the content of the guest of VM 3");
	status_is("invalid", "the guest of VM 2 counted 5000 bytes, its peer 4999");
}

static void what_one_guest_did_not_count_is_absent(void **state)
{
	three_alike("hybrid-saturate", "recv");
	strcpy(f.run->end.guest[1].line, "mark edge t_ns=1020000007");
	run_fill_row(f.run);
	assert_true(f.row.compute_ops == ABSENT_INTEGER && isnan(f.row.compute_ops_per_s));
	assert_true(isnan(f.row.compute_ops_per_s_min) && isnan(f.row.guest_user_s));
	assert_true(f.row.stream_bytes == ABSENT_INTEGER && isnan(f.row.stream_bytes_per_s));
}

static void time_of_what_has_ended_is_absent(void **state)
{
	struct threads_reading *begin = &f.run->begin.threads, *end = &f.run->end.threads;

	topology("two-vm", 2, "hybrid-saturate", "send");
	counted(0, 1000, 500, 99);
	counted(1, 1000, 77, 4000);
	ended(1, 4000, "ok");
	begin->vcpu_ns[0] = begin->cpu_ns[CLASS_PEER] = 7 * NSEC_PER_SEC;
	end->vcpu_ns[0] = end->cpu_ns[CLASS_PEER] = 0;
	begin->cpu_ns[CLASS_QEMU] = NSEC_PER_SEC;	/* read a tick apart */
	end->cpu_ns[CLASS_QEMU] = NSEC_PER_SEC - 9 * NSEC_PER_MSEC;
	run_fill_row(f.run);
	assert_true(isnan(f.row.cpu_vcpu_compute_s) && isnan(f.row.cpu_peer_s));
	assert_true(isnan(f.row.cpu_total_s));
	assert_true(f.row.cpu_qemu_s == 0);
}

static void the_copy_bandwidth_is_for_each_vm(void **state)
{
	three_alike("network", "send");
	f.ctx.copy_bandwidth_bytes_per_s = 3001;	/* all of them: 6000 */
	run_fill_row(f.run);
	status_is("ok", "");
}

static void a_vm_above_the_copy_bandwidth_is_not_believed(void **state)
{
	three_alike("network", "send");
	f.ctx.copy_bandwidth_bytes_per_s = 2900;
	run_fill_row(f.run);
	status_is("invalid", "exceeds the guest's copy bandwidth");
}

static void one_guest_whose_clock_is_off_is_enough(void **state)
{
	three_alike("network", "send");
	counted(1, 1100, 0, 0);
	run_fill_row(f.run);
	status_is("invalid", "the guest's clock disagrees: 1.100 s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_vm_has_nothing_of_several),
		TEST(a_region_that_is_not_where_the_plan_has_it_is_invalid),
		TEST(each_of_two_vms_gives_what_it_does),
		TEST(several_vms_are_summed_each_by_its_own_clock),
		TEST(what_is_paced_is_asked_of_all),
		TEST(of_given_work_there_is_no_fastest_vm),
		TEST(percentiles_of_several_guests_are_absent),
		TEST(percentiles_of_the_one_that_asks_are_there),
		TEST(one_bad_verdict_is_enough),
		TEST(who_has_no_verdict_or_lost_bytes_is_named),
		TEST(what_one_guest_did_not_count_is_absent),
		TEST(time_of_what_has_ended_is_absent),
		TEST(the_copy_bandwidth_is_for_each_vm),
		TEST(a_vm_above_the_copy_bandwidth_is_not_believed),
		TEST(one_guest_whose_clock_is_off_is_enough),
	};

	return cmocka_run_group_tests_name("rows of several VMs", tests, NULL, NULL);
}
