/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Order matters: memnetd listens before QEMU starts, for QEMU's ivshmem device
 * connects while QEMU starts and never again. Sockets are in the sandbox's own
 * tmpfs; control and QMP are socket pairs with no name at all.
 *
 * What belongs to a VM is named after its number: vm2.ivshmem, tap memnet2 with
 * the network 198.18.2.0/30, console-2.log. Number 0, the only VM, goes without.
 */
#include "harness/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/host_tsc.h"
#include "harness/paths/tap.h"
#include "harness/plan.h"
#include "harness/sandbox.h"
#include "harness/vm_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

/*
 * The same for every path, and only for a short boot: no self-tests of the
 * crypto modules (0.3 s under TCG), no second opinion on TSC and timer.
 * Mitigations stay at the kernel's default, as in guests that people run.
 */
#define GUEST_KERNEL_OPTIONS "cryptomgr.notests tsc=reliable no_timer_check"
#define PROGRESS_BYTES	64
#define QMP_TIMEOUT_MS	5000
#define GRACE_MS	3000
#define NATIVE		"memnet-native"

/* A VM without a path is one all the same. */
static bool has_vm(const struct vm *vm)
{
	return !vm->config.path || !vm->config.path->no_vm;
}

static void log_path(const struct vm *vm, const char *name, char *path, size_t size)
{
	char number[16] = "";

	if (vm->number)
		snprintf(number, sizeof(number), "-%u", vm->number);
	snprintf(path, size, "%s/%s%s.log", vm->config.log_dir, name, number);
}

/*
 * The peer is farther away: behind what the guest had taken for it, and at one address for
 * all paths.
 */
static void put_link_between(struct path_end *end)
{
	snprintf(end->gateway, sizeof(end->gateway), "%.*s", (int)strcspn(end->peer, ":"),
		 end->peer);
	snprintf(end->peer, sizeof(end->peer), LINK_PEER, end->number);
	strcpy(end->listen, end->peer);
}

static int open_path(struct vm *vm, char *why, size_t size)
{
	const struct path *p = vm->config.path;
	char log[512];
	int ret;

	log_path(vm, p->name, log, sizeof(log));
	ret = path_open(p, vm->number, &vm->end, log, why, size);
	if (!ret && vm->config.link)
		put_link_between(&vm->end);
	return ret;
}

static int make_append(const struct vm *vm, char *text, size_t size)
{
	const struct vm_config *c = &vm->config;
	int n = snprintf(text, size,
			 "console=ttyS0 quiet panic=-1 intel_iommu=on " GUEST_KERNEL_OPTIONS);

	if (!strcmp(c->accel, "tcg") && host_tsc_khz())
		n += snprintf(text + n, size - n, " tsc_early_khz=%u", host_tsc_khz());
	if (c->path)
		n += snprintf(text + n, size - n, " memnet.addr=%s", vm->end.guest);
	if (*vm->end.gateway)
		n += snprintf(text + n, size - n, " memnet.gateway=%s", vm->end.gateway);
	if (c->path && c->path->mtu)
		n += snprintf(text + n, size - n, " memnet.mtu=%u", c->path->mtu);
	if (c->region)
		n += snprintf(text + n, size - n, " memnet.region=%s", c->region);
	if (c->fault)
		n += snprintf(text + n, size - n, " memnet.fault=%s", c->fault);
	return n < (int)size ? 0 : -E2BIG;
}

/* Start QEMU with our ends of control and QMP in @vm; without a path no devices of one. */
static int start_qemu(struct vm *vm, char *why, size_t size)
{
	const struct vm_config *c = &vm->config;
	char console[512], log[512], append[512];
	int control[2] = { -1, -1 }, qmp[2] = { -1, -1 };
	struct qemu_argv argv = { 0 };
	char ivshmem[64], bell[64], ram[64], insns[64];
	int ret = make_append(vm, append, sizeof(append));

	vm_tmp_path(vm->number, "ivshmem", ivshmem);
	vm_tmp_path(vm->number, "bell", bell);
	vm_tmp_path(vm->number, RAM_FILE, ram);
	vm_tmp_path(vm->number, "insns", insns);
	log_path(vm, "console", console, sizeof(console));
	log_path(vm, "qemu", log, sizeof(log));
	if (!ret && (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) ||
		     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp)))
		ret = -errno;
	if (!ret) {
		const struct qemu_config q = {
			.accel = c->accel, .cpu_model = c->cpu_model, .vcpus = c->vcpus,
			.memory_mib = c->memory_mib, .kernel = c->kernel, .initrd = c->initrd,
			.append = append, .console_log = console, .control_fd = control[1],
			.qmp_fd = qmp[1], .path = c->path, .end = &vm->end,
			.ivshmem_path = vm_in_guest_ram(c) ? NULL : ivshmem, .bell_path = bell,
			.ram_path = c->shared_ram ? ram : NULL,
			.plugin = c->plugin, .insns_page = insns,
		};
		const int pass[] = { control[1], qmp[1], vm->end.fd, -1 };

		ret = qemu_argv_make(&argv, &q);
		if (!ret)
			ret = child_start(&vm->qemu, vm->qemu_name, argv.args, log, -1, pass);
	}
	qemu_argv_free(&argv);
	close(control[1]);
	close(qmp[1]);
	vm->link.fd = control[0];
	vm->qmp_fd = qmp[0];
	if (ret)
		return mn_explain(why, size, ret, "cannot start %s: %s; install qemu-system-x86",
				  QEMU_PROGRAM, strerror(-ret));
	return 0;
}

