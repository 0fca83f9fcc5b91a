/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One block of memory, populated at start, holds all samples and their readings;
 * a sample is the next slot of it, filled under the lock by whoever takes it, so
 * samples are in order of time and no reader is called twice at once.
 *
 * Deadlines are absolute. Those that go by before a sample has been taken, because
 * the thread came late or a reader is slow, are counted as lost: no bursts, and
 * between any two samples the lock is free for a mark.
 * When the room for periodic samples is used up they are lost as well, newest
 * first, while marks keep theirs: the energy of a phase comes from its edges,
 * as long as no counter can have gone round between them.
 */
#include "energy/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

struct sampler {
	struct sampler_config config;
	pthread_t thread;
	pthread_mutex_t lock;		/* all below, and the readers */
	pthread_cond_t wake;
	bool running, stop;
	int phase;
	int64_t origin_ns;		/* deadlines are whole intervals behind it */
	int64_t deadline_ns;		/* of the next periodic sample */
	size_t n, n_marks;
	struct sampler_stats stats;
	void *block;
	size_t block_size;
	struct sampler_sample *samples;	/* in @block, as are their readings */
	struct sampler_gauge gauges[];
};

static size_t energy_width(const struct sampler_config *config)
{
	return config->energy ? energy_domain_count(config->energy) : 0;
}

static void read_gauges(const struct sampler *s, struct energy_reading *readings)
{
	for (size_t i = 0; i < s->config.n_gauges; i++) {
		struct energy_reading *r = &readings[i];

		r->t_ns = mn_now_ns();
		r->error = s->gauges[i].read(s->gauges[i].ctx, &r->raw);
	}
}

/* Fill the next slot; there is one. */
static struct sampler_sample *take(struct sampler *s, bool mark)
{
	struct sampler_sample *sample = &s->samples[s->n++];

	sample->t_ns = mn_now_ns();
	sample->phase = s->phase;
	sample->mark = mark;
	if (s->config.energy)
		energy_read(s->config.energy, sample->energy);
	read_gauges(s, sample->gauges);
	return sample;
}

static void take_periodic(struct sampler *s)
{
	int64_t interval = s->config.interval_ns, late = mn_now_ns() - s->deadline_ns, missed;

	s->stats.max_late_ns = MAX(s->stats.max_late_ns, late);
	s->stats.late += late > interval / 2;
	if (s->n - s->n_marks < s->config.max_samples)
		take(s, false);
	else
		s->stats.lost++;
	missed = (mn_now_ns() - s->deadline_ns) / interval;
	s->stats.lost += missed;
	s->deadline_ns += (missed + 1) * interval;
}

/* Marks may have held the lock from a deadline to the end. */
static void count_past(struct sampler *s)
{
	int64_t late = mn_now_ns() - s->deadline_ns;

	if (late >= 0)
		s->stats.lost += late / s->config.interval_ns + 1;
}

static void *sampler_main(void *arg)
{
	struct sampler *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct timespec ts = mn_timespec(s->deadline_ns);

		if (pthread_cond_timedwait(&s->wake, &s->lock, &ts) == ETIMEDOUT && !s->stop)
			take_periodic(s);
	}
	count_past(s);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* A thread pinned to the configured CPU that takes no signals from the program. */
