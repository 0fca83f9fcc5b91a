/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "memnet-core/base/io.h"

/* A kernel under KVM is at its init in about one second. */
#define PROBE_MS 6000

/* "SIZE.MTIME" of a file: enough to notice that it was replaced. */
static void stamp(const char *path, char *text, size_t size)
{
	struct stat st;

	if (stat(path, &st))
		snprintf(text, size, "absent");
	else
		snprintf(text, size, "%lld.%lld", (long long)st.st_size, (long long)st.st_mtime);
}

static void make_key(const struct vm_config *vm, char *key, size_t size)
{
	char kernel[48], initrd[48], qemu[48], boot[64] = "unknown";
	struct utsname host;

	stamp(vm->kernel, kernel, sizeof(kernel));
	stamp(vm->initrd, initrd, sizeof(initrd));
	stamp("/usr/bin/" QEMU_PROGRAM, qemu, sizeof(qemu));
	mn_read_file("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	uname(&host);
	snprintf(key, size, "kernel=%s initrd=%s qemu=%s host=%s boot=%s", kernel, initrd, qemu,
		 host.release, boot);
}

/* The file: the key, then "kvm" or "tcg", then the reason; a line each. */
static bool recall(struct accel *a, const char *cache, const char *key)
{
	char text[1024], *verdict, *reason;

	if (mn_read_file(cache, text, sizeof(text)) < 0)
		return false;
	verdict = strchr(text, '\n');
	reason = verdict ? strchr(verdict + 1, '\n') : NULL;
	if (!reason)
		return false;
	*verdict++ = *reason++ = '\0';
	if (strcmp(text, key))
		return false;
	a->name = strcmp(verdict, "kvm") ? "tcg" : "kvm";
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	return true;
}

/* Best effort: without the file the next run probes again. */
static void remember(const struct accel *a, const char *cache, const char *key)
{
	FILE *f = fopen(cache, "we");

	if (!f)
		return;
	fprintf(f, "%s\n%s\n%s\n", key, a->name, a->reason);
	fclose(f);
}

/* False: interrupted, nothing was learnt. */
static bool probe(struct accel *a, const struct vm_config *vm)
{
	struct vm_config config = *vm;
	char why[320];
	int ret;

	config.accel = "kvm";
	config.cpu_model = "host";
	config.ready_timeout_ms = PROBE_MS;
	ret = vm_probe(&config, why, sizeof(why));
	a->name = ret ? "tcg" : "kvm";
	if (ret)
		snprintf(a->reason, sizeof(a->reason),
			 "/dev/kvm opens, but no kernel reached its init under it: %s", why);
	else
		snprintf(a->reason, sizeof(a->reason), "a kernel reached its init under KVM");
	return ret != -EINTR;
}

/* Does a kernel boot under it? */
static bool try_kvm(struct accel *a, const struct vm_config *vm, const char *cache)
{
	char key[512];

	make_key(vm, key, sizeof(key));
	if (probe(a, vm))
		remember(a, cache, key);
	return !strcmp(a->name, "kvm");
}

int accel_recall(struct accel *a, const char *want, const struct vm_config *vm, const char *cache)
{
	char key[512];
	int fd;

	if (!strcmp(want, "kvm") || !strcmp(want, "tcg")) {
		a->name = strcmp(want, "kvm") ? "tcg" : "kvm";
		snprintf(a->reason, sizeof(a->reason), "asked for");
		return 0;
	}
	if (strcmp(want, "auto"))
		return -EINVAL;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		a->name = "tcg";
		snprintf(a->reason, sizeof(a->reason), "/dev/kvm: %s; for KVM %s", strerror(errno),
			 errno == EACCES ? "add this user to the group kvm"
					 : "load the kvm_intel or kvm_amd module");
		return 0;
	}
	close(fd);
	make_key(vm, key, sizeof(key));
	return recall(a, cache, key) ? 0 : -EAGAIN;
}

/* KVM was asked for: what is remembered against it is tried anew. */
static int insist_on_kvm(struct accel *a, const struct vm_config *vm, const char *cache)
{
	int ret = accel_recall(a, "auto", vm, cache);
	bool kvm = !ret && !strcmp(a->name, "kvm");

	if (!kvm && !access("/dev/kvm", R_OK | W_OK))
		kvm = try_kvm(a, vm, cache);
	return kvm ? 0 : -ENODEV;
}

int accel_choose(struct accel *a, const char *want, const struct vm_config *vm, const char *cache)
{
	int ret = accel_recall(a, want, vm, cache);

	if (ret == -EAGAIN)
		try_kvm(a, vm, cache);
	else if (!ret && !strcmp(want, "kvm"))
		return insist_on_kvm(a, vm, cache);
	return ret == -EAGAIN ? 0 : ret;
}
