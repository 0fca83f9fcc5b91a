/* SPDX-License-Identifier: BSD-2-Clause */
/* Attribution: rules worked by hand, energy conserved, idle and net; no number, no value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/attribution.h"
#include "memnet-core/base/util.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

/* A vCPU, a daemon and a thread that slept: 3 s, 1 s and none, 10^10, 2 * 10^9 and no cycles. */
#define THREE_PARTS	{ { 3, 1e10 }, { 1, 2e9 }, { 0, 0 } }

static void by_cpu_time_the_parts_get_all_above_idle(void **state)
{
	struct attribution_part parts[] = THREE_PARTS;
	struct attribution a;

	/* (100 - 40) J over 4 s: 45, 15, 0 */
	attribute(&(struct attribution_window){ 100, 40, 6 }, ATTRIBUTE_CPU_TIME, parts, 3, &a);
	assert_int_equal(a.quality, ENERGY_ESTIMATED);
	assert_string_equal(attribution_rule_name(a.rule), "cpu-time");
	close_to(parts[0].joules, 45);
	close_to(parts[1].joules, 15);
	close_to(parts[2].joules, 0);
	close_to(a.other_j, 0);
	close_to(a.idle_j, 40);
}

static void by_busy_share_others_get_the_rest(void **state)
{
	struct attribution_part parts[] = THREE_PARTS;
	struct attribution a;

	/* 60 J over 6 busy s: 30, 10, 0, and 20 for 2 s of others */
	attribute(&(struct attribution_window){ 100, 40, 6 }, ATTRIBUTE_BUSY_SHARE, parts, 3, &a);
	assert_string_equal(attribution_rule_name(a.rule), "busy-share");
	close_to(parts[0].joules, 30);
	close_to(parts[1].joules, 10);
	close_to(a.other_j, 20);
	/* Ticks saw less than the parts used: nothing is left for others. */
	attribute(&(struct attribution_window){ 100, 40, 3.9 }, ATTRIBUTE_BUSY_SHARE, parts, 3, &a);
	close_to(parts[0].joules, 45);
	close_to(a.other_j, 0);
	/* Nobody did anything: what was used above idle is others'. */
	attribute(&(struct attribution_window){ 41, 40, 0 }, ATTRIBUTE_BUSY_SHARE, &parts[2], 1, &a);
	close_to(parts[2].joules, 0);
	close_to(a.other_j, 1);
}

static void by_cycles(void **state)
{
	struct attribution_part parts[] = THREE_PARTS;
	struct attribution a;

	/* 60 J over 1.2e10 cycles: 50, 10 */
	attribute(&(struct attribution_window){ 100, 40, NAN }, ATTRIBUTE_CYCLES, parts, 3, &a);
	assert_string_equal(attribution_rule_name(a.rule), "cycles");
	close_to(parts[0].joules, 50);
	close_to(parts[1].joules, 10);
	parts[1].cycles = NAN;			/* one not counted: no rule */
	attribute(&(struct attribution_window){ 100, 40, NAN }, ATTRIBUTE_CYCLES, parts, 3, &a);
	assert_int_equal(a.quality, ENERGY_ABSENT);
	assert_true(isnan(parts[0].joules));
}

static double random_share(uint64_t *seed)
{
	return (mn_splitmix64(seed) >> 11) / 9007199254740992.0;	/* 2^53 */
}

static void energy_is_conserved_whatever_the_input(void **state)
{
	uint64_t seed = 4;

	for (int round = 0; round < 20000; round++) {
		struct attribution_part parts[12];
		size_t n = 1 + mn_splitmix64(&seed) % ARRAY_SIZE(parts);
		enum attribution_rule rule = mn_splitmix64(&seed) % ATTRIBUTION_RULES;
		struct attribution_window w = { .total_j = 1000 * random_share(&seed) };
		struct attribution a;
		double sum = 0;

		w.idle_j = w.total_j * random_share(&seed);
		w.busy_cpu_s = 40 * random_share(&seed);
		for (size_t i = 0; i < n; i++)
			parts[i] = (struct attribution_part){ 5 * random_share(&seed),
							      1e10 * random_share(&seed), NAN };
		attribute(&w, rule, parts, n, &a);
		assert_int_equal(a.quality, ENERGY_ESTIMATED);
		for (size_t i = 0; i < n; i++) {
			assert_true(parts[i].joules >= 0);
			sum += parts[i].joules;
		}
		assert_true(a.other_j >= 0 && a.idle_j >= 0);
		assert_true(fabs(sum + a.other_j + a.idle_j - w.total_j) <= 1e-12 * 1000);
	}
}

static void assert_absent(struct attribution_window w, enum attribution_rule rule,
			  struct attribution_part part, const char *why)
{
	struct attribution a;

	attribute(&w, rule, &part, 1, &a);
	assert_int_equal(a.quality, ENERGY_ABSENT);
	assert_true(isnan(part.joules) && isnan(a.other_j) && isnan(a.idle_j));
	assert_non_null(strstr(a.reason, why));
}

