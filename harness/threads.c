/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads are known by id: vCPUs from QMP, the others by listing their process.
 * A vhost worker is a thread of QEMU called vhost-<pid> (Linux 6.4 and later) or
 * a kernel thread of that name (before): both are looked for.
 *
 * vCPUs and vhost workers live as long as the VM: their time is read by thread,
 * from the scheduler's statistics, exact to a tick. Threads of QEMU's pool and
 * of the peer come and go: the time of those classes is that of the process,
 * ended threads included, less what is counted by thread. memnetd is a process
 * for its broker and one for the worker of each VM. Both ways to count are the
 * scheduler's own clock; perf's task clock is not, it includes stolen time.
 *
 * Without a VM the class of vCPUs is memnet-native, which stands where QEMU would, and its
 * children, the workloads of the run, by process. One that has ended is kept a zombie, whose
 * time can still be read (guest/control.h); those of earlier runs are not looked at.
 */
#include "harness/threads.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define MAX_DEPTH 8	/* of the processes of an app's server */

const char *const thread_class_names[THREAD_CLASSES] = {
	[CLASS_VCPU] = "vcpu", [CLASS_QEMU] = "qemu", [CLASS_VHOST] = "vhost",
	[CLASS_MEMNETD] = "memnetd", [CLASS_HELPER] = "helper", [CLASS_PEER] = "peer",
};

/* Is the time of this class that of whole processes? */
static bool by_process(const struct threads *t, enum thread_class class)
{
	if (class == CLASS_VCPU)
		return t->vms->vm[0].config.path->no_vm;
	return class == CLASS_MEMNETD || class == CLASS_HELPER || class == CLASS_PEER;
}

static int add_thread(struct threads *t, enum thread_class class, unsigned int vm, pid_t pid,
		      pid_t tid)
{
	struct thread *new = &t->list[t->n];
	int ret;

	if (t->n == MAX_THREADS)
		return -E2BIG;
	*new = (struct thread){ .class = class, .vm = vm, .pid = pid, .tid = tid };
	ret = cputime_open(&new->time, "/proc", pid, tid);
	if (ret)
		return ret == -ENOENT ? 0 : ret;	/* ended meanwhile */
	ret = counters_open(&new->counters, tid, t->events);
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

static int add_process(struct threads *t, pid_t pid, enum thread_class class, unsigned int vm)
{
	struct cputime_thread found[MAX_THREADS];
	ssize_t n = cputime_list("/proc", pid, found, MAX_THREADS);
	int ret = 0;

	if (n < 0)
		return n;
	if (t->n_processes == MAX_PROCESSES)
		return -E2BIG;
	t->process[t->n_processes++] = (struct process){ class, vm, pid };
	for (ssize_t i = 0; !ret && i < MIN(n, (ssize_t)MAX_THREADS); i++)
		ret = add_thread(t, class == CLASS_QEMU ? class_in_qemu(&t->vms->vm[vm], &found[i])
							: class, vm, pid, found[i].tid);
	return ret;
}

/* Kernel threads called vhost-<pid of QEMU>. */
static int add_vhost_kthreads(struct threads *t, unsigned int vm)
{
	char want[32], path[64], comm[32];
	struct dirent *e;
	DIR *proc = opendir("/proc");
	int ret = 0;

	if (!proc)
		return -errno;
	snprintf(want, sizeof(want), "vhost-%d", t->vms->vm[vm].qemu.pid);
	while (!ret && (e = readdir(proc))) {
		pid_t pid = atoi(e->d_name);

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (mn_read_file(path, comm, sizeof(comm)) > 0 && !strcmp(comm, want))
			ret = add_thread(t, CLASS_VHOST, vm, pid, pid);
	}
	closedir(proc);
	return ret;
}

/* 0: it has ended, or is a zombie. */
static pid_t parent_of(pid_t pid)
{
	char path[64], stat[512];
	const char *after;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (mn_read_file(path, stat, sizeof(stat)) <= 0)
		return 0;
	after = strrchr(stat, ')');	/* "pid (comm) state ppid ..." */
	return after && strlen(after) > 4 && after[2] != 'Z' ? atoi(after + 4) : 0;
}

/* The processes whose parent is @parent, which may be 0: none. How many. */
static int find_children(pid_t parent, pid_t *children, int max)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (proc && parent && n < max && (e = readdir(proc))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && parent_of(pid) == parent)
			children[n++] = pid;
	}
	if (proc)
		closedir(proc);
	return n;
}

/* Of memnetd: one for each VM that has a worker. */
static int find_workers(const struct threads *t, pid_t workers[MAX_VMS])
{
	return find_children(t->vms->memnetd.pid, workers, MAX_VMS);
}

/* Without a VM: memnet-native and its programs. */
static int add_native(struct threads *t, unsigned int i)
{
	pid_t native = t->vms->vm[i].qemu.pid, programs[GUEST_SLOTS];
	int n = find_children(native, programs, GUEST_SLOTS);
	int ret = add_process(t, native, CLASS_VCPU, i);

	for (int p = 0; !ret && p < n; p++)
		ret = add_process(t, programs[p], CLASS_VCPU, i);
	return ret;
}

