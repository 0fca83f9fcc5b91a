/* SPDX-License-Identifier: BSD-2-Clause */
/* Which zones of a powercap tree are read, what they are, and what adds up to the total. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"

#define MAX_DOMAINS	16
#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-6)

static const struct energy_cpu amd = { "AuthenticAMD", 0x17, 0x31, 0 };

static double joules(const struct energy *e, const struct energy_sum *sums, const char *domain)
{
	struct energy_value v;

	energy_value(e, sums, fake_find(e, domain), 1, &v);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	return v.joules;
}

static void one_socket_with_psys_at_1(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 1000000);
	fake_zone("intel-rapl:0:0", "core", 500000);
	fake_zone("intel-rapl:0:1", "uncore", 7);
	fake_zone("intel-rapl:1", "psys", 9000000);
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "powercap");
	assert_int_equal(energy_domain_count(e), 4);
	assert_int_equal(energy_domain(e, fake_find(e, "psys"))->kind, ENERGY_PSYS);
	assert_int_equal(energy_domain(e, fake_find(e, "uncore-0"))->kind, ENERGY_UNCORE);
	assert_true(energy_domain(e, fake_find(e, "package-0"))->in_total);
	assert_false(energy_domain(e, fake_find(e, "core-0"))->in_total);
	assert_false(energy_domain(e, fake_find(e, "psys"))->in_total);

	fake_read(e, 10, r);
	energy_sum_begin(e, sums, r);
	fake_energy("intel-rapl:0", 51000000);		/* + 50 J, the total */
	fake_energy("intel-rapl:0:0", 30500000);	/* + 30 J, inside the package */
	fake_energy("intel-rapl:1", 99000000);		/* + 90 J, around it */
	fake_read(e, 11, r);
	energy_sum_add(e, sums, r);
	close_to(joules(e, sums, "package-0"), 50);
	close_to(joules(e, sums, "core-0"), 30);
	close_to(joules(e, sums, "uncore-0"), 0);	/* an idle GPU is no dead counter */
	close_to(joules(e, sums, "psys"), 90);
	energy_total(e, sums, 1, &total);
	assert_int_equal(total.quality, ENERGY_MEASURED);
	assert_string_equal(total.source, "powercap");
	close_to(total.joules, 50);
	close_to(total.low_j, 49.9 - 100e-6);		/* 2 ms of 50 W at the edges, and a step */
	close_to(total.high_j, 50.1 + 100e-6);
	energy_close(e);
}

static void two_sockets_with_psys_between_and_dram_first(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "dram", 0);
	fake_zone("intel-rapl:1", "psys", 0);
	fake_zone("intel-rapl:2", "package-1", 0);
	fake_zone("intel-rapl:2:0", "dram", 0);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 5);
	assert_int_equal(energy_domain(e, fake_find(e, "dram-1"))->kind, ENERGY_DRAM);

	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	fake_energy("intel-rapl:0", 100000000);
	fake_energy("intel-rapl:0:0", 10000000);
	fake_energy("intel-rapl:1", 300000000);
	fake_energy("intel-rapl:2", 120000000);
	fake_energy("intel-rapl:2:0", 5000000);
	fake_read(e, 2, r);
	energy_sum_add(e, sums, r);
	energy_total(e, sums, 4, &total);
	close_to(total.joules, 100 + 10 + 120 + 5);
	close_to(joules(e, sums, "dram-0"), 10);
	energy_close(e);
}

/* The kernel gives each package a platform domain: "psys", then "psys-1" by package. */
static void each_package_may_have_a_psys(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:1", "psys", 0);
	fake_zone("intel-rapl:2", "package-1", 0);
	fake_zone("intel-rapl:3", "psys-1", 0);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 4);
	assert_int_equal(energy_domain(e, fake_find(e, "psys-1"))->kind, ENERGY_PSYS);
	assert_false(energy_domain(e, fake_find(e, "psys-1"))->in_total);
	energy_close(e);
}

