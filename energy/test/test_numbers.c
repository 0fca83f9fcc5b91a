/* SPDX-License-Identifier: BSD-2-Clause */
/* Large counts in CSV and JSON: all digits, of a record made by hand. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "energy/tool/output.h"

#define CYCLES	1234567890123457ULL

static const struct options options;

/* What @output writes of one run, a command's cycles; for free(). */
static char *written(const struct output_ops *output, bool summary)
{
	const struct energy_config config = { .source = "model", .hw_threads = 2 };
	const char *const events[] = { "cycles", NULL };
	const bool is_time[] = { false };
	char notes[1][256] = { "" };
	struct session session = {
		.options = &options, .events = events, .n_events = 1, .event_notes = notes,
		.event_is_time = is_time,
	};
	struct counter_sum counter = { .value = CYCLES, .counted = CYCLES, .threads = 1,
				       .enabled_ns = 1, .running_ns = 1 };
	struct energy_value none = { .source = "model", .quality = ENERGY_ABSENT, .joules = NAN,
				     .low_j = NAN, .high_j = NAN };
	struct energy_check check = { .text = "" };
	struct record record = {
		.run = 1, .duration_s = 1, .total = none, .share = none, .domains = &none,
		.checks = &check, .counters = &counter, .status = 0,
	};
	struct energy *energy;
	struct repeat repeat;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(energy_open(&energy, &config), 0);
	session.energy = energy;
	assert_int_equal(repeat_open(&repeat, &session, 1), 0);
	repeat_add(&repeat, &record);
	if (summary)
		output->summary(out, &session, &repeat);
	else
		output->record(out, &session, &record);
	repeat_close(&repeat);
	energy_close(energy);
	fclose(out);
	return text;
}

static void counts_keep_all_their_digits(void **state)
{
	static const struct {
		const struct output_ops *output;
		bool summary;
		const char *said;
	} cases[] = {
		{ &output_csv, false, "\"cycles\",\"1234567890123457\"" },
		{ &output_csv, true, "\"cycles\",\"1234567890123457\"" },
		{ &output_json, false, "\"value\":1234567890123457," },
		{ &output_json, true, "\"median\":1234567890123457," },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = written(cases[i].output, cases[i].summary);

		if (!strstr(text, cases[i].said))
			fail_msg("not %s in %.900s", cases[i].said, strstr(text, "cycles"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_keep_all_their_digits),
	};

	return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
