/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine without a VM, measured for true: what its row has, and that ctrl-C ends it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "harness/interrupt.h"
#include "harness/run.h"
#include "memnet-core/base/clock.h"

static struct run_row row;
static int64_t took_ns;

/* 300 ms of this machine, with the model of an unknown CPU. */
static int idle(void)
{
	struct plan plan = { .steal_percent = 100, .settle_ns = 10 * NSEC_PER_MSEC,
			     .idle_ns = 300 * NSEC_PER_MSEC };
	struct energy *e = fake_open("model");
	int64_t begin_ns = mn_now_ns();
	int ret;

	CPU_SET(0, &plan.vcpu_cpus);
	CPU_SET(0, &plan.host_cpus);
	columns_clear(runs_columns(), &row);
	ret = run_idle(&plan, e, &row);
	took_ns = mn_now_ns() - begin_ns;
	energy_close(e);
	return ret;
}

static void what_the_row_has(void **state)
{
	assert_int_equal(idle(), 0);
	assert_true(row.window_s >= 0.3 && row.window_s * NSEC_PER_SEC < took_ns);
	assert_in_range(row.samples_due, (int)(row.window_s * 10), (int)(row.window_s * 10) + 1);
	assert_in_range(row.samples_lost, 0, row.samples_due);
	assert_true(row.host_busy_s >= 0 && isfinite(row.host_steal_s));
	assert_string_equal(row.energy_source, "model");
	if (!strcmp(row.energy_quality, "estimated"))	/* ticks may say more than there was */
		assert_true(row.energy_j > 0 && row.energy_low_j < row.energy_j);
	assert_true(!strcmp(row.status, "ok") ? !row.reason[0] : row.reason[0]);
}

static void what_takes_a_vm_is_absent(void **state)
{
	assert_int_equal(idle(), 0);
	assert_true(isnan(row.guest_window_s) && isnan(row.cpu_total_s) &&
		    isnan(row.energy_vcpu_j));
	assert_string_equal(row.energy_rule, "");
	assert_string_equal(row.pinned, "");
	assert_int_equal(row.stream_bytes, ABSENT_INTEGER);
}

/* The last one: it cannot be taken back. */
static void ctrl_c_ends_it_without_a_row(void **state)
{
	interrupt_catch();
	raise(SIGTERM);
	assert_int_equal(idle(), -EINTR);
	assert_true(took_ns < 300 * NSEC_PER_MSEC);
	assert_string_equal(row.status, "");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_row_has),
		TEST(what_takes_a_vm_is_absent),
		TEST(ctrl_c_ends_it_without_a_row),
	};

	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
