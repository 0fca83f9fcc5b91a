/* SPDX-License-Identifier: BSD-2-Clause */
/* What figures draw: the marks, the paths, the bytes. Run from the root of the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/test/drawn.h"

static void gains_and_cpu_show_every_path(void **state)
{
	static struct run_row runs[MADE_RUNS(6) * 3 / 2];
	const char *dir;
	size_t n;

	made_experiment(runs, 6);
	n = made_third_path(runs, MADE_RUNS(6), "vsock");
	dir = make_folder_of("three-paths", runs, n);
	draw(dir);
	says(dir, "gains.svg", "Each path against virtio-tap");
	says(dir, "gains.svg", ">memnet: the guest sends<");
	says(dir, "gains.svg", ">vsock: the guest sends<");
	assert_int_equal(count_in(dir, "gains.svg", ">7.00<"), 2);	/* the network's, both arms */
	assert_int_equal(count_in(dir, "cpu.svg", ">vsock<"), 4);	/* two arms, two panels */
	says(dir, "cpu.svg", "hybrid-fixed: the same work");
	says(dir, "cpu.svg", "n = 6 valid runs each");
	ROW_TEXT(runs[n - 1].status, "invalid");	/* of the third path */
	dir = make_folder_of("three-paths-one-invalid", runs, n);
	draw(dir);
	says(dir, "cpu.svg", "n = 5 to 6 valid runs each");
}

/* Of both workloads, and of streams alone, whose gains are drawn from the runs. */
static void what_has_no_vm_is_a_bound_and_gains_nothing(void **state)
{
	static struct run_row both[MADE_RUNS(6) * 3 / 2], alone[MADE_STREAM_RUNS(6) * 3 / 2];
	const char *dirs[2];

	made_experiment(both, 6);
	dirs[0] = strdup(make_folder_of("bound", both, made_bound(both, MADE_RUNS(6))));
	made_stream_experiment(alone, 6);
	dirs[1] = strdup(make_folder_of("bound-alone", alone,
					made_bound(alone, MADE_STREAM_RUNS(6))));
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		draw(dirs[i]);
		says(dirs[i], "gains.svg", ">memnet against virtio-tap");
		says(dirs[i], "gains.svg", "TCG (emulated CPU");
		assert_int_equal(count_in(dirs[i], "gains.svg", ">7.00<"), 0);
		says(dirs[i], "cpu.svg", "native: no VM, a bound, not to be set beside TCG");
		says(dirs[i], "cpu.svg", ">native<");
	}
	says(dirs[0], "cpu.svg", ">work<");
	free((char *)dirs[0]);
	free((char *)dirs[1]);
}

/* Streams and requests alone have no gain, but what each path is worth against the baseline. */
static void gains_and_cpu_of_streams_and_requests_alone(void **state)
{
	static struct run_row runs[MADE_STREAM_RUNS(6) * 3 / 2 + MADE_SPIN_RUNS(6)];
	const char *dir;
	size_t n;

	made_stream_experiment(runs, 6);
	n = made_third_path(runs, MADE_STREAM_RUNS(6), "vsock");
	made_spin_experiment(runs + n, 6);
	dir = make_folder_of("alone-paths", runs, n + MADE_SPIN_RUNS(6));
	draw(dir);
	says(dir, "gains.svg", ">memnet: the guest receives<");
	says(dir, "gains.svg", ">vsock: the guest receives<");
	says(dir, "gains.svg", ">memnet: requests<");
	assert_int_equal(count_in(dir, "gains.svg", ">latency<"), 4);	/* two paths, two of each */
	/* Seven times the bytes: the rate, CPU time and energy per GB; both arms, both ways. */
	assert_int_equal(count_in(dir, "gains.svg", ">7.00<"), 12);
	assert_int_equal(count_in(dir, "gains.svg", ">paper"), 0);
	says(dir, "cpu.svg", "network: as fast as each goes; the guest receives");
	assert_int_equal(count_in(dir, "cpu.svg", ">vsock<"), 4);
}

