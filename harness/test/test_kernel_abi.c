/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real powercap class and a perf PMU of a kernel, in a VM under TCG: modules of ours
 * (energy/test/kernel_modules) register zones and events whose power is known and whose
 * counters wrap, and a program with the energy library in it must find the joules, and
 * memnet-energy as users have it. Here, too, a machine of one's own that can be suspended and whose clock can be set.
 * Skips (77) without QEMU, an image, or the headers of the guest's kernel. About 55 s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "energy/test/read_report.h"
#include "harness/test/guest_vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define INITRD		"test-energy.img"
#define PROGRAM		"guest-joules"	/* knows each domain's own window, to the ns */
#define TOOL		"memnet-energy --source powercap -e task-clock "
#define TOTAL_W		(50 + 5 + 20 + 3)	/* of those in_total */

struct known {
	const char *domain;
	unsigned int watts;
	bool in_total;
};

/* As the modules have them. */
static const struct known zones[] = {
	{ "package-0", 50, true }, { "core-0", 30 }, { "dram-0", 5, true }, { "psys", 100 },
	{ "package-1", 20, true }, { "dram-1", 3, true }, { NULL },
};
static const struct known events[] = {
	{ "package-0", 50, true }, { "dram-0", 5, true }, { NULL },
};

static struct guest_vm vm;

static void spawn(unsigned int slot, const char *command)
{
	char text[300], answer[32];

	snprintf(text, sizeof(text), "spawn %u %s", slot, command);
	snprintf(answer, sizeof(answer), "spawned %u ", slot);
	guest_vm_command(&vm, text);
	guest_vm_expect(&vm, answer);
}

/* All that is said until the program of @slot has ended well, as one text. */
static void take(unsigned int slot, char *said, size_t size)
{
	const char *line = "";
	char end[32];
	size_t n = 0;

	snprintf(end, sizeof(end), "exit %u ", slot);
	while (strncmp(line, end, strlen(end))) {
		line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS);
		assert_non_null(line);
		n += snprintf(said + n, size - n, "%s\n", line);
		assert_in_range(n, 1, size - 1);
	}
	if (strcmp(strchr(line + 5, ' '), " status=0"))
		fail_msg("%s", said);
}

static void run(const char *command)
{
	char said[4000];

	spawn(1, command);
	take(1, said, sizeof(said));
}

/* A window of @ms from @source, "" for auto, in the middle of which @meanwhile is run. */
static void measure(unsigned int ms, const char *source, const char *meanwhile, char *said,
		    size_t size)
{
	char command[100], begun[4000] = "";

	snprintf(command, sizeof(command), PROGRAM " %u %s", ms, source);
	spawn(0, command);
	while (!strstr(begun, "out 0 begun")) {
		const char *line = guest_vm_next_line(&vm, GUEST_VM_ANSWER_MS);
		size_t n = strlen(begun);

		assert_non_null(line);
		assert_in_range(n + strlen(line), 1, sizeof(begun) - 2);
		snprintf(begun + n, sizeof(begun) - n, "%s\n", line);
	}
	if (meanwhile) {
		mn_sleep_until_ns(mn_now_ns() + ms / 2 * NSEC_PER_MSEC);
		run(meanwhile);
	}
	snprintf(said, size, "%s", begun);
	take(0, said + strlen(said), size - strlen(said));
}

/* The line of @domain, as a text of its own. */
static char *line_of(const char *said, const char *domain)
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "out 0 %s ", domain);
	at = strstr(said, start);
	if (!at)
		fail_msg("no line of %s in: %s", domain, said);
	return strndup(at, strcspn(at, "\n"));
}

/*
 * The line of @domain has @expected_uj within its band. That is not wide, but it knows when the
 * vCPU was not run between a clock and its counter.
 */
static void expect_joules(const char *said, const char *source, const char *domain,
			  int64_t expected_uj)
{
	char measured[64], *line = line_of(said, domain);
	int64_t uj, low_uj, high_uj;

	snprintf(measured, sizeof(measured), " source=%s quality=measured gaps=0 ", source);
	if (!strstr(line, measured))
		fail_msg("%s", line);
	uj = guest_vm_value(line, "uj");
	low_uj = guest_vm_value(line, "low_uj");
	high_uj = guest_vm_value(line, "high_uj");
	print_message("%-9s expected %7.3f J, measured %7.3f J (%+.3f J) in %7.3f .. %7.3f J\n",
		      domain, expected_uj / 1e6, uj / 1e6, (uj - expected_uj) / 1e6,
		      low_uj / 1e6, high_uj / 1e6);
	assert_in_range(expected_uj, low_uj - 1, high_uj + 1);	/* printed to 1 uJ */
	assert_in_range(high_uj - low_uj, 0, uj / 10);
	free(line);
}

