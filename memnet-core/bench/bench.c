/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring and comparing: bench.h.
 *
 * Each measurement has two children of its own, so nothing is left over from the
 * one before. They get the stage mapped (a memfd, as regions are), find each
 * other in mn_bench_begin(), and note when they are through. A child that dies
 * takes its partner with it: it would spin for ever. A turn in which somebody
 * else got a CPU for long counts like any other, and the row says how many there were.
 */
#include "memnet-core/bench/bench.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"
#include "memnet-core/base/util.h"

#define TURN_LIMIT_S	60	/* a side that hangs is killed */
#define LINE_TRIPS	2000
#define ONE_DISTANCE	1.6	/* kinds of neighbours differ by two and more */
#define MOST_TURNS	6	/* for each that is wanted */
#define CALM		0.01	/* share of its time a side may wait for a CPU */

/* Both sides come here before either goes on. */
static void meet(struct mn_stage *s, unsigned int times)
{
	__atomic_add_fetch(&s->came, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->came, __ATOMIC_SEQ_CST) < 2 * times)
		mn_pause();
}

/* How far the two CPUs are from each other: ns for a line there and back. */
static double measure_line(struct mn_stage *s, int side)
{
	int64_t begin_ns = mn_now_ns();

	for (int i = 0; i < LINE_TRIPS; i++) {
		uint64_t next = (side ? s->pong : s->ping) + 1;

		if (side)
			mn_bench_watch(&s->ping, next);
		__atomic_store_n(side ? &s->pong : &s->ping, next, __ATOMIC_RELEASE);
		if (!side)
			mn_bench_watch(&s->pong, next);
	}
	return (double)(mn_now_ns() - begin_ns) / LINE_TRIPS;
}

/* How long this process was ready to run and did not, ns (sched-stats.rst); 0 if that is unknown. */
static int64_t queued_ns(void)
{
	FILE *f = fopen("/proc/self/schedstat", "re");
	long long ns = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*u %lld", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

void mn_bench_begin(struct mn_stage *s, int side)
{
	double line_ns;

	meet(s, 1);
	line_ns = measure_line(s, side);
	if (!side)
		s->line_ns[0] = line_ns;
	s->queued_ns[side] = queued_ns();
	meet(s, 2);
	s->begin_ns[side] = mn_now_ns();
}

/* The clock has stopped for this side. */
static void end(struct mn_stage *s, int side)
{
	double line_ns;

	s->end_ns[side] = mn_now_ns();
	s->queued_ns[side] = queued_ns() - s->queued_ns[side];
	meet(s, 3);
	line_ns = measure_line(s, side);
	if (!side)
		s->line_ns[1] = line_ns;
}

void mn_bench_trips(struct mn_stage *s, int groups, int group, void (*trip)(void *arg), void *arg)
{
	double *ns = calloc(groups, sizeof(*ns));

	if (!ns)
		abort();
	for (int i = 0; i < groups; i++) {
		int64_t begin_ns = mn_now_ns();

		for (int j = 0; j < group; j++)
			trip(arg);
		ns[i] = (double)(mn_now_ns() - begin_ns) / group;
	}
	s->result_ns = stats_median(ns, groups);
	free(ns);
}

/* In the child. Does not return. */
static void play(const struct mn_bench_env *env, struct mn_stage *s, size_t bytes,
		 const struct mn_arm *arm, int side)
{
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(TURN_LIMIT_S);
	CPU_ZERO(&set);
	CPU_SET(env->cpu[side], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		_exit(1);
	if (env->realtime && sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 }))
		_exit(1);
	/* Page tables of shared mappings are not copied by fork(). */
	madvise(s, bytes, MADV_POPULATE_WRITE);
	arm->side[side](s);
	end(s, side);
	_exit(0);
}

/* Wait for both; one that fails ends the other. 0 or -errno. */
static int reap(pid_t child[2])
{
	int ret = 0;

	for (int left = 2; left;) {
		int status;
		pid_t pid = wait(&status);

		if (pid < 0)
			return -errno;
		for (int i = 0; i < 2; i++)
			if (child[i] == pid) {
				child[i] = 0;
				left--;
			}
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			continue;
		ret = -ECHILD;
		for (int i = 0; i < 2; i++)
			if (child[i])
				kill(child[i], SIGKILL);
	}
	return ret;
}

static int play_both(const struct mn_bench_env *env, struct mn_stage *s, size_t bytes,
		     const struct mn_arm *arm)
{
	pid_t child[2];

	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i] == 0)
			play(env, s, bytes, arm, i);
		if (child[i] < 0) {
			int ret = -errno;

			if (i) {
				kill(child[0], SIGKILL);
				waitpid(child[0], NULL, 0);
			}
			return ret;
		}
	}
	return reap(child);
}

static struct mn_stage *stage_open(size_t bytes)
{
	int fd = memfd_create("memnet-bench", MFD_CLOEXEC);
	struct mn_stage *s = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, bytes))
		s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return s == MAP_FAILED ? NULL : s;
}

/* What one turn of one arm gave. */
struct figure {
	double ns;
	double line_low, line_high;	/* ns: how far apart the CPUs were, before and after */
	bool disturbed;
};

static struct figure figure_of(const struct mn_stage *s)
{
	int64_t begin_ns = MIN(s->begin_ns[0], s->begin_ns[1]);
	int64_t end_ns = MAX(s->end_ns[0], s->end_ns[1]);

