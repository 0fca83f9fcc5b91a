/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each check is a line of the table below. PASS: as good as it gets. DEGRADED:
 * experiments run, but tell less. ABSENT: an optional thing is not there.
 * BROKEN: no experiment can run before it is mended.
 */
#include "harness/doctor.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/counters.h"
#include "energy/energy.h"
#include "harness/accel.h"
#include "harness/columns.h"
#include "harness/host_state.h"
#include "harness/insns_plugin.h"
#include "harness/link.h"
#include "harness/path.h"
#include "harness/plan.h"
#include "harness/qemu.h"
#include "harness/sandbox.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

struct answer {
	char text[512];
	const char *build;
};

#define answer(a, outcome, ...) \
	mn_explain((a)->text, sizeof((a)->text), outcome, __VA_ARGS__)

static enum outcome check_qemu(struct answer *a)
{
	if (!mn_program_there(QEMU_PROGRAM))
		return answer(a, BROKEN, "no %s; apt-get install qemu-system-x86", QEMU_PROGRAM);
	return answer(a, PASS, "%s is there", QEMU_PROGRAM);
}

static enum outcome check_image(struct answer *a)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/guest/initrd.img", a->build);
	if (access(path, R_OK))
		return answer(a, BROKEN, "%s is missing; make all guest-image", path);
	return answer(a, PASS, "kernel and initrd are built");
}

static enum outcome check_cpus(struct answer *a)
{
	struct plan plan = { 0 };
	char err[256];

	if (plan_choose_cpus(&plan, err, sizeof(err)))
		return answer(a, BROKEN, "%s", err);
	return answer(a, PASS, "two CPUs for the two sides of an experiment");
}

static enum outcome check_sandbox(struct answer *a)
{
	char why[256];

	if (sandbox_enter(why, sizeof(why)))
		return answer(a, BROKEN, "%s", why);
	return answer(a, PASS, "network and mount namespaces of our own");
}

static enum outcome check_accel(struct answer *a)
{
	char kernel[600], initrd[600], cache[600];
	struct accel accel;
	const struct vm_config vm = {
		.vcpus = 1, .memory_mib = 256, .kernel = kernel, .initrd = initrd,
		.log_dir = SANDBOX_TMP,
	};

	snprintf(kernel, sizeof(kernel), "%s/guest/vmlinuz", a->build);
	snprintf(initrd, sizeof(initrd), "%s/guest/initrd.img", a->build);
	snprintf(cache, sizeof(cache), "%s/accel.cache", a->build);
	if (access(initrd, R_OK))
		return answer(a, ABSENT, "cannot be tried without a guest image");
	accel_choose(&accel, "auto", &vm, cache);
	return answer(a, strcmp(accel.name, "kvm") ? DEGRADED : PASS, "%s: %s", accel.name,
		      accel.reason);
}

static enum outcome check_insns_plugin(struct answer *a)
{
	char plugin[600], why[256];

	snprintf(plugin, sizeof(plugin), "%s/" INSNS_PLUGIN, a->build);
	if (insns_plugin_try(plugin, SANDBOX_TMP, why, sizeof(why)))
		return answer(a, ABSENT, "%s", why);
	return answer(a, PASS, "QEMU counts guest instructions under TCG");
}

static enum outcome check_energy(struct answer *a)
{
	const struct energy_config config = { 0 };
	const struct energy_note *note;
	struct energy *e;
	enum outcome outcome;

	if (energy_open(&e, &config))
		return answer(a, ABSENT, "out of memory");
	note = energy_note(e, 0);
	if (!strcmp(energy_source(e), "model"))
		outcome = answer(a, DEGRADED, "only a model (CPU time restated): %s",
				 note ? note->text : "no counter");
	else if (!strcmp(energy_source(e), "none"))
		outcome = answer(a, ABSENT, "%s", note ? note->text : "no source");
	else
		outcome = answer(a, PASS, "%s, %zu domains", energy_source(e),
				 energy_domain_count(e));
	energy_close(e);
	return outcome;
}