/* What the power figure of a topology shows is that topology's. */
static void power_is_that_of_its_topology(void **state)
{
	struct run_row runs[2 * MADE_RUNS(6)];
	char *alone, *first, *second;
	const char *dir;

	made_experiment(runs, 6);
	dir = make_folder_of("power-alone", runs, MADE_RUNS(6));
	draw(dir);
	alone = figure(dir, "power.svg");
	made_experiment(runs + MADE_RUNS(6), 6);
	for (size_t i = MADE_RUNS(6); i < ARRAY_SIZE(runs); i++) {
		ROW_TEXT(runs[i].topology, "two-vm");
		ROW_TEXT(runs[i].run_id, "two-%zu", i);
		runs[i].energy_j *= 10;
	}
	dir = make_folder_of("power-two", runs, ARRAY_SIZE(runs));
	draw(dir);
	first = figure(dir, "power.svg");
	second = figure(dir, "power-two-vm.svg");
	assert_string_equal(alone, first);
	assert_non_null(strstr(second, "two-vm"));
	assert_null(strstr(first, "<text> 80</text>"));
	assert_non_null(strstr(second, "<text> 80</text>"));	/* of the axis, W */
	free(alone);
	free(first);
	free(second);
}

/* How many marks of a point type and colour the figure has; in the file types count from 0. */
static int count_marks(const char *svg_text, int type, const char *colour)
{
	char mark[32];
	int n = 0;

	snprintf(mark, sizeof(mark), "<use xlink:href='#gpPt%d'", type - 1);
	for (const char *at = svg_text; (at = strstr(at, mark)); at++) {
		const char *end = strchr(at, '>');
		const char *found = strstr(at, colour);

		n += found && found < end;
	}
	return n;
}

#define TAP_COLOUR "rgb(213,  94,   0)"
#define MEMNET_COLOUR "rgb(  0, 114, 178)"

static void check_marks(const char *dir, const char *name, int type, const char *colour,
			int wanted)
{
	char *text = figure(dir, name);
	int n = count_marks(text, type, colour);

	free(text);
	if (n != wanted)
		fail_msg("%s of %s has %d marks of type %d in %s, not %d", name, dir, n, type,
			 colour, wanted);
}

/* One of memnet's: a hollow mark in each of two panels, in the place of a filled one. */
static void invalid_runs_are_seen_in_the_drift(void **state)
{
	enum { TAP = 9, MEMNET = 5, KEY = 1, PANELS = 2, OF_A_PATH = PANELS * MADE_RUNS(7) / 2 };
	struct run_row runs[MADE_RUNS(7)];
	const char *dir;

	made_experiment(runs, 7);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i].order = i;
	dir = make_folder_of("valid", runs, ARRAY_SIZE(runs));
	draw(dir);
	check_marks(dir, "drift.svg", MEMNET, MEMNET_COLOUR, OF_A_PATH + KEY);
	check_marks(dir, "drift.svg", MEMNET - 1, MEMNET_COLOUR, 0);
	ROW_TEXT(runs[41].status, "invalid");
	dir = make_folder_of("invalid", runs, ARRAY_SIZE(runs));
	draw(dir);
	check_marks(dir, "drift.svg", MEMNET, MEMNET_COLOUR, OF_A_PATH - PANELS + KEY);
	check_marks(dir, "drift.svg", MEMNET - 1, MEMNET_COLOUR, PANELS);
	check_marks(dir, "drift.svg", TAP, TAP_COLOUR, OF_A_PATH + KEY);
	check_marks(dir, "drift.svg", TAP - 1, TAP_COLOUR, 0);
	says(dir, "drift.svg", "hollow: invalid, in no median");
}

