/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each check is a line of the table below. PASS: as good as it gets. DEGRADED: there
 * is an answer, but it tells less. ABSENT: this cannot be had here. The mend is a
 * command where there is one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/cputime.h"
#include "energy/tool/events.h"
#include "energy/tool/tool.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

#define TRY_NS	(300 * NSEC_PER_MSEC)

struct answer {
	char text[512];
	const struct options *options;
};

#define answer(a, outcome, ...) \
	mn_explain((a)->text, sizeof((a)->text), outcome, __VA_ARGS__)

static void print(const char *name, enum outcome outcome, const char *text)
{
	printf("%-9s %-14s %s\n", outcome_name(outcome), name, text);
}

/* --- energy -------------------------------------------------------------------- */

/*
 * What a third of a second of work costs: a counter that is there may still stand still.
 * Returns the seconds it took, or -ENOMEM.
 */
static double try_energy(const struct energy *e, struct energy_value *total)
{
	size_t n = energy_domain_count(e);
	struct energy_reading *readings = calloc(n + 1, sizeof(*readings));
	struct energy_sum *sums = calloc(n + 1, sizeof(*sums));
	int64_t end_ns = mn_now_ns() + TRY_NS;
	double seconds = -ENOMEM;

	if (readings && sums) {
		energy_read(e, readings);
		energy_sum_begin(e, sums, readings);
		while (mn_now_ns() < end_ns)
			;
		energy_read(e, readings);
		energy_sum_add(e, sums, readings);
		seconds = (double)(sums[0].end_ns - sums[0].begin_ns) / NSEC_PER_SEC;
		energy_total(e, sums, seconds, total);
	}
	free(readings);
	free(sums);
	return seconds;
}

static bool wants_longer(const struct energy *e)
{
	return energy_min_window_s(e) > (double)TRY_NS / NSEC_PER_SEC;
}

static enum outcome judge_source(struct answer *a, const struct energy *e, const char *name)
{
	struct energy_value total;
	double seconds;

	if (strcmp(energy_source(e), name))
		return answer(a, ABSENT, "%s", refusal(e, name, ""));
	seconds = try_energy(e, &total);
	if (seconds < 0)
		return answer(a, ABSENT, "out of memory");
	if (total.quality == ENERGY_ESTIMATED)
		return answer(a, DEGRADED, "always there, never a measurement: %s",
			      refusal(e, name, ""));
	if (total.quality == ENERGY_ABSENT && wants_longer(e))
		return answer(a, DEGRADED, "needs windows of over %.1f s: its sensor tells a mean",
			      energy_min_window_s(e));
	if (total.quality != ENERGY_MEASURED)
		return answer(a, ABSENT, "%s", total.reason);
	return answer(a, PASS, "%zu domains; %.2f W while one CPU was busy",
		      energy_domain_count(e), total.joules / seconds);
}

static enum outcome check_source(struct answer *a, const char *name)
{
	const struct energy_config config = { .sysfs_root = a->options->sysfs, .source = name };
	struct energy *e;
	enum outcome outcome;
	int ret = energy_open(&e, &config);

	if (ret)
		return answer(a, ABSENT, "%s", strerror(-ret));
	outcome = judge_source(a, e, name);
	energy_close(e);
	return outcome;
}

/* Sensors that are there and are not used unless asked for. */
static void print_left_out(const struct options *options)
{
	const struct energy_config config = { .sysfs_root = options->sysfs, .source = "hwmon" };
	const struct energy_note *note;
	struct energy *e;

	if (energy_open(&e, &config))
		return;
	for (size_t i = 0; (note = energy_note(e, i)); i++) {
		if (!note->error)
			printf("%-9s %-14s %s\n", "", note->source, note->text);
	}
	energy_close(e);
}

static void check_sources(const struct options *options)
{
	struct answer a = { .options = options };
	const char *name;

	for (size_t i = 0; (name = energy_source_name(i)); i++) {
		enum outcome outcome = check_source(&a, name);

		print(name, outcome, a.text);
	}
	print_left_out(options);
}

static enum outcome check_choice(struct answer *a)
{
	const struct energy_config config = {
		.sysfs_root = a->options->sysfs, .source = a->options->source,
	};
	const char *source;
	struct energy *e;
	enum outcome outcome;
	char tried[sizeof(a->text)];
	int ret = energy_open(&e, &config);

	if (ret)
		return answer(a, ABSENT, "%s", strerror(-ret));
	source = energy_source(e);
	outcome = judge_source(a, e, source);
	snprintf(tried, sizeof(tried), "%s", a->text);
	if (!strcmp(source, "model"))
		answer(a, DEGRADED, "joules will be MODEL: CPU time restated, with a band; "
		       "on a host with RAPL run as root");
	else if (!strcmp(source, "none"))
		outcome = answer(a, ABSENT, "no joules at all: %.400s", tried);
	else if (outcome == PASS)
		answer(a, PASS, "joules will be measured by %s", source);
	else
		answer(a, outcome, "joules would be %s's: %.400s", source, tried);
	energy_close(e);
	return outcome;
}

