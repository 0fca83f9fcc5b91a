/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report with every figure, seen by a browser (browse_report.sh says what it looks for).
 * Run from the root of the repository. No browser, or no gnuplot: skipped (77) with the reason.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "harness/report.h"
#include "harness/test/folders.h"
#include "harness/test/made_rows.h"

#define BROWSE "harness/test/browse_report.sh"
#define BLOCKS 6
#define FIGURES 10	/* all but interference */

/* All kinds of runs, one invalid for a long reason without a blank; what is hostile is in it. */
static const char *make_folder(void)
{
	static struct run_row runs[MADE_RUNS(BLOCKS) + MADE_SPIN_RUNS(BLOCKS) +
				   MADE_STREAM_RUNS(BLOCKS)];
	const char *dir;

	made_experiment(runs, BLOCKS);
	made_spin_experiment(runs + MADE_RUNS(BLOCKS), BLOCKS);
	made_stream_experiment(runs + MADE_RUNS(BLOCKS) + MADE_SPIN_RUNS(BLOCKS), BLOCKS);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		ROW_TEXT(runs[i].plan, "<script>throw 'a plan with a long name that acts'</script>");
	ROW_TEXT(runs[5].status, "invalid");
	memset(runs[5].reason, 'x', 400);
	dir = analysed_folder("page", runs, ARRAY_SIZE(runs), NULL, 0);
	put(dir, "plan.ini", "[plan]\nname = </pre><script>throw 'acts'</script>\n");
	put(dir, "environment.json", "{\"cpu\": \"<img src=x onerror=\\\"throw 'acts'\\\">\"}");
	return dir;
}

/* Exit status of a command whose output is shown. */
PRINTF_LIKE(1, 2)
static int run(const char *format, ...)
{
	char command[512];
	int status;
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_report_is_read_in_a_browser(void **state)
{
	const char *dir = make_folder();

	assert_int_equal(run("plots/plot.sh %s", dir), 0);
	if (report_write(dir, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(run(BROWSE " %s/report.html %d", dir, FIGURES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_read_in_a_browser),
	};

	if (run("command -v gnuplot >/dev/null")) {
		printf("gnuplot is not installed: apt-get install gnuplot-nox\n");
		return 77;
	}
	if (run(BROWSE) == 77)
		return 77;
	return cmocka_run_group_tests_name("report page", tests, scratch_make, scratch_remove);
}