static void what_is_no_number_makes_it_absent(void **state)
{
	const struct attribution_part good = { 1, 1e9, 0 };
	const double bad[] = { NAN, -1, INFINITY };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_absent((struct attribution_window){ bad[i], 0, 2 }, ATTRIBUTE_CPU_TIME, good,
			      "energy of the window");
		assert_absent((struct attribution_window){ 10, bad[i], 2 }, ATTRIBUTE_CPU_TIME, good,
			      "idle");
		assert_absent((struct attribution_window){ 10, 1, bad[i] }, ATTRIBUTE_BUSY_SHARE,
			      good, "busy time");
		assert_absent((struct attribution_window){ 10, 1, 2 }, ATTRIBUTE_CPU_TIME,
			      (struct attribution_part){ bad[i], 1 }, "CPU time of a part");
		assert_absent((struct attribution_window){ 10, 1, 2 }, ATTRIBUTE_CYCLES,
			      (struct attribution_part){ 1, bad[i] }, "cycles of a part");
	}
	assert_absent((struct attribution_window){ 10, 11, 2 }, ATTRIBUTE_CPU_TIME, good, "above");
	assert_absent((struct attribution_window){ 10, 1, 2 }, ATTRIBUTE_CPU_TIME,
		      (struct attribution_part){ 0, 1 }, "no part");
}

/* A measured value, its band @edge to either side. */
static struct energy_value joules(double j, double edge)
{
	return (struct energy_value){ .source = "powercap", .quality = ENERGY_MEASURED, .joules = j,
				      .low_j = j - edge, .high_j = j + edge };
}

static void net_is_what_is_above_idle(void **state)
{
	/*
	 * Idle: 100 +- 1 J in 10 s and 51 +- 0.5 J in 5 s: 10.0 (9.9 .. 10.1) and
	 * 10.2 (10.1 .. 10.3) W, so 10.1 W, 9.9 .. 10.3. Window: 300 +- 3 J in 20 s, less 202 J:
	 * 98 J, from 297 - 206 = 91 to 303 - 198 = 105.
	 */
	const struct energy_value before = joules(100, 1), after = joules(51, 0.5);
	const struct energy_value total = joules(300, 3);
	struct energy_value net;
	struct energy_idle idle;

	energy_idle_power(&before, 10, &after, 5, IDLE_TOLERANCE, &idle);
	assert_int_equal(idle.quality, ENERGY_MEASURED);
	close_to(idle.watts, 10.1);
	close_to(idle.low_w, 9.9);
	close_to(idle.high_w, 10.3);
	energy_net(&total, 20, &idle, &net);
	assert_int_equal(net.quality, ENERGY_MEASURED);
	assert_string_equal(net.source, "powercap");
	close_to(net.joules, 98);
	close_to(net.low_j, 91);
	close_to(net.high_j, 105);
}

static void two_idles_that_disagree_are_no_idle(void **state)
{
	const struct energy_value before = joules(100, 0), total = joules(300, 0);
	struct energy_value after = joules(105, 0), net;
	struct energy_idle idle;

	energy_idle_power(&before, 10, &after, 10, IDLE_TOLERANCE, &idle);	/* 4.9 % apart */
	assert_int_equal(idle.quality, ENERGY_MEASURED);
	after = joules(106, 0);							/* 5.8 % */
	energy_idle_power(&before, 10, &after, 10, IDLE_TOLERANCE, &idle);
	assert_int_equal(idle.quality, ENERGY_ABSENT);
	assert_true(isnan(idle.watts));
	assert_non_null(strstr(idle.reason, "10.000 W before and 10.600 W after"));
	energy_net(&total, 20, &idle, &net);
	assert_int_equal(net.quality, ENERGY_ABSENT);
	assert_true(isnan(net.joules) && isnan(net.low_j) && isnan(net.high_j));
	assert_non_null(strstr(net.reason, "10.600 W after"));
}

static void net_is_as_sure_as_the_less_sure(void **state)
{
	struct energy_value before = joules(100, 0), after = joules(100, 0), total = joules(300, 0);
	struct energy_value net;
	struct energy_idle idle;

	after.quality = ENERGY_ESTIMATED;
	energy_idle_power(&before, 10, &after, 10, IDLE_TOLERANCE, &idle);
	energy_net(&total, 20, &idle, &net);
	assert_int_equal(net.quality, ENERGY_ESTIMATED);
	total.quality = ENERGY_INVALID;			/* has bounds, but no joules */
	total.joules = NAN;
	energy_net(&total, 20, &idle, &net);
	assert_int_equal(net.quality, ENERGY_ABSENT);
	before.joules = NAN;
	energy_idle_power(&before, 10, &after, 10, IDLE_TOLERANCE, &idle);
	assert_int_equal(idle.quality, ENERGY_ABSENT);
	before = joules(100, 0);
	energy_idle_power(&before, 0, &after, 10, IDLE_TOLERANCE, &idle);
	assert_int_equal(idle.quality, ENERGY_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_cpu_time_the_parts_get_all_above_idle),
		cmocka_unit_test(by_busy_share_others_get_the_rest),
		cmocka_unit_test(by_cycles),
		cmocka_unit_test(energy_is_conserved_whatever_the_input),
		cmocka_unit_test(what_is_no_number_makes_it_absent),
		cmocka_unit_test(net_is_what_is_above_idle),
		cmocka_unit_test(two_idles_that_disagree_are_no_idle),
		cmocka_unit_test(net_is_as_sure_as_the_less_sure),
	};

	return cmocka_run_group_tests_name("attribution", tests, NULL, NULL);
}
