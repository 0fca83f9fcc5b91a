/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest image in a real VM under TCG: boot, control protocol, programs, faults.
 * Skips (77) without QEMU or an image. About 10 s: three boots.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
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

#define BOOT_MS 60000
#define ANSWER_MS 20000
#define COMMAND_LINE "console=ttyS0 quiet panic=-1 cryptomgr.notests tsc=reliable no_timer_check "

static char folder[] = "/tmp/test_guest.XXXXXX";
static char image[4096];	/* $BUILD/guest */

struct vm {
	pid_t pid;
	int control;
	size_t len;
	char buf[8192], line[4200];
};

static struct vm shared;	/* the one VM of the tests that need no special boot */

/* --- a VM ---------------------------------------------------------------------- */

static void exec_qemu(const char *append)
{
	char kernel[4200], initrd[4200], chardev[200], serial[100], line[400];

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", image);
	snprintf(initrd, sizeof(initrd), "%s/initrd.img", image);
	snprintf(chardev, sizeof(chardev),
		 "socket,id=c,path=%s/control,server=on,wait=off", folder);
	snprintf(serial, sizeof(serial), "file:%s/console", folder);
	snprintf(line, sizeof(line), COMMAND_LINE "%s", append);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("qemu-system-x86_64", "qemu-system-x86_64", "-M", "q35",
	       "-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm", "-m", "256",
	       "-display", "none", "-nodefaults",
	       "-no-user-config", "-no-reboot", "-serial", serial, "-kernel", kernel,
	       "-initrd", initrd, "-append", line, "-device", "virtio-serial-pci",
	       "-chardev", chardev, "-device", "virtserialport,chardev=c,name=memnet.control",
	       "-netdev", "user,id=n,restrict=on", "-device", "virtio-net-pci,netdev=n,romfile=",
	       NULL);
	perror("exec qemu-system-x86_64");
	_exit(127);
}

static int connect_control(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/control", folder);
	for (int i = 0; i < 500; i++) {
		if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
			return fd;
		mn_sleep_until_ns(mn_now_ns() + 20 * NSEC_PER_MSEC);
	}
	fail_msg("QEMU made no control socket within 10 s");
	return -1;
}

static void boot(struct vm *vm, const char *append)
{
	char path[100];

	memset(vm, 0, sizeof(*vm));
	snprintf(path, sizeof(path), "%s/control", folder);
	unlink(path);
	vm->pid = fork();
	assert_true(vm->pid >= 0);
	if (!vm->pid)
		exec_qemu(append);
	vm->control = connect_control();
}

/* The next line from the guest; NULL: none within @ms, or the end. */
static const char *next_line(struct vm *vm, int ms)
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

/* The next line must begin with @start. */
static const char *expect(struct vm *vm, const char *start)
{
	const char *line = next_line(vm, ANSWER_MS);

	if (!line || strncmp(line, start, strlen(start)))
		fail_msg("expected '%s', got '%s'", start, line ? line : "(nothing)");
	return line;
}

static void command(struct vm *vm, const char *text)
{
	assert_int_equal(mn_write_all(vm->control, text, strlen(text)), 0);
	assert_int_equal(mn_write_all(vm->control, "\n", 1), 0);
}

static void expect_power_off(struct vm *vm)
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

static uint64_t value(const char *line, const char *key)
{
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	at = strstr(line, pattern);
	if (!at)
		fail_msg("no %s= in '%s'", key, line);
	return strtoull(at + strlen(pattern), NULL, 10);
}

static void end_vm(struct vm *vm)
{
	if (vm->pid) {
		kill(vm->pid, SIGKILL);
		waitpid(vm->pid, NULL, 0);
	}
	if (vm->control)
		close(vm->control);
	memset(vm, 0, sizeof(*vm));
}

/* --- tests ----------------------------------------------------------------------- */

static void it_says_hello_and_then_ready(void **state)
{
	const char *line = next_line(&shared, BOOT_MS);

	assert_non_null(line);
	assert_int_equal(strncmp(line, "hello 1 kernel=", 15), 0);
	assert_in_range(value(expect(&shared, "ready "), "boot_ns"), 100 * NSEC_PER_MSEC,
			60 * NSEC_PER_SEC);
}

