/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Order is all here. Everything is opened before; then counters and machine time are
 * read, and last, just before the command is let go, energy. At the end energy comes
 * first. So the energy of our own reading is outside the window.
 *
 *	open   counters, host, MARK   go ... (periodic samples, interval marks) ...
 *	ended  MARK, host, counters   stop, add up, report
 *
 * On a busy machine we may have to wait for a CPU between two of these. Machine time
 * knows when it was read, and is scaled to the window: without that it could show
 * more seconds than the window had.
 *
 * Samples come in the sampler's thread and are added up here when its room is half
 * full, or at an interval's end: into the sums of the window and of the interval,
 * which begins anew at each mark. A mark closes the interval at exactly its reading,
 * also when a periodic sample was taken before we got to look.
 */
#include "energy/tool/window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "energy/cputime.h"
#include "energy/tool/count.h"
#include "energy/tool/target.h"
#include "memnet-core/base/clock.h"

#define ROOM		256

enum { BEFORE, WINDOW, AFTER };

/* What is read at an edge beside energy. */
struct edge {
	int64_t host_ns;
	struct cputime_host host;
	int host_error;
	struct counter_value *counters;
};

/* What goes on from one edge to another. */
struct span {
	struct energy_sum *sums;
	int64_t begin_ns, end_ns;
	double cpu_begin_s[MAX_PIDS], cpu_end_s[MAX_PIDS];	/* of each process of -p */
	unsigned gone;			/* of them, at the end */
	bool open;
};

/* One of -p. Its number may be another's as soon as it has been collected; its pidfd never is. */
struct process {
	pid_t pid;
	int fd;
};

struct window {
	const struct session *session;
	struct target target;
	struct process processes[MAX_PIDS];
	struct count count;
	struct cputime_host_reader host;
	struct sampler *sampler;
	struct span whole, part, closed;	/* the window; the interval; the one before */
	struct edge begin, last, now;
	struct record record;
	int64_t origin_ns;
	struct sampler_stats told;	/* by the intervals so far */
	unsigned interval;
	record_fn emit;
	void *ctx;
};

static double seconds(int64_t ns)
{
	return (double)ns / NSEC_PER_SEC;
}

/* --- samples ------------------------------------------------------------------- */

static bool is_collected(const struct process *p)
{
	return syscall(SYS_pidfd_send_signal, p->fd, 0, NULL, 0) && errno == ESRCH;
}

/*
 * The clock of a process can still be read when it has ended, until it is collected. If it is not
 * by now, what was read by its number was its own.
 */
static int read_process(void *ctx, uint64_t *value)
{
	const struct process *p = ctx;
	int ret = cputime_process(p->pid, value);

	return ret || !is_collected(p) ? ret : -ESRCH;
}

static void span_begin(const struct window *w, struct span *s, const struct sampler_sample *sample)
{
	energy_sum_begin(w->session->energy, s->sums, sample->energy);
	s->begin_ns = s->end_ns = sample->t_ns;
	for (size_t i = 0; i < w->session->options->n_pids; i++) {
		if (!sample->gauges[i].error)
			s->cpu_end_s[i] = seconds(sample->gauges[i].raw);
		s->cpu_begin_s[i] = s->cpu_end_s[i];
	}
	s->open = true;
}

/* A process that is gone keeps its last reading. */
static void span_add(const struct window *w, struct span *s, const struct sampler_sample *sample)
{
	energy_sum_add(w->session->energy, s->sums, sample->energy);
	s->end_ns = sample->t_ns;
	s->gone = 0;
	for (size_t i = 0; i < w->session->options->n_pids; i++) {
		if (!sample->gauges[i].error)
			s->cpu_end_s[i] = seconds(sample->gauges[i].raw);
		s->gone += sample->gauges[i].error != 0;
	}
}

static void close_part(struct window *w)
{
	struct energy_sum *sums = w->closed.sums;

	memcpy(sums, w->part.sums, energy_domain_count(w->session->energy) * sizeof(*sums));
	w->closed = w->part;
	w->closed.sums = sums;
}

static void take_sample(void *ctx, const struct sampler_sample *sample)
{
	struct window *w = ctx;

	if (sample->phase == BEFORE || (sample->phase == AFTER && !sample->mark))
		return;
	if (!w->whole.open) {
		span_begin(w, &w->whole, sample);
		span_begin(w, &w->part, sample);
		return;
	}
	span_add(w, &w->whole, sample);
	span_add(w, &w->part, sample);
	if (sample->mark) {
		close_part(w);
		span_begin(w, &w->part, sample);
	}
}

