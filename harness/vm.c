/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Order matters: memnetd listens before QEMU starts, for QEMU's ivshmem device
 * connects while QEMU starts and never again. Sockets are in the sandbox's own
 * tmpfs; control and QMP are socket pairs with no name at all.
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

#include "harness/interrupt.h"
#include "harness/paths/tap.h"
#include "harness/sandbox.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define MEMNETD_RULE	TAP_HOST_ADDR "/32:" TAP_PEER_PORT	/* all that the guest may reach */
/*
 * The same for every path, and only for a short boot: no self-tests of the
 * crypto modules (0.3 s under TCG), no second opinion on TSC and timer.
 * Mitigations stay at the kernel's default, as in guests that people run.
 */
#define GUEST_KERNEL_OPTIONS "cryptomgr.notests tsc=reliable no_timer_check"
#define VM_NAME		"vm"
#define IVSHMEM_SOCKET	SANDBOX_TMP "/" VM_NAME ".ivshmem"
#define BELL_SOCKET	SANDBOX_TMP "/" VM_NAME ".bell"
#define INSNS_PAGE	SANDBOX_TMP "/" VM_NAME ".insns"
#define PEER_PROGRESS	SANDBOX_TMP "/peer.progress"
#define PROGRESS_BYTES	64
#define MEMNETD_FLOWS	8	/* it serves at once without being told */
#define LISTEN_TIMEOUT_MS 3000
#define QMP_TIMEOUT_MS	5000
#define GRACE_MS	3000

static void log_path(const struct vm *vm, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s.log", vm->config.log_dir, name);
}

static int wait_for_file(const char *path, struct child *maker)
{
	int64_t deadline = mn_now_ns() + LISTEN_TIMEOUT_MS * NSEC_PER_MSEC;

	while (access(path, F_OK)) {
		if (child_ended(maker))
			return -EPIPE;
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		mn_sleep_until_ns(mn_now_ns() + 2 * NSEC_PER_MSEC);
	}
	return 0;
}

static int start_memnetd(struct vm *vm, char *why, size_t size)
{
	char *argv[16] = {
		(char *)vm->config.memnetd, "--dir", SANDBOX_TMP, "--vm", VM_NAME,
		"--allow", MEMNETD_RULE,
	};
	char log[512], flows[16];
	int ret, n = 7;

	if (vm->config.flows > MEMNETD_FLOWS) {
		snprintf(flows, sizeof(flows), "%u", vm->config.flows);
		argv[n++] = "--flows";
		argv[n++] = flows;
	}
	if (*vm->config.spin) {
		argv[n++] = "--spin";
		argv[n++] = (char *)vm->config.spin;
	}

	unlink(IVSHMEM_SOCKET);	/* left by a memnetd that was killed */
	unlink(BELL_SOCKET);
	log_path(vm, "memnetd", log, sizeof(log));
	ret = child_start(&vm->memnetd, "memnetd", argv, log, -1, NULL);
	if (!ret)
		ret = wait_for_file(BELL_SOCKET, &vm->memnetd);
	if (ret)
		return mn_explain(why, size, ret, "memnetd does not come up (%s): see %s",
				  strerror(-ret), log);
	return 0;
}

static int open_path(struct vm *vm, char *why, size_t size)
{
	const struct path *p = vm->config.path;
	char log[512];

	log_path(vm, p->name, log, sizeof(log));
	return path_open(p, &vm->end, log, why, size);
}

static int make_append(const struct vm_config *c, char *text, size_t size)
{
	int n = snprintf(text, size,
			 "console=ttyS0 quiet panic=-1 intel_iommu=on " GUEST_KERNEL_OPTIONS);

	if (c->path)
		n += snprintf(text + n, size - n, " memnet.addr=%s", c->path->guest);
	if (c->path && c->path->mtu)
		n += snprintf(text + n, size - n, " memnet.mtu=%u", c->path->mtu);
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
	int ret = make_append(c, append, sizeof(append));

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
			.ivshmem_path = IVSHMEM_SOCKET, .bell_path = BELL_SOCKET,
			.plugin = c->plugin, .insns_page = INSNS_PAGE,
		};
		const int pass[] = { control[1], qmp[1], vm->end.fd, -1 };

		ret = qemu_argv_make(&argv, &q);
		if (!ret)
			ret = child_start(&vm->qemu, "QEMU", argv.args, log, -1, pass);
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

static int explain_boot(struct vm *vm, int ret, char *why, size_t size)
{
	char words[256];

	if (ret == -EINTR)
		return mn_explain(why, size, ret, "interrupted");
	if (ret == -ETIMEDOUT) {
		last_words(vm, "console", words, sizeof(words));
		return mn_explain(why, size, ret, "the guest was not ready within %d s (accel %s); "
				  "see %s/console.log%s", vm->config.ready_timeout_ms / 1000,
				  vm->config.accel, vm->config.log_dir, words);
	}
	child_stop(&vm->qemu, 100);
	last_words(vm, "qemu", words, sizeof(words));
	if (!words[0])
		last_words(vm, "console", words, sizeof(words));
	return mn_explain(why, size, ret, "QEMU ended before the guest was ready (%s)%s",
			  child_how_ended(&vm->qemu), words);
}

