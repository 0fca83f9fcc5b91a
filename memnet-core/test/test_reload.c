/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy of a running memnetd: what its guest meets, what its log says, and what a
 * SIGHUP changes. The real programs; the guest is this process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/parties.h"

#define AGENT	"agent.sock"
#define SOON_MS	6000
#define NO_FILE	"there is no such file; make it (an empty one allows nothing), or leave " \
		"--policy out"

static struct parties p;
static char policy[64];		/* the file */
static char vms[200];
static struct memnet *guest;

/* --- the administrator ----------------------------------------------------------------- */

static void write_policy(const char *format, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	unlink(policy);
	assert_int_equal(mn_append_file(policy, text, strlen(text)), 0);
}

static bool is_said(void *line)
{
	return log_says(&p, line) == 1;
}

static void expect_line(const char *format, ...)
{
	char line[500];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (!becomes(is_said, line, SOON_MS))
		fail_msg("the log says %u times '%s'", log_says(&p, line), line);
}

static void reload(void)
{
	assert_int_equal(kill(p.memnetd.pid, SIGHUP), 0);
}

/* --- the guest --------------------------------------------------------------------------- */

static int connect_peer(struct memnet_flow **f)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p.port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return memnet_connect(guest, (const struct sockaddr *)&to, sizeof(to), f);
}

static bool is_denied(void *arg)
{
	struct memnet_flow *f;
	int ret = connect_peer(&f);

	if (!ret)
		memnet_close(f);
	return ret == -EACCES;
}

static bool is_permitted(void *arg)
{
	struct memnet_flow *f;

	if (connect_peer(&f))
		return false;
	memnet_close(f);
	return true;
}

/* --- one at a time ------------------------------------------------------------------------ */

static int setup(void **state)
{
	char socket[128];

	strcpy(policy, "/tmp/memnet-policy.XXXXXX");
	close(mkstemp(policy));
	write_policy("# nothing\n");
	snprintf(vms, sizeof(vms), "--deny 127.0.0.9 --policy %s --vm a", policy);
	p = (struct parties){ .vms = vms };
	parties_start(&p);
	snprintf(socket, sizeof(socket), "%s/" AGENT, p.dir);
	setenv(MN_AGENT_SOCKET_ENV, socket, 1);
	assert_int_equal(memnet_open(&guest), 0);
	return 0;
}

static int teardown(void **state)
{
	memnet_detach(guest);
	parties_stop(&p);
	unlink(policy);
	return 0;
}

static void permit(void)
{
	write_policy("allow 127.0.0.1:%u\n", p.port);
	reload();
	expect_line("a: the policy of %s is in force, 2 rules", policy);
	assert_true(becomes(is_permitted, NULL, SOON_MS));
}

static void a_denial_is_eacces_and_one_line(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(is_denied(NULL));
	expect_line("a: denied: connect tcp 127.0.0.1:%u (it is the host's loopback; only a rule "
		    "of 127.0.0.0/8 or of a part of it allows it)", p.port);
}

#define TRIED	"a: denied: connect tcp 192.0.2.1:"
#define WHY	" (no rule allows it; --allow or policy file)"

/* A guest that tries everything does not fill the disk, and its administrator knows. */
static void a_scan_is_few_lines(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct memnet_flow *f;

	to.sin_addr.s_addr = inet_addr("192.0.2.1");
	for (uint16_t port = 1; port < 200; port++) {
		to.sin_port = htons(port);
		assert_int_equal(memnet_connect(guest, (const struct sockaddr *)&to, sizeof(to), &f), -EACCES);
	}
	expect_line(TRIED "15" WHY);
	expect_line(TRIED "16" WHY "; other denials of this minute are not told");
	assert_int_equal(log_says(&p, TRIED "17" WHY), 0);
}

static void a_reload_is_of_new_streams(void **state)
{
	static const uint8_t letters[] = { 'e', 0, 0x9e, 0x3c, 0xda };	/* what the peer echoes */
	struct memnet_flow *f;
	uint8_t back[4];

	permit();
	assert_int_equal(connect_peer(&f), 0);
	write_policy("");
	reload();
	expect_line("a: the policy of %s is in force, 1 rule", policy);
	assert_true(becomes(is_denied, NULL, SOON_MS));
	assert_int_equal(memnet_send(f, letters, sizeof(letters)), sizeof(letters));
	for (size_t got = 0; got < sizeof(back);) {
		ssize_t n = memnet_recv(f, back + got, sizeof(back) - got);

		assert_true(n > 0);
		got += n;
	}
	assert_memory_equal(back, letters + 1, sizeof(back));
	memnet_close(f);
}

/* What was told before a reload may be told again: the answer might have been another. */
static void a_denial_after_a_reload_is_told(void **state)
{
	assert_true(is_denied(NULL));
	write_policy("\n\ndeny 127.0.0.0/8\n");
	reload();
	expect_line("a: the policy of %s is in force, 2 rules", policy);
	poll(NULL, 0, 100);
	assert_true(is_denied(NULL));
	expect_line("a: denied: connect tcp 127.0.0.1:%u (line 3 of the policy file denies it)",
		    p.port);
}