static void amd_dies_that_mirror_one_socket_are_counted_once(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0-die-0", 777000000);
	fake_zone("intel-rapl:0:0", "core", 1000);
	fake_zone("intel-rapl:1", "package-0-die-1", 777000010);	/* read a little later */
	fake_zone("intel-rapl:1:0", "core", 1000);
	fake_zone("intel-rapl:2", "package-1-die-2", 777000000);	/* another socket's */
	e = fake_open_perf("powercap", &amd);
	assert_int_equal(energy_domain_count(e), 3);
	fake_find(e, "package-0-die-0");
	fake_find(e, "core-0-die-0");
	fake_find(e, "package-1-die-2");
	assert_true(fake_noted(e, "powercap",
			       "package-0-die-1 left out: it mirrors package-0-die-0"));
	energy_close(e);
}

/* Also where they happen to be close: the second would be lost. */
static void dies_with_counters_of_their_own_are_added(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0-die-0", 777000000);
	fake_zone("intel-rapl:1", "package-0-die-1", 777000010);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 2);
	assert_true(energy_domain(e, 0)->in_total && energy_domain(e, 1)->in_total);
	energy_close(e);
}

static void refused_without(const struct energy_cpu *cpu, const char *missing)
{
	struct energy *e = fake_open_perf("powercap", cpu);
	char text[64];

	assert_string_equal(energy_source(e), missing ? "none" : "powercap");
	if (missing) {
		snprintf(text, sizeof(text), "%s of this machine has no counter", missing);
		assert_true(fake_noted(e, "powercap", text));
	}
	energy_close(e);
}

static void a_package_without_a_zone_refuses_the_source(void **state)
{
	fake_zone("intel-rapl:0", "package-0", 1000);
	fake_cpu(0, 0, 0);
	refused_without(NULL, NULL);
	fake_cpu(1, 1, 0);
	refused_without(NULL, "package-1");
	fake_zone("intel-rapl:1", "package-10", 1000);	/* of another */
	refused_without(NULL, "package-1");
	fake_zone("intel-rapl:2", "package-1", 1000);
	refused_without(NULL, NULL);
}

static void a_die_without_a_zone_refuses_the_source(void **state)
{
	fake_zone("intel-rapl:0", "package-0-die-0", 1000);
	fake_cpu(0, 0, 0);
	fake_cpu(1, 0, 1);
	refused_without(NULL, "package-0-die-1");
	refused_without(&amd, NULL);			/* the socket's counter */
	fake_zone("intel-rapl:1", "package-0-die-1", 1000);
	refused_without(NULL, NULL);
}

static void the_mmio_duplicate_is_left_out(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 1000);
	fake_zone("intel-rapl-mmio:0", "package-0", 2000);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 1);
	assert_true(fake_noted(e, "powercap", "intel-rapl-mmio:0 left out"));
	energy_close(e);
}

static void the_mmio_zone_stands_in_for_one_that_cannot_be_read(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 1000);
	fake_write("class/powercap/intel-rapl:0/energy_uj", "%s", "");
	fake_zone("intel-rapl-mmio:0", "package-0", 2000);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 1);
	energy_read(e, r);
	assert_int_equal(r[0].error, 0);
	assert_int_equal(r[0].raw, 2000);
	energy_close(e);
}

static void a_package_that_cannot_be_read_refuses_the_source(void **state)
{
	struct energy_value total;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 1000);
	fake_zone("intel-rapl:1", "package-1", 1000);
	fake_remove("class/powercap/intel-rapl:1/energy_uj");
	fake_mkdir("class/powercap/intel-rapl:1/energy_uj");
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "none");
	assert_int_equal(energy_domain_count(e), 0);
	assert_int_equal(energy_note(e, 0)->error, -EISDIR);
	assert_true(fake_noted(e, "powercap", "intel-rapl:1"));
	energy_total(e, NULL, 1, &total);
	assert_int_equal(total.quality, ENERGY_ABSENT);
	assert_true(isnan(total.joules));
	assert_non_null(strstr(total.reason, "EISDIR"));
	energy_close(e);
}

static void a_range_that_cannot_be_read_refuses_the_source(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 1000);
	fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "0\n");
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "none");
	energy_close(e);
	fake_remove("class/powercap/intel-rapl:0/max_energy_range_uj");
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "none");
	assert_int_equal(energy_note(e, 0)->error, -ENOENT);
	energy_close(e);
}

