/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: what is refused, with what was meant, before anything runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "energy/test/run_tool.h"

/* Too large for a stack of tests. */
static struct tool t;

static void bad_options_are_named_with_what_was_meant(void **state)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{ "--jsno true", "no option --jsno; did you mean --json?" },
		{ "--evnts=x true", "did you mean --events?" },
		{ "--wholly-unlike true", "no option --wholly-unlike;" },
		{ "--events", "--events: an argument is missing" },
		{ "--csv=x true", "--csv: an argument is missing, or one too many" },
		{ "-z true", "'-z': no such option" },
		{ "-r", "-r, --repeat: an argument is missing: N" },
		{ "doctor x", "doctor takes no 'x'; a program of that name: -- doctor" },
		{ "calibrate x", "calibrate takes no 'x'" },
		{ "", "measure what?" },
		{ "--interval 5 true", "milliseconds from 10" },
		{ "--timeout 5 -a", "a time with its unit" },
		{ "--timeout 5s true", "timeout 10s COMMAND" },
		{ "--repeat 0 true", "a number from 1" },
		{ "--repeat 3 -a", "--repeat wants a command" },
		{ "doctor --csv", "no options of its own" },
		{ "--csv doctor", "go --source and --sysfs alone" },
		{ "--hold 1s true", "an option of calibrate" },
		{ "--sysfs /nonexistent true", "--sysfs /nonexistent: No such file" },
		{ "-z, true", "'-z,': no such option" },
		{ "-p 12x", "not a process id" },
		{ "-p 1,,2", "-p: an empty process id" },
		{ "-p ''", "-p: an empty process id" },
		{ "-p ,", "-p: an empty process id" },
		{ "--source nope doctor", "--source: there is no source 'nope'" },
		{ "--source powercup doctor", "did you mean 'powercap'?" },
		{ "-p 1 true", "neither a command" },
		{ "--csv --json true", "not both" },
		{ "-o /nonexistent/x true", "-o /nonexistent/x: No such file" },
		{ "-e @/nonexistent/x true", "event set /nonexistent/x: No such file" },
		{ "-e task-clock,,page-faults true", "an empty name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tool_run(&t, "%s", cases[i].words);
		assert_int_equal(t.status, 125);
		tool_said(&t, cases[i].said);
		tool_not_said(&t, "joules");
		assert_null(strchr(t.err, '\n'));	/* one line */
	}
}

static void options_of_the_command_are_not_ours(void **state)
{
	tool_run(&t, "echo --json -p x");
	assert_string_equal(t.out, "--json -p x");
	tool_run(&t, "-- echo --json");
	assert_string_equal(t.out, "--json");
	tool_run(&t, "-- doctor");			/* a command, not our doctor */
	assert_int_equal(t.status, 127);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(bad_options_are_named_with_what_was_meant),
		fake_test(options_of_the_command_are_not_ours),
	};

	return cmocka_run_group_tests_name("tool_options", tests, NULL, NULL);
}
