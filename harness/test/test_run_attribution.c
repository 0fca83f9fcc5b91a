/* SPDX-License-Identifier: BSD-2-Clause */
/* The energy columns by thread class: worked by hand, conserved, or absent all together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/run_internal.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

static struct run_row row_of_a_run(void)
{
	struct run_row row;

	columns_clear(runs_columns(), &row);
	row.energy_j = 50;
	row.host_busy_s = 2.5;
	row.cpu_vcpu_s = 1;
	row.cpu_qemu_s = 0.5;
	row.cpu_memnetd_s = 0;
	row.cpu_peer_s = 0.25;
	return row;
}

static void joules_go_by_busy_share(void **state)
{
	struct run_row row = row_of_a_run();

	run_attribute(&row);		/* 20 J a second */
	assert_string_equal(row.energy_rule, "busy-share-gross");
	close_to(row.energy_vcpu_j, 20);
	close_to(row.energy_qemu_j, 10);
	close_to(row.energy_memnetd_j, 0);
	close_to(row.energy_peer_j, 5);
	close_to(row.energy_other_j, 15);
	assert_true(isnan(row.energy_vhost_j));		/* there was none */
	row.cpu_vhost_s = 0.5;
	run_attribute(&row);
	close_to(row.energy_vhost_j, 10);
	close_to(row.energy_other_j, 5);
	assert_true(isnan(row.energy_helper_j));	/* nor such a one */
	row.cpu_helper_s = 0.25;
	run_attribute(&row);
	close_to(row.energy_helper_j, 5);
	close_to(row.energy_other_j, 0);
}

static void assert_absent(struct run_row row)
{
	run_attribute(&row);
	assert_string_equal(row.energy_rule, "");
	assert_true(isnan(row.energy_vcpu_j) && isnan(row.energy_qemu_j));
	assert_true(isnan(row.energy_memnetd_j) && isnan(row.energy_peer_j));
	assert_true(isnan(row.energy_vhost_j) && isnan(row.energy_other_j));
}

static void without_all_it_takes_there_are_none(void **state)
{
	struct run_row row = row_of_a_run();

	row.energy_j = NAN;
	assert_absent(row);
	row = row_of_a_run();
	row.host_busy_s = NAN;
	assert_absent(row);
	row = row_of_a_run();
	row.cpu_peer_s = NAN;
	assert_absent(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joules_go_by_busy_share),
		cmocka_unit_test(without_all_it_takes_there_are_none),
	};

	return cmocka_run_group_tests_name("energy of a run by class", tests, NULL, NULL);
}