/* In place of QEMU and of the guest's init. */
static int start_native(struct vm *vm, char *why, size_t size)
{
	char fd[16], progress[64], log[512];
	char *argv[] = { (char *)vm->config.native, fd, progress, NULL };
	int control[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control))
		return mn_explain(why, size, -errno, "cannot make a socket: %s", strerror(errno));
	snprintf(fd, sizeof(fd), "%d", control[1]);
	vm_tmp_path(vm->number, "native", progress);
	log_path(vm, "native", log, sizeof(log));
	ret = child_start(&vm->qemu, vm->qemu_name, argv, log, -1, (int[]){ control[1], -1 });
	close(control[1]);
	vm->link.fd = control[0];
	if (ret)
		return mn_explain(why, size, ret, "cannot start %s: %s; build it with: make all",
				  vm->config.native, strerror(-ret));
	return 0;
}

/* The last line QEMU or the guest's console left, for a message; empty if none. */
static void last_words(const struct vm *vm, const char *which, char *text, size_t size)
{
	char path[512], buf[2048], *line;
	ssize_t n;
	int fd;

	text[0] = '\0';
	log_path(vm, which, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (lseek(fd, -(off_t)sizeof(buf) + 1, SEEK_END) < 0)
		lseek(fd, 0, SEEK_SET);
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	if (n <= 0)
		return;
	buf[n] = '\0';
	line = strrchr(buf, '\n');
	snprintf(text, size, ": %.200s", line ? line + 1 : buf);
}

/* "; see LOG", unless it lies in SANDBOX_TMP, which is gone when somebody would look. */
static void point_to(const struct vm *vm, const char *which, char *text, size_t size)
{
	char log[512];

	log_path(vm, which, log, sizeof(log));
	text[0] = '\0';
	if (strncmp(log, SANDBOX_TMP "/", strlen(SANDBOX_TMP "/")))
		snprintf(text, size, "; see %s", log);
}

static int explain_boot(struct vm *vm, int ret, char *why, size_t size)
{
	const char *console = has_vm(vm) ? "console" : "native";
	char words[256], see[520];

	if (ret == -EINTR)
		return mn_explain(why, size, ret, "interrupted");
	if (ret == -ETIMEDOUT) {
		last_words(vm, console, words, sizeof(words));
		point_to(vm, console, see, sizeof(see));
		return mn_explain(why, size, ret, "%s was not ready within %g s (accel %s)%s%s",
				  vm->guest_name, vm->config.ready_timeout_ms / 1e3,
				  vm->config.accel, see, words);
	}
	child_stop(&vm->qemu, 100);
	last_words(vm, "qemu", words, sizeof(words));
	if (!words[0])
		last_words(vm, console, words, sizeof(words));
	return mn_explain(why, size, ret, "%s ended before the guest was ready (%s)%s",
			  vm->qemu_name, child_how_ended(&vm->qemu), words);
}

static int wait_word(struct vm *vm, const char *word, char *why, size_t size)
{
	char line[GUEST_LINE];
	int ret = guest_wait_line(&vm->link, word, line, sizeof(line), vm->config.ready_timeout_ms);

	return ret ? explain_boot(vm, ret, why, size) : 0;
}

static int ask_threads(struct vm *vm, char *why, size_t size)
{
	int n = qemu_vcpu_threads(vm->qmp_fd, vm->vcpu_tids, QMP_TIMEOUT_MS);

	if (n <= 0)
		return mn_explain(why, size, n ? n : -EPROTO, "%s does not tell its vCPU "
				  "threads: %s", vm->qemu_name, strerror(n ? -n : EPROTO));
	vm->vcpus = n;
	return 0;
}

/* Without a reader the runs go on, and say why their guest instructions are absent. */
static void open_insns(struct vm *vm)
{
	char page[64];

	vm_tmp_path(vm->number, "insns", page);
	if (!has_vm(vm))
		snprintf(vm->no_insns, sizeof(vm->no_insns), "there is no guest: the path %s has "
			 "no VM", vm->config.path->name);
	else if (vm->config.no_insns)
		snprintf(vm->no_insns, sizeof(vm->no_insns), "%s", vm->config.no_insns);
	else if (vm->config.plugin)
		guest_insns_open_page(&vm->insns, page, vm->qemu.pid, vm->no_insns,
				      sizeof(vm->no_insns));
	else
		guest_insns_open_perf(&vm->insns, vm->vcpu_tids, vm->vcpus, vm->no_insns,
				      sizeof(vm->no_insns));
}

static int make_progress_file(const char *path)
{
	int ret = 0, fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, PROGRESS_BYTES))
		ret = -errno;
	close(fd);
	return ret;
}

