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
#include "energy/tool/calibrate.h"
#include "memnet-core/base/clock.h"

static char output[4096];

/* Its exit status; both its streams in @output. */
static int calibrate(const char *source, const char *hold)
{
	char source_arg[64], sysfs_arg[128], hold_arg[32];
	char *argv[] = { "memnet-energy calibrate", source_arg, sysfs_arg, "--settle=0s", hold_arg,
			 NULL };
	size_t used = 0;
	ssize_t n;
	int ends[2], status;
	pid_t pid;

	snprintf(source_arg, sizeof(source_arg), "--source=%s", source);
	snprintf(sysfs_arg, sizeof(sysfs_arg), "--sysfs=%s", fake_root());
	snprintf(hold_arg, sizeof(hold_arg), "--hold=%s", hold);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		status = tool_calibrate(5, argv);
		fflush(stdout);
		_exit(status);
	}
	close(ends[1]);
	while ((n = read(ends[0], output + used, sizeof(output) - 1 - used)) > 0)
		used += n;
	output[used] = '\0';
	close(ends[0]);
	assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define IDLE_W	20
#define BUSY_W	30	/* more, for each CPU that is busy */

/* A machine whose counter follows this one's busy time. Until killed. */
static void be_a_machine(int energy_fd)
{
	struct cputime_host_reader host;
	int64_t begin_ns = mn_now_ns();
	struct cputime_host h;
	char text[32];
	int len;

	if (cputime_host_open(&host, "/proc"))
		_exit(1);
	for (; !cputime_host_read(&host, NULL, &h); usleep(1000)) {
		len = snprintf(text, sizeof(text), "%018lld\n", (long long)(IDLE_W *
			       (mn_now_ns() - begin_ns) + BUSY_W * h.busy_ns) / 1000);
		if (pwrite(energy_fd, text, len, 0) != len)
			break;
	}
	_exit(1);
}

static void idle_and_slope_are_printed(void **state)
{
	double idle_w, slope_w;
	char path[128];
	int fd, status;
	pid_t pid;

	fake_zone("intel-rapl:0", "package-0", 0);
	snprintf(path, sizeof(path), "%s/class/powercap/intel-rapl:0/energy_uj", fake_root());
	fd = open(path, O_WRONLY);
	pid = fork();
	if (pid == 0)
		be_a_machine(fd);
	usleep(20000);
	status = calibrate("powercap", "1s");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	if (status == 125 && strstr(output, "loads were all alike"))
		skip();				/* others keep this machine's CPUs busy */
	print_message("%s", output);
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "CPUs loaded"));
	assert_non_null(strstr(output, "\n  logarithmic"));
	assert_int_equal(sscanf(strstr(output, "linear: "), "linear: %lf W idle and %lf W for each",
				&idle_w, &slope_w), 2);
	assert_true(fabs(idle_w - IDLE_W) < 6 && fabs(slope_w - BUSY_W) < 6);
}

static void without_a_counter_there_is_nothing_to_calibrate_against(void **state)
{
	assert_int_equal(calibrate("model", "1s"), 125);
	assert_non_null(strstr(output, "nothing to calibrate against"));
	assert_int_equal(calibrate("powercap", "1s"), 125);
	assert_non_null(strstr(output, "nothing to calibrate against"));
	assert_non_null(strstr(output, "modprobe intel_rapl_msr"));	/* the mend */
}

static void what_makes_no_sense_is_refused(void **state)
{
	assert_int_equal(calibrate("nosuch", "1s"), 125);
	assert_non_null(strstr(output, "no such energy source"));
	assert_int_equal(calibrate("powercap", "soon"), 125);
	assert_non_null(strstr(output, "'soon' is no time"));
	assert_int_equal(calibrate("powercap", "1ms"), 125);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(idle_and_slope_are_printed),
		fake_test(without_a_counter_there_is_nothing_to_calibrate_against),
		fake_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests_name("memnet-energy calibrate", tests, NULL, NULL);
}