	return (struct figure){
		.ns = s->result_ns ? s->result_ns : end_ns - begin_ns,
		.line_low = fmin(s->line_ns[0], s->line_ns[1]),
		.line_high = fmax(s->line_ns[0], s->line_ns[1]),
		/* A median of many trips takes no harm. */
		.disturbed = !s->result_ns &&
			     MAX(s->queued_ns[0], s->queued_ns[1]) > CALM * (end_ns - begin_ns),
	};
}

/* One turn of @arm. 0 or -errno. */
static int measure(const struct mn_bench_env *env, const struct mn_arm *arm, uint64_t param,
		   struct figure *out)
{
	size_t bytes = sizeof(struct mn_stage) + arm->bytes;
	struct mn_stage *s = stage_open(bytes);
	int ret;

	if (!s)
		return -ENOMEM;
	s->param = param;
	for (int i = 0; i < 2; i++)
		s->fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (arm->setup)
		arm->setup(s);
	ret = play_both(env, s, bytes, arm);
	*out = figure_of(s);
	for (int i = 0; i < 2; i++)
		close(s->fd[i]);
	munmap(s, bytes);
	return ret;
}

void mn_bench_row(const struct mn_comparison *c, double *ratio, double *ours, int n,
		  const char *note)
{
	double middle = stats_median(ratio, n), ns = stats_median(ours, n);
	bool met = c->slowdown ? middle <= c->target : middle >= c->target;

	printf("%-26s %5.2fx of %s (%.2f .. %.2f)  %.*f %s", c->label, middle,
	       c->reference_label, ratio[0], ratio[n - 1], c->scale ? 1 : 0,
	       c->scale ? c->scale / ns : ns, c->unit);
	if (c->target)
		printf("  target %s %.2f: %s", c->slowdown ? "<=" : ">=", c->target,
		       met ? "met" : "MISSED");
	puts(note);
}

/* Both arms, one behind the other. */
struct turn {
	double ratio, ours;
	double line;	/* ns, the mean of the four; NAN: the CPUs moved */
	bool disturbed;
};

static int make_turn(const struct mn_bench_env *env, const struct mn_comparison *c, bool ours_first,
		     struct turn *out)
{
	const struct mn_arm *arm[2] = { c->ours, c->reference };
	struct figure f[2];
	double low, high;

	for (int i = 0; i < 2; i++) {
		int which = ours_first ? i : !i;
		int ret = measure(env, arm[which], c->param, &f[which]);

		if (ret)
			return ret;
	}
	low = fmin(f[0].line_low, f[1].line_low);
	high = fmax(f[0].line_high, f[1].line_high);
	*out = (struct turn){
		.ratio = c->slowdown ? f[0].ns / f[1].ns : f[1].ns / f[0].ns,
		.ours = f[0].ns,
		.line = high <= ONE_DISTANCE * low ? (low + high) / 2 : NAN,
		.disturbed = f[0].disturbed || f[1].disturbed,
	};
	return 0;
}

static int by_line(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

/* Of @turn, sorted by line: the first of most turns at one distance, and how many they are. */
static int longest_stretch(const struct turn *turn, int n, const struct turn **first)
{
	int longest = 0;

	for (int begin = 0, end = 0; begin < n; begin++) {
		while (end < n && turn[end].line <= ONE_DISTANCE * turn[begin].line)
			end++;
		if (end - begin > longest) {
			longest = end - begin;
			*first = &turn[begin];
		}
	}
	return longest;
}

static int print_turns(const struct mn_comparison *c, const struct turn *turn, int n, int wanted)
{
	double *ratio = calloc(2 * n, sizeof(*ratio)), *ours = ratio + n;
	int disturbed = 0, len;
	char note[96];

	if (!ratio)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		ratio[i] = turn[i].ratio;
		ours[i] = turn[i].ours;
		disturbed += turn[i].disturbed;
	}
	len = snprintf(note, sizeof(note), ", line %.0f ns", turn[n / 2].line);
	if (n < wanted)
		len += snprintf(note + len, sizeof(note) - len, ", only %d turns", n);
	if (disturbed)
		snprintf(note + len, sizeof(note) - len, ", %d disturbed", disturbed);
	mn_bench_row(c, ratio, ours, n, note);
	free(ratio);
	return 0;
}

int mn_bench_compare(const struct mn_bench_env *env, const struct mn_comparison *c)
{
	struct turn *turn = calloc(MOST_TURNS * env->rounds, sizeof(*turn));
	const struct turn *first = turn;
	int ret = turn ? 0 : -ENOMEM, kept = 0, n = 0;

	/* Neither is always the first. */
	for (int i = 0; i < MOST_TURNS * env->rounds && n < env->rounds && !ret; i++) {
		ret = make_turn(env, c, i % 2, &turn[kept]);
		if (ret || isnan(turn[kept].line))
			continue;
		qsort(turn, ++kept, sizeof(*turn), by_line);
		n = longest_stretch(turn, kept, &first);
	}
	if (!ret && !n)
		ret = mn_bench_absent(c->label, "the CPUs moved in every turn");
	else if (!ret)
		ret = print_turns(c, first, n, env->rounds);
	free(turn);
	return ret;
}

int mn_bench_absent(const char *label, const char *mend)
{
	printf("%-26s absent: %s\n", label, mend);
	return 0;
}