/* Each domain by its own window: they are read one after the other. 1 W for 1000 ns is 1 uJ. */
static void expect_known_joules(const char *said, const char *source, const struct known *k)
{
	int64_t total_uj = 0;

	for (; k->domain; k++) {
		char *line = line_of(said, k->domain);
		int64_t expected_uj = k->watts * guest_vm_value(line, "window_ns") / 1000;

		expect_joules(said, source, k->domain, expected_uj);
		total_uj += k->in_total ? expected_uj : 0;
		free(line);
	}
	expect_joules(said, source, "total", total_uj);
}

/* Nothing has joules, and each domain tells why. */
static void expect_gaps(const char *said, const char *why)
{
	for (const struct known *k = zones; k->domain; k++) {
		char *line = line_of(said, k->domain);

		print_message("%s\n", line + strlen("out 0 "));
		if (!strstr(line, " quality=invalid ") || !strstr(line, " uj=none ") ||
		    !strstr(line, why))
			fail_msg("%s", line);
		free(line);
	}
}

/* 250 J of package-0 are two or three times round its counter of 100 J. */
static void known_power_gives_known_joules_over_wraps(void **state)
{
	char said[8000];

	measure(5000, "powercap", NULL, said, sizeof(said));
	expect_known_joules(said, "powercap", zones);
	assert_non_null(strstr(said, "intel-rapl-mmio:0 left out: package-0 is already read"));
}

static void a_step_of_the_clock_changes_nothing(void **state)
{
	char said[8000];

	measure(3000, "powercap", "busybox date -s 2031-01-01", said, sizeof(said));
	expect_known_joules(said, "powercap", zones);
	measure(3000, "powercap", "busybox date -s 2021-01-01", said, sizeof(said));
	expect_known_joules(said, "powercap", zones);
}

static void a_suspend_in_the_window_is_a_gap(void **state)
{
	char said[8000];

	measure(3000, "powercap", "busybox sh /suspend.sh", said, sizeof(said));
	expect_gaps(said, "the machine was suspended");
}

/* --- memnet-energy ---------------------------------------------------------------- */

struct joules {
	double value, low, high;
};

/* What memnet-energy reported, without what init puts before each of its lines or pieces. */
static void run_tool(const char *options, bool lines, char *report, size_t size)
{
	char command[200], said[16000];
	size_t n = 0;

	snprintf(command, sizeof(command), TOOL "%s -- busybox sleep 3", options);
	spawn(0, command);
	take(0, said, sizeof(said));
	for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "err 0 ", 6))
			continue;
		n += snprintf(report + n, size - n, "%s%s", line + 6, lines ? "\n" : "");
		assert_in_range(n, 1, size - 1);
	}
}

/* Behind @start in the row it is found in; @start is unlike all other rows. */
static const char *in_row(const char *report, const char *start)
{
	const char *at = strstr(report, start);

	if (!at)
		fail_msg("no %s in: %s", start, report);
	return at + strlen(start);
}

static void csv_joules(const char *report, const char *domain, struct joules *j)
{
	char start[64];
	const char *row;

	snprintf(start, sizeof(start), ",\"energy_j\",\"%s\",", domain);
	row = in_row(report, start);
	if (sscanf(row, "\"%lf\",\"powercap\",\"measured\",\"%lf\",\"%lf\",\"0\",", &j->value,
		   &j->low, &j->high) != 3)
		fail_msg("%s %.200s", domain, row);
}

static void json_joules(json_t *run, const char *metric, const char *domain, struct joules *j)
{
	assert_string_equal(report_text(run, metric, domain, "source"), "powercap");
	assert_string_equal(report_text(run, metric, domain, "quality"), "measured");
	*j = (struct joules){ report_value(run, metric, domain, "value"),
			      report_value(run, metric, domain, "low"),
			      report_value(run, metric, domain, "high") };
}

/*
 * The report has one duration for all. Counters are read one after the other from its
 * clock on, each with a clock of its own that the report does not have: between the
 * two the vCPU may not be run, at either edge, for a few ticks of a busy host.
 */
#define EDGE_S		0.05

static void expect_watts(const char *name, double watts, double seconds, const struct joules *j,
			 double edges_w)
{
	double expected = watts * seconds, margin = edges_w * EDGE_S;

	print_message("%-9s expected %7.3f J, reported %7.3f J (%+.3f J) in %7.3f .. %7.3f J, margin %.2f J\n",
		      name, expected, j->value, j->value - expected, j->low, j->high, margin);
	assert_true(j->low <= j->value && j->value <= j->high);
	assert_true(j->low - margin <= expected && expected <= j->high + margin);
}

