/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress in a log and on a terminal; and how long the rest is said to take. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <cmocka.h>

#include "harness/progress.h"
#include "harness/test/made_rows.h"
#include "harness/test/scratch.h"

/* Two blocks of a boot of virtio-tap with 2 runs and one of memnet with 2. */
#define PLAN "[plan]\nname=x\nrepetitions=2\nsettle=100ms\nwarmup=400ms\nwindow=1s\nfixed=2s\n" \
	     "[matrix m]\npaths=virtio-tap,memnet\nscenarios=network,hybrid-fixed\n" \
	     "arms=spare-core\ndirections=send\n"

static struct plan plan;
static struct plan_run *runs;
static size_t n_runs;

static int make_runs(void **state)
{
	char err[512];

	scratch_make(state);
	if (plan_load(&plan, scratch_write("plan", PLAN), err, sizeof(err)))
		return -1;
	n_runs = plan_expand(&plan, 7, &runs);
	return n_runs == 8 ? 0 : -1;
}

static int free_runs(void **state)
{
	free(runs);
	return scratch_remove(state);
}

/* --- the forecast ------------------------------------------------------------ */

static void near(double value, double wanted)
{
	if (!(fabs(value - wanted) < 0.01))
		fail_msg("%f is not %f", value, wanted);
}

static void without_knowledge_the_plan_counts(void **state)
{
	struct forecast f;

	forecast_init(&f, &plan, "tcg", "build");
	near(forecast_run_s(&f, &plan.configs[0]), 1.5 + forecast_extra_s(&f));
	near(forecast_left_s(&f, runs, n_runs, NULL, 0),
	     4 * forecast_boot_s(&f) + 4 * 1.5 + 4 * 2.5 + 8 * forecast_extra_s(&f));
	near(forecast_calibration_s(&f), forecast_boot_s(&f) + 3 * (1.5 + forecast_extra_s(&f)));
	forecast_free(&f);
}

static void what_was_seen_counts_by_its_median(void **state)
{
	struct forecast f;
	bool left[8] = { false, true, true };	/* one of the boot in hand, one of the next */

	forecast_init(&f, &plan, "tcg", "build");
	for (int i = 0; i < 3; i++) {
		forecast_saw_boot(&f, 7 + 10 * (i == 1));
		forecast_saw_run(&f, runs[1].config, 3 + 10 * (i == 1));
	}
	near(forecast_boot_s(&f), 7);
	near(forecast_run_s(&f, runs[1].config), 3);
	near(forecast_left_s(&f, runs, n_runs, left, runs[1].boot),
	     7 + forecast_run_s(&f, runs[1].config) + forecast_run_s(&f, runs[2].config));
	forecast_free(&f);
}

static void rows_of_another_experiment_teach(void **state)
{
	struct run_row rows[4];
	struct forecast f;

	for (int i = 0; i < 4; i++) {
		rows[i] = made_run("memnet", "network", 1);
		rows[i].boot = 1 + i / 2;
		/* a window of 1 s, 0.5 s before it, 0.2 s beside; 9 s of a boot */
		rows[i].window_begin_ns = 1700000000LL * i + 8800000000LL * (i / 2);
		rows[i].window_end_ns = rows[i].window_begin_ns + 1000000000LL;
	}
	forecast_init(&f, &plan, "tcg", "build");
	forecast_learn(&f, &plan, rows, 4);
	near(forecast_extra_s(&f), 0.2);
	near(forecast_boot_s(&f), 9);
	forecast_free(&f);
}

/* --- what is written --------------------------------------------------------- */

