/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each network path: what it gives QEMU, and why it cannot run, on made-up
 * machines: a chroot that has the devices and programs a test gives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/path.h"
#include "harness/test/scratch.h"

#define END_FD 7

/* All words of the command line of path @name, each with a blank behind it. */
static const char *arguments(const char *name)
{
	const struct path_end end = { .fd = END_FD };
	const struct path *p = path_find(name);
	struct qemu_argv v = { 0 };
	static char text[1024];

	assert_non_null(p);
	text[0] = '\0';
	assert_int_equal(p->add_devices(&v, &end), 0);
	for (size_t i = 0; i < v.n; i++) {
		strcat(text, v.args[i]);
		strcat(text, " ");
	}
	qemu_argv_free(&v);
	return text;
}

static void qemu_gets_one_card_and_what_is_behind_it(void **state)
{
	static const struct { const char *path, *arguments; } wanted[] = {
		{ "virtio-tap", "-netdev tap,id=net0,fd=7,vhost=off "
		  "-device virtio-net-pci,netdev=net0,romfile= " },
		{ "virtio-vhost", "-netdev tap,id=net0,fd=7,vhost=on "
		  "-device virtio-net-pci,netdev=net0,romfile= " },
		{ "virtio-user", "-netdev user,id=net0,ipv6=off,net=198.18.16.0/24,host=198.18.16.2 "
		  "-device virtio-net-pci,netdev=net0,romfile= " },
		{ "passt", "-netdev stream,id=net0,addr.type=fd,addr.str=7 "
		  "-device virtio-net-pci,netdev=net0,romfile= " },
		{ "vsock", NULL },	/* its CID is of this process */
		{ "e1000", "-netdev tap,id=net0,fd=7,vhost=off "
		  "-device e1000,netdev=net0,romfile= " },
		{ "memnet", "-netdev tap,id=net0,fd=7,vhost=off "
		  "-device virtio-net-pci,netdev=net0,romfile= " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (wanted[i].arguments)
			assert_string_equal(arguments(wanted[i].path), wanted[i].arguments);
	/* and there is no other path but the one without QEMU */
	assert_ptr_equal(path_at(ARRAY_SIZE(wanted)), path_find("native"));
	assert_null(path_at(ARRAY_SIZE(wanted) + 1));
}

static void vsock_has_its_device_beside_the_card(void **state)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "-netdev tap,id=net0,fd=7,vhost=off "
		 "-device virtio-net-pci,netdev=net0,romfile= "
		 "-device vhost-vsock-pci,guest-cid=%d ", getpid());
	assert_string_equal(arguments("vsock"), wanted);
}

static void only_the_bound_has_no_vm_and_it_is_no_baseline(void **state)
{
	const struct path *p;

	for (size_t i = 0; (p = path_at(i)); i++) {
		assert_int_equal(p->no_vm, !strcmp(p->name, "native"));
		assert_int_equal(!p->add_devices, p->no_vm);
	}
	assert_true(path_find("native")->baseline < path_find("memnet")->baseline);
}

static void without_a_vm_each_has_its_peers_port(void **state)
{
	struct path_end end;
	char why[64];

	assert_int_equal(path_open(path_find("native"), 2, &end, "/dev/null", why, sizeof(why)), 0);
	assert_string_equal(end.listen, "127.0.0.1:7002");
	assert_string_equal(end.peer, end.listen);
	path_close(&end);
}

/* --- made-up machines ------------------------------------------------------------ */

/* A folder with these files in it, executable ones; each path begins with "/". */
static void make_machine(const char *files)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd %s && rm -rf root && mkdir root && cd root && "
		 "for f in %s; do mkdir -p .$(dirname $f) && touch .$f && chmod 755 .$f; done",
		 scratch_dir, files);
	assert_int_equal(system(command), 0);
}

/* In the child, which is in the machine: the reasons to @fd. */
static _Noreturn void look_around(const char *root, const struct path *p, int fd)
{
	struct path_reasons reasons;

	if (geteuid() && unshare(CLONE_NEWUSER))
		_exit(77);
	if (chroot(root) || chdir("/"))
		_exit(1);
	setenv("PATH", "/usr/bin", 1);
	path_missing(p, "/build", &reasons);
	_exit(write(fd, reasons.text, strlen(reasons.text)) < 0);
}

/* Why path @name cannot run on a machine with these files; "" where it can. */
static const char *reasons_on(const char *files, const char *name)
{
	static char text[1024];
	const struct path *p = path_find(name);
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	make_machine(files);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid)
		look_around(scratch("root"), p, pipe_fds[1]);
	close(pipe_fds[1]);
	n = read(pipe_fds[0], text, sizeof(text) - 1);
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77) {
		print_message("no user namespaces here: run as root\n");
		skip();
	}
	assert_int_equal(status, 0);
	text[n] = '\0';
	return text;
}

static void contains(const char *text, const char *words)
{
	if (!text || !strstr(text, words))
		fail_msg("'%s' lacks '%s'", text ? text : "(nothing)", words);
}

