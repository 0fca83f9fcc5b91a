/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpfm4 turns a name into a perf_event_attr; each event gets its own descriptor
 * and read(), also inside a group: members of a group are scheduled together
 * whichever way they are read.
 *
 * libpfm4 leaves guests out unless told otherwise (exclude_guest), which would hide
 * nearly all that a vCPU thread does under KVM: here guests are counted, except
 * where the name says :mh (host only) or :mg (guest only) itself.
 *
 * perf_event_paranoid 2 refuses kernel-side counting to ordinary users: such an
 * event is opened again for user mode only, and says so. Not so context switches
 * and migrations, which happen in the kernel: user-only they would count 0.
 */
#include "energy/counters.h"
#include "energy/counters_internal.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

struct counter {
	char *name;
	int fd;				/* -1: absent */
	int error;
	bool user_only;
	char note[160];
};

struct counters {
	size_t n;
	struct counter event[];
};

const char *const counters_default[] = {
	"task-clock", "context-switches", "cpu-migrations", "page-faults",
	"cycles", "instructions", "cache-misses", NULL
};

static int pfm_state;

static void pfm_init(void)
{
	pfm_state = pfm_initialize();
}

int counter_encode(const char *name, struct perf_event_attr *attr, const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pfm_perf_encode_arg_t arg = { .attr = attr, .size = sizeof(arg) };
	int ret;

	pthread_once(&once, pfm_init);
	ret = pfm_state;
	if (ret == PFM_SUCCESS)
		ret = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg);
	if (ret != PFM_SUCCESS) {
		*why = pfm_strerror(ret);
		return ret == PFM_ERR_NOTFOUND ? -ENOENT : -EINVAL;
	}
	if (!strcasestr(name, ":mg") && !strcasestr(name, ":mh"))
		attr->exclude_guest = attr->exclude_host = 0;
	return 0;
}

static int event_open(struct perf_event_attr *attr, pid_t tid, int group)
{
	int fd = syscall(SYS_perf_event_open, attr, tid, -1, group, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* In the group if there is one and it takes the event, else alone. */
static int open_grouped(struct perf_event_attr *attr, pid_t tid, int group)
{
	int fd = -EINVAL;

	if (group >= 0)
		fd = event_open(attr, tid, group);
	return fd >= 0 ? fd : event_open(attr, tid, -1);
}

/* Is there anything left of the event without the kernel's part? */
static bool counts_in_user_mode(const struct perf_event_attr *attr)
{
	if (attr->exclude_user)
		return false;
	return attr->type != PERF_TYPE_SOFTWARE ||
	       (attr->config != PERF_COUNT_SW_CONTEXT_SWITCHES &&
		attr->config != PERF_COUNT_SW_CPU_MIGRATIONS);
}

static void note_refusal(struct counter *c)
{
	if (c->error == -EACCES || c->error == -EPERM)
		snprintf(c->note, sizeof(c->note), "%s: %s: run as root, or: "
			 "sysctl kernel.perf_event_paranoid=1", c->name,
			 strerrorname_np(-c->error));
	else
		snprintf(c->note, sizeof(c->note), "%s: perf_event_open: %s: %s", c->name,
			 strerrorname_np(-c->error), strerror(-c->error));
}

/* Opens @c, into the group led by *@group; the first hardware event leads. */
static void counter_open(struct counter *c, pid_t tid, int *group)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	const char *why;
	bool software;
	int fd;

	c->error = counter_encode(c->name, &attr, &why);
	if (c->error) {
		snprintf(c->note, sizeof(c->note), "%s: libpfm4: %s", c->name, why);
		return;
	}
	software = attr.type == PERF_TYPE_SOFTWARE || attr.type == PERF_TYPE_TRACEPOINT;
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	fd = open_grouped(&attr, tid, software ? -1 : *group);
	if (fd == -EACCES && counts_in_user_mode(&attr)) {
		attr.exclude_kernel = attr.exclude_hv = 1;
		fd = open_grouped(&attr, tid, software ? -1 : *group);
		c->user_only = fd >= 0;
	}
	if (fd < 0) {
		c->error = fd;
		note_refusal(c);
		return;
	}
	if (c->user_only)
		snprintf(c->note, sizeof(c->note), "%s: user mode only: for all of it run as root, "
			 "or: sysctl kernel.perf_event_paranoid=1", c->name);
	c->fd = fd;
	if (!software && *group < 0)
		*group = fd;
}

int counters_open(struct counters **out, pid_t tid, const char *const *names)
{
	struct counters *c;
	int group = -1;
	size_t n = 0;

	while (names[n])
		n++;
	c = calloc(1, sizeof(*c) + n * sizeof(c->event[0]));
	if (!c)
		return -ENOMEM;
	for (c->n = 0; c->n < n; c->n++) {
		struct counter *event = &c->event[c->n];

		event->fd = -1;
		event->name = strdup(names[c->n]);
		if (!event->name) {
			counters_close(c);
			return -ENOMEM;
		}
		counter_open(event, tid, &group);
	}
	*out = c;
	return 0;
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
	sum->enabled_ns += delta->enabled_ns;
	sum->running_ns += delta->running_ns;
	sum->user_only |= delta->user_only;
}
