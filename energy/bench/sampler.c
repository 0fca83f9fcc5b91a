/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sampler at 10 Hz costs the work beside it.
 *
 * A fixed amount of arithmetic, pinned to one CPU, runs with and without a sampler
 * in turns; neither is always the first. What counts is the ratio of each pair's
 * wall times, which hold all the sampler does to the job: its own CPU time, the
 * switches, the cold caches. They also hold what else goes on on this machine, so
 * there are many short pairs, which drift together (181 of 0.105 s give a quarter of the
 * interval that 61 of 0.31 s gave), and the row shows the median of the ratios with
 * its 95 % interval by order statistics. The target is met when all of the interval
 * is below it, and not decided while others use the CPU in most of the pairs.
 *
 * A sample is what a run of the lab takes: an energy reading and /proc/stat. The
 * energy is read from four powercap zones (a fake tree of files: real pread()s, but no
 * hardware answers them), or from the source this machine has. Beside it, the CPU
 * time of the sampler's thread.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "energy/cputime.h"
#include "energy/sampler.h"
#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"
#include "memnet-core/base/util.h"

#define PAIRS		181
#define TURN_S		0.105		/* one sample */
#define TARGET		1.005

struct row {
	const char *label;
	bool fake;		/* four zones of files; else what the machine has */
	int cpu;		/* of the sampler: 0 the job's, 1 another */
};

static const struct row rows[] = {
	{ "4 zones, the job's CPU", true, 0 },
	{ "4 zones, another CPU", true, 1 },
	{ "this machine, job's CPU", false, 0 },
};

static volatile uint64_t sink;

/* @units of work: about a microsecond each, in registers. */
static void work(uint64_t units)
{
	uint64_t x = 1;

	for (uint64_t i = 0; i < units * 300; i++)
		x ^= mn_splitmix64(&x);
	sink = x;
}

static int64_t cpu_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Wall time. @disturbed: somebody else had this CPU for over a hundredth of it. */
static int64_t timed_work(uint64_t units, bool *disturbed)
{
	int64_t cpu_ns = cpu_clock_ns(CLOCK_PROCESS_CPUTIME_ID), begin_ns = mn_now_ns(), wall_ns;

	work(units);
	wall_ns = mn_now_ns() - begin_ns;
	cpu_ns = cpu_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	*disturbed |= wall_ns - cpu_ns > wall_ns / 100;
	return wall_ns;
}

/* How much work TURN_S takes; the fastest of some tries. */
static uint64_t calibrate(void)
{
	const uint64_t units = 20000;
	int64_t least_ns = INT64_MAX;
	bool disturbed;

	for (int i = 0; i < 10; i++)
		least_ns = MIN(least_ns, timed_work(units, &disturbed));
	return units * TURN_S * NSEC_PER_SEC / least_ns;
}

static int read_host_busy(void *ctx, uint64_t *value)
{
	struct cputime_host host;
	int ret = cputime_host_read(ctx, NULL, &host);

	if (!ret)
		*value = host.busy_ns;
	return ret;
}

