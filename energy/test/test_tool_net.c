/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-energy --idle, and the command's share. The machine is a power sensor which the
 * command sets, so that its watts are known.
 */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/read_report.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/io.h"

static struct tool t;
static pid_t other;		/* who is busy beside the command; 0: nobody */

#define SENSOR		"--source hwmon:meter/power1 "
#define SET_W(watts)	"echo " #watts "000000 > " "%1$s/class/hwmon/hwmon0/power1_input"

static int setup(void **state)
{
	int ret = fake_setup(state);

	fake_chip("hwmon0", "meter");
	fake_sensor("hwmon0", "power1_input", "10000000\n");
	return ret;
}

static int teardown(void **state)
{
	if (other > 0) {
		kill(other, SIGTERM);		/* timeout(1) ends what it started */
		waitpid(other, NULL, 0);
		other = 0;
	}
	return fake_teardown(state);
}

/*
 * A sensor is read some time after its window's clock, and a busy machine may run
 * others in between: watts of an idle window are right to that.
 */
#define NEAR_W		0.45
#define NEAR		1e-6

/* The report of one run with --json; json_decref() *@all. */
static json_t *run_of_report(json_t **all)
{
	*all = report_read(t.err);
	assert_int_equal(json_array_size(*all), 1);
	return json_array_get(*all, 0);
}

static void expect_idle_w(json_t *run, const char *name, double watts)
{
	close_to(report_value(run, "power_idle_w", name, "value"), watts, NEAR_W);
}

/* 25 W for 1 s, less 10 W: it is read every 100 ms, so either edge may cost 15 W x 100 ms. */
static void net_is_what_is_above_idle(void **state)
{
	double seconds, net, low, high;
	json_t *all, *run;

	tool_run(&t, SENSOR "--json --idle 400ms -- sh -c '" SET_W(25) "; sleep 1; " SET_W(10) "'",
		 fake_root());
	assert_int_equal(t.status, 0);
	run = run_of_report(&all);
	seconds = report_value(run, "duration_s", "", "value");
	net = report_value(run, "energy_net_j", "total", "value");
	low = report_value(run, "energy_net_j", "total", "low");
	high = report_value(run, "energy_net_j", "total", "high");
	assert_true(net > 12 && net < 20 && low < net && net < high);
	close_to(net, report_value(run, "energy_j", "total", "value") -
			   report_value(run, "power_idle_w", "mean", "value") * seconds, NEAR);
	close_to(low, report_value(run, "energy_j", "total", "low") -
			   report_value(run, "power_idle_w", "mean", "high") * seconds, NEAR);
	assert_string_equal(report_text(run, "energy_net_j", "total", "quality"), "measured");
	assert_string_equal(report_text(run, "energy_net_j", "total", "source"), "hwmon");
	expect_idle_w(run, "before", 10);
	expect_idle_w(run, "after", 10);
	expect_idle_w(run, "mean", 10);
	json_decref(all);
}

static void it_is_said_on_one_line(void **state)
{
	tool_run(&t, SENSOR "--idle 400ms -- sh -c '" SET_W(25) "; sleep 0.3; " SET_W(10) "; exit 3'",
		 fake_root());
	assert_int_equal(t.status, 3);
	tool_said(&t, " net of idle      hwmon       measured ");
	tool_said(&t, "  (idle ");
	tool_said(&t, " W before, ");
	tool_said(&t, " W after)\n");
}

