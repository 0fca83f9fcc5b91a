/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU time of threads and of the host, from /proc. Reads of an open reader
 * allocate nothing. @proc is "/proc", or a tree like it in tests.
 */
#ifndef MEMNET_ENERGY_CPUTIME_H
#define MEMNET_ENERGY_CPUTIME_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cputime_thread {
	pid_t tid;
	char comm[16];			/* "CPU 0/TCG", "vhost-1234" */
};

struct cputime {			/* one thread's open files */
	int cpu_fd, status_fd;
	bool exact;			/* ns from schedstat; else 10 ms ticks from stat */
};

struct cputime_switches {
	uint64_t voluntary, involuntary;
};

struct cputime_host {			/* sums over the CPUs asked for */
	uint64_t busy_ns, steal_ns, idle_ns;
	uint64_t interrupt_ns;		/* part of busy_ns: hard and soft ones */
};

struct cputime_host_reader {
	int fd;
	char *buf;
	size_t size;
};

/*
 * The threads of @pid, ascending, at most @max into @threads. Returns how many
 * there are (may be above @max), -ESRCH if there is no such process, or -errno.
 */
ssize_t cputime_list(const char *proc, pid_t pid, struct cputime_thread *threads, size_t max);

/* 0; -ENOENT: no such thread; -errno. On failure @c needs no close. */
int cputime_open(struct cputime *c, const char *proc, pid_t pid, pid_t tid);
void cputime_close(struct cputime *c);

/*
 * Time on a CPU since the thread began, ns. 0; -ESRCH once it has ended; -errno.
 * For a thread running elsewhere at this moment the kernel's figure may be as
 * old as its last scheduler tick (1-10 ms): mind that in windows under a second.
 */
int cputime_read(const struct cputime *c, uint64_t *cpu_ns);
int cputime_read_switches(const struct cputime *c, struct cputime_switches *out);

/*
 * CPU time of the whole process @pid, ns, its ended threads included: what its
 * threads' sum misses when workers come and go. Exact at the moment. 0 or -ESRCH.
 */
int cputime_process(pid_t pid, uint64_t *cpu_ns);

int cputime_host_open(struct cputime_host_reader *r, const char *proc);
void cputime_host_close(struct cputime_host_reader *r);
/*
 * Busy (user, nice, system, interrupts; guests are part of user), stolen and idle
 * time (with iowait) of @cpus, NULL for all, since boot, in steps of 10 ms.
 * 0; -ENODEV: none of them is there; -errno.
 */
int cputime_host_read(const struct cputime_host_reader *r, const cpu_set_t *cpus,
		      struct cputime_host *out);

#endif
