/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/test/guest_vm.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define COMMAND_LINE "console=ttyS0 quiet panic=-1 cryptomgr.notests tsc=reliable no_timer_check "
#define MAX_ARGS 64

static char folder[] = "/tmp/test_guest.XXXXXX";
static char image[4096];	/* $BUILD/guest */

/* The file @what of the VM @name. */
static const char *file_of(const char *name, const char *what, char path[100])
{
	snprintf(path, 100, "%s/%s%s%s", folder, name ? name : "", name ? "." : "", what);
	return path;
}

static void exec_qemu(const struct guest_vm_setup *setup)
{
	char kernel[4200], initrd[4200], chardev[200], serial[120], line[400], path[100];
	const char *args[MAX_ARGS] = {
		"qemu-system-x86_64", "-M", "q35",
		"-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm", "-m", "256",
		"-display", "none", "-nodefaults",
		"-no-user-config", "-no-reboot", "-serial", serial, "-kernel", kernel,
		"-initrd", initrd, "-append", line, "-device", "virtio-serial-pci",
		"-chardev", chardev, "-device", "virtserialport,chardev=c,name=memnet.control",
		"-netdev", "user,id=n,restrict=on", "-device", "virtio-net-pci,netdev=n,romfile=",
	};
	size_t n = 0;

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", image);
	snprintf(initrd, sizeof(initrd), "%s/%s", image, setup->initrd);
	snprintf(chardev, sizeof(chardev), "socket,id=c,path=%s,server=on,wait=off",
		 file_of(setup->name, "control", path));
	snprintf(serial, sizeof(serial), "file:%s", file_of(setup->name, "console", path));
	snprintf(line, sizeof(line), COMMAND_LINE "%s", setup->append);
	while (args[n])
		n++;
	for (size_t i = 0; setup->options && setup->options[i] && n + 1 < MAX_ARGS; i++)
		args[n++] = setup->options[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(args[0], (char **)args);
	perror("exec qemu-system-x86_64");
	_exit(127);
}

static int connect_control(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	for (int i = 0; i < 500; i++) {
		if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
			return fd;
		mn_sleep_until_ns(mn_now_ns() + 20 * NSEC_PER_MSEC);
	}
	fail_msg("QEMU made no control socket within 10 s");
	return -1;
}

void guest_vm_boot(struct guest_vm *vm, const struct guest_vm_setup *setup)
{
	char path[100];

	memset(vm, 0, sizeof(*vm));
	vm->name = setup->name;
	unlink(file_of(vm->name, "control", path));
	vm->pid = fork();
	assert_true(vm->pid >= 0);
	if (!vm->pid)
		exec_qemu(setup);
	vm->control = connect_control(path);
}

const char *guest_vm_next_line(struct guest_vm *vm, int ms)
{
	int64_t until_ns = mn_now_ns() + ms * NSEC_PER_MSEC;
	char *end;

	while (!(end = memchr(vm->buf, '\n', vm->len))) {
		struct pollfd p = { vm->control, POLLIN };
		int64_t left_ns = until_ns - mn_now_ns();
		ssize_t n;

		if (left_ns <= 0 || poll(&p, 1, left_ns / NSEC_PER_MSEC + 1) <= 0)
			return NULL;
		n = read(vm->control, vm->buf + vm->len, sizeof(vm->buf) - vm->len);
		if (n <= 0)
			return NULL;
		vm->len += n;
	}
	assert_in_range(end - vm->buf, 0, 4095);
	snprintf(vm->line, sizeof(vm->line), "%.*s", (int)(end - vm->buf), vm->buf);
	vm->len -= end + 1 - vm->buf;
	memmove(vm->buf, end + 1, vm->len);
	return vm->line;
}

const char *guest_vm_expect(struct guest_vm *vm, const char *start)
{
	const char *line = guest_vm_next_line(vm, GUEST_VM_ANSWER_MS);

	if (!line || strncmp(line, start, strlen(start)))
		fail_msg("expected '%s', got '%s'", start, line ? line : "(nothing)");
	return line;
}

void guest_vm_expect_ready(struct guest_vm *vm)
{
	int64_t begin_ns = mn_now_ns();
	char path[100], console[16384] = "";
	int status = 0;
	bool ended;

	if (guest_vm_next_line(vm, GUEST_VM_BOOT_MS)) {
		guest_vm_expect(vm, "ready ");
		return;
	}
	ended = waitpid(vm->pid, &status, WNOHANG) == vm->pid;
	if (ended)
		vm->pid = 0;
	mn_read_file(file_of(vm->name, "console", path), console, sizeof(console));
	fail_msg("no hello after %lld ms; QEMU %s (wait status 0x%x); console: %s",
		 (long long)((mn_now_ns() - begin_ns) / NSEC_PER_MSEC),
		 ended ? "ended" : "runs", status, console);
}

void guest_vm_command(struct guest_vm *vm, const char *text)
{
	assert_int_equal(mn_write_all(vm->control, text, strlen(text)), 0);
	assert_int_equal(mn_write_all(vm->control, "\n", 1), 0);
}

void guest_vm_expect_power_off(struct guest_vm *vm)
{
	int status;

	for (int i = 0; i < 500; i++) {
		if (waitpid(vm->pid, &status, WNOHANG) == vm->pid) {
			vm->pid = 0;
			assert_int_equal(status, 0);
			return;
		}
		mn_sleep_until_ns(mn_now_ns() + 20 * NSEC_PER_MSEC);
	}
	fail_msg("QEMU did not end within 10 s");
}

uint64_t guest_vm_value(const char *line, const char *key)
{
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	at = strstr(line, pattern);
	if (!at)
		fail_msg("no %s= in '%s'", key, line);
	return strtoull(at + strlen(pattern), NULL, 10);
}

void guest_vm_end(struct guest_vm *vm)
{
	char path[100];

	if (vm->pid) {
		kill(vm->pid, SIGKILL);
		waitpid(vm->pid, NULL, 0);
	}
	if (vm->control)
		close(vm->control);
	unlink(file_of(vm->name, "control", path));
	unlink(file_of(vm->name, "console", path));
	memset(vm, 0, sizeof(*vm));
}

int guest_vm_clean_up(void)
{
	return rmdir(folder);
}

static void skip_without(const char *initrd)
{
	char path[4200], why_path[4300], why[400];

	if (mn_beside_program(3, "guest", image, sizeof(image)))
		abort();
	snprintf(path, sizeof(path), "%s/%s", image, initrd);
	if (access(path, R_OK)) {
		snprintf(why_path, sizeof(why_path), "%s.why", path);
		if (mn_read_file(why_path, why, sizeof(why)) > 0)
			printf("SKIP: %s\n", strrchr(why, '\n') ? strrchr(why, '\n') + 1 : why);
		else
			printf("SKIP: no %s; make guest-image\n", path);
		exit(77);
	}
	if (system("command -v qemu-system-x86_64 >/dev/null")) {
		printf("SKIP: no qemu-system-x86_64; make deps\n");
		exit(77);
	}
}

const char *guest_vm_prepare(const char *initrd)
{
	skip_without(initrd);
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder)) {
		perror(folder);
		exit(1);
	}
	return folder;
}
