/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/folder.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/base/version.h"

/* Text of a small file, or JSON's null: absent is not "". */
static json_t *file_text(const char *path)
{
	char text[256];

	return mn_read_file(path, text, sizeof(text)) > 0 ? json_string(text) : json_null();
}

/* The value of the first line of @path that begins with @key, after its colon. */
static json_t *file_field(const char *path, const char *key)
{
	json_t *value = NULL;
	char line[512], *colon;
	FILE *f = fopen(path, "re");

	while (f && !value && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (!colon || strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		value = json_string(colon + 1 + strspn(colon + 1, " \t"));
	}
	if (f)
		fclose(f);
	return value ? value : json_null();
}

static json_t *first_line_of(const char *command)
{
	char line[256];
	FILE *f = popen(command, "re");
	json_t *value = NULL;

	if (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		value = json_string(line);
	}
	if (f)
		pclose(f);
	return value ? value : json_null();
}

static json_t *cpu_list(const cpu_set_t *set)
{
	json_t *list = json_array();

	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			json_array_append_new(list, json_integer(i));
	return list;
}

static json_t *host(void)
{
	static const struct { const char *key, *path; } files[] = {
		{ "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor" },
		{ "cpufreq_driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver" },
		{ "boost", "/sys/devices/system/cpu/cpufreq/boost" },
		{ "intel_no_turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo" },
		{ "smt_active", "/sys/devices/system/cpu/smt/active" },
		{ "transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled" },
		{ "clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource" },
		{ "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid" },
		{ "load", "/proc/loadavg" },
	};
	struct utsname u;
	json_t *o = json_object();

	uname(&u);
	json_object_set_new(o, "kernel", json_string(u.release));
	json_object_set_new(o, "kernel_version", json_string(u.version));
	json_object_set_new(o, "cpu", file_field("/proc/cpuinfo", "model name"));
	json_object_set_new(o, "microcode", file_field("/proc/cpuinfo", "microcode"));
	json_object_set_new(o, "cpus_online", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "memory", file_field("/proc/meminfo", "MemTotal"));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		json_object_set_new(o, files[i].key, file_text(files[i].path));
	return o;
}

static json_t *energy_part(const struct energy *e)
{
	json_t *o = json_object(), *domains = json_array(), *notes = json_array();
	const struct energy_note *note;

	json_object_set_new(o, "source", json_string(energy_source(e)));
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		const struct energy_domain *d = energy_domain(e, i);

		json_array_append_new(domains, d->witness ?
				      json_sprintf("%s of %s as witness", d->name, d->source) :
				      json_string(d->name));
	}
	for (size_t i = 0; (note = energy_note(e, i)); i++)
		json_array_append_new(notes, json_sprintf("%s: %s", note->source, note->text));
	json_object_set_new(o, "domains", domains);
	json_object_set_new(o, "notes", notes);
	return o;
}

/*
 * A bzImage says which it is: 16 bits at 0x20e are where, from 0x200 on, the text of its
 * release begins (Documentation/arch/x86/boot.rst, kernel_version). Other images: null.
 */
static json_t *kernel_release(const char *path)
{
	char magic[4], text[128];
	uint16_t at;
	json_t *value = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && pread(fd, magic, 4, 0x202) == 4 && !memcmp(magic, "HdrS", 4) &&
	    pread(fd, &at, 2, 0x20e) == 2 && at &&
	    pread(fd, text, sizeof(text), 0x200 + at) == sizeof(text)) {
		text[strnlen(text, sizeof(text) - 1)] = '\0';
		value = json_stringn(text, strcspn(text, " "));
	}
	if (fd >= 0)
		close(fd);
	return value ? value : json_null();
}

int environment_write(const char *path, const struct accel *accel, const char *kernel,
		      const struct energy *energy, const struct plan *plan, uint64_t seed)
{
	char now[24];
	json_t *o = json_object();
	int ret;

	utc_now(now);
	json_object_set_new(o, "written_utc", json_string(now));
	json_object_set_new(o, "git", json_string(version_git));
	json_object_set_new(o, "plan", json_string(plan->name));
	json_object_set_new(o, "seed", json_integer(seed));
	json_object_set_new(o, "accelerator", json_string(accel->name));
	json_object_set_new(o, "accelerator_reason", json_string(accel->reason));
	json_object_set_new(o, "vcpu_cpus", cpu_list(&plan->vcpu_cpus));
	json_object_set_new(o, "host_cpus", cpu_list(&plan->host_cpus));
	json_object_set_new(o, "qemu", first_line_of("qemu-system-x86_64 --version"));
	json_object_set_new(o, "guest_kernel", kernel_release(kernel));
	json_object_set_new(o, "host", host());
	json_object_set_new(o, "energy", energy_part(energy));
	ret = json_dump_file(o, path, JSON_INDENT(2)) ? -EIO : 0;
	json_decref(o);
	return ret;
}