static void a_program_goes_from_spawn_to_exit(void **state)
{
	uint64_t ops[2], busy_ns[2], t_ns[2];
	const char *line;

	command(&shared, "spawn 1 memnet-work compute --kernel matmul --progress @progress@ "
		"--barrier");
	expect(&shared, "spawned 1 ");
	expect(&shared, "armed 1");
	command(&shared, "go");
	expect(&shared, "went t_ns=");
	for (int i = 0; i < 2; i++) {
		command(&shared, "mark edge");
		line = expect(&shared, "mark edge t_ns=");
		t_ns[i] = value(line, "t_ns");
		ops[i] = value(line, "ops1");
		busy_ns[i] = value(line, "user");
		assert_true(value(line, "intr") > 0 && value(line, "ctxt") > 0);
		assert_int_equal(value(line, "bytes1"), 0);
		assert_null(strstr(line, "ops0="));
		mn_sleep_until_ns(mn_now_ns() + (1 - i) * NSEC_PER_SEC);
	}
	assert_true(ops[1] > ops[0]);
	assert_in_range(t_ns[1] - t_ns[0], NSEC_PER_SEC, 20 * NSEC_PER_SEC);
	assert_in_range(busy_ns[1] - busy_ns[0], (t_ns[1] - t_ns[0]) / 3, t_ns[1] - t_ns[0]
			+ 20 * NSEC_PER_MSEC);
	command(&shared, "stop");
	expect(&shared, "stopped");
	line = expect(&shared, "result 1 workload=compute kernel=matmul");
	assert_true(value(line, "ops") >= ops[1]);
	expect(&shared, "exit 1 status=0");
}

static void other_output_comes_line_by_line_before_the_exit(void **state)
{
	command(&shared, "spawn 0 busybox ls / /nowhere");
	expect(&shared, "spawned 0 ");
	for (bool out = false, err = false; !out || !err;) {
		const char *line = next_line(&shared, ANSWER_MS);

		assert_non_null(line);
		out |= !strcmp(line, "out 0 init");
		err |= !strncmp(line, "err 0 ls: /nowhere", 18);
		if (!strncmp(line, "exit", 4))
			fail_msg("the exit came before the output");
	}
	while (strcmp(next_line(&shared, ANSWER_MS), "exit 0 status=1"))
		;
}

static void words_in_front_are_the_environments(void **state)
{
	bool first = false, second = false;
	const char *line;

	command(&shared, "spawn 0 MEMNET_SPIN=adaptive:50us A= busybox env B=");
	expect(&shared, "spawned 0 ");
	while ((line = next_line(&shared, ANSWER_MS)) && strncmp(line, "exit", 4)) {
		first |= !strcmp(line, "out 0 MEMNET_SPIN=adaptive:50us");
		second |= !strcmp(line, "out 0 A=");
	}
	assert_string_equal(line, "exit 0 status=0");
	assert_true(first && second);
	command(&shared, "spawn 0 A=b");
	expect(&shared, "error spawn 0 ENOENT");
}

static void a_long_line_arrives_in_pieces_and_whole(void **state)
{
	size_t total = 0;
	const char *line;

	command(&shared, "spawn 0 busybox seq -s , 1 5000");
	expect(&shared, "spawned 0 ");
	while ((line = next_line(&shared, ANSWER_MS)) && !strncmp(line, "out 0 ", 6))
		total += strlen(line) - 6;
	assert_non_null(line);
	assert_string_equal(line, "exit 0 status=0");
	assert_int_equal(total, 23892);	/* 18893 digits, 4999 commas */
}