static int wait_ready(struct vm *vm, const char *word, char *why, size_t size)
{
	char line[GUEST_LINE];
	int ret = guest_wait_line(&vm->link, word, line, sizeof(line), vm->config.ready_timeout_ms);

	return ret ? explain_boot(vm, ret, why, size) : 0;
}

static int ask_threads(struct vm *vm, char *why, size_t size)
{
	int n = qemu_vcpu_threads(vm->qmp_fd, vm->vcpu_tids, QMP_TIMEOUT_MS);

	if (n <= 0)
		return mn_explain(why, size, n ? n : -EPROTO, "QEMU does not tell its vCPU "
				  "threads: %s", strerror(n ? -n : EPROTO));
	vm->vcpus = n;
	return 0;
}

/* Without a reader the runs go on, and say why their guest instructions are absent. */
static void open_insns(struct vm *vm)
{
	if (vm->config.no_insns)
		snprintf(vm->no_insns, sizeof(vm->no_insns), "%s", vm->config.no_insns);
	else if (vm->config.plugin)
		guest_insns_open_page(&vm->insns, INSNS_PAGE, vm->qemu.pid, vm->no_insns,
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

static int start_peer(struct vm *vm)
{
	const struct path *p = vm->config.path;
	char *argv[] = {
		(char *)vm->config.work, "peer", "--listen", (char *)p->listen,
		"--progress", PEER_PROGRESS,
		"--transport", (char *)(p->peer_transport ? p->peer_transport : "socket"), NULL
	};
	int pipe_fds[2], ret = make_progress_file(PEER_PROGRESS);
	char log[512];

	if (ret)
		return ret;
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	fcntl(pipe_fds[1], F_SETFL, 0);
	log_path(vm, "peer", log, sizeof(log));
	ret = child_start(&vm->peer, "the peer", argv, log, pipe_fds[1], NULL);
	close(pipe_fds[1]);
	if (ret) {
		close(pipe_fds[0]);
		return ret;
	}
	if (vm->peer_out >= 0)
		close(vm->peer_out);
	vm->peer_out = pipe_fds[0];
	snprintf(vm->peer_progress, sizeof(vm->peer_progress), PEER_PROGRESS);
	return 0;
}

int vm_ensure_peer(struct vm *vm)
{
	return child_ended(&vm->peer) ? start_peer(vm) : 0;
}

/* One of @children that was started and has ended. */
static const char *first_dead(struct child *const children[], size_t n)
{
	static char text[96];

	for (size_t i = 0; i < n; i++) {
		if (!children[i]->name || !child_ended(children[i]))
			continue;
		snprintf(text, sizeof(text), "%s ended (%s)", children[i]->name,
			 child_how_ended(children[i]));
		return text;
	}
	return NULL;
}

const char *vm_vital_casualty(struct vm *vm)
{
	return first_dead((struct child *const []){ &vm->qemu, &vm->memnetd, &vm->end.helper }, 3);
}

const char *vm_casualty(struct vm *vm)
{
	const char *vital = vm_vital_casualty(vm);

	return vital ? vital : first_dead((struct child *const []){ &vm->peer }, 1);
}

static void clear(struct vm *vm, const struct vm_config *config)
{
	*vm = (struct vm){
		.config = *config, .link.fd = -1, .qmp_fd = -1, .end.fd = -1, .peer_out = -1,
		.memnetd.name = "memnetd", .qemu.name = "QEMU", .peer.name = "the peer",
	};
}

int vm_boot(struct vm *vm, const struct vm_config *config, char *why, size_t size)
{
	int ret;

	clear(vm, config);
	ret = open_path(vm, why, size);
	if (!ret)
		ret = start_memnetd(vm, why, size);
	if (!ret) {
		ret = start_peer(vm);
		if (ret)
			mn_explain(why, size, ret, "cannot start the peer: %s", strerror(-ret));
	}
	if (!ret)
		ret = start_qemu(vm, why, size);
	if (!ret)
		ret = wait_ready(vm, "ready", why, size);
	if (!ret)
		ret = ask_threads(vm, why, size);
	if (!ret)
		open_insns(vm);
	if (ret)
		vm_stop(vm);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Let the guest power itself off; QEMU then ends by itself. */
static void power_off(struct vm *vm)
{
	int64_t deadline = mn_now_ns() + GRACE_MS * NSEC_PER_MSEC;

	if (vm->link.fd < 0 || mn_write_all(vm->link.fd, "quit\n", 5))
		return;
	while (!child_ended(&vm->qemu) && !interrupted() && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + 10 * NSEC_PER_MSEC);
}

void vm_stop(struct vm *vm)
{
	if (!child_ended(&vm->qemu))
		power_off(vm);
	child_stop(&vm->qemu, 500);
	path_close(&vm->end);
	child_stop(&vm->memnetd, GRACE_MS);
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

	clear(&vm, config);
	ret = start_qemu(&vm, why, size);
	if (!ret)
		ret = wait_ready(&vm, "hello", why, size);
	child_stop(&vm.qemu, 100);
	vm_stop(&vm);
	return ret;
}
