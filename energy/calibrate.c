/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A step is: threads that spin on the first k CPUs, a while to settle, then a hold
 * between two marks of a sampler. Its power is the joules over the hold, its load
 * the busy share of the whole machine by /proc/stat: if somebody else works here
 * too, that moves the point along the line, not off it.
 *
 * For a given shape the power is linear in x = f(u), so each fit is the textbook
 * line through (x, P).
 */
#include "energy/calibrate.h"
#include "energy/energy_internal.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/cputime.h"
#include "energy/sampler.h"
#include "memnet-core/base/clock.h"

#define BETTER	0.8	/* of the other's residual; what is less different is noise */

/* --- fit ------------------------------------------------------------------------- */

static int check_points(const struct calibrate_point *p, size_t n)
{
	double least = INFINITY, most = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(p[i].watts) || !(p[i].busy_share >= 0 && p[i].busy_share <= 1))
			return -EINVAL;
		least = MIN(least, p[i].busy_share);
		most = MAX(most, p[i].busy_share);
	}
	return n >= 2 && most - least >= CALIBRATE_MIN_SPREAD ? 0 : -ENODATA;
}

static void residuals(const struct calibrate_point *p, size_t n, enum power_shape shape,
		      struct calibrate_fit *fit)
{
	double squares = 0;

	fit->rms_w = fit->max_w = n > 2 ? 0 : NAN;
	for (size_t i = 0; n > 2 && i < n; i++) {
		double r = p[i].watts - fit->idle_w -
			   fit->slope_w * power_shape(shape, p[i].busy_share);

		squares += r * r;
		fit->max_w = fmax(fit->max_w, fabs(r));
	}
	if (n > 2)
		fit->rms_w = sqrt(squares / n);
}

static void fit_shape(const struct calibrate_point *p, size_t n, enum power_shape shape,
		      struct calibrate_fit *fit)
{
	double mean_x = 0, mean_w = 0, xx = 0, xw = 0;

	for (size_t i = 0; i < n; i++) {
		mean_x += power_shape(shape, p[i].busy_share) / n;
		mean_w += p[i].watts / n;
	}
	for (size_t i = 0; i < n; i++) {
		double dx = power_shape(shape, p[i].busy_share) - mean_x;

		xx += dx * dx;
		xw += dx * (p[i].watts - mean_w);
	}
	fit->slope_w = xw / xx;
	fit->idle_w = mean_w - fit->slope_w * mean_x;
	residuals(p, n, shape, fit);
}

int calibrate_fit(const struct calibrate_point *points, size_t n,
		  struct calibrate_fit fits[POWER_SHAPES], enum power_shape *best)
{
	int ret = check_points(points, n);

	if (ret)
		return ret;
	*best = SHAPE_LINEAR;
	for (int shape = 0; shape < POWER_SHAPES; shape++) {
		fit_shape(points, n, shape, &fits[shape]);
		if (fits[shape].rms_w < BETTER * fits[*best].rms_w)
			*best = shape;
	}
	return 0;
}

/* --- load ------------------------------------------------------------------------ */

struct load {
	atomic_bool stop;
	unsigned n;
	pthread_t threads[CPU_SETSIZE];
};

static void *spin(void *arg)
{
	struct load *load = arg;

	while (!load->stop)
		;
	return NULL;
}

static void load_stop(struct load *load)
{
	load->stop = true;
	while (load->n)
		pthread_join(load->threads[--load->n], NULL);
}

/* A thread on each of the first @n of @cpus. */
static int load_start(struct load *load, const cpu_set_t *cpus, unsigned n)
{
	pthread_attr_t attr;
	cpu_set_t one;
	int ret = 0;

	load->stop = false;
	load->n = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && load->n < n && !ret; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_attr_init(&attr);
		pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
		ret = -pthread_create(&load->threads[load->n], &attr, spin, load);
		pthread_attr_destroy(&attr);
		load->n += !ret;
	}
	if (ret)
		load_stop(load);
	return ret;
}

/* --- steps ----------------------------------------------------------------------- */

struct edge {
	const struct sampler_sample *sample;
	struct cputime_host host;
};

static int take_edge(struct sampler *s, const struct cputime_host_reader *host, int phase,
		     struct edge *edge)
{
	edge->sample = sampler_mark(s, phase);
	return cputime_host_read(host, NULL, &edge->host);
}

