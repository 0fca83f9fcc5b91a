/* SPDX-License-Identifier: BSD-2-Clause */
/* The shapes: their ends, worked values, and their order, on which the model's band rests. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "energy/shape.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-6)

static void all_begin_at_idle_and_end_at_busy(void **state)
{
	for (int shape = 0; shape < POWER_SHAPES; shape++) {
		close_to(power_shape(shape, 0), 0);
		close_to(power_shape(shape, 1), 1);
	}
}

static void values_worked_by_hand(void **state)
{
	close_to(power_shape(SHAPE_LINEAR, 0.25), 0.25);
	/* ln(2.355186) / ln(3.710372) = 0.856620 / 1.311132 */
	close_to(power_shape(SHAPE_LOGARITHMIC, 0.5), 0.653344);
	/* 2 * 0.5 - 0.5^1.4 = 1 - 0.378929 */
	close_to(power_shape(SHAPE_FAN, 0.5), 0.621071);
}

/*
 * Boavizta's own curve, whose ends are its idle and busy watts: a ln(b (x + c)) + d with
 * a = 171.1813, b = 0.0354, c = 36.8953, d = -10.1336, x in percent.
 */
static void the_logarithmic_shape_is_boaviztas(void **state)
{
	double idle_w = 171.1813 * log(0.0354 * 36.8953) - 10.1336;
	double busy_w = 171.1813 * log(0.0354 * 136.8953) - 10.1336;

	for (int x = 0; x <= 100; x += 5) {
		double w = 171.1813 * log(0.0354 * (x + 36.8953)) - 10.1336;

		close_to(power_shape(SHAPE_LOGARITHMIC, x / 100.0),
			 (w - idle_w) / (busy_w - idle_w));
	}
}

static void linear_is_below_fan_is_below_logarithmic(void **state)
{
	for (int i = 1; i < 1000; i++) {
		double u = i / 1000.0;

		assert_true(u < power_shape(SHAPE_FAN, u));
		assert_true(power_shape(SHAPE_FAN, u) < power_shape(SHAPE_LOGARITHMIC, u));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_begin_at_idle_and_end_at_busy),
		cmocka_unit_test(values_worked_by_hand),
		cmocka_unit_test(the_logarithmic_shape_is_boaviztas),
		cmocka_unit_test(linear_is_below_fan_is_below_logarithmic),
	};

	return cmocka_run_group_tests_name("power shapes", tests, NULL, NULL);
}
