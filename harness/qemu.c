/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every path boots this same machine: one network card, one ivshmem device (none where
 * memnetd's region is in guest RAM), one virtio-serial bus, one IOMMU. Only the path in
 * use differs; what it has to have otherwise its own file says (paths/). romfile= spares the boot a network boot
 * ROM; -nodefaults spares it a VGA, a floppy and the rest.
 *
 * The IOMMU is there to remap interrupts, without which the guest's kernel hands
 * none to a program; virtio goes past it. Under KVM it wants the IOAPIC in QEMU,
 * hence the split irqchip.
 */
#include "harness/qemu.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

/* Of the file QEMU makes. */
static int add_ram(struct qemu_argv *v, const struct qemu_config *c)
{
	if (!c->ram_path)
		return qemu_add(v, "-M", "q35");
	return qemu_add(v, "-object", "memory-backend-file,id=ram,mem-path=%s,share=on,size=%uM",
			c->ram_path, c->memory_mib) ?:
	       qemu_add(v, "-M", "q35,memory-backend=ram");
}

static int add_machine(struct qemu_argv *v, const struct qemu_config *c)
{
	return qemu_add(v, QEMU_PROGRAM, NULL) ?:
	       qemu_add(v, "-name", "memnet,debug-threads=on") ?:
	       qemu_add(v, "-nodefaults", NULL) ?:
	       qemu_add(v, "-no-user-config", NULL) ?:
	       qemu_add(v, "-display", "none") ?:
	       qemu_add(v, "-no-reboot", NULL) ?:
	       add_ram(v, c) ?:
	       qemu_add(v, "-accel", "%s%s", c->accel,
		   strcmp(c->accel, "kvm") ? "" : ",kernel-irqchip=split") ?:
	       qemu_add(v, "-device", "intel-iommu,intremap=on") ?:
	       qemu_add(v, "-cpu", "%s", c->cpu_model) ?:
	       qemu_add(v, "-smp", "%u", c->vcpus) ?:
	       qemu_add(v, "-m", "%u", c->memory_mib) ?:
	       qemu_add(v, "-kernel", "%s", c->kernel) ?:
	       qemu_add(v, "-initrd", "%s", c->initrd) ?:
	       qemu_add(v, "-append", "%s", c->append);
}

/* QEMU ends an option's value at a comma; two commas are one. */
static void escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 3 < size; text++) {
		out[n++] = *text;
		if (*text == ',')
			out[n++] = ',';
	}
	out[n] = '\0';
}

static int add_channels(struct qemu_argv *v, const struct qemu_config *c)
{
	char path[1024];

	escape(c->console_log, path, sizeof(path));
	return qemu_add(v, "-chardev", "file,id=console,append=on,path=%s", path) ?:
	       qemu_add(v, "-serial", "chardev:console") ?:
	       qemu_add(v, "-device", "virtio-serial-pci,max_ports=4") ?:
	       qemu_add(v, "-chardev", "socket,id=control,fd=%d", c->control_fd) ?:
	       qemu_add(v, "-device", "virtserialport,chardev=control,name=memnet.control") ?:
	       (c->qmp_fd < 0 ? 0 :
		qemu_add(v, "-chardev", "socket,id=qmp,fd=%d", c->qmp_fd) ?:
		qemu_add(v, "-mon", "chardev=qmp,mode=control"));
}

static int add_ivshmem(struct qemu_argv *v, const char *path)
{
	if (!path)
		return 0;
	return qemu_add(v, "-chardev", "socket,id=region,path=%s", path) ?:
	       qemu_add(v, "-device", "ivshmem-doorbell,chardev=region,vectors=16");
}

static int add_paths(struct qemu_argv *v, const struct qemu_config *c)
{
	if (!c->path)
		return 0;
	return c->path->add_devices(v, c->end) ?:
	       add_ivshmem(v, c->ivshmem_path) ?:
	       qemu_add(v, "-chardev", "socket,id=bell,path=%s", c->bell_path) ?:
	       qemu_add(v, "-device", "virtserialport,chardev=bell,name=memnet.bell");
}