/* Else two windows of one machine would be totals of different things. */
static void dram_that_was_there_and_stops_leaves_no_total(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value v;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "dram", 5000000);
	e = fake_open("powercap");
	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	fake_energy("intel-rapl:0", 20000000);
	fake_read(e, 1, r);
	energy_sum_add(e, sums, r);
	energy_total(e, sums, 1, &v);
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules));
	assert_non_null(strstr(v.reason, "dram-0: the counter never moved"));
	energy_close(e);
}

static void a_range_or_a_limit_of_all_bits_is_none(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_write("class/powercap/intel-rapl:0/constraint_0_max_power_uw", "%s\n",
		   "18446744073709551615");
	e = fake_open("powercap");
	/* 600 W are believed of a package: half the range at that */
	assert_in_range(energy_max_interval_ns(e), 1, RANGE_UJ * 1000 / 1200 + 1);
	energy_close(e);
	fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "%s\n", "18446744073709551615");
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "powercap", "ERANGE"));
	energy_close(e);
}

static void dram_that_cannot_be_read_narrows_the_total_and_says_so(void **state)
{
	struct energy_reading r[MAX_DOMAINS];
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_value v;
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "dram", 0);
	fake_remove("class/powercap/intel-rapl:0:0/energy_uj");
	fake_mkdir("class/powercap/intel-rapl:0:0/energy_uj");
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "powercap");
	fake_read(e, 0, r);
	energy_sum_begin(e, sums, r);
	fake_energy("intel-rapl:0", 20000000);
	fake_read(e, 1, r);
	energy_sum_add(e, sums, r);
	energy_value(e, sums, fake_find(e, "dram-0"), 1, &v);
	assert_int_equal(v.quality, ENERGY_ABSENT);
	assert_true(isnan(v.joules));
	energy_total(e, sums, 1, &v);
	assert_int_equal(v.quality, ENERGY_MEASURED);
	close_to(v.joules, 20);
	assert_non_null(strstr(v.reason, "without dram-0"));
	energy_close(e);
}

static void zones_of_another_kind_are_named_and_left_out(void **state)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	fake_zone("intel-rapl:0:0", "npu", 0);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 1);
	assert_true(fake_noted(e, "powercap", "intel-rapl:0:0 left out"));
	energy_close(e);
}

/* Containers mask /sys/devices/virtual/powercap; the links of the class are left, to nowhere. */
static void a_masked_zone_is_said_to_be_one(void **state)
{
	struct energy *e;
	char path[128];

	fake_mkdir("class/powercap/none");
	snprintf(path, sizeof(path), "%s/class/powercap/intel-rapl:0", fake_root());
	assert_int_equal(symlink("../../devices/virtual/powercap/intel-rapl:0", path), 0);
	e = fake_open("powercap");
	assert_string_equal(energy_source(e), "none");
	assert_true(fake_noted(e, "powercap", "a container masks it (ENOENT)"));
	assert_true(fake_noted(e, "powercap", "no package zone"));
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(one_socket_with_psys_at_1),
		fake_test(two_sockets_with_psys_between_and_dram_first),
		fake_test(each_package_may_have_a_psys),
		fake_test(amd_dies_that_mirror_one_socket_are_counted_once),
		fake_test(dies_with_counters_of_their_own_are_added),
		fake_test(a_package_without_a_zone_refuses_the_source),
		fake_test(a_die_without_a_zone_refuses_the_source),
		fake_test(the_mmio_duplicate_is_left_out),
		fake_test(the_mmio_zone_stands_in_for_one_that_cannot_be_read),
		fake_test(a_package_that_cannot_be_read_refuses_the_source),
		fake_test(a_range_that_cannot_be_read_refuses_the_source),
		fake_test(dram_that_cannot_be_read_narrows_the_total_and_says_so),
		fake_test(dram_that_was_there_and_stops_leaves_no_total),
		fake_test(a_range_or_a_limit_of_all_bits_is_none),
		fake_test(zones_of_another_kind_are_named_and_left_out),
		fake_test(a_masked_zone_is_said_to_be_one),
	};

	return cmocka_run_group_tests_name("powercap", tests, NULL, NULL);
}
