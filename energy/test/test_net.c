/* SPDX-License-Identifier: BSD-2-Clause */
/* The command's share of a run, of numbers worked by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/tool/net.h"
#include "energy/tool/window.h"
#include "memnet-core/base/clock.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

/* net.c measures idle by it; here idle is given. */
int window_run(const struct session *session, unsigned run, int64_t *origin_ns, record_fn emit,
	       void *ctx, struct window_end *end, char *err, size_t errlen)
{
	return -1;
}

static struct energy_value joules(double j, double low, double high)
{
	return (struct energy_value){ .source = "powercap", .quality = ENERGY_MEASURED,
				      .joules = j, .low_j = low, .high_j = high };
}

/* 2 CPUs for 10 s: the command 8 s of the first, others 9 s of the second, as in idle. */
static struct record one_run(void)
{
	return (struct record){
		.duration_s = 10, .total = joules(300, 299, 301),
		.cpu = { .command = 8, .busy = 17, .idle = 3 },
		.before = { .total = joules(40, 40, 40), .duration_s = 2, .busy_s = 1.8 },
		.after = { .total = joules(80, 80, 80), .duration_s = 4, .busy_s = 3.6 },
	};
}

static const struct options with_idle = { .idle_ns = NSEC_PER_SEC }, without;

static void net_fill_of(const struct options *options, struct record *r)
{
	const struct session session = { .options = options, .cpus = 2 };

	net_fill(&session, r);
	assert_int_equal(r->share.quality, ENERGY_ESTIMATED);
}

static void what_others_do_all_the_time_is_taken_off_once(void **state)
{
	struct record r = one_run();
	double error_s;

	/* Idle 20 W: net is 100 J, busy above idle 17 - 9 = 8 s: all of it is the command's. */
	net_fill_of(&with_idle, &r);
	close_to(r.net.joules, 100);
	close_to(r.share.joules, 100);
	/*
	 * 2 ticks of 10 ms at the run's edges; at those of the idle windows, whose mean goes
	 * on for 10 s, 10 / 2 / 2 + 10 / 4 / 2 = 3.75 times as many.
	 */
	error_s = 2.0 / sysconf(_SC_CLK_TCK) * 4.75;
	close_to(r.share.low_j, 99 * 8 / (8 + error_s));
	close_to(r.share.high_j, 101);
	assert_non_null(strstr(r.share.reason, "above idle"));
}

static void others_that_are_new_have_their_part_of_net(void **state)
{
	struct record r = one_run();

	r.before.busy_s = r.after.busy_s = 0;	/* 9 s of 17 are others' */
	net_fill_of(&with_idle, &r);
	close_to(r.share.joules, 100 * 8 / 17.0);
}

static void without_idle_all_is_divided_by_all_busy_time(void **state)
{
	struct record r = one_run();
	double error_s = 2.0 / sysconf(_SC_CLK_TCK);

	net_fill_of(&without, &r);
	close_to(r.share.joules, 300 * 8 / 17.0);
	close_to(r.share.low_j, 299 * 8 / (17 + error_s));
	close_to(r.share.high_j, 301 * 8 / (17 - error_s));
}

static void a_machine_less_busy_than_idle_is_not_divided(void **state)
{
	const struct session session = { .options = &with_idle, .cpus = 2 };
	struct record r = one_run();

	r.cpu.command = 0;
	r.cpu.busy = 5;
	net_fill(&session, &r);
	assert_int_equal(r.share.quality, ENERGY_ABSENT);
	assert_non_null(strstr(r.share.reason, "too few ticks"));
	r.before.busy_s = NAN;
	r.cpu.command = 8;
	net_fill(&session, &r);
	assert_int_equal(r.share.quality, ENERGY_ABSENT);
	assert_non_null(strstr(r.share.reason, "busy time is not known"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_do_all_the_time_is_taken_off_once),
		cmocka_unit_test(others_that_are_new_have_their_part_of_net),
		cmocka_unit_test(without_idle_all_is_divided_by_all_busy_time),
		cmocka_unit_test(a_machine_less_busy_than_idle_is_not_divided),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
