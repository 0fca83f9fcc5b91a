/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each event gets its own descriptor and read(), also inside a group: members of a
 * group are scheduled together whichever way they are read, and the kernel refuses
 * one read() of a whole group to events that children inherit.
 *
 * perf_event_paranoid 2 refuses kernel-side counting to ordinary users: such an
 * event is opened again for user mode only, and says so. Not so context switches,
 * migrations and tracepoints, which happen in the kernel: user-only they would
 * count 0.
 */
#include "energy/counters.h"
#include "energy/counters_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

struct counter {
	char *name;
	int fd;				/* -1: absent */
	int error;
	bool user_only;
	char note[256];
};

struct counters {
	size_t n;
	struct counter event[];
};

const char *const counters_default[] = {
	"task-clock", "context-switches", "cpu-migrations", "page-faults",
	"cycles", "instructions", "cache-misses", NULL
};

static int event_open(struct perf_event_attr *attr, const struct counters_config *config,
		      int group)
{
	int cpu = config->tid == COUNTERS_ALL ? config->cpu : -1, fd;

	/* Members of a group count when their leader does. */
	attr->disabled = attr->enable_on_exec = config->on_exec && group < 0;
	fd = syscall(SYS_perf_event_open, attr, config->tid, cpu, group, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* In the group if there is one and it takes the event, else alone. */
static int open_grouped(struct perf_event_attr *attr, const struct counters_config *config,
			int group)
{
	int fd = -EINVAL;

	if (group >= 0)
		fd = event_open(attr, config, group);
	return fd >= 0 ? fd : event_open(attr, config, -1);
}

/* Clocks run on in the kernel, whatever is excluded. */
static bool is_clock(const struct perf_event_attr *attr)
{
	return attr->type == PERF_TYPE_SOFTWARE && (attr->config == PERF_COUNT_SW_TASK_CLOCK ||
						    attr->config == PERF_COUNT_SW_CPU_CLOCK);
}

bool counters_is_clock(const char *name)
{
	struct counter_code code;

	return !counter_encode(name, &code) && is_clock(&code.attr);
}

/* Is there anything left of the event without the kernel's part? */
static bool counts_in_user_mode(const struct perf_event_attr *attr)
{
	return !attr->exclude_user && attr->type != PERF_TYPE_TRACEPOINT &&
	       (attr->type != PERF_TYPE_SOFTWARE ||
		(attr->config != PERF_COUNT_SW_CONTEXT_SWITCHES &&
		 attr->config != PERF_COUNT_SW_CPU_MIGRATIONS));
}

static const struct {
	int error;
	const char *mend;
} refusals[] = {
	{ ENOENT, "this CPU shows no such counter; a virtual machine needs a PMU "
		  "(QEMU: -enable-kvm -cpu host)" },
	{ EOPNOTSUPP, "this CPU shows no such counter" },
	{ EMFILE, "too many open files: ulimit -n 65536" },
	{ EBUSY, "no counter of the CPU was free for its group: sysctl kernel.nmi_watchdog=0, or "
		 "fewer events" },
	{ EINVAL, "the kernel does not take this event in this way" },
};

const char *counters_mend(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (error == -refusals[i].error)
			return refusals[i].mend;
	}
	return strerror(-error);
}

static bool others_process(pid_t tid)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", tid);
	return tid > 0 && !stat(path, &st) && st.st_uid != geteuid();
}

static void note_refusal(struct counter *c, const struct counters_config *config)
{
	const char *name = strerrorname_np(-c->error);

	if ((c->error == -EACCES || c->error == -EPERM) && others_process(config->tid)) {
		snprintf(c->note, sizeof(c->note), "%s: %s: another user's process: run as root",
			 c->name, name);
		return;
	}
	if (c->error == -EACCES || c->error == -EPERM) {
		snprintf(c->note, sizeof(c->note), "%s: %s: run as root, or: "
			 "sysctl kernel.perf_event_paranoid=%d", c->name, name,
			 config->tid == COUNTERS_ALL ? 0 : 1);
		return;
	}
	snprintf(c->note, sizeof(c->note), "%s: perf_event_open: %s: %s", c->name, name,
		 counters_mend(c->error));
}

