/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads are known by id: vCPUs from QMP, the others by listing their process.
 * A vhost worker is a thread of QEMU called vhost-<pid> (Linux 6.4 and later) or
 * a kernel thread of that name (before): both are looked for.
 *
 * vCPUs and vhost workers live as long as the VM: their time is read by thread,
 * from the scheduler's statistics, exact to a tick. Threads of QEMU's pool and
 * of the peer come and go: the time of those classes is that of the process,
 * ended threads included, less what is counted by thread. memnetd is two
 * processes: its broker and the worker of the VM. Both ways to count are the
 * scheduler's own clock; perf's task clock is not, it includes stolen time.
 */
#include "harness/threads.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

const char *const thread_class_names[THREAD_CLASSES] = {
	[CLASS_VCPU] = "vcpu", [CLASS_QEMU] = "qemu", [CLASS_VHOST] = "vhost",
	[CLASS_MEMNETD] = "memnetd", [CLASS_HELPER] = "helper", [CLASS_PEER] = "peer",
};

static int add_thread(struct threads *t, enum thread_class class, pid_t pid, pid_t tid)
{
	struct thread *new = &t->list[t->n];
	int ret;

	if (t->n == MAX_THREADS)
		return -E2BIG;
	*new = (struct thread){ .class = class, .pid = pid, .tid = tid };
	ret = cputime_open(&new->time, "/proc", pid, tid);
	if (ret)
		return ret == -ENOENT ? 0 : ret;	/* ended meanwhile */
	ret = counters_open(&new->counters, tid, counters_default);
	if (ret) {
		cputime_close(&new->time);
		return ret;
	}
	t->n++;
	return 0;
}

static bool is_vcpu(const struct vm *vm, pid_t tid)
{
	for (int i = 0; i < vm->vcpus; i++)
		if (vm->vcpu_tids[i] == tid)
			return true;
	return false;
}

static enum thread_class class_in_qemu(const struct vm *vm, const struct cputime_thread *thread)
{
	if (is_vcpu(vm, thread->tid))
		return CLASS_VCPU;
	return strncmp(thread->comm, "vhost-", 6) ? CLASS_QEMU : CLASS_VHOST;
}

static int add_process(struct threads *t, pid_t pid, enum thread_class class)
{
	struct cputime_thread found[MAX_THREADS];
	ssize_t n = cputime_list("/proc", pid, found, MAX_THREADS);
	int ret = 0;

	if (n < 0)
		return n;
	for (ssize_t i = 0; !ret && i < MIN(n, (ssize_t)MAX_THREADS); i++)
		ret = add_thread(t, class == CLASS_QEMU ? class_in_qemu(t->vm, &found[i]) : class,
				 pid, found[i].tid);
	return ret;
}

/* Kernel threads called vhost-<pid of QEMU>. */
static int add_vhost_kthreads(struct threads *t)
{
	char want[32], path[64], comm[32];
	struct dirent *e;
	DIR *proc = opendir("/proc");
	int ret = 0;

	if (!proc)
		return -errno;
	snprintf(want, sizeof(want), "vhost-%d", t->vm->qemu.pid);
	while (!ret && (e = readdir(proc))) {
		pid_t pid = atoi(e->d_name);

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (mn_read_file(path, comm, sizeof(comm)) > 0 && !strcmp(comm, want))
			ret = add_thread(t, CLASS_VHOST, pid, pid);
	}
	closedir(proc);
	return ret;
}