static int add_plugin(struct qemu_argv *v, const char *plugin, const char *page)
{
	char file[1024], path[1024];

	if (!plugin)
		return 0;
	escape(plugin, file, sizeof(file));
	escape(page, path, sizeof(path));
	return qemu_add(v, "-plugin", "%s,page=%s", file, path);
}

int qemu_argv_make(struct qemu_argv *v, const struct qemu_config *c)
{
	int ret;

	memset(v, 0, sizeof(*v));
	ret = add_machine(v, c) ?: add_channels(v, c) ?: add_paths(v, c) ?:
	      add_plugin(v, c->plugin, c->insns_page);
	if (ret)
		qemu_argv_free(v);
	return ret;
}

int qemu_trial_argv_make(struct qemu_argv *v, const char *plugin, const char *insns_page)
{
	int ret;

	memset(v, 0, sizeof(*v));
	ret = qemu_add(v, QEMU_PROGRAM, NULL) ?:
	      qemu_add(v, "-nodefaults", NULL) ?:
	      qemu_add(v, "-no-user-config", NULL) ?:
	      qemu_add(v, "-display", "none") ?:
	      qemu_add(v, "-M", "none") ?:
	      qemu_add(v, "-accel", "tcg") ?:
	      add_plugin(v, plugin, insns_page);
	if (ret)
		qemu_argv_free(v);
	return ret;
}

/* --- QMP: one JSON object a line --------------------------------------------- */

#define QMP_LINE 65536

/* One line into @buf; byte by byte, for there are three of them in a VM's life. */
static int read_line(int fd, char *buf, size_t size, int64_t deadline_ns)
{
	size_t len = 0;

	while (len + 1 < size) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left_ms = (deadline_ns - mn_now_ns()) / NSEC_PER_MSEC;
		ssize_t n;

		if (left_ms <= 0 || poll(&pfd, 1, left_ms) == 0)
			return -ETIMEDOUT;
		n = read(fd, buf + len, 1);
		if (n <= 0)
			return n < 0 && errno != EINTR ? -errno : -EPIPE;
		if (buf[len] == '\n') {
			buf[len] = '\0';
			return 0;
		}
		len++;
	}
	return -EPROTO;
}

/* The member @key of the next object that has it; events in between are dropped. */
static int read_member(int fd, const char *key, int64_t deadline_ns, json_t **value)
{
	char *buf = malloc(QMP_LINE);
	int ret = buf ? 0 : -ENOMEM;

	*value = NULL;
	while (!ret && !*value) {
		json_t *object = NULL;

		ret = read_line(fd, buf, QMP_LINE, deadline_ns);
		if (!ret) {
			object = json_loads(buf, 0, NULL);
			if (!object || json_object_get(object, "error"))
				ret = -EPROTO;
			*value = json_incref(json_object_get(object, key));
		}
		json_decref(object);
	}
	free(buf);
	return ret;
}

static int execute(int fd, const char *command, int64_t deadline_ns, json_t **answer)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", command);
	int ret = mn_write_all(fd, text, len);

	return ret ? ret : read_member(fd, "return", deadline_ns, answer);
}

int qemu_vcpu_threads(int fd, pid_t tids[QEMU_MAX_VCPUS], int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	json_t *greeting = NULL, *ok = NULL, *cpus = NULL, *cpu;
	size_t i;
	int ret = read_member(fd, "QMP", deadline, &greeting);

	if (!ret)
		ret = execute(fd, "qmp_capabilities", deadline, &ok);
	if (!ret)
		ret = execute(fd, "query-cpus-fast", deadline, &cpus);
	if (!ret) {
		json_array_foreach(cpus, i, cpu)
			if (i < QEMU_MAX_VCPUS)
				tids[i] = json_integer_value(json_object_get(cpu, "thread-id"));
		ret = MIN(json_array_size(cpus), (size_t)QEMU_MAX_VCPUS);
	}
	json_decref(greeting);
	json_decref(ok);
	json_decref(cpus);
	return ret;
}