/* What a little experiment writes to @fd as standard error, read from @from. */
static void write_to(int fd, int from, char *text, size_t size)
{
	struct progress p;
	bool *left = calloc(n_runs, sizeof(*left));
	int former = dup(STDERR_FILENO);
	ssize_t n;

	memset(left, true, n_runs);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	progress_init(&p, &plan, "tcg", "build", runs, n_runs, left, false);
	progress_boot(&p, NULL);
	progress_calibrated(&p, "calibrate.spare-core.1", "ok", "");
	progress_calibrated(&p, "calibrate.spare-core.2", "ok", "a hypervisor took half");
	progress_boot(&p, &runs[0]);
	progress_begin(&p, &runs[0]);
	progress_step(&p, &runs[0], runs[0].id, "ok", "", true);
	progress_begin(&p, &runs[1]);
	progress_step(&p, &runs[1], runs[1].id, "invalid",
		      "a thread was not where it was pinned", true);
	progress_unmade(&p, &runs[2], 2, "skipped", "no device");
	progress_clear(&p);
	progress_free(&p);
	fflush(stderr);
	dup2(former, STDERR_FILENO);
	close(former);
	fcntl(from, F_SETFL, O_NONBLOCK);
	while ((n = read(from, text, size - 1)) > 0) {	/* a terminal gives it piece by piece */
		text += n;
		size -= n;
	}
	*text = '\0';
}

static void in_a_log_there_are_plain_lines(void **state)
{
	const char *path = scratch("log");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), from = open(path, O_RDONLY);
	char text[4096];

	setenv("TERM", "xterm", 1);
	write_to(fd, from, text, sizeof(text));
	close(fd);
	close(from);
	assert_null(strpbrk(text, "\r\033"));
	assert_non_null(strstr(text, "[  0/8]  0:00 passed,  0:32 left  booting  "));
	assert_null(strstr(text, "calibrate.spare-core.1"));
	assert_non_null(strstr(text, "calibrate.spare-core.2: a hypervisor took half\n"));
	assert_non_null(strstr(text, "[  1/8]  0:00 passed"));
	assert_non_null(strstr(text, "invalid  b01"));
	assert_non_null(strstr(text, ": a thread was not where it was pinned\n"));
	assert_non_null(strstr(text, "[  4/8]"));
	assert_non_null(strstr(text, "2 runs: no device\n"));
}

static void on_a_terminal(char *text, size_t size)
{
	const struct winsize narrow = { .ws_col = 50, .ws_row = 10 };
	int tty, from = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(from >= 0);
	assert_int_equal(grantpt(from) || unlockpt(from), 0);
	tty = open(ptsname(from), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	assert_int_equal(ioctl(tty, TIOCSWINSZ, &narrow), 0);
	write_to(tty, from, text, size);
	close(tty);
	close(from);
}

/* The longest line that is written over another. */
static size_t longest_rewritten(char *text)
{
	size_t longest = 0;
	char *save = NULL;

	for (char *l = strtok_r(text, "\r", &save); l; l = strtok_r(NULL, "\r", &save))
		if (strstr(l, "booting") || strstr(l, "running"))
			longest = MAX(longest, strlen(l) - strlen("\033[K"));
	return longest;
}

static void on_a_terminal_there_is_one_line(void **state)
{
	char text[4096];

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	on_a_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "\r\033[K[  0/8]"));
	assert_non_null(strstr(text, "running"));
	assert_non_null(strstr(text, "\033[33m[  2/8]"));	/* the invalid one, and it stays */
	assert_non_null(strstr(text, "pinned\033[0m\r\n"));
	assert_int_equal(longest_rewritten(text), 49);
}

static void colours_can_be_declined(void **state)
{
	char text[4096];

	setenv("NO_COLOR", "1", 1);
	on_a_terminal(text, sizeof(text));
	assert_non_null(strstr(text, "\r\033[K["));
	assert_null(strstr(text, "\033[33m"));
	setenv("TERM", "dumb", 1);
	on_a_terminal(text, sizeof(text));
	assert_null(strchr(text, '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_knowledge_the_plan_counts),
		cmocka_unit_test(what_was_seen_counts_by_its_median),
		cmocka_unit_test(rows_of_another_experiment_teach),
		cmocka_unit_test(in_a_log_there_are_plain_lines),
		cmocka_unit_test(on_a_terminal_there_is_one_line),
		cmocka_unit_test(colours_can_be_declined),
	};

	return cmocka_run_group_tests_name("progress", tests, make_runs, free_runs);
}