/* It leaves more running than there was. */
static void idles_that_disagree_give_no_net_but_gross(void **state)
{
	static const char command[] = "--idle 400ms -- sh -c '" SET_W(25) "; sleep 0.3; exit 4'";
	char words[512];
	json_t *all, *run;

	snprintf(words, sizeof(words), command, fake_root());
	tool_run(&t, SENSOR "--json %s", words);
	assert_int_equal(t.status, 4);			/* the command's */
	run = run_of_report(&all);
	assert_true(report_value(run, "energy_j", "total", "value") > 2);
	assert_true(isnan(report_value(run, "energy_net_j", "total", "value")));
	assert_string_equal(report_text(run, "energy_net_j", "total", "quality"), "absent");
	assert_non_null(strstr(report_text(run, "energy_net_j", "total", "reason"),
			       " W after: more than 5.0 % apart"));
	assert_true(isnan(report_value(run, "power_idle_w", "mean", "value")));
	assert_true(isnan(report_value(run, "energy_share_j", "busy-share-net", "value")));
	expect_idle_w(run, "before", 10);
	assert_true(report_value(run, "power_idle_w", "after", "value") > 20);
	json_decref(all);
	fake_sensor("hwmon0", "power1_input", "10000000\n");
	tool_run(&t, SENSOR "%s", words);
	tool_said(&t, "no net: no idle power: idle was ");
}

static void repeated_runs_have_a_net_each_and_its_median(void **state)
{
	json_t *all, *median;

	tool_run(&t, SENSOR "--json --repeat 3 --idle 400ms -- sh -c '" SET_W(15) "; sleep 0.3; "
		 SET_W(10) "'", fake_root());
	assert_int_equal(t.status, 0);
	all = report_read(t.err);
	assert_int_equal(json_array_size(all), 4);
	median = json_array_get(all, 3);
	assert_int_equal(report_value(median, "energy_net_j", "total", "n"), 3);
	assert_true(report_value(median, "energy_net_j", "total", "median") > 0.9);
	assert_true(report_value(median, "energy_net_j", "total", "max") < 5);
	close_to(report_value(median, "power_idle_w", "mean", "median"), 10, NEAR_W);
	json_decref(all);
}

#define BUSY	"timeout 0.5 sh -c 'while :; do :; done'"

/* Half of the busy time is another's, or more. */
static void start_other(void)
{
	other = fork();
	assert_true(other >= 0);
	if (!other) {
		execlp("timeout", "timeout", "30", "sh", "-c", "while :; do :; done", NULL);
		_exit(1);
	}
}

/* As the command's CPU time is of the machine's busy time. */
static void expect_share(json_t *run, const char *rule, double of_joules)
{
	double command = report_value(run, "cpu_command_s", "", "value");
	double busy = report_value(run, "cpu_machine_busy_s", "", "value"), error;

	close_to(report_value(run, "energy_share_j", rule, "value"),
		 of_joules * command / busy, NEAR);
	/* The band knows that busy time is counted in ticks of each CPU. */
	error = sysconf(_SC_NPROCESSORS_ONLN) / (double)sysconf(_SC_CLK_TCK);
	assert_true(report_value(run, "energy_share_j", rule, "low") <=
		    of_joules * command / (busy + error) + NEAR);
	assert_true(report_value(run, "energy_share_j", rule, "high") >=
		    of_joules * command / (busy - error) - NEAR);
	assert_string_equal(report_text(run, "energy_share_j", rule, "quality"), "estimated");
	assert_in_range(100 * command / busy, 1, 80);	/* of a loaded machine it gets little */
}

/*
 * The other was as busy in the idle windows, and what is above them is the command's; but
 * where still others keep all CPUs busy there is nothing above. By numbers: test_net.
 */
static void expect_net_share(json_t *run)
{
	double net = report_value(run, "energy_net_j", "total", "value");
	const char *reason = report_text(run, "energy_share_j", "busy-share-net", "reason");

	if (strstr(reason, "above idle"))
		assert_true(report_value(run, "energy_share_j", "busy-share-net", "high") > 0.4 * net);
	else
		assert_non_null(strstr(reason, "too few ticks"));
}

