/* SPDX-License-Identifier: BSD-2-Clause */
/* Energy above idle, by run and in the summary: worked by hand, absent with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/analyse.h"
#include "harness/groups.h"
#include "harness/net_energy.h"
#include "harness/test/made_rows.h"

static struct analysis result;

static int release(void **state)
{
	analysis_release(&result);
	return 0;
}

static void near(double got, double want)
{
	if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-9))
		fail_msg("got %.9g instead of %.9g", got, want);
}

/* An idle window of 2 s at @watts, +-10 %, behind @boot; 0: the first of a sitting. */
static struct run_row idle_row(int64_t order, int64_t boot, double watts)
{
	struct run_row r = made_run("", "", 1);

	ROW_TEXT(r.kind, "idle");
	ROW_TEXT(r.energy_source, "powercap");
	ROW_TEXT(r.energy_quality, "measured");
	r.order = order;
	r.boot = boot ? boot : ABSENT_INTEGER;
	r.window_s = 2;
	r.energy_j = watts * 2;
	r.energy_low_j = watts * 1.8;
	r.energy_high_j = watts * 2.2;
	return r;
}

/* A run of @window_s that used @joules, +-1 J. */
static struct run_row run_row(const char *path, int64_t block, int64_t order, double window_s,
			      double joules)
{
	struct run_row r = made_run(path, "hybrid-fixed", block);

	r.boot = 1;
	ROW_TEXT(r.energy_source, "powercap");
	ROW_TEXT(r.energy_quality, "measured");
	r.order = order;
	r.window_s = window_s;
	r.energy_j = joules;
	r.energy_low_j = joules - 1;
	r.energy_high_j = joules + 1;
	r.compute_ops = r.stream_bytes = 1000;
	r.cpu_total_s = 1;
	return r;
}

static struct net_row net_of(const struct run_row *rows, size_t n, size_t run)
{
	struct net_row net;

	net_of_run(rows, n, &rows[run], &net);
	return net;
}

static void idle_of_before_and_behind_is_taken_off(void **state)
{
	const struct run_row rows[] = {
		idle_row(1, 0, 10), run_row("memnet", 1, 2, 3, 50), idle_row(3, 1, 10.4),
	};
	const struct net_row net = net_of(rows, 3, 1);

	near(net.idle_before_w, 10);
	near(net.idle_behind_w, 10.4);
	near(net.energy_net_j, 50 - 10.2 * 3);
	near(net.energy_net_low_j, 49 - 10.4 * 1.1 * 3);
	near(net.energy_net_high_j, 51 - 10 * 0.9 * 3);
	assert_string_equal(net.quality, "measured");
	assert_string_equal(net.source, "powercap");
	assert_string_equal(net.reason, "");
	assert_string_equal(net.run_id, rows[1].run_id);
}

static void is_absent(const struct net_row *net, const char *reason)
{
	near(net->energy_net_j, NAN);
	near(net->energy_net_low_j, NAN);
	near(net->energy_net_high_j, NAN);
	assert_string_equal(net->quality, "absent");
	assert_string_equal(net->reason, reason);
}

static void idles_that_disagree_give_no_net_energy(void **state)
{
	struct run_row rows[] = {
		idle_row(1, 0, 10), run_row("memnet", 1, 2, 3, 50), idle_row(3, 1, 10.6),
	};
	struct net_row net = net_of(rows, 3, 1);

	is_absent(&net, "no idle power: idle was 10.000 W before and 10.600 W after: more than 5.0 % "
		  "apart");
	near(net.idle_before_w, 10);		/* both can be looked at */
	near(net.idle_behind_w, 10.6);
}

static void the_windows_around_its_boot_count_in_any_order_of_rows(void **state)
{
	struct run_row rows[] = {
		idle_row(9, 3, 40), idle_row(5, 2, 10.2), run_row("memnet", 2, 4, 1, 30),
		idle_row(1, 0, 20), idle_row(3, 1, 10),
	};
	struct net_row net;

	rows[2].boot = 2;
	net = net_of(rows, 5, 2);
	near(net.idle_before_w, 10);
	near(net.idle_behind_w, 10.2);
	near(net.energy_net_j, 30 - 10.1);
}

static void of_windows_tried_again_the_last_counts(void **state)
{
	struct run_row rows[] = {
		idle_row(1, 0, 30), idle_row(2, 0, 10), run_row("memnet", 1, 3, 1, 50),
		idle_row(4, 1, 30), idle_row(5, 1, 10.2), idle_row(6, 2, 10),
	};
	struct net_row net;

	ROW_TEXT(rows[0].status, "invalid");
	ROW_TEXT(rows[3].status, "invalid");
	net = net_of(rows, 6, 2);
	near(net.idle_before_w, 10);
	near(net.idle_behind_w, 10.2);
	near(net.energy_net_j, 50 - 10.1);
}