static void commands_that_make_no_sense_are_answered_with_an_error(void **state)
{
	static const struct { const char *text, *answer; } cases[] = {
		{ "dance", "error command dance" },
		{ "spawn", "error spawn - EINVAL" },
		{ "spawn 8 busybox true", "error spawn 8 EINVAL" },
		{ "spawn -1 busybox true", "error spawn -1 EINVAL" },
		{ "spawn 0", "error spawn 0 EINVAL" },
		{ "spawn 0 nothing-like-it", "error spawn 0 ENOENT" },
		{ "mark", "error command mark" },
		{ "mark two words", "error command mark" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		command(&shared, cases[i].text);
		expect(&shared, cases[i].answer);
	}
}

static void a_slot_in_use_is_refused_and_free_again_after_a_kill(void **state)
{
	command(&shared, "spawn 3 memnet-work compute --barrier");
	expect(&shared, "spawned 3 ");
	expect(&shared, "armed 3");
	command(&shared, "spawn 3 busybox true");
	expect(&shared, "error spawn 3 EBUSY");
	command(&shared, "kill");
	expect(&shared, "killed");
	expect(&shared, "exit 3 signal=9");
	command(&shared, "spawn 3 busybox true");
	expect(&shared, "spawned 3 ");
	expect(&shared, "exit 3 status=0");
}

static void the_network_device_has_the_address_of_the_command_line(void **state)
{
	bool address = false, mtu = false;
	const char *line;

	command(&shared, "spawn 0 busybox ifconfig eth0");
	while ((line = next_line(&shared, ANSWER_MS)) && strncmp(line, "exit", 4)) {
		address |= strstr(line, "inet addr:198.18.0.2 ") &&
			   strstr(line, "Mask:255.255.255.252");
		mtu |= strstr(line, "MTU:1400 ") != NULL;
	}
	assert_true(address);
	assert_true(mtu);
}

static void quit_turns_the_power_off(void **state)
{
	command(&shared, "quit");
	expect(&shared, "bye");
	expect_power_off(&shared);
}

static void with_fault_hang_all_but_marks_are_answered_and_a_lost_host_is_a_quit(void **state)
{
	struct vm *vm = *state;

	boot(vm, "memnet.fault=hang");
	assert_non_null(next_line(vm, BOOT_MS));
	expect(vm, "ready ");
	command(vm, "mark a");
	command(vm, "go");
	expect(vm, "went ");
	close(vm->control);
	vm->control = 0;
	expect_power_off(vm);
}

static void what_cannot_be_done_is_said_on_the_console_and_the_power_goes_off(void **state)
{
	struct vm *vm = *state;
	char path[100], text[16384];

	boot(vm, "memnet.addr=nonsense");
	assert_null(next_line(vm, BOOT_MS));
	expect_power_off(vm);
	snprintf(path, sizeof(path), "%s/console", folder);
	assert_true(mn_read_file(path, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "memnet init: understand memnet.addr = nonsense"));
}

/* --- around them ----------------------------------------------------------------- */

static int set_up_vm(void **state)
{
	*state = calloc(1, sizeof(struct vm));
	return *state ? 0 : -1;
}

static int tear_down_vm(void **state)
{
	end_vm(*state);
	free(*state);
	return 0;
}

static int boot_shared(void **state)
{
	boot(&shared, "memnet.addr=198.18.0.2/30 memnet.mtu=1400");
	return 0;
}

static int end_shared(void **state)
{
	static const char *const files[] = { "control", "console" };
	char path[100];

	end_vm(&shared);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* $BUILD/harness/test/test_guest boots what is in $BUILD/guest. */
static void skip_without_image(void)
{
	char path[4200];
	ssize_t n = readlink("/proc/self/exe", image, sizeof(image) - 16);

	image[MAX(n, 0)] = '\0';
	for (int up = 0; up < 3 && strrchr(image, '/'); up++)
		*strrchr(image, '/') = '\0';
	strcat(image, "/guest");
	snprintf(path, sizeof(path), "%s/initrd.img", image);
	if (access(path, R_OK)) {
		printf("SKIP: no %s; make guest-image\n", path);
		exit(77);
	}
	if (system("command -v qemu-system-x86_64 >/dev/null")) {
		printf("SKIP: no qemu-system-x86_64; make deps\n");
		exit(77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_hello_and_then_ready),
		cmocka_unit_test(a_program_goes_from_spawn_to_exit),
		cmocka_unit_test(other_output_comes_line_by_line_before_the_exit),
		cmocka_unit_test(words_in_front_are_the_environments),
		cmocka_unit_test(a_long_line_arrives_in_pieces_and_whole),
		cmocka_unit_test(commands_that_make_no_sense_are_answered_with_an_error),
		cmocka_unit_test(a_slot_in_use_is_refused_and_free_again_after_a_kill),
		cmocka_unit_test(the_network_device_has_the_address_of_the_command_line),
		cmocka_unit_test(quit_turns_the_power_off),
		cmocka_unit_test_setup_teardown(
			with_fault_hang_all_but_marks_are_answered_and_a_lost_host_is_a_quit,
			set_up_vm, tear_down_vm),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_done_is_said_on_the_console_and_the_power_goes_off,
			set_up_vm, tear_down_vm),
	};

	skip_without_image();
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	return cmocka_run_group_tests_name("guest", tests, boot_shared, end_shared);
}