static int add_vm(struct threads *t, unsigned int i)
{
	const struct vm *vm = &t->vms->vm[i];
	int ret = vm->config.path->no_vm ? add_native(t, i) :
					   add_process(t, vm->qemu.pid, CLASS_QEMU, i);

	if (!ret)
		ret = add_process(t, vm->peer.pid, CLASS_PEER, i);
	if (!ret && vm->end.helper.pid)
		ret = add_process(t, vm->end.helper.pid, CLASS_HELPER, i);
	if (!ret && vm->config.path->vhost)
		ret = add_vhost_kthreads(t, i);
	return ret;
}

bool threads_has_class(const struct vm *vm, enum thread_class class)
{
	const struct path *p = vm->config.path;

	if (class == CLASS_VHOST)
		return p->vhost;
	if (class == CLASS_HELPER)
		return vm->end.helper.pid;
	return !p->no_vm || class == CLASS_VCPU || class == CLASS_PEER;
}

static void choose_events(struct threads *t, bool syscalls)
{
	static const char *const more[] = { EVENT_SYSCALLS, EVENT_KVM_EXITS };
	size_t n = 0;

	while (counters_default[n]) {
		t->events[n] = counters_default[n];
		n++;
	}
	for (size_t i = 0; syscalls && i < ARRAY_SIZE(more); i++)
		t->events[n++] = more[i];
	t->events[n] = NULL;
}

