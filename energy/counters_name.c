/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a name to a perf_event_attr.
 *
 * Names of events are libpfm4's. Two things are spelled as users of perf know them:
 * modifiers in one word after the last colon (instructions:uG), of which G and H
 * are :mg and :mh to libpfm4; and tracepoints, SYSTEM:NAME or SYSTEM:NAME/FILTER/.
 * libpfm4 knows tracepoints as well, but only where debugfs is mounted; here they
 * come from tracefs, which distributions mount.
 *
 * libpfm4 leaves guests out unless told otherwise (exclude_guest), which would hide
 * nearly all that a vCPU thread does under KVM: here guests are counted, except
 * where the name says :H (host only) or :G (guest only) itself.
 */
#include "energy/counters.h"
#include "energy/counters_internal.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define NAME_SIZE	256

static const char *const tracefs_dirs[] = {
	"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events",
};

static int pfm_state;

static void pfm_init(void)
{
	pfm_state = pfm_initialize();
}

static int refuse(struct counter_code *code, int error, const char *why)
{
	snprintf(code->why, sizeof(code->why), "%s", why);
	return error;
}

/* --- tracepoints --------------------------------------------------------------- */

#define WORD	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* SYSTEM:NAME or SYSTEM:NAME/FILTER/ as "SYSTEM/NAME" and "FILTER". */
static bool split_tracepoint(const char *name, char *path, char *filter)
{
	size_t system = strspn(name, WORD), event, rest;

	if (!system || name[system] != ':' || strlen(name) >= NAME_SIZE)
		return false;
	event = strspn(name + system + 1, WORD);
	rest = system + 1 + event;
	if (!event || (name[rest] && name[rest] != '/'))
		return false;
	sprintf(path, "%.*s/%.*s", (int)system, name, (int)event, name + system + 1);
	filter[0] = '\0';
	if (!name[rest])
		return true;
	strcpy(filter, name + rest + 1);
	rest = strlen(filter);
	if (rest < 2 || filter[rest - 1] != '/')
		return false;
	filter[rest - 1] = '\0';
	return true;
}

/* Its number, from the first tracefs that is there. 0, -ENOENT, -EACCES. */
static int tracepoint_id(const char *path, uint64_t *id)
{
	char file[NAME_SIZE + 64];
	int ret = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(tracefs_dirs) && ret == -ENOENT; i++) {
		snprintf(file, sizeof(file), "%s/%s/id", tracefs_dirs[i], path);
		ret = mn_read_u64(file, id);
	}
	return ret;
}

static bool tracefs_mounted(void)
{
	return !access(tracefs_dirs[0], F_OK) || !access(tracefs_dirs[1], F_OK);
}

static int refuse_tracepoint(struct counter_code *code, int error)
{
	if (error == -EACCES)
		return refuse(code, error, "tracefs is root's: run as root, or: "
			      "mount -o remount,mode=755 /sys/kernel/tracing");
	if (!tracefs_mounted())
		return refuse(code, error, "no event of this name, and tracefs is not mounted: "
			      "mount -t tracefs tracefs /sys/kernel/tracing");
	return refuse(code, error, "no event and no tracepoint of this name: "
		      "is its module loaded?");
}

/* 0; -ENOENT also for what is no tracepoint at all; -errno. */
static int encode_tracepoint(const char *path, struct counter_code *code)
{
	uint64_t id;
	int ret = tracepoint_id(path, &id);

	if (ret)
		return ret;
	code->attr = (struct perf_event_attr){
		.size = sizeof(code->attr), .type = PERF_TYPE_TRACEPOINT, .config = id,
	};
	return 0;
}

/* --- events of libpfm4 --------------------------------------------------------- */

static const struct modifier {
	char letter;
	const char *pfm;
} modifiers[] = {
	{ 'u', ":u" }, { 'k', ":k" }, { 'h', ":h" }, { 'G', ":mg" }, { 'H', ":mh" },
};

static const char *pfm_modifier(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
		if (modifiers[i].letter == letter)
			return modifiers[i].pfm;
	}
	return "";
}

/* "cycles:uG" as "cycles:u:mg"; what is not such a word stays as it is. */
static void translate_modifiers(const char *name, char *out, size_t size)
{
	const char *colon = strrchr(name, ':');
	size_t len;

	if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "ukhGH")]) {
		snprintf(out, size, "%s", name);
		return;
	}
	len = snprintf(out, size, "%.*s", (int)(colon - name), name);
	for (const char *p = colon + 1; *p && len < size; p++)
		len += snprintf(out + len, size - len, "%s", pfm_modifier(*p));
}

static int encode_pfm(const char *name, struct counter_code *code)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pfm_perf_encode_arg_t arg = { .attr = &code->attr, .size = sizeof(arg) };
	char translated[NAME_SIZE];
	int ret;

	pthread_once(&once, pfm_init);
	translate_modifiers(name, translated, sizeof(translated));
	ret = pfm_state;
	if (ret == PFM_SUCCESS)
		ret = pfm_get_os_event_encoding(translated, PFM_PLM0 | PFM_PLM3,
						PFM_OS_PERF_EVENT, &arg);
	if (ret != PFM_SUCCESS) {
		snprintf(code->why, sizeof(code->why), "libpfm4: %s", pfm_strerror(ret));
		return ret == PFM_ERR_NOTFOUND ? -ENOENT : -EINVAL;
	}
	if (!strcasestr(translated, ":mg") && !strcasestr(translated, ":mh"))
		code->attr.exclude_guest = code->attr.exclude_host = 0;
	return 0;
}

int counter_encode(const char *name, struct counter_code *code)
{
	char path[NAME_SIZE], filter[NAME_SIZE];
	bool tracepoint = split_tracepoint(name, path, filter);
	int ret, traced = -ENOENT;

	*code = (struct counter_code){ .attr.size = sizeof(code->attr) };
	if (strlen(name) >= NAME_SIZE)
		return refuse(code, -ENAMETOOLONG, "the name is too long");
	if (tracepoint) {
		traced = encode_tracepoint(path, code);
		if (!traced) {
			strcpy(code->filter, filter);
			return 0;
		}
	}
	ret = encode_pfm(name, code);
	return ret == -ENOENT && tracepoint ? refuse_tracepoint(code, traced) : ret;
}

int counters_check_name(const char *name, char *why, size_t size)
{
	char path[NAME_SIZE], filter[NAME_SIZE];
	struct counter_code code;
	int ret = counter_encode(name, &code);

	if (ret == -EACCES ||
	    (ret == -ENOENT && !tracefs_mounted() && split_tracepoint(name, path, filter)))
		return 0;
	if (ret)
		snprintf(why, size, "%.80s: %s", name, code.why);
	return ret;
}