/* Network, compute and CPU time are filled, energy by the model hollow; a dot for each block. */
static void gains_have_medians_intervals_and_blocks(void **state)
{
	enum { DOT = 7, SPARE = 5, EQUAL = 9, METRICS = 4, KEY = 1 };
	struct run_row runs[MADE_RUNS(6)];
	const char *dir;

	made_experiment(runs, 6);
	dir = make_folder_of("gains", runs, ARRAY_SIZE(runs));
	draw(dir);
	check_marks(dir, "gains.svg", SPARE, MEMNET_COLOUR, METRICS - 1 + KEY);
	check_marks(dir, "gains.svg", SPARE - 1, MEMNET_COLOUR, 1);
	check_marks(dir, "gains.svg", EQUAL, TAP_COLOUR, METRICS - 1 + KEY);
	check_marks(dir, "gains.svg", EQUAL - 1, TAP_COLOUR, 1);
	check_marks(dir, "gains.svg", DOT, MEMNET_COLOUR, 6 * METRICS);
	check_marks(dir, "gains.svg", DOT, TAP_COLOUR, 6 * METRICS);
	/* the intervals: of what is measured, and broken those of the model */
	says(dir, "gains.svg", "<path stroke='" MEMNET_COLOUR "'  d=");
	says(dir, "gains.svg", "<path stroke='" MEMNET_COLOUR "' stroke-dasharray=");
	assert_int_equal(count_in(dir, "gains.svg", "n.c."), 0);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (!strcmp(runs[i].path, "memnet") && !strcmp(runs[i].scenario, "hybrid-paced"))
			runs[i].stream_bytes_per_s *= 2;
	dir = make_folder_of("unequal", runs, ARRAY_SIZE(runs));
	draw(dir);
	assert_int_equal(count_in(dir, "gains.svg", " (n.c.)<"), 2);
	assert_int_equal(count_in(dir, "gains.svg", ">n.c.: not comparable"), 1);
}

/* Where the @nth @what is, from the top. Of a text its place stands before it, of a mark behind. */
static double height_of(const char *dir, const char *what, int nth, bool is_text)
{
	static const char word[] = "translate(";
	char *svg_text = figure(dir, "gains.svg"), *at = svg_text;
	double y = NAN;

	for (int i = 0; at && i < nth; i++)
		at = strstr(at + 1, what);
	assert_non_null(at);
	while (is_text && at > svg_text && strncmp(at, word, strlen(word)))
		at--;
	at = strstr(at, word);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(word), "%*f,%lf", &y), 1);
	free(svg_text);
	return y;
}

#define SQUARE "<use xlink:href='#gpPt4'"