/* --- counters ------------------------------------------------------------------ */

/* Can @names be counted on ourselves? */
static enum outcome try_counters(struct answer *a, const char *const *names, const char *good)
{
	struct counter_value v[8];		/* no list here is longer */
	struct counters *c;
	const char *note = "";
	size_t absent = 0;
	size_t n;

	if (counters_open(&c, 0, names))
		return answer(a, ABSENT, "out of memory");
	n = counters_count(c);
	counters_read(c, v);
	for (size_t i = 0; i < n; i++) {
		absent += v[i].error != 0;
		if (counters_note(c, i)[0] && !note[0])
			note = counters_note(c, i);
	}
	answer(a, PASS, "%s", note[0] ? note : good);
	counters_close(c);
	return absent == n ? ABSENT : note[0] ? DEGRADED : PASS;
}

static enum outcome check_software(struct answer *a)
{
	static const char *const names[] = { "task-clock", "context-switches", "cpu-migrations",
					     "page-faults", NULL };

	return try_counters(a, names, "task-clock, context-switches, cpu-migrations, page-faults");
}

static enum outcome check_hardware(struct answer *a)
{
	static const char *const names[] = { "cycles", "instructions", "cache-misses", NULL };

	return try_counters(a, names, "cycles, instructions, cache-misses");
}

static enum outcome check_tracepoints(struct answer *a)
{
	static const char *const names[] = { "sched:sched_switch", NULL };

	return try_counters(a, names, "sched:sched_switch");
}

static enum outcome check_kvm(struct answer *a)
{
	static const char *const names[] = { "kvm:kvm_exit", NULL };

	return try_counters(a, names, "kvm:kvm_exit");
}

static enum outcome check_all_cpus(struct answer *a)
{
	static const char *const names[] = { "cpu-clock", NULL };
	const struct counters_config config = { .names = names, .tid = COUNTERS_ALL };
	struct counters *c;
	char note[256];

	if (counters_open_config(&c, &config))
		return answer(a, ABSENT, "out of memory");
	snprintf(note, sizeof(note), "%s", counters_note(c, 0));
	counters_close(c);
	return answer(a, note[0] ? ABSENT : PASS, "%s", note[0] ? note : "-a counts all CPUs");
}

static enum outcome check_sets(struct answer *a)
{
	char text[400] = "";
	char **sets;
	size_t n;

	for (n = events_sets(&sets) ? 0 : 1; n && sets && sets[n - 1]; n++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 n > 1 ? ", " : "", sets[n - 1]);
	events_free(sets);
	if (!text[0])
		return answer(a, ABSENT, "no event sets beside the program: make install; "
			      "--events NAME,NAME works");
	return answer(a, PASS, "%s, in %s", text, events_dir());
}

/* --- the machine --------------------------------------------------------------- */

static enum outcome check_cputime(struct answer *a)
{
	struct cputime_host_reader reader;
	struct cputime_host host;
	int ret = cputime_host_open(&reader, "/proc");

	if (!ret) {
		ret = cputime_host_read(&reader, NULL, &host);
		cputime_host_close(&reader);
	}
	if (ret)
		return answer(a, ABSENT, "/proc/stat: %s; without it no share and no model",
			      strerror(-ret));
	if (host.steal_ns)
		return answer(a, DEGRADED, "a hypervisor has taken %.1f s since boot: others use "
			      "this machine's CPUs", (double)host.steal_ns / NSEC_PER_SEC);
	return answer(a, PASS, "CPU time of the whole machine, in steps of 10 ms");
}

static enum outcome check_load(struct answer *a)
{
	double load[1];

	if (getloadavg(load, 1) != 1)
		return answer(a, ABSENT, "no load average");
	if (load[0] > 0.5)
		return answer(a, DEGRADED, "load %.2f: joules are the machine's, so whatever else "
			      "runs is in them", load[0]);
	return answer(a, PASS, "load %.2f", load[0]);
}

static const struct check {
	const char *name;
	enum outcome (*run)(struct answer *a);
} checks[] = {
	{ "joules", check_choice },
	{ "software", check_software },
	{ "hardware", check_hardware },
	{ "tracepoints", check_tracepoints },
	{ "kvm exits", check_kvm },
	{ "all CPUs", check_all_cpus },
	{ "event sets", check_sets },
	{ "CPU time", check_cputime },
	{ "load", check_load },
};

static bool source_known(const struct options *options)
{
	const struct energy_config config = {
		.sysfs_root = options->sysfs, .source = options->source,
	};
	struct energy *e = NULL;
	int ret = energy_open(&e, &config);

	energy_close(e);
	return ret != -EINVAL;
}

int doctor(const struct options *options)
{
	if (!source_known(options))
		return refuse_source(options->source);
	check_sources(options);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct answer a = { .options = options };
		enum outcome outcome = checks[i].run(&a);

		print(checks[i].name, outcome, a.text);
	}
	return said_it_all();
}
