/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy --events: sets, files, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "energy/counters.h"
#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"

static struct tool t;

static void sets_of_events_are_found_beside_the_program(void **state)
{
	fake_write("mine.events", "# unheard\n task-clock # ms\n\npage-faults\n");
	tool_run(&t, "-e scheduling,@%s/mine.events,minor-faults true", fake_root());
	tool_said(&t, "sched:sched_wakeup");
	tool_said(&t, "page-faults");
	tool_said(&t, "minor-faults");
	tool_not_said(&t, "unheard");
	tool_run(&t, "--csv -e default,task-clock,@%s/mine.events true", fake_root());
	assert_null(strstr(strstr(t.err, "\"task-clock\"") + 1, "\"task-clock\""));	/* once */
	fake_write("none.events", "# nothing\n");
	tool_run(&t, "-e @%s/none.events true", fake_root());
	assert_int_equal(t.status, 125);
	tool_said(&t, "no event in it");
}

static void an_event_nobody_knows_is_refused_or_if_of_a_file_absent(void **state)
{
	tool_run(&t, "-e task-clock,context-swiches -- sh -c 'echo run'");
	assert_int_equal(t.status, 125);
	assert_string_equal(t.out, "");
	tool_said(&t, "context-swiches: libpfm4: event not found; did you mean 'context-switches'?");
	tool_run(&t, "-e no_pmu::no_event -- true");
	assert_int_equal(t.status, 125);
	fake_write("mine.events", "task-clock\nno-such-event\n");
	tool_run(&t, "-e @%s/mine.events true", fake_root());
	assert_int_equal(t.status, 0);
	tool_said(&t, "        absent   no-such-event            libpfm4: event not found");
}

/* The file is for people to read and copy; the program has its own list. */
static void the_default_set_is_what_is_counted_by_default(void **state)
{
	FILE *f = fopen("energy/events/default.events", "re");
	char line[128];
	size_t n = 0;

	if (!f) {
		print_message("skipped: not in the source tree\n");
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		assert_non_null(counters_default[n]);
		assert_string_equal(line, counters_default[n++]);
	}
	assert_null(counters_default[n]);
	fclose(f);
}

/* Also where tracefs is not mounted: what libpfm4 knows has no such modifier. */
static void a_modifier_nobody_knows_is_refused(void **state)
{
	static const char *const names[] = { "cycles:x", "instructions:uq", "task-clock:zz" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		tool_run(&t, "-e %s -- sh -c 'echo ran'", names[i]);
		assert_int_equal(t.status, 125);
		assert_string_equal(t.out, "");
		tool_said(&t, "nothing was measured");
	}
}

static void a_clock_is_in_ns_however_it_is_spelled(void **state)
{
	static const char *const names[] = { "TASK-CLOCK", "perf::PERF_COUNT_SW_TASK_CLOCK",
					     "cpu-clock:u" };
	char cells[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		tool_run(&t, "--csv -e %s true", names[i]);
		snprintf(cells, sizeof(cells), "\"time_ns\",\"%s\",", names[i]);
		tool_said(&t, cells);
	}
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(sets_of_events_are_found_beside_the_program),
		fake_test(an_event_nobody_knows_is_refused_or_if_of_a_file_absent),
		fake_test(the_default_set_is_what_is_counted_by_default),
		fake_test(a_modifier_nobody_knows_is_refused),
		fake_test(a_clock_is_in_ns_however_it_is_spelled),
	};

	return cmocka_run_group_tests_name("tool_events", tests, NULL, NULL);
}