static int point_of(const struct energy *e, const struct edge *begin, const struct edge *end,
		    struct calibrate_point *point, char *why, size_t size)
{
	struct energy_sum *sums = calloc(energy_domain_count(e), sizeof(*sums));
	double window_s = (double)(end->sample->t_ns - begin->sample->t_ns) / NSEC_PER_SEC;
	double busy_s = (double)(end->host.busy_ns - begin->host.busy_ns) / NSEC_PER_SEC;
	struct energy_value total;

	if (!sums)
		return -ENOMEM;
	energy_sum_begin(e, sums, begin->sample->energy);
	for (const struct sampler_sample *s = begin->sample + 1; s <= end->sample; s++)
		energy_sum_add(e, sums, s->energy);
	energy_total(e, sums, busy_s, &total);
	free(sums);
	if (total.quality != ENERGY_MEASURED) {
		snprintf(why, size, "%u CPUs loaded: %s", point->cpus, total.reason);
		return -ENODATA;
	}
	point->watts = total.joules / window_s;
	/* Counted in ticks: it may be a little above all there is. */
	point->busy_share = MIN(busy_s / (window_s * sysconf(_SC_NPROCESSORS_ONLN)), 1.0);
	return 0;
}

static int hold(const struct calibrate_config *config, const struct cputime_host_reader *host,
		struct calibrate_point *point, char *why, size_t size)
{
	struct sampler_config sampler = {
		.max_samples = config->hold_ns / sampler_default_ns(config->energy) + 16,
		.max_marks = 2, .cpu = -1, .energy = config->energy,
	};
	struct edge begin, end;
	struct sampler *s;
	int ret = sampler_start(&s, &sampler);

	if (ret)
		return ret;
	ret = take_edge(s, host, 0, &begin);
	mn_sleep_until_ns(mn_now_ns() + config->hold_ns);
	if (!ret)
		ret = take_edge(s, host, 1, &end);
	sampler_stop(s);
	if (!ret)
		ret = point_of(config->energy, &begin, &end, point, why, size);
	sampler_free(s);
	return ret;
}

/* Until what the sensor tells, which may be a mean, is of the new load alone. */
static void settle(const struct calibrate_config *config)
{
	int64_t mean_ns = energy_min_window_s(config->energy) / 2 * NSEC_PER_SEC;

	mn_sleep_until_ns(mn_now_ns() + config->settle_ns + mean_ns);
}

static int step(const struct calibrate_config *config, const struct cputime_host_reader *host,
		const cpu_set_t *cpus, struct calibrate_point *point, char *why, size_t size)
{
	static struct load load;	/* large; one calibration at a time is all a machine bears */
	int ret = load_start(&load, cpus, point->cpus);

	if (ret)
		return ret;
	settle(config);
	ret = hold(config, host, point, why, size);
	load_stop(&load);
	return ret;
}

static int collect(const struct calibrate_config *config, const struct cputime_host_reader *host,
		   struct calibrate_point *points, char *why, size_t size)
{
	unsigned n_cpus, n = 0;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	n_cpus = CPU_COUNT(&cpus);
	for (unsigned i = 0; i < CALIBRATE_STEPS; i++) {
		unsigned k = n_cpus * i / (CALIBRATE_STEPS - 1);
		int ret;

		if (n && points[n - 1].cpus == k)
			continue;
		points[n] = (struct calibrate_point){ .cpus = k };
		ret = step(config, host, &cpus, &points[n], why, size);
		if (ret)
			return ret;
		n++;
	}
	return n;
}

int calibrate_collect(const struct calibrate_config *config,
		      struct calibrate_point points[CALIBRATE_STEPS], char *why, size_t size)
{
	struct cputime_host_reader host;
	int ret;

	why[0] = '\0';
	if (config->energy->ops->value || !config->energy->n_zones) {
		snprintf(why, size, "nothing to calibrate against: the energy source here is '%s', "
			 "not a counter", energy_source(config->energy));
		return -ENOTSUP;
	}
	ret = cputime_host_open(&host, config->proc);
	if (!ret) {
		ret = collect(config, &host, points, why, size);
		cputime_host_close(&host);
	}
	if (ret < 0 && !why[0])
		snprintf(why, size, "%s", strerror(-ret));
	return ret;
}