int threads_open(struct threads *t, const struct vm_set *vms, bool syscalls)
{
	int ret = 0;

	t->n = t->n_processes = 0;
	choose_events(t, syscalls);
	t->vms = vms;
	t->n_workers = find_workers(t, t->workers);
	for (unsigned int i = 0; !ret && i < vms->n; i++)
		ret = add_vm(t, i);
	if (!ret && vms->memnetd.pid)
		ret = add_process(t, vms->memnetd.pid, CLASS_MEMNETD, 0);
	for (int i = 0; !ret && i < t->n_workers; i++)
		ret = add_process(t, t->workers[i], CLASS_MEMNETD, 0);
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

static bool is_known(const struct threads *t, pid_t tid)
{
	int i = 0;

	while (i < t->n && t->list[i].tid != tid)
		i++;
	return i < t->n;
}

/* A thread that came after threads_open() is neither pinned nor counted. */
static bool nobody_new(const struct threads *t, pid_t pid)
{
	struct cputime_thread found[MAX_THREADS];
	ssize_t n = cputime_list("/proc", pid, found, MAX_THREADS);

	if (n < 0 || n > MAX_THREADS)
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (!is_known(t, found[i].tid))
			return false;
	return true;
}

/* The same processes of memnetd, with the same threads. */
static bool same_memnetd(const struct threads *t)
{
	pid_t now[MAX_VMS];
	int n = find_workers(t, now);

	if (t->vms->memnetd.pid && !nobody_new(t, t->vms->memnetd.pid))
		return false;
	if (n != t->n_workers || memcmp(now, t->workers, n * sizeof(now[0])))
		return false;
	for (int i = 0; i < n; i++)
		if (!nobody_new(t, now[i]))
			return false;
	return true;
}

/* One that has ended is nowhere else. */
static bool is_there(pid_t tid, const cpu_set_t *cpus)
{
	cpu_set_t now;

	return sched_getaffinity(tid, sizeof(now), &now) || CPU_EQUAL(&now, cpus);
}

/* Those that came meanwhile too: they have their CPUs from who made them. */
static bool all_there(pid_t pid, const cpu_set_t *cpus)
{
	struct cputime_thread found[MAX_THREADS];
	ssize_t n = cputime_list("/proc", pid, found, MAX_THREADS);

	if (n < 0 || n > MAX_THREADS)
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (!is_there(found[i].tid, cpus))
			return false;
	return true;
}

/* Its threads come and go, and have their CPUs from who made them. */
static bool may_make_threads(const struct threads *t, const struct process *p)
{
	return p->class == CLASS_PEER || (p->class == CLASS_VCPU && by_process(t, CLASS_VCPU));
}

const char *threads_astray(const struct threads *t, const struct plan *plan, const struct arm *arm)
{
	const char *const words[THREAD_CLASSES] = {
		[CLASS_VCPU] = t->vms->vm[0].config.path->no_vm ?
			"a thread of the workloads was not where it was pinned" :
			"a vCPU's thread was not where it was pinned",
		[CLASS_QEMU] = "a thread of QEMU was not where it was pinned",
		[CLASS_VHOST] = "a thread of vhost was not where it was pinned",
		[CLASS_MEMNETD] = "a thread of memnetd was not where it was pinned",
		[CLASS_HELPER] = "a thread of the path's helper was not where it was pinned",
		[CLASS_PEER] = "a thread of the peer was not where it was pinned",
	};

	for (int i = 0; i < t->n; i++)
		if (!is_there(t->list[i].tid, cpus_of(t->list[i].class, plan, arm)))
			return words[t->list[i].class];
	for (int i = 0; i < t->n_processes; i++) {
		const struct process *p = &t->process[i];

		if (may_make_threads(t, p) && !all_there(p->pid, cpus_of(p->class, plan, arm)))
			return words[p->class];
	}
	for (unsigned int i = 0; i < t->vms->n; i++) {
		if (!by_process(t, CLASS_VCPU) && !nobody_new(t, t->vms->vm[i].qemu.pid))
			return "a thread of QEMU came that was not pinned";
		if (t->vms->vm[i].end.helper.pid && !nobody_new(t, t->vms->vm[i].end.helper.pid))
			return "a thread of the path's helper came that was not pinned";
	}
	if (!same_memnetd(t))
		return "a thread of memnetd came that was not pinned";
	return NULL;
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

/* Of the children it has waited for, to a tick. */
static uint64_t waited_for_ns(pid_t pid)
{
	unsigned long user, system;
	char path[64], stat[512];
	const char *after;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (mn_read_file(path, stat, sizeof(stat)) <= 0 || !(after = strrchr(stat, ')')) ||
	    sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu",
		   &user, &system) != 2)
		return 0;
	return (user + system) * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
}

/* The process and those below it; what a process has ended without anybody waiting is lost. */
static uint64_t tree_ns(pid_t pid, int depth)
{
	uint64_t ns = process_ns(pid) + waited_for_ns(pid);
	char path[64], children[1024], *at = children, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (depth == MAX_DEPTH || mn_read_file(path, children, sizeof(children)) <= 0)
		return ns;
	for (pid_t child; (child = strtol(at, &end, 10)) > 0; at = end)
		ns += tree_ns(child, depth + 1);
	return ns;
}

/* An app's server is of a class with its children. */
static uint64_t used_ns(const struct threads *t, const struct process *p)
{
	bool tree = p->class == CLASS_PEER && t->vms->vm[p->vm].serves;

	return tree ? tree_ns(p->pid, 0) : process_ns(p->pid);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Time of one thread of a class that is counted by thread; in_qemu: where it is one of QEMU's. */
static void read_time(const struct threads *t, const struct thread *thread,
		      struct threads_reading *r, uint64_t in_qemu[MAX_VMS])
{
	uint64_t ns = thread_ns(thread);

	r->cpu_ns[thread->class] += ns;
	if (thread->class == CLASS_VCPU)
		r->vcpu_ns[thread->vm] += ns;
	if (thread->pid == t->vms->vm[thread->vm].qemu.pid)
		in_qemu[thread->vm] += ns;
}

/* Time of the classes that are counted by process, and of QEMU what no thread was counted for. */
static void read_processes(const struct threads *t, struct threads_reading *r,
			   const uint64_t in_qemu[MAX_VMS])
{
	for (int i = 0; i < t->n_processes; i++) {
		const struct process *p = &t->process[i];
		uint64_t ns = used_ns(t, p);

		if (p->class == CLASS_QEMU)
			ns = less(ns, in_qemu[p->vm]);
		if (p->class == CLASS_VCPU)
			r->vcpu_ns[p->vm] += ns;
		r->cpu_ns[p->class] += ns;
	}
}

void threads_read(const struct threads *t, struct threads_reading *r)
{
	uint64_t in_qemu[MAX_VMS] = { 0 };

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < t->n; i++) {
		const struct thread *thread = &t->list[i];
		struct cputime_switches switches;

		counters_read(thread->counters, r->counters[i]);
		if (!cputime_read_switches(&thread->time, &switches))
			r->switches[thread->class] += switches.voluntary + switches.involuntary;
		if (thread->class != CLASS_QEMU && !by_process(t, thread->class))
			read_time(t, thread, r, in_qemu);
	}
	read_processes(t, r, in_qemu);
}

uint64_t threads_class_ns(const struct threads *t, enum thread_class class)
{
	uint64_t sum = 0, ns;

	for (int i = 0; by_process(t, class) && i < t->n_processes; i++)
		if (t->process[i].class == class)
			sum += used_ns(t, &t->process[i]);
	for (int i = 0; !by_process(t, class) && i < t->n; i++)
		if (t->list[i].class == class && !cputime_read(&t->list[i].time, &ns))
			sum += ns;
	return sum;
}

void threads_counter(const struct threads *t, unsigned int classes, const char *name,
		     const struct threads_reading *begin, const struct threads_reading *end,
		     struct counter_sum *sum)
{
	struct counter_value delta;

	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < t->n; i++)
		for (size_t c = 0; c < counters_count(t->list[i].counters); c++) {
			if (!(classes & 1u << t->list[i].class) ||
			    strcmp(counters_name(t->list[i].counters, c), name))
				continue;
			counter_delta(&begin->counters[i][c], &end->counters[i][c], &delta);
			counter_sum_add(sum, &delta);
		}
}
