/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring and comparing: bench.h.
 *
 * Each measurement has two children of its own, so nothing is left over from the
 * one before. They get the stage mapped (a memfd, as regions are), find each
 * other in mn_bench_begin(), and note when they are through. A child that dies
 * takes its partner with it: it would spin for ever. A turn in which somebody
 * else got the CPU counts like any other, and the row says how many there were.
 */
#include "memnet-core/bench/bench.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/stats.h"
#include "memnet-core/base/util.h"

#define TURN_LIMIT_S	60	/* a side that hangs is killed */
#define CALM_SWITCHES	2	/* preemptions that come with fork and pinning */

void mn_bench_begin(struct mn_stage *s, int side)
{
	__atomic_add_fetch(&s->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->ready, __ATOMIC_SEQ_CST) < 2)
		mn_pause();
	s->begin_ns[side] = mn_now_ns();
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
	s->end_ns[side] = mn_now_ns();
	_exit(0);
}

/* Wait for both; one that fails ends the other. @disturbed: one was preempted. 0 or -errno. */
static int reap(pid_t child[2], bool *disturbed)
{
	int ret = 0;

	for (int left = 2; left;) {
		struct rusage usage;
		int status;
		pid_t pid = wait4(-1, &status, 0, &usage);

		if (pid < 0)
			return -errno;
		*disturbed |= usage.ru_nivcsw > CALM_SWITCHES;
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
		     const struct mn_arm *arm, bool *disturbed)
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
	return reap(child, disturbed);
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

/* The figure of one turn of @arm in ns. 0 or -errno. */
static int measure(const struct mn_bench_env *env, const struct mn_arm *arm, uint64_t param,
		   double *ns, bool *disturbed)
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
	ret = play_both(env, s, bytes, arm, disturbed);
	*ns = s->result_ns;
	if (!*ns)
		*ns = MAX(s->end_ns[0], s->end_ns[1]) - MIN(s->begin_ns[0], s->begin_ns[1]);
	for (int i = 0; i < 2; i++)
		close(s->fd[i]);
	munmap(s, bytes);
	return ret;
}

void mn_bench_row(const struct mn_comparison *c, double *ratio, double *ours, int n, int disturbed)
{
	double middle = stats_median(ratio, n), ns = stats_median(ours, n);
	bool met = c->slowdown ? middle <= c->target : middle >= c->target;

	printf("%-26s %5.2fx of %s (%.2f .. %.2f)  %.*f %s", c->label, middle,
	       c->reference_label, ratio[0], ratio[n - 1], c->scale ? 1 : 0,
	       c->scale ? c->scale / ns : ns, c->unit);
	if (c->target)
		printf("  target %s %.2f: %s", c->slowdown ? "<=" : ">=", c->target,
		       met ? "met" : "MISSED");
	if (disturbed)
		printf(", %d of %d turns disturbed", disturbed, n);
	putchar('\n');
}

int mn_bench_compare(const struct mn_bench_env *env, const struct mn_comparison *c)
{
	double *ratio = calloc(2 * env->rounds, sizeof(*ratio)), *ours = ratio + env->rounds;
	int ret = ratio ? 0 : -ENOMEM, n_disturbed = 0;

	for (int i = 0; i < env->rounds && !ret; i++) {
		bool disturbed = false;
		double reference = 0;

		/* Neither is always the first. */
		if (i % 2)
			ret = measure(env, c->ours, c->param, &ours[i], &disturbed);
		if (!ret)
			ret = measure(env, c->reference, c->param, &reference, &disturbed);
		if (!ret && i % 2 == 0)
			ret = measure(env, c->ours, c->param, &ours[i], &disturbed);
		ratio[i] = c->slowdown ? ours[i] / reference : reference / ours[i];
		n_disturbed += disturbed;
	}
	if (!ret)
		mn_bench_row(c, ratio, ours, env->rounds, n_disturbed);
	free(ratio);
	return ret;
}

int mn_bench_absent(const char *label, const char *mend)
{
	printf("%-26s absent: %s\n", label, mend);
	return 0;
}
