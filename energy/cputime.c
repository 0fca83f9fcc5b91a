/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/cputime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

/* The file as it is now, from a descriptor that stays open. Length or -errno. */
static ssize_t reread(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = pread(fd, buf + len, size - 1 - len, len);
		if (n < 0)
			return -errno;
		len += n;
	} while (n > 0 && len < size - 1);
	if (!len)
		return -ENODATA;
	buf[len] = '\0';
	return len;
}

static uint64_t tick_ns(void)
{
	return NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
}

static int by_tid(const void *a, const void *b)
{
	const struct cputime_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static void read_comm(const char *proc, pid_t pid, struct cputime_thread *t)
{
	char path[320], comm[64];

	snprintf(path, sizeof(path), "%s/%d/task/%d/comm", proc, pid, t->tid);
	if (mn_read_file(path, comm, sizeof(comm)) < 0)
		comm[0] = '\0';		/* it ended meanwhile */
	snprintf(t->comm, sizeof(t->comm), "%.15s", comm);
}

ssize_t cputime_list(const char *proc, pid_t pid, struct cputime_thread *threads, size_t max)
{
	struct dirent *entry;
	char path[320];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/task", proc, pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);

		if (tid <= 0)
			continue;
		if (n < max) {
			threads[n].tid = tid;
			read_comm(proc, pid, &threads[n]);
		}
		n++;
	}
	closedir(dir);
	qsort(threads, MIN(n, max), sizeof(*threads), by_tid);
	return n;
}

static int open_task_file(const char *proc, pid_t pid, pid_t tid, const char *file)
{
	char path[320];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/task/%d/%s", proc, pid, tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cputime_open(struct cputime *c, const char *proc, pid_t pid, pid_t tid)
{
	uint64_t ns;
	int ret;

	c->status_fd = open_task_file(proc, pid, tid, "status");
	if (c->status_fd < 0)
		return c->status_fd;
	c->exact = true;
	c->cpu_fd = open_task_file(proc, pid, tid, "schedstat");
	if (c->cpu_fd >= 0 && !cputime_read(c, &ns))
		return 0;
	if (c->cpu_fd >= 0)
		close(c->cpu_fd);
	c->exact = false;		/* a kernel without CONFIG_SCHED_INFO */
	c->cpu_fd = open_task_file(proc, pid, tid, "stat");
	ret = c->cpu_fd < 0 ? c->cpu_fd : cputime_read(c, &ns);
	if (ret)
		cputime_close(c);
	return ret;
}

void cputime_close(struct cputime *c)
{
	if (c->cpu_fd >= 0)
		close(c->cpu_fd);
	close(c->status_fd);
	c->cpu_fd = c->status_fd = -1;
}

/* Fields 14 and 15 of stat, counted behind the name, which may hold anything. */
static int parse_stat(const char *text, uint64_t *cpu_ns)
{
	const char *p = strrchr(text, ')');
	uint64_t user, system;

	if (!p || sscanf(p + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64,
			 &user, &system) != 2)
		return -EINVAL;
	*cpu_ns = (user + system) * tick_ns();
	return 0;
}

int cputime_read(const struct cputime *c, uint64_t *cpu_ns)
{
	char buf[1024];
	ssize_t n = reread(c->cpu_fd, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (!c->exact)
		return parse_stat(buf, cpu_ns);
	return sscanf(buf, "%" SCNu64, cpu_ns) == 1 ? 0 : -EINVAL;
}

static int find_number(const char *text, const char *key, uint64_t *value)
{
	const char *p = strstr(text, key);

	return p && sscanf(p + strlen(key), "%" SCNu64, value) == 1 ? 0 : -EINVAL;
}

int cputime_read_switches(const struct cputime *c, struct cputime_switches *out)
{
	char buf[4096];
	ssize_t n = reread(c->status_fd, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (find_number(buf, "\nvoluntary_ctxt_switches:", &out->voluntary))
		return -EINVAL;
	return find_number(buf, "\nnonvoluntary_ctxt_switches:", &out->involuntary);
}

int cputime_process(pid_t pid, uint64_t *cpu_ns)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return -ESRCH;
	*cpu_ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return 0;
}

int cputime_host_open(struct cputime_host_reader *r, const char *proc)
{
	char path[320];

	/* The CPU lines come first; what follows them need not fit. */
	r->size = 4096 + 160 * sysconf(_SC_NPROCESSORS_CONF);
	snprintf(path, sizeof(path), "%s/stat", proc);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	r->buf = malloc(r->size);
	if (!r->buf) {
		close(r->fd);
		return -ENOMEM;
	}
	return 0;
}

void cputime_host_close(struct cputime_host_reader *r)
{
	close(r->fd);
	free(r->buf);
}

/* Add the numbers of "cpu3 user nice system idle iowait irq softirq steal ...". */
static void add_cpu_line(const char *numbers, struct cputime_host *out)
{
	uint64_t t[8] = { 0 }, ns = tick_ns();

	sscanf(numbers, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	       " %" SCNu64 " %" SCNu64, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
	out->busy_ns += (t[0] + t[1] + t[2] + t[5] + t[6]) * ns;
	out->interrupt_ns += (t[5] + t[6]) * ns;
	out->idle_ns += (t[3] + t[4]) * ns;
	out->steal_ns += t[7] * ns;
}

int cputime_host_read(const struct cputime_host_reader *r, const cpu_set_t *cpus,
		      struct cputime_host *out)
{
	ssize_t n = reread(r->fd, r->buf, r->size);
	size_t found = 0;
	char *line, *end;

	if (n < 0)
		return n;
	*out = (struct cputime_host){ 0 };
	for (line = r->buf; !strncmp(line, "cpu", 3); line = end + 1) {
		bool all = line[3] == ' ';
		char *numbers = line + 3;
		unsigned long cpu = all ? 0 : strtoul(line + 3, &numbers, 10);

		end = strchr(line, '\n');
		if (!end)
			break;
		if (cpus ? all || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, cpus) : !all)
			continue;
		add_cpu_line(numbers, out);
		found++;
	}
	return found ? 0 : -ENODEV;
}