static void a_command_has_its_share_by_busy_time(void **state)
{
	json_t *all, *run;

	start_other();
	tool_run(&t, SENSOR "--json -- " BUSY);
	run = run_of_report(&all);
	expect_share(run, "busy-share-gross", report_value(run, "energy_j", "total", "value"));
	assert_null(report_find(run, "energy_net_j", "total"));	/* not asked for */
	json_decref(all);
	tool_run(&t, SENSOR "--json --idle 400ms -- sh -c \"" SET_W(25) "; " BUSY "; " SET_W(10) "\"",
		 fake_root());
	run = run_of_report(&all);
	expect_net_share(run);
	json_decref(all);
}

static void its_share_is_in_the_table_with_the_rule(void **state)
{
	json_t *all, *run;

	tool_run(&t, SENSOR "-- " BUSY);
	tool_said(&t, " of it, command   hwmon       estimated ");
	tool_said(&t, "(by CPU time, rule busy-share; idle included)");
	tool_run(&t, SENSOR "--json -a --timeout 200ms");	/* whose? */
	run = run_of_report(&all);
	assert_true(isnan(report_value(run, "energy_share_j", "busy-share-gross", "value")));
	assert_string_equal(report_text(run, "energy_share_j", "busy-share-gross", "reason"),
			    "CPU time of a part is not known");
	json_decref(all);
}

static void a_model_stays_a_model(void **state)
{
	tool_run(&t, "--source model --idle 400ms -- sleep 0.2");
	assert_int_equal(t.status, 0);
	tool_said(&t, " net of idle      MODEL ");
	tool_said(&t, "MODEL, not a measurement");
}

static void a_signal_before_the_command_ends_it_all(void **state)
{
	tool_start(&t, SENSOR "--idle 20s -- sh -c 'echo ran'");
	tool_ready(&t);
	kill(t.pid, SIGINT);
	tool_wait(&t);
	assert_int_equal(t.status, 128 + SIGINT);
	assert_string_equal(t.out, "");
	tool_said(&t, "ended while idle was measured; the command was not run");
	tool_not_said(&t, "joules");
}

/* "done" is the command's last word. */
static void a_signal_after_the_command_leaves_gross_and_its_status(void **state)
{
	char path[128], text[64] = "";

	tool_start(&t, SENSOR "--idle 3s -- sh -c 'echo done; exit 5'");
	snprintf(path, sizeof(path), "%s/out", fake_root());
	for (int i = 0; i < 1000 && !strstr(text, "done"); i++) {
		usleep(10000);
		if (mn_read_file(path, text, sizeof(text)) < 0)
			text[0] = '\0';
	}
	usleep(300000);
	kill(t.pid, SIGTERM);
	tool_wait(&t);
	assert_int_equal(t.status, 5);
	tool_said(&t, "no net: no idle power: no energy of the idle window after: a signal ended it");
	tool_said(&t, " total            hwmon       measured ");
}

static void it_is_refused_where_nothing_is_idle_before(void **state)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{ "--idle 1s -p 1", "--idle wants a command" },
		{ "--idle 1s -a --timeout 1s", "--idle wants a command" },
		{ "--idle 1s -I 100 true", "--idle or --interval, not both" },
		{ "--idle 1 true", "--idle 1: a time with its unit" },
		{ "--idle 5ms true", "too short to tell watts" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tool_run(&t, "%s", cases[i].words);
		assert_int_equal(t.status, 125);
		tool_said(&t, cases[i].said);
	}
}

#define net_test(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(net_is_what_is_above_idle),
		net_test(it_is_said_on_one_line),
		net_test(idles_that_disagree_give_no_net_but_gross),
		net_test(repeated_runs_have_a_net_each_and_its_median),
		net_test(a_command_has_its_share_by_busy_time),
		net_test(its_share_is_in_the_table_with_the_rule),
		net_test(a_model_stays_a_model),
		net_test(a_signal_before_the_command_ends_it_all),
		net_test(a_signal_after_the_command_leaves_gross_and_its_status),
		net_test(it_is_refused_where_nothing_is_idle_before),
	};

	return cmocka_run_group_tests_name("tool net", tests, NULL, NULL);
}