static void another_sittings_idle_is_not_this_ones(void **state)
{
	struct run_row rows[] = {
		idle_row(1, 0, 10), run_row("memnet", 1, 2, 3, 50), idle_row(3, 0, 10),
		run_row("memnet", 1, 4, 3, 50), idle_row(5, 1, 10),
	};
	struct net_row net = net_of(rows, 5, 1);

	is_absent(&net, "no idle power: no energy of the idle window after: none was measured in the "
		  "run's sitting");
	net = net_of(rows, 5, 3);
	near(net.energy_net_j, 20);
	net = net_of(rows, 4, 3);		/* nothing behind it yet */
	is_absent(&net, "no idle power: no energy of the idle window after: none was measured in the "
		  "run's sitting");
}

static void an_idle_that_cannot_be_used_says_why(void **state)
{
	struct run_row rows[] = {
		idle_row(1, 0, 10), run_row("memnet", 1, 2, 3, 50), idle_row(3, 1, 10),
	};
	struct net_row net;

	ROW_TEXT(rows[0].status, "invalid");
	ROW_TEXT(rows[0].reason, "a hypervisor took 20.0 %% of the host's CPUs");
	net = net_of(rows, 3, 1);
	is_absent(&net, "no idle power: no energy of the idle window before: a hypervisor "
		  "took 20.0 % of the host's CPUs");
	near(net.idle_before_w, NAN);
	rows[0] = idle_row(1, 0, 10);
	ROW_TEXT(rows[0].energy_source, "hwmon");
	net = net_of(rows, 3, 1);
	is_absent(&net, "no idle power: no energy of the idle window before: it is of another source, "
		  "hwmon");
	rows[0] = idle_row(1, 0, 10);
	ROW_TEXT(rows[1].energy_quality, "absent");
	ROW_TEXT(rows[1].energy_reason, "package-0: gone");
	net = net_of(rows, 3, 1);
	is_absent(&net, "no energy of the window: package-0: gone");
}

static void idle_of_a_model_is_a_model(void **state)
{
	struct run_row rows[] = {
		idle_row(1, 0, 10), run_row("memnet", 1, 2, 3, 50), idle_row(3, 1, 10),
	};
	struct net_row net;

	for (size_t i = 0; i < 3; i++) {
		ROW_TEXT(rows[i].energy_source, "model");
		ROW_TEXT(rows[i].energy_quality, "estimated");
	}
	ROW_TEXT(rows[1].energy_reason, "model of a CPU by CPU time, not a measurement");
	net = net_of(rows, 3, 1);
	near(net.energy_net_j, 20);
	assert_string_equal(net.quality, "estimated");
	assert_string_equal(net.reason, "model of a CPU by CPU time, not a measurement");
}

/* --- in the summary -------------------------------------------------------------- */

#define BLOCKS	6

/*
 * In each block idle is 10 W around both boots. The baseline takes 4 s and 80 J for what
 * memnet does in 2 s with 40, 41, ... J: net 40 J over 20, 21, ... J.
 */
static size_t make_experiment(struct run_row *rows)
{
	size_t n = 0;

	rows[n++] = idle_row(1, 0, 10);
	for (int b = 0; b < BLOCKS; b++) {
		rows[n] = run_row("virtio-tap", b, n + 1, 4, 80);
		rows[n++].boot = 2 * b + 1;
		rows[n] = idle_row(n + 1, 2 * b + 1, 10);
		n++;
		rows[n] = run_row("memnet", b, n + 1, 2, 40 + b);
		rows[n++].boot = 2 * b + 2;
		rows[n] = idle_row(n + 1, 2 * b + 2, 10);
		n++;
	}
	return n;
}

static const struct summary_row *find(const char *path, const char *metric)
{
	for (size_t i = 0; i < result.n_summary; i++)
		if (!strcmp(result.summary[i].path, path) &&
		    !strcmp(result.summary[i].metric, metric))
			return &result.summary[i];
	return NULL;
}

static void analyse_rows(const struct run_row *rows, size_t n)
{
	analysis_release(&result);
	assert_int_equal(analyse(rows, n, NULL, &result), 0);
}