int vm_start_peer(struct vm *vm, char *const argv[], const char *log, int stdout_fd)
{
	const struct link *link = vm->config.link;
	int left, ret = link ? link_enter(link) : 0;

	if (ret)
		return ret;
	ret = child_start(&vm->peer, vm->peer_name, argv, log, stdout_fd, NULL);
	left = link ? link_leave(link) : 0;
	return ret ? ret : left;
}

static int start_peer(struct vm *vm)
{
	const struct path *p = vm->config.path;
	char *argv[] = {
		(char *)vm->config.work, "peer", "--listen", vm->end.listen, "--progress",
		vm->peer_progress,
		"--transport", (char *)(p->peer_transport ? p->peer_transport : "socket"), NULL
	};
	int pipe_fds[2], ret = make_progress_file(vm->peer_progress);
	char log[512];

	if (ret)
		return ret;
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	fcntl(pipe_fds[1], F_SETFL, 0);
	log_path(vm, "peer", log, sizeof(log));
	ret = vm_start_peer(vm, argv, log, pipe_fds[1]);
	close(pipe_fds[1]);
	if (ret) {
		close(pipe_fds[0]);
		return ret;
	}
	if (vm->peer_out >= 0)
		close(vm->peer_out);
	vm->peer_out = pipe_fds[0];
	vm->serves = false;
	return 0;
}

int vm_ensure_peer(struct vm *vm)
{
	return child_ended(&vm->peer) ? start_peer(vm) : 0;
}

/* "QEMU", "QEMU of VM 2". */
static void name_part(const struct vm *vm, const char *part, char name[32])
{
	if (vm->number)
		snprintf(name, 32, "%s of VM %u", part, vm->number);
	else
		snprintf(name, 32, "%s", part);
}

void vm_clear(struct vm *vm, const struct vm_config *config, unsigned int number)
{
	*vm = (struct vm){
		.config = *config, .number = number, .link.fd = -1, .qmp_fd = -1, .end.fd = -1,
		.peer_out = -1,
	};
	name_part(vm, has_vm(vm) ? "the guest" : NATIVE, vm->guest_name);
	name_part(vm, has_vm(vm) ? "QEMU" : NATIVE, vm->qemu_name);
	name_part(vm, "the peer", vm->peer_name);
	vm->qemu.name = vm->qemu_name;
	vm->peer.name = vm->peer_name;
	vm_tmp_path(number, "peer", vm->peer_progress);
}

int vm_start(struct vm *vm, char *why, size_t size)
{
	int ret = open_path(vm, why, size);

	if (!ret) {
		ret = start_peer(vm);
		if (ret)
			mn_explain(why, size, ret, "cannot start %s: %s", vm->peer_name,
				   strerror(-ret));
	}
	if (ret)
		return ret;
	return has_vm(vm) ? start_qemu(vm, why, size) : start_native(vm, why, size);
}

int vm_wait_ready(struct vm *vm, char *why, size_t size)
{
	int ret = wait_word(vm, "ready", why, size);

	if (!ret && has_vm(vm))
		ret = ask_threads(vm, why, size);
	if (!ret)
		open_insns(vm);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vm_power_off(struct vm *vm)
{
	if (vm->link.fd >= 0 && !child_ended(&vm->qemu))
		mn_write_all(vm->link.fd, "quit\n", 5);	/* else it is killed */
}

/* Else its memory would stay, and be the next one's. */
static void remove_ram(const struct vm *vm)
{
	char path[64];

	vm_tmp_path(vm->number, RAM_FILE, path);
	unlink(path);
}

void vm_stop(struct vm *vm)
{
	child_stop(&vm->qemu, 500);
	remove_ram(vm);
	path_close(&vm->end);
	child_stop(&vm->peer, GRACE_MS);
	guest_insns_close(vm->insns);
	vm->insns = NULL;
	close_fd(&vm->link.fd);
	close_fd(&vm->qmp_fd);
	close_fd(&vm->peer_out);
}

int vm_probe(const struct vm_config *config, char *why, size_t size)
{
	struct vm vm;
	int ret;

	vm_clear(&vm, config, 0);
	ret = start_qemu(&vm, why, size);
	if (!ret)
		ret = wait_word(&vm, "hello", why, size);
	child_stop(&vm.qemu, 100);
	vm_stop(&vm);
	return ret;
}