/* The process whose parent is @parent; memnetd has one for a VM. 0: none. */
static pid_t child_of(pid_t parent)
{
	struct dirent *e;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	while (proc && !found && (e = readdir(proc))) {
		char path[64], stat[512];
		const char *after;
		pid_t pid = atoi(e->d_name);

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (mn_read_file(path, stat, sizeof(stat)) <= 0)
			continue;
		after = strrchr(stat, ')');	/* "pid (comm) state ppid ..." */
		if (after && strlen(after) > 4 && atoi(after + 4) == parent)
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

int threads_open(struct threads *t, const struct vm *vm)
{
	int ret;

	t->n = 0;
	t->vm = vm;
	t->worker = child_of(vm->memnetd.pid);
	ret = add_process(t, vm->qemu.pid, CLASS_QEMU);
	if (!ret)
		ret = add_process(t, vm->memnetd.pid, CLASS_MEMNETD);
	if (!ret && t->worker)
		ret = add_process(t, t->worker, CLASS_MEMNETD);
	if (!ret && vm->end.helper.pid)
		ret = add_process(t, vm->end.helper.pid, CLASS_HELPER);
	if (!ret)
		ret = add_process(t, vm->peer.pid, CLASS_PEER);
	if (!ret && vm->config.path->vhost)
		ret = add_vhost_kthreads(t);
	if (ret)
		threads_close(t);
	return ret;
}

void threads_close(struct threads *t)
{
	for (int i = 0; i < t->n; i++) {
		cputime_close(&t->list[i].time);
		counters_close(t->list[i].counters);
	}
	t->n = 0;
}

static const cpu_set_t *cpus_of(enum thread_class class, const struct plan *plan,
				const struct arm *arm)
{
	enum cpu_set_of where = ON_HOST_CPUS;

	if (class == CLASS_VCPU)
		where = ON_VCPU_CPUS;
	else if (class == CLASS_QEMU || class == CLASS_VHOST || class == CLASS_HELPER)
		where = arm->qemu;
	else if (class == CLASS_MEMNETD)
		where = arm->memnetd;
	return where == ON_VCPU_CPUS ? &plan->vcpu_cpus : &plan->host_cpus;
}

int threads_pin(const struct threads *t, const struct plan *plan, const struct arm *arm)
{
	for (int i = 0; i < t->n; i++)
		if (sched_setaffinity(t->list[i].tid, sizeof(cpu_set_t),
				      cpus_of(t->list[i].class, plan, arm)) && errno != ESRCH)
			return -errno;
	return 0;
}

/* A thread that came after threads_open() is neither pinned nor counted. */
static bool nobody_new(const struct threads *t, pid_t pid)
{
	struct cputime_thread found[MAX_THREADS];
	ssize_t n = cputime_list("/proc", pid, found, MAX_THREADS);
	int j;

	if (n < 0)
		return false;
	for (ssize_t i = 0; i < MIN(n, (ssize_t)MAX_THREADS); i++) {
		for (j = 0; j < t->n && t->list[j].tid != found[i].tid; j++)
			;
		if (j == t->n)
			return false;
	}
	return true;
}

bool threads_pinned(const struct threads *t, const struct plan *plan, const struct arm *arm)
{
	cpu_set_t now;

	for (int i = 0; i < t->n; i++)
		if (!sched_getaffinity(t->list[i].tid, sizeof(now), &now) &&
		    !CPU_EQUAL(&now, cpus_of(t->list[i].class, plan, arm)))
			return false;
	return nobody_new(t, t->vm->qemu.pid) && nobody_new(t, t->vm->memnetd.pid) &&
	       (!t->vm->end.helper.pid || nobody_new(t, t->vm->end.helper.pid)) &&
	       child_of(t->vm->memnetd.pid) == t->worker;
}

static uint64_t thread_ns(const struct thread *thread)
{
	uint64_t ns = 0;

	cputime_read(&thread->time, &ns);
	return ns;
}

static uint64_t process_ns(pid_t pid)
{
	uint64_t ns = 0;

	cputime_process(pid, &ns);
	return ns;
}

/* Both processes of it. */
static uint64_t memnetd_ns(const struct threads *t)
{
	return process_ns(t->vm->memnetd.pid) + (t->worker ? process_ns(t->worker) : 0);
}

static uint64_t helper_ns(const struct threads *t)
{
	return t->vm->end.helper.pid ? process_ns(t->vm->end.helper.pid) : 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void threads_read(const struct threads *t, struct threads_reading *r)
{
	const struct vm *vm = t->vm;
	uint64_t in_qemu = 0;

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < t->n; i++) {
		const struct thread *thread = &t->list[i];
		struct cputime_switches switches;

		counters_read(thread->counters, r->counters[i]);
		if (!cputime_read_switches(&thread->time, &switches))
			r->switches[thread->class] += switches.voluntary + switches.involuntary;
		if (thread->class != CLASS_VCPU && thread->class != CLASS_VHOST)
			continue;
		r->cpu_ns[thread->class] += thread_ns(thread);
		if (thread->pid == vm->qemu.pid)
			in_qemu += thread_ns(thread);
	}
	r->cpu_ns[CLASS_QEMU] = less(process_ns(vm->qemu.pid), in_qemu);
	r->cpu_ns[CLASS_MEMNETD] = memnetd_ns(t);
	r->cpu_ns[CLASS_HELPER] = helper_ns(t);
	r->cpu_ns[CLASS_PEER] = process_ns(vm->peer.pid);
}

uint64_t threads_class_ns(const struct threads *t, enum thread_class class)
{
	uint64_t sum = 0, ns;

	if (class == CLASS_MEMNETD)
		return memnetd_ns(t);
	if (class == CLASS_HELPER)
		return helper_ns(t);
	if (class == CLASS_PEER)
		return process_ns(t->vm->peer.pid);
	for (int i = 0; i < t->n; i++)
		if (t->list[i].class == class && !cputime_read(&t->list[i].time, &ns))
			sum += ns;
	return sum;
}

void threads_counter(const struct threads *t, const char *name, const struct threads_reading *begin,
		     const struct threads_reading *end, struct counter_sum *sum)
{
	struct counter_value delta;

	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < t->n; i++)
		for (size_t c = 0; c < counters_count(t->list[i].counters); c++) {
			if (strcmp(counters_name(t->list[i].counters, c), name))
				continue;
			counter_delta(&begin->counters[i][c], &end->counters[i][c], &delta);
			counter_sum_add(sum, &delta);
		}
}
