/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker that was taken over may still do: nothing that memnetd does not allow, and
 * it costs its own VM a worker and the others nothing. The real programs, two VMs.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/inject.h"
#include "memnet-core/test/parties.h"

#define ROOT_OF "/proc/%d/root"	/* of a process */

#define A	"agent.sock"
#define B	"b.sock"
#define SOON_MS	6000
#define LOW_PORT 81
#define STRING(x) STRING_OF(x)
#define STRING_OF(x) #x

#define NO_NAMESPACES "workers run without namespaces, an empty root, a user namespace: run " \
	"memnetd as root outside of a container or chroot, or allow user namespaces (sysctl " \
	"user.max_user_namespaces, kernel.unprivileged_userns_clone, " \
	"kernel.apparmor_restrict_unprivileged_userns)"

static struct parties p;
static struct party agent_b;
static char policy[64];		/* its file */

/* VM a's; its QEMU, which is an agent here, came first. */
static pid_t worker_a(void)
{
	return child_of(p.memnetd.pid, 0);
}

static int setup(void **state)
{
	static const char rules[] = "allow 127.0.0.0/8\nallow listen tcp 127.0.0.0/8\n";
	static char options[128];

	strcpy(policy, "/tmp/memnet-policy.XXXXXX");
	close(mkstemp(policy));
	assert_int_equal(mn_append_file(policy, rules, strlen(rules)), 0);
	/* So little that what a flow of a's has used has to be given back before the next. */
	snprintf(options, sizeof(options), "--policy %s --flows 8 --vm b --vm a --memory 600K", policy);
	p = (struct parties){ .vms = options };
	parties_start(&p);
	agent_start_at(&p, &agent_b, "b", B);
	assert_true(echo_works(&p, A, SOON_MS));
	assert_true(echo_works(&p, B, SOON_MS));
	return 0;
}

static void need_namespaces(void)
{
	if (!log_says(&p, NO_NAMESPACES))
		return;
	print_message("no namespaces here\n");
	skip();
}

static void end_b(void)
{
	char path[100];

	party_end(&agent_b);
	snprintf(path, sizeof(path), "%s/" B, p.dir);
	unlink(path);
}

static int teardown(void **state)
{
	end_b();
	parties_stop(&p);
	unlink(policy);
	return 0;
}

/* --- what it cannot see or have ----------------------------------------------------- */

static const char *status_of(pid_t pid, const char *field)
{
	static char status[8192], value[100];
	char path[64], *at;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_true(mn_read_file(path, status, sizeof(status)) > 0);
	at = strstr(status, field);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(field), ":%99s", value), 1);
	return value;
}

static void it_has_no_privilege(void **state)
{
	static const struct { const char *field, *value; } want[] = {
		{ "CapInh", "0000000000000000" }, { "CapPrm", "0000000000000000" },
		{ "CapEff", "0000000000000000" }, { "CapBnd", "0000000000000000" },
		{ "CapAmb", "0000000000000000" }, { "NoNewPrivs", "1" }, { "Seccomp", "2" },
	};

	need_namespaces();
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(status_of(worker_a(), want[i].field), want[i].value);
	assert_string_not_equal(status_of(worker_a(), "Uid"), "0");
	assert_string_not_equal(status_of(worker_a(), "Gid"), "0");
}

static void it_leaves_no_core_file(void **state)
{
	char path[64], limits[4096];

	snprintf(path, sizeof(path), "/proc/%d/limits", worker_a());
	assert_true(mn_read_file(path, limits, sizeof(limits)) > 0);
	assert_non_null(strstr(limits, "Max core file size        1                    1 "));
}

static const char *namespace_of(pid_t pid, const char *kind)
{
	static char names[2][64];
	static unsigned int turn;
	char path[64], *name = names[turn++ % 2];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	n = readlink(path, name, sizeof(names[0]) - 1);
	assert_true(n > 0);
	name[n] = '\0';
	return name;
}