/* CPU time of all threads but this one. */
static int64_t others_cpu_ns(void)
{
	return cpu_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Before every turn of either kind: a sampler that starts or ends is not the job's neighbour. */
static void settle(void)
{
	mn_sleep_until_ns(mn_now_ns() + 2 * NSEC_PER_MSEC);
}

/* One turn beside a sampler: the job's wall time, and the sampler's CPU time as a share of it. */
static int sampled_work(const struct sampler_config *config, uint64_t units, int64_t *ns,
			double *share, bool *disturbed)
{
	int64_t before_ns;
	struct sampler *s;
	int ret = sampler_start(&s, config);

	if (ret)
		return ret;
	settle();
	before_ns = others_cpu_ns();
	*ns = timed_work(units, disturbed);
	*share = (double)(others_cpu_ns() - before_ns) / *ns;
	sampler_free(s);
	return 0;
}

static void print_row(const struct row *row, const char *source, double *ratio, double *share,
		      int n_disturbed)
{
	struct estimate r = stats_estimate(ratio, PAIRS);
	const char *verdict = n_disturbed > PAIRS / 2 ? "undecided" : r.high <= TARGET ? "met"
			      : r.low > TARGET ? "MISSED" : "undecided";

	printf("%-26s %6.4fx of none (%.4f .. %.4f)  %.0f us/s of CPU, %s  target <= %.3f: %s",
	       row->label, r.median, r.low, r.high, stats_median(share, PAIRS) * 1e6,
	       source, TARGET, verdict);
	if (n_disturbed)
		printf(", %d of %d pairs disturbed", n_disturbed, PAIRS);
	putchar('\n');
}

static int64_t lone_work(uint64_t units, bool *disturbed)
{
	settle();
	return timed_work(units, disturbed);
}

static int measure(const struct row *row, const struct sampler_config *config, uint64_t units)
{
	double ratio[PAIRS], share[PAIRS];
	int ret = 0, n_disturbed = 0;

	for (int i = 0; i < PAIRS && !ret; i++) {
		int64_t with_ns = 0, without_ns = 0;
		bool disturbed = false;

		if (i % 2)
			without_ns = lone_work(units, &disturbed);
		ret = sampled_work(config, units, &with_ns, &share[i], &disturbed);
		if (i % 2 == 0)
			without_ns = lone_work(units, &disturbed);
		ratio[i] = (double)with_ns / without_ns;
		n_disturbed += disturbed;
	}
	if (!ret)
		print_row(row, row->fake ? "fake files" : energy_source(config->energy),
			  ratio, share, n_disturbed);
	return ret;
}

static int run_row(const struct row *row, const int *cpus, uint64_t units)
{
	const struct energy_config energy_config = {
		.sysfs_root = row->fake ? fake_root() : NULL,
		.source = row->fake ? "powercap" : NULL,
	};
	struct cputime_host_reader host;
	const struct sampler_gauge gauge = { read_host_busy, &host };
	struct sampler_config config = {
		.max_samples = 1000, .max_marks = 1, .cpu = cpus[row->cpu],
		.gauges = &gauge, .n_gauges = 1,
	};
	struct energy *e;
	int ret = energy_open(&e, &energy_config);

	if (ret)
		return ret;
	config.energy = e;
	ret = cputime_host_open(&host, "/proc");
	if (!ret) {
		ret = measure(row, &config, units);
		cputime_host_close(&host);
	}
	energy_close(e);
	return ret;
}

/* The first two CPUs this process may use; the job goes to the first. */
static int pin(int cpus[2])
{
	cpu_set_t set, first;
	int n = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpus[n++] = i;
	if (n < 2)
		return -EINVAL;
	CPU_ZERO(&first);
	CPU_SET(cpus[0], &first);
	return sched_setaffinity(0, sizeof(first), &first) ? -errno : 0;
}

static void make_zones(void)
{
	for (int i = 0; i < 4; i++) {
		char dir[32], name[32];

		snprintf(dir, sizeof(dir), "intel-rapl:%d", i);
		snprintf(name, sizeof(name), "package-%d", i);
		fake_zone(dir, name, 123456789012);
	}
}

int main(void)
{
	uint64_t units;
	int cpus[2], ret = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pin(cpus)) {
		fprintf(stderr, "energy-bench: needs two CPUs; widen its affinity (taskset)\n");
		return 1;
	}
	if (fake_setup(NULL)) {
		fprintf(stderr, "energy-bench: cannot make a folder in /tmp: %s\n", strerror(errno));
		return 1;
	}
	make_zones();
	units = calibrate();
	printf("sampler at 10 Hz beside a job on CPU %d; medians of %d pairs of %.3f s in turns "
	       "(95 %% interval)\n", cpus[0], PAIRS, TURN_S);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !ret; i++)
		ret = run_row(&rows[i], cpus, units);
	if (ret)
		fprintf(stderr, "energy-bench: %s\n", strerror(-ret));
	fake_teardown(NULL);
	return ret ? 1 : 0;
}