static int start_thread(struct sampler *s)
{
	sigset_t all, before;
	pthread_attr_t attr;
	cpu_set_t cpus;
	int ret;

	pthread_attr_init(&attr);
	if (s->config.cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET(s->config.cpu, &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&s->thread, &attr, sampler_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	s->running = !ret;
	return -ret;
}

static void init_lock(struct sampler *s)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
}

/* Map the block and hand its parts to the samples. */
static int map_samples(struct sampler *s)
{
	size_t n = s->config.max_samples + s->config.max_marks;
	size_t n_energy = energy_width(&s->config), width = n_energy + s->config.n_gauges;
	struct energy_reading *readings;

	s->block_size = n * (sizeof(*s->samples) + width * sizeof(*readings));
	s->block = mmap(NULL, s->block_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->block == MAP_FAILED)
		return -errno;
	s->samples = s->block;
	readings = (struct energy_reading *)(s->samples + n);
	for (size_t i = 0; i < n; i++, readings += width) {
		s->samples[i].energy = readings;
		s->samples[i].gauges = readings + n_energy;
	}
	return 0;
}

static int64_t most_ns(const struct energy *energy)
{
	return energy ? energy_max_interval_ns(energy) : INT64_MAX;
}

int64_t sampler_default_ns(const struct energy *energy)
{
	return MAX(MIN(SAMPLER_INTERVAL_NS, most_ns(energy)), SAMPLER_LEAST_NS);
}

/* 0: @interval_ns is the one to use; -EINVAL, -ERANGE. */
static int choose_interval(const struct sampler_config *config, int64_t *interval_ns)
{
	*interval_ns = config->interval_ns;
	if (*interval_ns < 0)
		return -EINVAL;
	if (*interval_ns)
		return *interval_ns <= most_ns(config->energy) ? 0 : -ERANGE;
	*interval_ns = sampler_default_ns(config->energy);
	return 0;
}

int sampler_start(struct sampler **out, const struct sampler_config *config)
{
	struct sampler *s;
	int64_t interval_ns;
	int ret = choose_interval(config, &interval_ns);

	if (!config->max_samples || config->cpu >= CPU_SETSIZE)
		return -EINVAL;
	if (ret)
		return ret;
	s = calloc(1, sizeof(*s) + config->n_gauges * sizeof(s->gauges[0]));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->config.interval_ns = interval_ns;
	if (config->n_gauges)
		memcpy(s->gauges, config->gauges, config->n_gauges * sizeof(s->gauges[0]));
	ret = map_samples(s);
	if (ret) {
		free(s);
		return ret;
	}
	init_lock(s);
	s->origin_ns = mn_now_ns();
	s->deadline_ns = s->origin_ns + interval_ns;
	ret = start_thread(s);
	if (ret) {
		sampler_free(s);
		return ret;
	}
	*out = s;
	return 0;
}

const struct sampler_sample *sampler_mark(struct sampler *s, int phase)
{
	struct sampler_sample *sample = NULL;

	pthread_mutex_lock(&s->lock);
	s->phase = phase;
	if (s->n_marks < s->config.max_marks) {
		s->n_marks++;
		sample = take(s, true);
	}
	pthread_mutex_unlock(&s->lock);
	return sample;
}

struct sampler_stats sampler_drain(struct sampler *s,
				   void (*each)(void *ctx, const struct sampler_sample *sample),
				   void *ctx)
{
	struct sampler_stats stats;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		each(ctx, &s->samples[i]);
	s->n = s->n_marks = 0;
	stats = s->stats;
	pthread_mutex_unlock(&s->lock);
	return stats;
}

void sampler_stop(struct sampler *s)
{
	if (!s->running)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->running = false;
}

const struct sampler_sample *sampler_samples(const struct sampler *s, size_t *n)
{
	*n = s->n;
	return s->samples;
}

struct sampler_stats sampler_stats(const struct sampler *s)
{
	return s->stats;
}

/* A sample's deadline is the last one that had passed when it was taken. */
struct sampler_coverage sampler_coverage(const struct sampler *s, int64_t begin_ns, int64_t end_ns)
{
	int64_t interval = s->config.interval_ns;
	int64_t begin = MAX(begin_ns - s->origin_ns, 1), end = end_ns - s->origin_ns;
	int64_t first = (begin + interval - 1) / interval, last = end / interval;
	struct sampler_coverage c = { .due = MAX(last - first + 1, 0) };

	for (size_t i = 0; i < s->n; i++) {
		int64_t since = s->samples[i].t_ns - s->origin_ns;

		if (s->samples[i].mark || since / interval < first || since / interval > last)
			continue;
		c.taken++;
		c.late += since % interval > interval / 2;
	}
	return c;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	sampler_stop(s);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	munmap(s->block, s->block_size);
	free(s);
}
