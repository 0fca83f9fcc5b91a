/* SPDX-License-Identifier: BSD-2-Clause */
/* Pacing under a clock of our own: bursts, absolute deadlines, bounded debt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workloads/pace.h"

#define MS 1000000LL
#define START (77 * MS)

/* Send @write at a time while it is allowed without waiting; the bytes sent. */
static uint64_t drain(struct pace *p, int64_t now_ns, uint64_t write)
{
	uint64_t sent = 0;

	while (pace_may_send(p) || !pace_deadline_ns(p, now_ns)) {
		pace_sent(p, write);
		sent += write;
	}
	return sent;
}

static void each_burst_has_its_share_and_no_more(void **state)
{
	struct pace p;

	pace_start(&p, 1000000, 10 * MS, START);
	for (int burst = 0; burst < 50; burst++) {
		int64_t now = START + burst * 10 * MS;

		assert_int_equal(drain(&p, now, 1000), 10000);
		assert_int_equal(pace_deadline_ns(&p, now + 1), now + 10 * MS);
		assert_int_equal(pace_deadline_ns(&p, now + 10 * MS - 1), now + 10 * MS);
	}
}

static void a_write_above_the_burst_is_paid_for_by_the_next_ones(void **state)
{
	struct pace p;

	pace_start(&p, 1000000, 10 * MS, START);
	assert_int_equal(drain(&p, START, 25000), 25000);
	assert_int_equal(pace_deadline_ns(&p, START), START + 20 * MS);
	assert_int_equal(drain(&p, START + 20 * MS, 25000), 25000);
	assert_int_equal(pace_deadline_ns(&p, START + 20 * MS), START + 50 * MS);
}

static void late_bursts_do_not_slow_the_mean(void **state)
{
	struct pace p;
	uint64_t sent = 0;
	int64_t now = START;

	pace_start(&p, 40000000, 10 * MS, START);
	while (now < START + 10000 * MS) {
		sent += drain(&p, now, 4096);
		now = pace_deadline_ns(&p, now) + 3 * MS;
	}
	assert_in_range(sent, 40000000ULL * 10 - 400000, 40000000ULL * 10 + 400000 + 4096);
}

static void who_fell_behind_catches_up_at_once(void **state)
{
	struct pace p;

	pace_start(&p, 1000000, 10 * MS, START);
	drain(&p, START, 1000);
	assert_int_equal(drain(&p, START + 500 * MS, 1000), 500000);
}

static void debt_beyond_a_second_is_forgiven(void **state)
{
	struct pace p;

	pace_start(&p, 1000000, 10 * MS, START);
	drain(&p, START, 1000);
	assert_int_equal(drain(&p, START + 60000 * MS, 1000), 1000000);
	assert_int_equal(pace_deadline_ns(&p, START + 60000 * MS), START + 60010 * MS);
}

static void odd_rates_lose_nothing_to_rounding(void **state)
{
	struct pace p;
	uint64_t sent = 0;

	pace_start(&p, 333, 7 * MS, START);
	for (int64_t now = START; now < START + 100000 * MS; now += 7 * MS)
		sent += drain(&p, now, 1);
	assert_in_range(sent, 33300, 33303);
}

static void the_next_deadline_always_has_room(void **state)
{
	for (uint64_t rate = 1; rate <= PACE_MAX_RATE; rate = rate * 5 + 3) {
		struct pace p;
		int64_t now = START;

		pace_start(&p, rate, 3 * MS, START);
		for (int i = 0; i < 20; i++) {
			int64_t until;

			drain(&p, now, rate / 200 + 1);
			until = pace_deadline_ns(&p, now);
			assert_true(until > now);
			assert_true(pace_deadline_ns(&p, until - 1) == until);
			assert_true(pace_deadline_ns(&p, until) == 0);
			now = until;
		}
	}
}

static void without_a_rate_there_is_no_limit(void **state)
{
	struct pace p;

	pace_start(&p, 0, 10 * MS, START);
	for (int i = 0; i < 1000; i++) {
		assert_true(pace_may_send(&p));
		pace_sent(&p, 1 << 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_burst_has_its_share_and_no_more),
		cmocka_unit_test(a_write_above_the_burst_is_paid_for_by_the_next_ones),
		cmocka_unit_test(late_bursts_do_not_slow_the_mean),
		cmocka_unit_test(who_fell_behind_catches_up_at_once),
		cmocka_unit_test(debt_beyond_a_second_is_forgiven),
		cmocka_unit_test(odd_rates_lose_nothing_to_rounding),
		cmocka_unit_test(the_next_deadline_always_has_room),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
