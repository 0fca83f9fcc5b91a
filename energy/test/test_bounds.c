/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A package of random power, whose counter fails in one way at a random time: whatever is
 * read, what was really used lies within the bounds, and only what lost nothing is measured.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "energy/test/one_package.h"
#include "memnet-core/base/clock.h"

#define WINDOWS		20000
#define MOST_READINGS	40
#define STEP_UJ		61
#define ROUNDING_J	1e-3	/* of doubles here, and of steps */

enum fault { NONE, STOPS, SLEEPS, REFUSED, FALSE_0, ALL_BITS };

struct machine {
	double t_s, slept_s, used_j, counter_uj;
};

static double between(double low, double high)
{
	return low + (high - low) * drand48();
}

static void use(struct machine *m, double j)
{
	m->used_j += j;
	m->counter_uj = fmod(m->counter_uj + j * 1e6, RANGE_UJ);
}

/* One in four intervals is of a machine that idles. */
static void run(struct machine *m, double s)
{
	m->t_s += s;
	use(m, s * (lrand48() % 4 ? between(0.1, FAKE_MAX_W) : between(0.02, 1)));
}

/* Counters may begin anew behind it. */
static void doze(struct machine *m)
{
	double s = between(0.2, 100);

	m->slept_s += s;
	use(m, s * between(0, 20));
	if (lrand48() % 2)
		m->counter_uj = between(0, 1e6);
}

static struct energy_reading show(const struct machine *m)
{
	struct energy_reading r = at(m->t_s, floor(m->counter_uj / STEP_UJ) * STEP_UJ);

	r.slept_ns = m->slept_s * NSEC_PER_SEC;
	return r;
}

/* A counter that stops loses what it does not count, or has it all when it goes on. */
static void spoil(enum fault fault, bool loses, struct machine *m, uint64_t first,
		  struct energy_reading *r)
{
	if (fault == STOPS)
		r->raw = first;
	if (fault == STOPS && loses)
		m->counter_uj = first;
	if (fault == REFUSED)
		r->error = -EIO;
	if (fault == FALSE_0)
		r->raw = 0;
	if (fault == ALL_BITS)
		r->raw = UINT64_MAX;
}

/* Returns what was used from the first reading to the last. */
static double make_window(enum fault fault, struct energy_reading *r, size_t n)
{
	struct machine m = { .counter_uj = between(1e6, 200e6) };
	size_t begin = 1 + lrand48() % (n - 2), end = begin + 2 + lrand48() % 4;
	bool loses = lrand48() % 2;

	if (fault == NONE && lrand48() % 2)
		m.counter_uj = RANGE_UJ - between(0, 5e6);
	for (size_t i = 0; i < n; i++) {
		if (i)
			run(&m, fault == STOPS ? 0.105 : between(0.002, 0.105));
		if (fault == SLEEPS && i == begin)
			doze(&m);
		r[i] = show(&m);
		if (i >= begin && i < end)
			spoil(fault, loses, &m, r[begin].raw, &r[i]);
	}
	return m.used_j;
}

static void the_truth_is_within(enum fault fault, long seed)
{
	struct energy *e = one_package();
	struct energy_reading r[MOST_READINGS];

	for (int i = 0; i < WINDOWS; i++) {
		struct energy_value v;
		double used_j;
		size_t n;

		srand48(seed + i);
		n = 3 + lrand48() % (MOST_READINGS - 2);
		used_j = make_window(fault, r, n);
		v = window(e, r, n, 1);
		if (fault == NONE)
			assert_int_equal(v.quality, ENERGY_MEASURED);
		else if (fault != REFUSED)
			assert_int_equal(v.quality, ENERGY_INVALID);
		if (!(v.low_j <= used_j + ROUNDING_J && used_j <= v.high_j + ROUNDING_J))
			fail_msg("window %d: %.3f J is not in %.3f .. %.3f: %s", i, used_j,
				 v.low_j, v.high_j, v.reason);
	}
	energy_close(e);
}

static void a_counter_without_fault_is_right(void **state)
{
	the_truth_is_within(NONE, 1);
}

static void a_counter_that_stops_is_not_believed(void **state)
{
	the_truth_is_within(STOPS, 2000000);
}

static void a_machine_that_slept_is_not_believed(void **state)
{
	the_truth_is_within(SLEEPS, 3000000);
}

static void refused_readings_lose_no_truth(void **state)
{
	the_truth_is_within(REFUSED, 4000000);
}

static void a_false_0_is_not_believed(void **state)
{
	the_truth_is_within(FALSE_0, 5000000);
}

static void all_bits_set_are_not_believed(void **state)
{
	the_truth_is_within(ALL_BITS, 6000000);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_counter_without_fault_is_right),
		fake_test(a_counter_that_stops_is_not_believed),
		fake_test(a_machine_that_slept_is_not_believed),
		fake_test(refused_readings_lose_no_truth),
		fake_test(a_false_0_is_not_believed),
		fake_test(all_bits_set_are_not_believed),
	};

	return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