static int start_sampler(struct window *w)
{
	const struct options *options = w->session->options;
	struct sampler_gauge gauges[MAX_PIDS];
	const struct sampler_config config = {
		.max_samples = ROOM, .max_marks = 2, .cpu = -1, .energy = w->session->energy,
		.gauges = gauges, .n_gauges = options->n_pids,
	};

	for (size_t i = 0; i < options->n_pids; i++)
		gauges[i] = (struct sampler_gauge){ read_process, &w->processes[i] };
	return sampler_start(&w->sampler, &config);
}

/* --- edges --------------------------------------------------------------------- */

static void read_host(struct window *w, struct edge *e)
{
	e->host_ns = mn_now_ns();
	e->host_error = cputime_host_read(&w->host, NULL, &e->host);
}

static void begin_window(struct window *w)
{
	struct counter_value *room = w->last.counters;

	count_read(&w->count, w->begin.counters);
	memcpy(room, w->begin.counters, w->count.n * w->count.n_events * sizeof(*room));
	read_host(w, &w->begin);
	w->last = w->begin;
	w->last.counters = room;
	sampler_mark(w->sampler, WINDOW);
	target_release(&w->target);
}

/* End the interval, and with AFTER the window. */
static void mark(struct window *w, int phase)
{
	sampler_mark(w->sampler, phase);
	read_host(w, &w->now);
	count_read(&w->count, w->now.counters);
	w->record.sampler = sampler_drain(w->sampler, take_sample, w);
}

/* --- records ------------------------------------------------------------------- */

static void fill_cpu(const struct window *w, const struct span *s, const struct edge *begin,
		     struct cpu_use *cpu)
{
	const struct cputime_host *a = &begin->host, *b = &w->now.host;
	double scale = seconds(s->end_ns - s->begin_ns) / seconds(w->now.host_ns - begin->host_ns);

	*cpu = (struct cpu_use){ NAN, NAN, NAN, NAN, NAN, NAN };
	if (!begin->host_error && !w->now.host_error) {
		cpu->busy = scale * seconds(b->busy_ns - a->busy_ns);
		cpu->steal = scale * seconds(b->steal_ns - a->steal_ns);
		cpu->idle = scale * seconds(b->idle_ns - a->idle_ns);
	}
	if (w->session->options->n_pids)
		cpu->command = 0;
	for (size_t i = 0; i < w->session->options->n_pids; i++)
		cpu->command += s->cpu_end_s[i] - s->cpu_begin_s[i];
}

static void fill_record(struct window *w, const struct span *s, const struct edge *begin)
{
	const struct energy *energy = w->session->energy;
	struct record *r = &w->record;
	double busy_s;

	if (!w->origin_ns)
		w->origin_ns = s->begin_ns;
	fill_cpu(w, s, begin, &r->cpu);
	busy_s = isnan(r->cpu.busy) ? -1 : r->cpu.busy;
	r->begin_s = seconds(s->begin_ns - w->origin_ns);
	r->duration_s = seconds(s->end_ns - s->begin_ns);
	for (size_t i = 0; i < energy_domain_count(energy); i++) {
		energy_value(energy, s->sums, i, busy_s, &r->domains[i]);
		if (energy_check(energy, s->sums, i, busy_s, &r->checks[i]) == -ENOENT)
			r->checks[i].text[0] = '\0';
	}
	energy_total(energy, s->sums, busy_s, &r->total);
	count_sum(&w->count, begin->counters, w->now.counters, r->counters);
	r->missed_threads = w->count.missed_threads;
	r->gone = s->gone;
}

static bool emit_interval(struct window *w)
{
	const struct sampler_stats all = w->record.sampler;
	bool wanted;

	w->record.kind = RECORD_INTERVAL;
	w->record.interval = ++w->interval;
	w->record.status = -1;
	fill_record(w, &w->closed, &w->last);
	w->record.sampler.late -= w->told.late;
	w->record.sampler.lost -= w->told.lost;
	wanted = w->emit(w->ctx, &w->record);
	w->record.sampler = w->told = all;
	return wanted;
}

/* The edge just read begins the next interval; the one before gives its room. */
static void next_interval(struct window *w)
{
	struct edge done = w->last;

	w->last = w->now;
	w->now = done;
}

static double timeval_s(struct timeval tv)
{
	return tv.tv_sec + tv.tv_usec / 1e6;
}

static void emit_run(struct window *w)
{
	w->record.kind = RECORD_RUN;
	w->record.interval = 0;
	fill_record(w, &w->whole, &w->begin);
	w->record.status = w->target.status;
	w->record.ended_by = w->target.ended_by;
	if (w->session->options->command) {
		w->record.cpu.user = timeval_s(w->target.usage.ru_utime);
		w->record.cpu.system = timeval_s(w->target.usage.ru_stime);
		w->record.cpu.command = w->record.cpu.user + w->record.cpu.system;
	}
	w->emit(w->ctx, &w->record);
}