static void its_namespaces_are_its_own_but_for_the_network(void **state)
{
	static const char *const own[] = { "user", "mnt", "pid", "ipc", "uts" };

	need_namespaces();
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		assert_string_not_equal(namespace_of(worker_a(), own[i]),
					namespace_of(p.memnetd.pid, own[i]));
		assert_string_not_equal(namespace_of(worker_a(), own[i]),
					namespace_of(child_of(p.memnetd.pid, 1), own[i]));
	}
	assert_string_equal(namespace_of(worker_a(), "net"), namespace_of(p.memnetd.pid, "net"));
}

static void its_root_is_empty(void **state)
{
	char path[64], mounts[4096];
	struct dirent *d;
	DIR *dir;

	need_namespaces();
	snprintf(path, sizeof(path), ROOT_OF "/", worker_a());
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			fail_msg("it sees %s", d->d_name);
	closedir(dir);
	snprintf(path, sizeof(path), "/proc/%d/mounts", worker_a());
	assert_true(mn_read_file(path, mounts, sizeof(mounts)) > 0);
	assert_int_equal(strncmp(mounts, "tmpfs / tmpfs ro,", 17), 0);
	assert_null(strstr(mounts, "\ntmpfs") ? : strstr(mounts, "/proc"));
}

/* --- what it cannot do ---------------------------------------------------------------- */

#define DIED "a: the worker died (signal 31: a system call that memnetd does not allow); another " \
	     "starts in %u ms"

static bool is_said(void *line)
{
	return log_says(&p, line) == 1;
}

static void inject(long number, const long args[3])
{
	int ret = inject_syscall(worker_a(), number, args);

	if (ret == -EPERM) {
		print_message("no right to trace a process here (kernel.yama.ptrace_scope)\n");
		skip();
	}
	assert_int_equal(ret, 0);
}

/* That the host resets nothing while there is none is no line of the agent's for each client. */
static void agent_is_quiet(void)
{
	static char log[1 << 20];
	char path[100];

	snprintf(path, sizeof(path), "%s/log", p.dir);
	assert_true(mn_read_file(path, log, sizeof(log)) > 0);
	assert_null(strstr(log, "the host did not reset channel"));
}

static void expect_death(unsigned int delay_ms)
{
	char line[200];

	snprintf(line, sizeof(line), DIED, delay_ms);
	if (!becomes(is_said, line, SOON_MS))
		fail_msg("the log does not say '%s'", line);
	assert_true(echo_works(&p, A, SOON_MS));
	agent_is_quiet();
}

/* Neither the worker nor a stream of VM b notices. */
static void a_forbidden_call_ends_that_worker_alone(void **state)
{
	struct party stream = client_start(&p, B, MODE_SEND);
	pid_t other = child_of(p.memnetd.pid, 1);
	struct event e;

	assert_true(event_next(&stream, &e, SOON_MS));
	assert_int_equal(e.kind, EV_READY);
	inject(SYS_openat, NULL);
	expect_death(0);
	assert_int_equal(child_of(p.memnetd.pid, 0), other);	/* now the eldest */
	assert_false(event_next(&stream, &e, 500));
	assert_true(echo_works(&p, B, SOON_MS));
	party_end(&stream);
}

static void each_such_call_is_forbidden(void **state)
{
	static const struct { long number; unsigned int delay_ms; } calls[] = {
		{ SYS_execve, 0 }, { SYS_clone, 50 }, { SYS_ptrace, 100 }, { SYS_kill, 200 },
		{ SYS_mprotect, 400 }, { SYS_unshare, 800 },
	};

	end_b();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		inject(calls[i].number, NULL);
		expect_death(calls[i].delay_ms);
	}
}