static void a_broken_file_changes_nothing(void **state)
{
	permit();
	write_policy("deny 127.0.0.0/8\nalow 127.0.0.1\n");
	reload();
	expect_line("a: the policy stays as it was: %s:2: a line begins with allow or deny, not "
		    "with 'alow'; did you mean 'allow'?", policy);
	poll(NULL, 0, 100);
	assert_true(is_permitted(NULL));
	unlink(policy);
	reload();
	expect_line("a: the policy stays as it was: %s: " NO_FILE, policy);
	assert_true(is_permitted(NULL));
	hit(child_of(p.memnetd.pid, 0), SIGKILL);	/* nor for its successor */
	assert_true(echo_works(&p, AGENT, SOON_MS));
	memnet_detach(guest);
	assert_int_equal(memnet_open(&guest), 0);
}

/* The rules of the options stand before those of the file. */
static void options_come_first(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p.port) };
	struct memnet_flow *f;

	to.sin_addr.s_addr = inet_addr("127.0.0.9");
	write_policy("allow 127.0.0.0/8\n");
	reload();
	assert_true(becomes(is_permitted, NULL, SOON_MS));
	assert_int_equal(memnet_connect(guest, (const struct sockaddr *)&to, sizeof(to), &f), -EACCES);
	expect_line("a: denied: connect tcp 127.0.0.9:%u (a --deny denies it)", p.port);
}

static void a_successor_has_the_policy(void **state)
{
	permit();
	hit(child_of(p.memnetd.pid, 0), SIGKILL);
	assert_true(echo_works(&p, AGENT, SOON_MS));
	memnet_detach(guest);
	assert_int_equal(memnet_open(&guest), 0);	/* of the new session */
}

/* One that takes nothing does not hold the broker up: it is killed, and another has it all. */
static void a_worker_that_hangs_is_replaced(void **state)
{
	hit(child_of(p.memnetd.pid, 0), SIGSTOP);
	write_policy("allow 127.0.0.1:%u\n", p.port);
	for (int i = 0; i < 400; i++) {
		reload();
		poll(NULL, 0, 1);
	}
	expect_line("a: cannot hand the policy to the worker: Resource temporarily unavailable");
	assert_true(echo_works(&p, AGENT, SOON_MS));
	memnet_detach(guest);
	assert_int_equal(memnet_open(&guest), 0);
}

/* --- memnetd alone -------------------------------------------------------------------------- */

static int setup_folder(void **state)
{
	strcpy(policy, "/tmp/memnet-policy.XXXXXX");
	close(mkstemp(policy));
	p = (struct parties){ .memnetd = { -1, -1 } };
	strcpy(p.dir, "/tmp/memnet-test.XXXXXX");
	return mkdtemp(p.dir) ? 0 : -1;
}

static int teardown_folder(void **state)
{
	char log[100];

	snprintf(log, sizeof(log), "%s/log", p.dir);
	unlink(log);
	unlink(policy);
	return rmdir(p.dir);
}

static int exit_status(const char *const *argv)
{
	pid_t pid = program_start(&p, argv);
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void no_start_without_the_file(void **state)
{
	const char *argv[] = { "memnetd", "--dir", p.dir, "--vm", "a", "--policy", policy, NULL };

	write_policy("allow 192.0.2.1:http\n");
	assert_int_equal(exit_status(argv), 1);
	expect_line("a: no policy: %s:1: port 'http': want 1 to 65535, or such as 8000-8999",
		    policy);
	unlink(policy);
	assert_int_equal(exit_status(argv), 1);
	expect_line("a: no policy: %s: " NO_FILE, policy);
}

static void one_file_for_each_vm(void **state)
{
	const char *twice[] = { "memnetd", "--dir", p.dir, "--vm", "a", "--policy", policy,
				"--policy", "/dev/null", NULL };
	const char *ordinary[] = { "memnetd", "--dir", p.dir, "--policy", "/nowhere", "--vm", "a",
				   "--policy", policy, "--vm", "b", NULL };

	assert_int_equal(exit_status(twice), 64);	/* EX_USAGE */
	expect_line("--policy /dev/null: given twice; put the rules into one file\n"
		    "Try `memnetd --help' or `memnetd --usage' for more information.");
	assert_int_equal(exit_status(ordinary), 1);	/* a has its own, b that for all */
	expect_line("b: no policy: /nowhere: " NO_FILE);
}

static void a_hangup_without_a_file_is_told(void **state)
{
	p.vms = "--vm a";
	memnetd_start(&p);
	reload();
	expect_line("nothing to reload: no VM has a --policy file");
	assert_int_equal(kill(p.memnetd.pid, SIGTERM), 0);
	assert_int_equal(waitpid(p.memnetd.pid, NULL, 0), p.memnetd.pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_denial_is_eacces_and_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_scan_is_few_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reload_is_of_new_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(a_denial_after_a_reload_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_file_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(options_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_successor_has_the_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_hangs_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(no_start_without_the_file, setup_folder,
						teardown_folder),
		cmocka_unit_test_setup_teardown(one_file_for_each_vm, setup_folder,
						teardown_folder),
		cmocka_unit_test_setup_teardown(a_hangup_without_a_file_is_told, setup_folder,
						teardown_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