/* Memnet's gain of compute is 1.25; the paper's line is at 1.27. */
static void no_line_goes_through_a_value(void **state)
{
	struct run_row runs[MADE_RUNS(6)];
	const char *dir;

	made_experiment(runs, 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (!strcmp(runs[i].scenario, "hybrid-paced"))
			runs[i].compute_ops_per_s = strcmp(runs[i].path, "memnet") ? 1000 : 1250;
	dir = make_folder_of("near", runs, ARRAY_SIZE(runs));
	draw(dir);
	/* The second mark is that of compute; a value stands 3 below the middle of its mark. */
	assert_true(height_of(dir, ">1.25<", 1, true) - height_of(dir, SQUARE, 2, false) > 3 + 3);
	says(dir, "gains.svg", ">paper +27 % (1.27)<");
}

/* Classes, phases and marks that no panel has are not in a key. */
static void keys_have_what_is_drawn(void **state)
{
	struct run_row runs[MADE_RUNS(6)];
	struct sample_row *samples = calloc(MADE_SAMPLES * ARRAY_SIZE(runs), sizeof(*samples));
	const char *dir;
	size_t n = 0;

	made_experiment(runs, 6);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		n += made_samples(&runs[i], samples + n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(samples[i].phase, "drain"))
			ROW_TEXT(samples[i].phase, "window");
	dir = analysed_folder("keys", runs, ARRAY_SIZE(runs), samples, n);
	free(samples);
	draw(dir);
	says(dir, "power.svg", ">phase: settle<");
	says(dir, "cpu.svg", ">memnetd<");
	assert_int_equal(count_in(dir, "cpu.svg", ">vhost<"), 0);
	assert_int_equal(count_in(dir, "cpu.svg", ">passt<"), 0);
	says(dir, "power.svg", ">phase: window<");
	assert_int_equal(count_in(dir, "power.svg", ">phase: drain<"), 0);
	says(dir, "tradeoff.svg", ">virtio-tap: one run<");
	says(dir, "tradeoff.svg", ">memnet: one run<");
}

/* Each part of a stack begins where the one below it ends, and stacks stand side by side. */
static void parts_of_cpu_time_are_stacked(void **state)
{
	static const char part[] = "fill-opacity = '0.750000' points = '";
	enum { STACKS = 8, PARTS = 4 * (3 + 4) };	/* the baseline has no memnetd */
	double left, bottom, top, floor = NAN, left_before = NAN, top_before = NAN;
	char *text, *at;
	const char *dir = make_folder("stacks", 6, "model");
	int n_stacks = 0;

	draw(dir);
	at = text = figure(dir, "cpu.svg");
	for (int i = 0; i < PARTS; i++) {
		at = strstr(at, part);
		assert_non_null(at);
		at += strlen(part);
		assert_int_equal(sscanf(at, "%lf,%lf %*f,%*f %*f,%lf", &left, &bottom, &top), 3);
		floor = i ? floor : bottom;
		if (bottom == floor) {
			assert_true(!(left <= left_before));
			n_stacks++;
		} else {
			assert_true(left == left_before);
			assert_true(fabs(bottom - top_before) < 0.1);
		}
		left_before = left;
		top_before = top;
	}
	assert_int_equal(n_stacks, STACKS);
	free(text);
}

static void figures_are_the_same_byte_by_byte_each_time(void **state)
{
	const char *dir;
	static struct run_row runs[MADE_RUNS(6) + MADE_SPIN_RUNS(6) + MADE_STREAM_RUNS(6)];
	char *first[ARRAY_SIZE(all_figures)], *second;

	made_experiment(runs, 6);
	made_spin_experiment(runs + MADE_RUNS(6), 6);
	made_stream_experiment(runs + MADE_RUNS(6) + MADE_SPIN_RUNS(6), 6);
	dir = make_folder_of("twice", runs, ARRAY_SIZE(runs));
	draw(dir);
	drawn_are(dir, " gains tradeoff cpu cost insns latency quantiles power spin drift ");
	for (size_t i = 0; i < ARRAY_SIZE(all_figures); i++)
		first[i] = is_drawn(dir, all_figures[i]) ? figure(dir, all_figures[i]) : NULL;
	draw(dir);
	for (size_t i = 0; i < ARRAY_SIZE(all_figures); i++) {
		if (!first[i])
			continue;
		second = figure(dir, all_figures[i]);
		assert_string_equal(first[i], second);
		free(first[i]);
		free(second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gains_and_cpu_show_every_path),
		cmocka_unit_test(what_has_no_vm_is_a_bound_and_gains_nothing),
		cmocka_unit_test(gains_and_cpu_of_streams_and_requests_alone),
		cmocka_unit_test(power_is_that_of_its_topology),
		cmocka_unit_test(invalid_runs_are_seen_in_the_drift),
		cmocka_unit_test(gains_have_medians_intervals_and_blocks),
		cmocka_unit_test(no_line_goes_through_a_value),
		cmocka_unit_test(keys_have_what_is_drawn),
		cmocka_unit_test(parts_of_cpu_time_are_stacked),
		cmocka_unit_test(figures_are_the_same_byte_by_byte_each_time),
	};

	return cmocka_run_group_tests_name("figure marks", tests, scratch_make, scratch_remove);
}
