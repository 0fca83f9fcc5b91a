/* SPDX-License-Identifier: BSD-2-Clause */
/* What a courier that was taken over finds: files to read, no privilege, and calls that end it. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/test/inject.h"
#include "memnet-core/test/parties.h"

#define ROOT_OF "/proc/%d/root"	/* of a process */

#define SOON_MS	12000

static struct parties p;

static bool has_courier(void *arg)
{
	char path[64], name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", child_of(p.memnetd.pid, 1));
	return mn_read_file(path, name, sizeof(name)) > 0 && !strncmp(name, "memnet-c", 8);
}

static bool is_filtered(void *arg);

static pid_t courier(void)
{
	assert_true(becomes(has_courier, NULL, SOON_MS));
	assert_true(becomes(is_filtered, NULL, SOON_MS));
	return child_of(p.memnetd.pid, 1);
}

static int setup(void **state)
{
	p = (struct parties){ .vms = "--allow 127.0.0.0/8 --arena 1M --vm a" };
	parties_start(&p);
	return 0;
}

static int teardown(void **state)
{
	parties_stop(&p);
	return 0;
}

static bool status_has(pid_t pid, const char *line)
{
	char path[64], status[8192];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return mn_read_file(path, status, sizeof(status)) > 0 && strstr(status, line);
}

/* Its last step before it listens. */
static bool is_filtered(void *arg)
{
	return status_has(child_of(p.memnetd.pid, 1), "\nSeccomp:\t2");
}

static void need_namespaces(void)
{
	char path[100], log[8192];

	snprintf(path, sizeof(path), "%s/log", p.dir);
	assert_true(mn_read_file(path, log, sizeof(log)) >= 0);
	if (!strstr(log, "workers run without namespaces"))
		return;
	print_message("no namespaces here\n");
	skip();
}

static void it_has_no_privilege(void **state)
{
	static const char *const want[] = {
		"\nCapInh:\t0000000000000000", "\nCapPrm:\t0000000000000000",
		"\nCapEff:\t0000000000000000", "\nCapBnd:\t0000000000000000",
		"\nNoNewPrivs:\t1",
	};

	need_namespaces();
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!status_has(courier(), want[i]))
			fail_msg("not so: %s", want[i] + 1);
	assert_false(status_has(courier(), "\nUid:\t0"));
	assert_false(status_has(courier(), "\nGid:\t0"));
}

static bool is_empty(const char *folder)
{
	DIR *dir = opendir(folder);
	bool empty = dir && readdir(dir) && readdir(dir) && !readdir(dir);	/* . and .. */

	if (dir)
		closedir(dir);
	return empty;
}

static void its_files_are_few_and_to_be_read_only(void **state)
{
	static const char *const hidden[] = { "proc", "home", "root", "tmp", "var", "run",
					      "dev/shm", "sys", "srv", "mnt", "media", "opt" };
	char resolver[PATH_MAX] = "";
	struct statvfs fs;
	char path[64];
	pid_t pid;

	need_namespaces();
	pid = courier();
	assert_non_null(realpath("/etc/resolv.conf", resolver));
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		snprintf(path, sizeof(path), ROOT_OF "/%s", pid, hidden[i]);
		if (strncmp(resolver + 1, hidden[i], strlen(hidden[i])) && !access(path, F_OK) &&
		    !is_empty(path))
			fail_msg("it sees /%s", hidden[i]);
	}
	snprintf(path, sizeof(path), ROOT_OF "/etc", pid);
	assert_int_equal(statvfs(path, &fs), 0);
	assert_true(fs.f_flag & ST_RDONLY && fs.f_flag & ST_NOSUID && fs.f_flag & ST_NODEV);
}

static void it_has_no_terminal_and_little_room(void **state)
{
	pid_t pid = courier();
	char path[64], text[8192] = "";

	assert_int_equal(getsid(pid), pid);
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	assert_true(readlink(path, text, sizeof(text)) == 1 && text[0] == '/');
	snprintf(path, sizeof(path), "/proc/%d/fd/0", pid);
	assert_int_equal(readlink(path, text, sizeof(text)), strlen("/dev/null"));
	assert_memory_equal(text, "/dev/null", strlen("/dev/null"));
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	assert_true(mn_read_file(path, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\nMax open files            1024 "));
	assert_non_null(strstr(text, "\nMax address space         537919488 "));
}

/* Of the region nothing but the arena: neither the rings nor the descriptor of all. */
static void it_has_the_arena_alone(void **state)
{
	char path[64], line[512];
	unsigned long begin, end, bytes = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", courier());
	maps = fopen(path, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "memnet-region") && sscanf(line, "%lx-%lx", &begin, &end) == 2)
			bytes += end - begin;
	fclose(maps);
	assert_int_equal(bytes, 1 << 20);
	for (int fd = 0; fd < 32; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", courier(), fd);
		line[0] = '\0';
		if (readlink(path, line, sizeof(line) - 1) > 0 && strstr(line, "memnet-region"))
			fail_msg("descriptor %d is the region", fd);
	}
}

/* Each after a longer while than the one before. */
static bool died(void *delay_ms)
{
	char line[100];

	snprintf(line, sizeof(line), "a: the courier died (signal 31); another starts in %u ms",
		 *(unsigned int *)delay_ms);
	return log_says(&p, line) == 1;
}

static void forbidden_calls_end_it(void **state)
{
	static const struct { long number, args[3]; } calls[] = {
		{ SYS_execve }, { SYS_unshare }, { SYS_ptrace }, { SYS_mount },
		{ SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
		{ SYS_socket, { AF_MAX, SOCK_STREAM, 0 } },
		{ SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER } },
		{ SYS_ioctl, { STDERR_FILENO, TIOCSTI } },
		{ SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned int delay_ms = i ? 50 << (i - 1) : 0;
		int ret = inject_syscall(courier(), calls[i].number, calls[i].args);

		if (ret == -EPERM) {
			print_message("no right to trace a process here "
				      "(kernel.yama.ptrace_scope)\n");
			skip();
		}
		assert_int_equal(ret, 0);
		assert_true(becomes(died, &delay_ms, SOON_MS));
	}
	assert_true(echo_works(&p, "agent.sock", SOON_MS));	/* the worker did not notice */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_has_no_privilege),
		TEST(its_files_are_few_and_to_be_read_only),
		TEST(it_has_no_terminal_and_little_room),
		TEST(it_has_the_arena_alone),
		TEST(forbidden_calls_end_it),
	};

#ifdef MEMNET_SANITIZED
	puts("built with a sanitizer: memnetd's couriers are not confined");
	return 77;
#endif
	return cmocka_run_group_tests_name("courier isolation", tests, NULL, NULL);
}
