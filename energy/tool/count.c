/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running process is counted by a set on each of its threads, which the threads and
 * processes they create from then on inherit. A thread that begins while this
 * goes on may or may not have inherited; such threads are told apart from none and
 * reported.
 */
#include "energy/tool/count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "energy/cputime.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"

static void keep_notes(const struct session *session, const struct counters *set)
{
	for (size_t i = 0; i < session->n_events; i++) {
		if (!session->event_notes[i][0])
			snprintf(session->event_notes[i], sizeof(session->event_notes[i]), "%s",
				 counters_note(set, i));
	}
}

static int add_set(struct count *c, const struct session *session,
		   const struct counters_config *config)
{
	struct counters **sets = reallocarray(c->sets, c->n + 1, sizeof(*sets));
	int ret;

	if (!sets)
		return -ENOMEM;
	c->sets = sets;
	ret = counters_open_config(&sets[c->n], config);
	if (ret)
		return ret;
	keep_notes(session, sets[c->n++]);
	return 0;
}

static int add_cpus(struct count *c, const struct session *session)
{
	struct counters_config config = { .names = session->events, .tid = COUNTERS_ALL };
	char text[256];
	cpu_set_t cpus;
	int ret = mn_read_file("/sys/devices/system/cpu/online", text, sizeof(text));

	if (ret >= 0)
		ret = mn_parse_cpu_list(text, &cpus);
	for (; !ret && config.cpu < CPU_SETSIZE; config.cpu++) {
		if (CPU_ISSET(config.cpu, &cpus))
			ret = add_set(c, session, &config);
	}
	return ret;
}

/* All threads of @pid; *@threads is for free(). How many, or -errno. */
static ssize_t list_threads(pid_t pid, struct cputime_thread **threads)
{
	size_t room = 64;
	ssize_t n;

	for (;;) {
		*threads = calloc(room, sizeof(**threads));
		if (!*threads)
			return -ENOMEM;
		n = cputime_list("/proc", pid, *threads, room);
		if (n <= (ssize_t)room)
			return n;
		free(*threads);
		room = n + 64;
	}
}

static bool has_thread(const struct cputime_thread *threads, ssize_t n, pid_t tid)
{
	for (ssize_t i = 0; i < n; i++) {
		if (threads[i].tid == tid)
			return true;
	}
	return false;
}

static unsigned count_new(pid_t pid, const struct cputime_thread *before, ssize_t n_before)
{
	struct cputime_thread *now;
	ssize_t n = list_threads(pid, &now);
	unsigned new = 0;

	for (ssize_t i = 0; i < n; i++)
		new += !has_thread(before, n_before, now[i].tid);
	free(now);
	return new;
}

static int add_process(struct count *c, const struct session *session, pid_t pid)
{
	struct counters_config config = { .names = session->events, .inherit = true };
	struct cputime_thread *threads;
	ssize_t n = list_threads(pid, &threads);
	int ret = n < 0 ? n : 0;

	for (ssize_t i = 0; i < n && !ret; i++) {
		config.tid = threads[i].tid;
		ret = add_set(c, session, &config);
	}
	if (!ret)
		c->missed_threads += count_new(pid, threads, n);
	free(threads);
	return ret;
}

static int add_command(struct count *c, const struct session *session, pid_t child)
{
	const struct counters_config config = {
		.names = session->events, .tid = child, .inherit = true, .on_exec = true,
	};

	return add_set(c, session, &config);
}

int count_open(struct count *c, const struct session *session, pid_t child)
{
	const struct options *options = session->options;
	int ret = 0;

	*c = (struct count){ .n_events = session->n_events };
	if (options->all)
		ret = add_cpus(c, session);
	else if (child)
		ret = add_command(c, session, child);
	for (size_t i = 0; i < options->n_pids && !ret; i++)
		ret = add_process(c, session, options->pids[i]);
	if (ret)
		count_close(c);
	return ret;
}

void count_close(struct count *c)
{
	while (c->n)
		counters_close(c->sets[--c->n]);
	free(c->sets);
	c->sets = NULL;
}

struct counter_value *count_values(const struct count *c)
{
	return calloc(c->n * c->n_events + 1, sizeof(struct counter_value));
}

void count_read(const struct count *c, struct counter_value *values)
{
	for (size_t i = 0; i < c->n; i++)
		counters_read(c->sets[i], values + i * c->n_events);
}

void count_sum(const struct count *c, const struct counter_value *begin,
	       const struct counter_value *end, struct counter_sum *sums)
{
	struct counter_value delta;

	memset(sums, 0, c->n_events * sizeof(*sums));
	for (size_t i = 0; i < c->n * c->n_events; i++) {
		counter_delta(&begin[i], &end[i], &delta);
		counter_sum_add(&sums[i % c->n_events], &delta);
	}
}