/* 0 or -errno and a note; the event is absent then, not unfiltered. */
static int set_filter(struct counter *c, int fd, const char *filter)
{
	int ret;

	if (!filter[0] || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
		return 0;
	ret = -errno;
	snprintf(c->note, sizeof(c->note), "%s: %s: the kernel does not take this filter; its "
		 "fields are in /sys/kernel/tracing/events/.../format", c->name,
		 strerrorname_np(-ret));
	close(fd);
	return ret;
}

/* Opens @c, into the group led by *@group; the first hardware event leads. */
static void counter_open(struct counter *c, const struct counters_config *config, int *group)
{
	struct counter_code code;
	struct perf_event_attr *attr = &code.attr;
	bool software;
	int fd;

	c->error = counter_encode(c->name, &code);
	if (c->error) {
		snprintf(c->note, sizeof(c->note), "%.80s: %s", c->name, code.why);
		return;
	}
	software = attr->type == PERF_TYPE_SOFTWARE || attr->type == PERF_TYPE_TRACEPOINT;
	attr->read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	attr->inherit = config->inherit;
	fd = open_grouped(attr, config, software ? -1 : *group);
	if (fd == -EACCES && counts_in_user_mode(attr)) {
		attr->exclude_kernel = attr->exclude_hv = 1;
		fd = open_grouped(attr, config, software ? -1 : *group);
		c->user_only = fd >= 0 && !is_clock(attr);
	}
	if (fd < 0) {
		c->error = fd;
		note_refusal(c, config);
		return;
	}
	c->error = set_filter(c, fd, code.filter);
	if (c->error)
		return;
	if (c->user_only)
		snprintf(c->note, sizeof(c->note), "%s: user mode only: for all of it run as root, "
			 "or: sysctl kernel.perf_event_paranoid=1", c->name);
	c->fd = fd;
	if (!software && *group < 0)
		*group = fd;
}

int counters_open_config(struct counters **out, const struct counters_config *config)
{
	struct counters *c;
	int group = -1;
	size_t n = 0;

	while (config->names[n])
		n++;
	c = calloc(1, sizeof(*c) + n * sizeof(c->event[0]));
	if (!c)
		return -ENOMEM;
	for (c->n = 0; c->n < n; c->n++) {
		struct counter *event = &c->event[c->n];

		event->fd = -1;
		event->name = strdup(config->names[c->n]);
		if (!event->name) {
			counters_close(c);
			return -ENOMEM;
		}
		counter_open(event, config, &group);
	}
	*out = c;
	return 0;
}

int counters_open(struct counters **out, pid_t tid, const char *const *names)
{
	const struct counters_config config = { .names = names, .tid = tid };

	return counters_open_config(out, &config);
}

void counters_close(struct counters *c)
{
	if (!c)
		return;
	/* Last first: a group outlives its members, not its leader. */
	while (c->n--) {
		if (c->event[c->n].fd >= 0)
			close(c->event[c->n].fd);
		free(c->event[c->n].name);
	}
	free(c);
}

size_t counters_count(const struct counters *c)
{
	return c->n;
}

const char *counters_name(const struct counters *c, size_t i)
{
	return c->event[i].name;
}

const char *counters_note(const struct counters *c, size_t i)
{
	return c->event[i].note;
}

void counters_absent(const struct counters *c, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < c->n && len < size; i++) {
		if (c->event[i].error)
			len += snprintf(buf + len, size - len, "%s%s:%s", len ? " " : "",
					c->event[i].name, strerrorname_np(-c->event[i].error));
	}
}

static void counter_read(const struct counter *c, struct counter_value *v)
{
	struct { uint64_t value, enabled_ns, running_ns; } data;
	ssize_t n;

	*v = (struct counter_value){ .t_ns = mn_now_ns(), .error = c->error };
	if (c->error)
		return;
	n = read(c->fd, &data, sizeof(data));
	if (n != sizeof(data)) {
		/* 0 bytes: the kernel has put the event into its error state. */
		v->error = n < 0 ? -errno : -EIO;
		return;
	}
	v->value = data.value;
	v->enabled_ns = data.enabled_ns;
	v->running_ns = data.running_ns;
	v->user_only = c->user_only;
}

void counters_read(const struct counters *c, struct counter_value *values)
{
	for (size_t i = 0; i < c->n; i++)
		counter_read(&c->event[i], &values[i]);
}

void counter_delta(const struct counter_value *begin, const struct counter_value *end,
		   struct counter_value *delta)
{
	*delta = (struct counter_value){ .t_ns = end->t_ns };
	delta->error = begin->error ? begin->error : end->error;
	if (delta->error)
		return;
	delta->value = end->value - begin->value;
	delta->enabled_ns = end->enabled_ns - begin->enabled_ns;
	delta->running_ns = end->running_ns - begin->running_ns;
	delta->user_only = end->user_only;
	/* A thread that slept all the time has no enabled time either: a true 0. */
	if (delta->enabled_ns && !delta->running_ns)
		*delta = (struct counter_value){ .t_ns = end->t_ns, .error = -EBUSY };
}

uint64_t counter_scaled(const struct counter_value *v)
{
	if (!v->running_ns || v->running_ns == v->enabled_ns)
		return v->value;
	return (unsigned __int128)v->value * v->enabled_ns / v->running_ns;
}

void counter_sum_add(struct counter_sum *sum, const struct counter_value *delta)
{
	if (delta->error) {
		sum->absent++;
		if (!sum->error)
			sum->error = delta->error;
		return;
	}
	sum->threads++;
	sum->value += counter_scaled(delta);
	sum->counted += delta->value;
	sum->enabled_ns += delta->enabled_ns;
	sum->running_ns += delta->running_ns;
	sum->user_only |= delta->user_only;
}