static void what_is_there_is_no_reason(void **state)
{
	assert_string_equal(reasons_on("/dev/net/tun", "virtio-tap"), "");
	assert_string_equal(reasons_on("/dev/net/tun", "memnet"), "");
	assert_string_equal(reasons_on("/x", "virtio-user"), "");
	assert_string_equal(reasons_on("/x", "native"), "");
	assert_string_equal(reasons_on("/usr/bin/passt", "passt"), "");
	assert_string_equal(reasons_on("/dev/net/tun /dev/vhost-net", "virtio-vhost"), "");
}

static void each_reason_names_its_mend(void **state)
{
	contains(reasons_on("/x", "virtio-tap"), "/dev/net/tun (No such file or directory): load");
	contains(reasons_on("/dev/net/tun", "virtio-vhost"), "modprobe vhost_net");
	contains(reasons_on("/opt/passt", "passt"), "no program passt: apt-get install passt");
}

static void a_module_the_image_lacks_is_a_reason(void **state)
{
	static const char image[] = "/dev/net/tun /build/guest/initrd.img.modules";
	struct path_reasons reasons;
	char command[256];

	contains(reasons_on(image, "e1000"), "the guest's kernel has no module e1000: build");
	assert_string_equal(reasons_on(image, "virtio-tap"), "");
	/* no list, nothing known */
	assert_string_equal(reasons_on("/dev/net/tun", "e1000"), "");
	snprintf(command, sizeof(command), "mkdir -p %s/x/guest && printf 'virtio_net\\ne1000\\n' "
		 ">%s/x/guest/initrd.img.modules", scratch_dir, scratch_dir);
	assert_int_equal(system(command), 0);
	path_missing(path_find("e1000"), scratch("x"), &reasons);
	assert_null(strstr(reasons.text, "module e1000"));
}

static void all_reasons_are_told_at_once(void **state)
{
	const char *text = reasons_on("/x", "virtio-vhost");

	contains(text, "/dev/net/tun");
	contains(text, "; no access to /dev/vhost-net");
	text = reasons_on("/build/guest/initrd.img.modules", "vsock");
	contains(text, "/dev/net/tun");
	contains(text, "; no access to /dev/vhost-vsock");
	contains(text, "; the guest's kernel has no module vmw_vsock_virtio_transport");
}

/* --- the host's end -------------------------------------------------------------- */

static void a_helper_that_is_not_there_leaves_nothing_open(void **state)
{
	char *path = strdup(getenv("PATH")), why[256] = "";
	struct path_end end;

	setenv("PATH", scratch_dir, 1);
	assert_int_equal(path_open(path_find("passt"), 0, &end, "/dev/null", why, sizeof(why)),
			 -ENOENT);
	setenv("PATH", path, 1);
	free(path);
	contains(why, "apt-get install passt");
	assert_int_equal(end.fd, -1);
	assert_int_equal(end.helper.pid, 0);
}

/* This passt notes its words and lives on. */
static void a_helper_gets_its_end_and_is_ended(void **state)
{
	static const char script[] = "#!/bin/sh\necho \"$*\" >&2\nexec sleep 60\n";
	char *path = strdup(getenv("PATH")), with_scratch[4096], *said, why[256] = "";
	struct path_end end;
	char log[128];

	snprintf(with_scratch, sizeof(with_scratch), "%s:%s", scratch_dir, path);
	snprintf(log, sizeof(log), "%s/log", scratch_dir);
	assert_int_equal(chmod(scratch_write("passt", script), 0755), 0);
	setenv("PATH", with_scratch, 1);
	assert_int_equal(path_open(path_find("passt"), 0, &end, log, why, sizeof(why)), 0);
	setenv("PATH", path, 1);
	free(path);
	assert_true(end.fd >= 0);
	assert_false(child_ended(&end.helper));
	for (said = scratch_read(log); !strchr(said, '\n'); said = scratch_read(log)) {
		free(said);
		usleep(1000);
	}
	path_close(&end);
	assert_int_equal(end.helper.pid, 0);
	contains(said, "--fd ");
	contains(said, "--address 198.18.32.2 --netmask 24 --gateway 198.18.32.1");
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_gets_one_card_and_what_is_behind_it),
		cmocka_unit_test(vsock_has_its_device_beside_the_card),
		cmocka_unit_test(only_the_bound_has_no_vm_and_it_is_no_baseline),
		cmocka_unit_test(without_a_vm_each_has_its_peers_port),
		cmocka_unit_test(what_is_there_is_no_reason),
		cmocka_unit_test(each_reason_names_its_mend),
		cmocka_unit_test(a_module_the_image_lacks_is_a_reason),
		cmocka_unit_test(all_reasons_are_told_at_once),
		cmocka_unit_test(a_helper_that_is_not_there_leaves_nothing_open),
		cmocka_unit_test(a_helper_gets_its_end_and_is_ended),
	};

	return cmocka_run_group_tests_name("paths", tests, scratch_make, scratch_remove);
}