static void the_gain_is_there_gross_and_net(void **state)
{
	struct run_row rows[1 + 4 * BLOCKS];
	const struct summary_row *s;

	analyse_rows(rows, make_experiment(rows));
	assert_int_equal(result.n_net, 2 * BLOCKS);
	s = find("memnet", "energy_net");
	assert_int_equal(s->n, BLOCKS);
	near(s->median, 22.5);
	near(s->ci_low, 20);
	near(s->ci_high, 25);
	assert_string_equal(s->source, "powercap");
	assert_string_equal(s->quality, "measured");
	near(find("virtio-tap", "energy_net")->median, 40);
	s = find("memnet", "energy_efficiency_gain_net");
	near(s->median, (40 / 22.0 + 40 / 23.0) / 2);
	near(s->ci_low, 40 / 25.0);
	near(s->ci_high, 2);
	assert_string_equal(s->verdict, VERDICT_BETTER);
	near(find("memnet", "energy_efficiency_gain")->median, (80 / 42.0 + 80 / 43.0) / 2);
}

static void a_block_whose_idle_drifted_is_left_out(void **state)
{
	struct run_row rows[1 + 4 * BLOCKS];
	size_t n = make_experiment(rows);

	rows[2].energy_j *= 1.1;	/* between both boots of the first block */
	analyse_rows(rows, n);
	assert_int_equal(find("memnet", "energy_net")->n, BLOCKS - 1);
	assert_int_equal(find("memnet", "energy_efficiency_gain_net")->n, BLOCKS - 1);
	assert_int_equal(find("memnet", "energy_efficiency_gain")->n, BLOCKS);
	assert_string_equal(result.net[0].quality, "absent");
	for (size_t i = 0; i < n; i++)
		if (run_is_idle(&rows[i]))
			rows[i].energy_j = NAN;
	analyse_rows(rows, n);
	assert_string_equal(find("memnet", "energy_net")->quality, "absent");
	near(find("memnet", "energy_net")->median, NAN);
	near(find("memnet", "energy_efficiency_gain_net")->median, NAN);
}

static void no_multiple_of_less_than_nothing(void **state)
{
	struct run_row rows[1 + 4 * BLOCKS];
	size_t n = make_experiment(rows);

	rows[1].energy_j = 39;			/* net -1 and -1: no gain of 1 */
	rows[3].energy_j = 19;
	analyse_rows(rows, n);
	assert_int_equal(find("memnet", "energy_net")->n, BLOCKS);
	assert_int_equal(find("memnet", "energy_efficiency_gain_net")->n, BLOCKS - 1);
}

static void without_idle_windows_nothing_is_said(void **state)
{
	struct run_row rows[1 + 4 * BLOCKS];
	size_t n = make_experiment(rows);

	for (size_t i = 0; i < n; i++)
		if (run_is_idle(&rows[i]))
			ROW_TEXT(rows[i].kind, "calibrate");
	analyse_rows(rows, n);
	assert_int_equal(result.n_net, 0);
	assert_null(find("memnet", "energy_net"));
	assert_null(find("memnet", "energy_efficiency_gain_net"));
	assert_non_null(find("memnet", "energy_efficiency_gain"));
}

static void only_valid_measured_runs_have_a_row(void **state)
{
	struct run_row rows[1 + 4 * BLOCKS];
	size_t n = make_experiment(rows);

	ROW_TEXT(rows[1].status, "invalid");
	ROW_TEXT(rows[3].kind, "calibrate");
	analyse_rows(rows, n);
	assert_int_equal(result.n_net, 2 * BLOCKS - 2);
	assert_string_equal(result.net[0].run_id, rows[5].run_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_of_before_and_behind_is_taken_off),
		cmocka_unit_test(idles_that_disagree_give_no_net_energy),
		cmocka_unit_test(the_windows_around_its_boot_count_in_any_order_of_rows),
		cmocka_unit_test(of_windows_tried_again_the_last_counts),
		cmocka_unit_test(another_sittings_idle_is_not_this_ones),
		cmocka_unit_test(an_idle_that_cannot_be_used_says_why),
		cmocka_unit_test(idle_of_a_model_is_a_model),
		cmocka_unit_test(the_gain_is_there_gross_and_net),
		cmocka_unit_test(a_block_whose_idle_drifted_is_left_out),
		cmocka_unit_test(no_multiple_of_less_than_nothing),
		cmocka_unit_test(without_idle_windows_nothing_is_said),
		cmocka_unit_test(only_valid_measured_runs_have_a_row),
	};

	return cmocka_run_group_tests_name("net energy", tests, NULL, release);
}