/* It has sockets, but of flows; asks for what waits in them, but types into no terminal. */
static void of_others_only_what_it_has_to_do_is_allowed(void **state)
{
	static const struct { long number, args[3]; unsigned int delay_ms; } calls[] = {
		{ SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, 0 },
		{ SYS_socket, { AF_INET, SOCK_RAW, 0 }, 50 },
		{ SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_SCTP }, 100 },
		{ SYS_ioctl, { STDERR_FILENO, TIOCSTI, 0 }, 200 },
		{ SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC }, 400 },
		{ SYS_fallocate, { -1, 0, 0 }, 800 },
	};

	end_b();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		inject(calls[i].number, calls[i].args);
		expect_death(calls[i].delay_ms);
	}
}

/* So it is the call that ended the others, and not the injection. */
static void an_allowed_call_is_made(void **state)
{
	pid_t worker = worker_a();

	end_b();
	inject(SYS_restart_syscall, NULL);	/* is EINTR, for there is nothing to restart */
	assert_true(echo_works(&p, A, SOON_MS));
	assert_int_equal(worker_a(), worker);
	inject(SYS_exit_group, NULL);
	assert_true(echo_works(&p, A, SOON_MS));
	assert_int_not_equal(worker_a(), worker);
}

/* --- what it has no right to ------------------------------------------------------------ */

static bool low_ports_are_free(void)
{
	char start[16] = "";

	mn_read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", start, sizeof(start));
	return atoi(start) <= LOW_PORT;
}

/* memnetd may be root: its workers are not, and who reads the log shall know. */
static void a_low_port_is_denied_with_its_mend(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(LOW_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct memnet_flow *f;
	struct memnet *m;
	char path[100];

	need_namespaces();
	if (low_ports_are_free()) {
		print_message("net.ipv4.ip_unprivileged_port_start is low here\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/" A, p.dir);
	setenv("MEMNET_AGENT", path, 1);
	assert_int_equal(memnet_open(&m), 0);
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&at, sizeof(at), 0, &f),
			 -EACCES);
	memnet_detach(m);
	assert_true(becomes(is_said, "a: denied: listen tcp 127.0.0.1:" STRING(LOW_PORT) " (the "
			    "policy allows it, but workers have no right to low ports; lower "
			    "sysctl net.ipv4.ip_unprivileged_port_start)", SOON_MS));
}

/* --- where it cannot be had ------------------------------------------------------------- */

/* As containers do: no namespaces, for this process and all it starts, for good. */
static void forbid_namespaces(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0);
	seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS));
	assert_int_equal(seccomp_load(f), 0);
	seccomp_release(f);
}

/* The last: it cannot be undone. */
static void without_namespaces_the_rest_is_left_and_one_line_says_so(void **state)
{
	forbid_namespaces();
	setup(state);
	assert_int_equal(log_says(&p, NO_NAMESPACES), 1);
	assert_string_equal(status_of(worker_a(), "CapPrm"), "0000000000000000");
	assert_string_not_equal(status_of(worker_a(), "Uid"), "0");
	assert_string_equal(namespace_of(worker_a(), "mnt"), namespace_of(getpid(), "mnt"));
	inject(SYS_openat, NULL);
	expect_death(0);
	teardown(state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_has_no_privilege),
		TEST(it_leaves_no_core_file),
		TEST(its_namespaces_are_its_own_but_for_the_network),
		TEST(its_root_is_empty),
		TEST(a_forbidden_call_ends_that_worker_alone),
		TEST(each_such_call_is_forbidden),
		TEST(of_others_only_what_it_has_to_do_is_allowed),
		TEST(an_allowed_call_is_made),
		TEST(a_low_port_is_denied_with_its_mend),
		cmocka_unit_test(without_namespaces_the_rest_is_left_and_one_line_says_so),
	};

#ifdef MEMNET_SANITIZED
	puts("built with a sanitizer: memnetd's workers are not confined, nor filtered by seccomp");
	return 77;
#endif
	return cmocka_run_group_tests_name("isolation", tests, NULL, NULL);
}
