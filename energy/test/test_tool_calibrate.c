/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy calibrate, as a process: what it prints, and how it refuses. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/cputime.h"
#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"
#include "memnet-core/base/clock.h"

static struct tool t;

#define IDLE_W	20
#define BUSY_W	30	/* more, for each CPU that is busy */

/* A machine whose counter follows this one's busy time. Until killed. */
static void be_a_machine(int energy_fd)
{
	struct cputime_host_reader host;
	int64_t begin_ns = mn_now_ns();
	struct cputime_host h, begin;
	char text[32];
	int len;

	/* What it was busy since boot may be more than the counter's range. */
	if (cputime_host_open(&host, "/proc") || cputime_host_read(&host, NULL, &begin))
		_exit(1);
	for (; !cputime_host_read(&host, NULL, &h); usleep(1000)) {
		len = snprintf(text, sizeof(text), "%018lld\n", (long long)(IDLE_W *
			       (mn_now_ns() - begin_ns) + BUSY_W *
			       (h.busy_ns - begin.busy_ns)) / 1000);
		if (pwrite(energy_fd, text, len, 0) != len)
			break;
	}
	_exit(1);
}

/* No reader finds the file empty. */
static void fake_in_place(double watts)
{
	char path[128], text[32];
	int len = snprintf(text, sizeof(text), "%09.0f\n", watts * 1e6), fd;

	snprintf(path, sizeof(path), "%s/class/hwmon/hwmon0/power1_average", fake_root());
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != len)
		_exit(1);
	close(fd);
}

static void idle_and_slope_are_printed(void **state)
{
	double idle_w, slope_w;
	char path[128];
	pid_t pid;
	int fd;

	fake_zone("intel-rapl:0", "package-0", 0);
	snprintf(path, sizeof(path), "%s/class/powercap/intel-rapl:0/energy_uj", fake_root());
	fd = open(path, O_WRONLY);
	pid = fork();
	if (pid == 0)
		be_a_machine(fd);
	usleep(20000);
	tool_run(&t, "--source powercap calibrate --settle=0s --hold=1s");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	if (t.status == 125 && (strstr(t.err, "loads were all alike") ||
				strstr(t.err, "the counter stood still"))) {
		print_message("others keep this machine's CPUs busy\n");
		skip();
	}
	print_message("%s%s", t.out, t.err);
	assert_int_equal(t.status, 0);
	assert_non_null(strstr(t.out, "CPUs loaded"));
	assert_non_null(strstr(t.out, "\n  logarithmic"));
	assert_non_null(strstr(t.out, "(package), not of the server at the wall"));
	assert_int_equal(sscanf(strstr(t.out, "linear: "), "linear: %lf W idle and %lf W for each",
				&idle_w, &slope_w), 2);
	assert_true(fabs(idle_w - IDLE_W) < 6 && fabs(slope_w - BUSY_W) < 6);
}

/* Its slope is what rounding makes of nothing. */
static void a_sensor_that_shows_the_same_under_any_load_is_no_slope(void **state)
{
	fake_chip("hwmon0", "power_meter");
	fake_sensor("hwmon0", "power1_average", "20000000\n");
	fake_sensor("hwmon0", "power1_average_interval", "50\n");
	tool_run(&t, "--source hwmon calibrate --settle=0s --hold=200ms");
	assert_int_equal(t.status, 125);
	if (!strstr(t.err, "loads were all alike"))
		tool_said(&t, "power did not grow with load");
}

/* A meter that follows the busy time of the machine. Until killed. */
static void be_a_meter(void)
{
	struct cputime_host_reader host;
	struct cputime_host last = { 0 }, h;
	int64_t last_ns = 0, now_ns;

	if (cputime_host_open(&host, "/proc"))
		_exit(1);
	for (; !cputime_host_read(&host, NULL, &h); usleep(100000)) {
		now_ns = mn_now_ns();
		if (last_ns)
			fake_in_place(IDLE_W + BUSY_W * (double)(h.busy_ns - last.busy_ns) /
				      (now_ns - last_ns));
		last_ns = now_ns;
		last = h;
	}
	_exit(1);
}

static void a_meter_of_the_server_is_said_to_be_one(void **state)
{
	pid_t pid;

	fake_chip("hwmon0", "power_meter");
	fake_sensor("hwmon0", "power1_average", "%09d\n", IDLE_W * 1000000);
	fake_sensor("hwmon0", "power1_average_interval", "100\n");
	pid = fork();
	if (pid == 0)
		be_a_meter();
	tool_run(&t, "--source hwmon calibrate --settle=300ms --hold=500ms >/dev/full");
	assert_int_equal(t.status, 125);
	if (!strstr(t.err, "loads were all alike"))
		tool_said(&t, "the report could not be written");
	tool_run(&t, "--source hwmon calibrate --settle=300ms --hold=500ms");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (t.status == 125 && strstr(t.err, "loads were all alike")) {
		print_message("others keep this machine's CPUs busy\n");
		skip();
	}
	assert_int_equal(t.status, 0);
	assert_non_null(strstr(t.out, "of what hwmon counts\n  (server)"));
}

static void refused(const char *words, const char *because)
{
	tool_run(&t, "%s", words);
	assert_int_equal(t.status, 125);
	tool_said(&t, because);
}

static void without_a_counter_there_is_nothing_to_calibrate_against(void **state)
{
	refused("--source model calibrate", "nothing to calibrate against");
	refused("--source powercap calibrate", "nothing to calibrate against");
	tool_said(&t, "modprobe intel_rapl_msr");	/* the mend */
}

static void what_makes_no_sense_is_refused(void **state)
{
	refused("--source nosuch calibrate", "no such energy source");
	refused("calibrate --hold=soon", "'soon' is no time");
	refused("calibrate --hold=1ms", "too short");
	refused("calibrate --settle=9223372036854775807ns", "over an hour");
}

static void a_program_of_that_name_can_be_run(void **state)
{
	tool_run(&t, "-- calibrate some file");
	assert_int_equal(t.status, 127);
	tool_run(&t, "-- calibrate");
	assert_int_equal(t.status, 127);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(idle_and_slope_are_printed),
		fake_test(a_sensor_that_shows_the_same_under_any_load_is_no_slope),
		fake_test(a_meter_of_the_server_is_said_to_be_one),
		fake_test(without_a_counter_there_is_nothing_to_calibrate_against),
		fake_test(what_makes_no_sense_is_refused),
		fake_test(a_program_of_that_name_can_be_run),
	};

	return cmocka_run_group_tests_name("memnet-energy calibrate", tests, NULL, NULL);
}