/* 3 s at 50 W are once or twice round 100 J. */
static void memnet_energy_reports_the_known_joules(void **state)
{
	char report[12000] = "";
	struct joules j;
	double seconds;

	run_tool("--csv", true, report, sizeof(report));
	seconds = atof(in_row(report, ",\"duration_s\",,\""));
	assert_true(seconds > 3);
	for (const struct known *k = zones; k->domain; k++) {
		csv_joules(report, k->domain, &j);
		expect_watts(k->domain, k->watts, seconds, &j, k->watts);
	}
	csv_joules(report, "total", &j);
	expect_watts("total", TOTAL_W, seconds, &j, TOTAL_W);
}

/* The power is the same all the time, so net is 0, give or take its interval. */
static void memnet_energy_reports_net_of_idle(void **state)
{
	char report[12000] = "";
	json_t *all, *run;
	struct joules j;
	double seconds;

	run_tool("--json --idle 2s", false, report, sizeof(report));
	all = report_read(report);
	assert_int_equal(json_array_size(all), 1);
	run = json_array_get(all, 0);
	seconds = report_value(run, "duration_s", "", "value");
	for (const struct known *k = zones; k->domain; k++) {
		json_joules(run, "energy_j", k->domain, &j);
		expect_watts(k->domain, k->watts, seconds, &j, k->watts);
	}
	json_joules(run, "energy_net_j", "total", &j);
	expect_watts("net", 0, seconds, &j, TOTAL_W);
	assert_true(j.high - j.low < TOTAL_W * seconds / 10);
	json_joules(run, "power_idle_w", "before", &j);
	expect_watts("before, W", TOTAL_W, 1, &j, TOTAL_W / 2.0);
	json_joules(run, "power_idle_w", "after", &j);
	expect_watts("after, W", TOTAL_W, 1, &j, TOTAL_W / 2.0);
	json_decref(all);
}

/* --- perf beside powercap ----------------------------------------------------------- */

/* The PMU knows of one package. What powercap has beside it is in no total. */
static void perf_is_used_and_powercap_agrees(void **state)
{
	char said[8000];

	run("busybox insmod /memnet_power_pmu.ko");
	measure(3000, "", NULL, said, sizeof(said));
	expect_known_joules(said, "perf-power", events);
	print_message("%s", strstr(said, "out 0 check"));
	assert_non_null(strstr(said, "out 0 check package-0: perf-power "));
	assert_non_null(strstr(said, "out 0 check dram-0: perf-power "));
	assert_null(strstr(said, "disagree"));
	run("busybox rmmod memnet_power_pmu");
}

/* By 6 %: more than the edges of 3 s can explain, unless the vCPU was long not run. */
static void perf_is_used_and_powercap_disagrees(void **state)
{
	char said[8000], *line;

	run("busybox insmod /memnet_power_pmu.ko pkg_w=47");
	measure(3000, "", NULL, said, sizeof(said));
	line = line_of(said, "total");
	print_message("%s\n", line + strlen("out 0 "));
	if (!strstr(line, " source=perf-power quality=measured gaps=0 ") ||
	    !strstr(line, "reason=package-0: perf-power 14") ||
	    !strstr(line, "they disagree (+6."))	/* 50 / 47, in ticks of 50 mJ */
		fail_msg("%s", line);
	free(line);
	run("busybox rmmod memnet_power_pmu");
}

/* The last test: after it the zones are gone. */
static void a_driver_unloaded_in_the_window_leaves_a_gap(void **state)
{
	char said[8000], *line;

	measure(3000, "powercap", "busybox rmmod memnet_powercap", said, sizeof(said));
	expect_gaps(said, "lost in the window (ENODEV)");
	measure(100, "powercap", NULL, said, sizeof(said));
	line = line_of(said, "total");
	assert_non_null(strstr(line, "quality=absent gaps=0"));
	assert_non_null(strstr(line, "no package zone"));
	free(line);
}

/* --- around them ----------------------------------------------------------------- */

static int boot(void **state)
{
	const struct guest_vm_setup setup = { .initrd = INITRD, .append = "" };

	guest_vm_boot(&vm, &setup);
	guest_vm_expect_ready(&vm);
	run("busybox insmod /memnet_powercap.ko");
	return 0;
}

static int end(void **state)
{
	guest_vm_end(&vm);
	return guest_vm_clean_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_power_gives_known_joules_over_wraps),
		cmocka_unit_test(a_step_of_the_clock_changes_nothing),
		cmocka_unit_test(memnet_energy_reports_the_known_joules),
		cmocka_unit_test(memnet_energy_reports_net_of_idle),
		cmocka_unit_test(a_suspend_in_the_window_is_a_gap),
		cmocka_unit_test(perf_is_used_and_powercap_agrees),
		cmocka_unit_test(perf_is_used_and_powercap_disagrees),
		cmocka_unit_test(a_driver_unloaded_in_the_window_leaves_a_gap),
	};

	guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("kernel_abi", tests, boot, end);
}
