/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memnetd with one guest attached that does nothing: the CPU time of its worker
 * as a share of one core, and how often it woke beyond its heartbeat.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/service.h"

#define WATCH_NS	(5 * NSEC_PER_SEC)

static void nobody(int listener)
{
	pause();
}

/* How often @pid went to sleep by itself so far. */
static int64_t sleeps(pid_t pid)
{
	char path[64], status[4096];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (mn_read_file(path, status, sizeof(status)) <= 0)
		return 0;
	line = strstr(status, "\nvoluntary_ctxt_switches:");
	return line ? atoll(strchr(line, ':') + 1) : 0;
}

static void watch(pid_t worker)
{
	const double beats = 1000.0 / MN_HEARTBEAT_MS;
	int64_t begin, cpu, slept;
	double s, share, wakes;

	mn_sleep_until_ns(mn_now_ns() + NSEC_PER_SEC);	/* let attaching end */
	begin = mn_now_ns();
	cpu = service_cpu_ns(worker);
	slept = sleeps(worker);
	mn_sleep_until_ns(begin + WATCH_NS);
	s = (double)(mn_now_ns() - begin) / NSEC_PER_SEC;
	share = (service_cpu_ns(worker) - cpu) / s / NSEC_PER_SEC * 100;
	wakes = (sleeps(worker) - slept) / s - beats;
	printf("%-26s %5.3f %% of a core, %.1f wake-ups/s beyond %.1f heartbeats/s  "
	       "target < 0.1 %%, 0: %s\n", "idle, one guest attached", share,
	       wakes > 0.3 ? wakes : 0.0, beats, share < 0.1 && wakes <= 0.3 ? "met" : "MISSED");
}

static int run(const struct mn_bench_env *env)
{
	static const char *const argv[] = { "--flows", "8", NULL };
	struct service s;
	int ret = service_start(&s, 1, argv, nobody);

	if (!ret)
		ret = service_attach(&s, 0);
	if (!ret)
		watch(s.worker[0]);
	service_stop(&s);
	return ret;
}

const struct mn_bench mn_bench_idle = {
	.name = "idle", .summary = "what memnetd costs while its guest does nothing",
	.run = run,
};