static enum outcome check_counters(struct answer *a)
{
	struct counters *c;
	char absent[256];

	if (counters_open(&c, 0, counters_default))
		return answer(a, ABSENT, "out of memory");
	counters_absent(c, absent, sizeof(absent));
	counters_close(c);
	if (absent[0])
		return answer(a, DEGRADED, "refused: %s", absent);
	return answer(a, PASS, "hardware and software events");
}

static enum outcome check_governor(struct answer *a)
{
	char text[64];

	if (mn_read_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text,
			 sizeof(text)) < 0)
		return answer(a, ABSENT, "no cpufreq here: the frequency is somebody else's business");
	if (strcmp(text, "performance"))
		return answer(a, DEGRADED, "governor %s; cpupower frequency-set -g performance", text);
	return answer(a, PASS, "governor performance");
}

/* What can make a run invalid must be seen to. */
static enum outcome check_throttling(struct answer *a)
{
	struct host_state s;
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	host_state_read("/sys", &cpus, &s);
	if (s.core_throttles == ABSENT_INTEGER || s.package_throttles == ABSENT_INTEGER)
		return answer(a, ABSENT, "no counts in /sys/devices/system/cpu/cpu*/thermal_throttle: "
			      "a CPU that slows down for heat goes unseen; virtual machines have none");
	return answer(a, PASS, "counted: %lld times by core, %lld by package since boot",
		      (long long)s.core_throttles, (long long)s.package_throttles);
}

static enum outcome check_link(struct answer *a)
{
	const struct plan rate = { .link_rate_bits_per_s = 1000000000 };
	const struct plan delay = { .link_delay_ns = 1000000 };

	if (*link_obstacle(&rate))
		return answer(a, ABSENT, "%s", link_obstacle(&rate));
	if (*link_obstacle(&delay))
		return answer(a, ABSENT, "plans can have a link_rate; %s", link_obstacle(&delay));
	return answer(a, PASS, "plans can have a link_rate and a link_delay");
}

static enum outcome check_load(struct answer *a)
{
	double load[1];

	if (getloadavg(load, 1) != 1)
		return answer(a, ABSENT, "no load average");
	if (load[0] > 0.5)
		return answer(a, DEGRADED, "load %.2f: something else runs; wait or stop it", load[0]);
	return answer(a, PASS, "load %.2f", load[0]);
}

static const struct check {
	const char *name;
	enum outcome (*run)(struct answer *a);
} checks[] = {
	{ "qemu", check_qemu },
	{ "guest image", check_image },
	{ "cpus", check_cpus },
	{ "energy", check_energy },
	{ "counters", check_counters },
	{ "governor", check_governor },
	{ "throttling", check_throttling },
	{ "load", check_load },
	{ "sandbox", check_sandbox },	/* from here on inside of it */
	{ "link", check_link },
	{ "accelerator", check_accel },
	{ "insns plugin", check_insns_plugin },
};

static bool report_line(FILE *out, const char *name, enum outcome outcome, const char *text)
{
	fprintf(out, "%-9s %-12s %s\n", outcome_name(outcome), name, text);
	return outcome == BROKEN;
}

/* Each by its name: what it lacks here. An experiment skips those that lack something. */
static void report_paths(FILE *out, const char *build)
{
	struct path_reasons missing;
	const struct path *p;
	struct answer a;

	for (size_t i = 0; (p = path_at(i)); i++) {
		enum outcome outcome = path_missing(p, build, &missing) ?
				       answer(&a, ABSENT, "path cannot run: %s", missing.text) :
				       answer(&a, PASS, "path: %s", p->summary);

		report_line(out, p->name, outcome, a.text);
	}
}

int doctor_run(const char *build, FILE *out)
{
	bool broken = false;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct answer a = { .build = build };
		enum outcome outcome = checks[i].run(&a);

		broken |= report_line(out, checks[i].name, outcome, a.text);
	}
	report_paths(out, build);
	fprintf(out, broken ? "\nNo experiment can run before BROKEN is mended.\n"
			    : "\nExperiments can run.\n");
	return broken;
}