/* --- the window ---------------------------------------------------------------- */

static int64_t after(int64_t begin_ns, int64_t ns)
{
	return ns && ns < INT64_MAX - begin_ns ? begin_ns + ns : INT64_MAX;
}

static void wait_for_end(struct window *w)
{
	const struct options *options = w->session->options;
	int64_t drain_ns = ROOM / 2 * sampler_default_ns(w->session->energy);
	int64_t now_ns = mn_now_ns(), end_ns = after(now_ns, options->timeout_ns);
	int64_t mark_ns = after(now_ns, options->interval_ns);
	bool wanted;

	for (;;) {
		int64_t until_ns = MIN(MIN(end_ns, mark_ns), now_ns + drain_ns);

		if (target_wait(&w->target, until_ns) != WAKE_TIME)
			return;
		now_ns = mn_now_ns();
		if (now_ns >= end_ns)
			return;
		if (now_ns < mark_ns) {
			sampler_drain(w->sampler, take_sample, w);
			continue;
		}
		mark(w, WINDOW);
		wanted = emit_interval(w);
		next_interval(w);
		if (!wanted && !options->command)
			return;
		while (mark_ns <= now_ns)
			mark_ns += options->interval_ns;
	}
}

static void free_window(struct window *w)
{
	free(w->whole.sums);
	free(w->part.sums);
	free(w->closed.sums);
	free(w->begin.counters);
	free(w->last.counters);
	free(w->now.counters);
	free(w->record.domains);
	free(w->record.checks);
	free(w->record.counters);
}

static int allocate(struct window *w)
{
	size_t n = energy_domain_count(w->session->energy) + 1;

	w->whole.sums = calloc(n, sizeof(*w->whole.sums));
	w->part.sums = calloc(n, sizeof(*w->part.sums));
	w->closed.sums = calloc(n, sizeof(*w->closed.sums));
	w->begin.counters = count_values(&w->count);
	w->last.counters = count_values(&w->count);
	w->now.counters = count_values(&w->count);
	w->record.domains = calloc(n, sizeof(*w->record.domains));
	w->record.checks = calloc(n, sizeof(*w->record.checks));
	w->record.counters = calloc(w->session->n_events + 1, sizeof(*w->record.counters));
	return w->whole.sums && w->part.sums && w->closed.sums && w->begin.counters &&
	       w->last.counters && w->now.counters && w->record.domains &&
	       w->record.checks && w->record.counters
	       ? 0 : -ENOMEM;
}

static void measure(struct window *w)
{
	begin_window(w);
	wait_for_end(w);
	mark(w, AFTER);
	sampler_stop(w->sampler);
	target_collect(&w->target);
	if (w->target.exec_error)
		return;
	if (w->session->options->interval_ns)	/* also where it is the only one: they add up */
		emit_interval(w);
	emit_run(w);
}

/* Counters were opened by number: of a process that is there now they are its own. */
static int check_processes(struct window *w)
{
	const struct options *options = w->session->options;

	for (size_t i = 0; i < options->n_pids; i++) {
		w->processes[i] = (struct process){ options->pids[i], target_pidfd(&w->target, i) };
		if (is_collected(&w->processes[i]))
			return -ESRCH;
	}
	return 0;
}

/* What needs the command to be waiting, and ends with it. */
static int run_target(struct window *w)
{
	int ret = count_open(&w->count, w->session, w->target.child);

	if (ret)
		return ret;
	ret = check_processes(w);
	if (!ret)
		ret = allocate(w);
	if (!ret)
		ret = start_sampler(w);
	if (!ret) {
		measure(w);
		sampler_free(w->sampler);
	}
	free_window(w);
	count_close(&w->count);
	return ret;
}

int window_run(const struct session *session, unsigned run, int64_t *origin_ns, record_fn emit,
	       void *ctx, struct window_end *end, char *err, size_t errlen)
{
	struct window w = {
		.session = session, .origin_ns = *origin_ns, .record.run = run, .emit = emit,
		.ctx = ctx,
	};
	int ret = target_open(&w.target, session->options, err, errlen);

	if (ret)
		return ret;
	ret = cputime_host_open(&w.host, "/proc");
	if (!ret) {
		ret = run_target(&w);
		cputime_host_close(&w.host);
	}
	*origin_ns = w.origin_ns;
	*end = (struct window_end){ .status = MAX(w.target.status, 0),
				    .exec_error = w.target.exec_error,
				    .signal = w.target.signal };
	target_close(&w.target);
	if (ret)
		snprintf(err, errlen, "cannot measure: %s", strerror(-ret));
	return ret;
}
