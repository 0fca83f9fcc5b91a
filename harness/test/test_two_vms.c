/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two VMs under TCG and one memnetd. In VM a a program scribbles over the region and
 * the doorbell (memnet-core/test/evil_guest.c), then a's QEMU is killed; VM b's streams,
 * one each way, every byte verified, run from before until after and never break. First,
 * while both are quiet: what a process asleep in receive costs its guest.
 *
 * The host wakes a by the port, b by interrupts. How fast b is beside which a is printed,
 * not claimed: all share the host's processors.
 * Skips (77) without QEMU or an image. About 35 s: three boots.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/test/programs.h"
#include "harness/test/two_vms.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define INITRD		"test-evil.img"
#define WINDOW_MS	1500	/* of a rate */
#define FLOOD_MS	2000
#define DEAD_MS		2000	/* then everybody shall know */
#define IDLE_MS		5000
#define IDLE_ROUNDS	3	/* of which one has to be quiet enough */
#define IDLE_PERCENT	1.0
#define WAIT_MS		20000
#define BREACHES	8	/* half of what memnetd suffers */
#define A_BREACH	"guest broke the protocol"
#define LAST_BREACH	"it gets no other before its VM restarts"

enum { EVIL = RECV + 1 };	/* slot of the scribbler */

static struct two_vms fx;

static double rate_alone[2];	/* of b, MB/s: what its other rates are printed against */
static unsigned int begun;	/* of a's streams beside the scribbler, again */

/* --- rates -------------------------------------------------------------------------------- */

/* Of b, which goes on in both directions; printed against itself alone. */
static void expect_rate(const struct two_vms_edge *begin, const char *beside, double mb_per_s[2])
{
	struct two_vms_edge end = two_vms_edge(&fx, VM_B);

	for (int i = SEND; i <= RECV; i++) {
		assert_true(end.bytes[i] > begin->bytes[i]);
		mb_per_s[i] = 1e3 * (end.bytes[i] - begin->bytes[i]) / (end.t_ns - begin->t_ns);
	}
	printf("b beside %s: sends %.1f MB/s (x%.2f), receives %.1f MB/s (x%.2f)\n", beside,
	       mb_per_s[SEND], mb_per_s[SEND] / rate_alone[SEND], mb_per_s[RECV],
	       mb_per_s[RECV] / rate_alone[RECV]);
}

static void expect_rate_over_window(const char *beside, double mb_per_s[2])
{
	struct two_vms_edge begin = two_vms_edge(&fx, VM_B);

	two_vms_pause_ms(WINDOW_MS);
	expect_rate(&begin, beside, mb_per_s);
}

/* --- the host's processes ----------------------------------------------------------------- */

static void expect_broker_and_worker_of_b(void)
{
	assert_int_equal(waitpid(fx.memnetd, NULL, WNOHANG), 0);
	assert_int_equal(program_child(fx.memnetd, 0), fx.worker[VM_B]);
}

static unsigned int times_said(const char *what)
{
	static char text[65536];
	unsigned int n = 0;

	assert_true(mn_read_file(fx.log, text, sizeof(text)) >= 0);
	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* How many connections a's peer has, as the kernel sees them from its side. */
static unsigned int connections_of_peer_a(void)
{
	unsigned int n = 0, port, state;
	FILE *f = fopen("/proc/net/tcp", "r");
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += sscanf(line, " %*d: %*x:%x %*x:%*x %x", &port, &state) == 2 &&
		     port == fx.port[VM_A] && state == 1;	/* TCP_ESTABLISHED */
	fclose(f);
	return n;
}

/* --- a sleeper's price ------------------------------------------------------------------------ */

static int listen_at(unsigned int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, VMS), 0);
	return fd;
}

static void await(int fd)
{
	struct pollfd p = { fd, POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

/*
 * Of the guest's processor. The kernel samples what a processor does at its ticks, which
 * one that wakes for microseconds seldom sees; but it times idleness by its clock.
 */
struct busy {
	uint64_t t_ns, sampled_ns, idle_ns;
};

struct percent {
	double sampled, timed;
};

static struct busy read_busy(int which)
{
	static const char *const kinds[] = { "user", "nice", "system", "irq", "softirq" };
	struct busy b = { 0 };
	const char *line;

	guest_vm_command(&fx.vm[which], "mark idle");
	line = guest_vm_expect(&fx.vm[which], "mark idle ");
	b.t_ns = guest_vm_value(line, "t_ns");
	b.idle_ns = guest_vm_value(line, "idle") + guest_vm_value(line, "iowait");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		b.sampled_ns += guest_vm_value(line, kinds[i]);
	return b;
}

/* Over the next while, in both guests. */
static void measure_busy(struct percent percent[VMS])
{
	struct busy begin[VMS];

	for (int i = 0; i < VMS; i++)
		begin[i] = read_busy(i);
	two_vms_pause_ms(IDLE_MS);
	for (int i = 0; i < VMS; i++) {
		struct busy end = read_busy(i);
		double ns = end.t_ns - begin[i].t_ns;

		percent[i].sampled = 100 * (end.sampled_ns - begin[i].sampled_ns) / ns;
		percent[i].timed = 100 * (ns - (end.idle_ns - begin[i].idle_ns)) / ns;
	}
}

/* In each guest a client whose peer, @listener, has heard it and is silent. Its connections. */
static void start_sleepers(int listener, unsigned int port, int *connections)
{
	char text[200];

	snprintf(text, sizeof(text), "memnet-work stream --transport memnet --peer 127.0.0.1:%u "
		 "--direction recv", port);
	for (int i = 0; i < VMS; i++) {
		two_vms_spawn(&fx, i, RECV, text);
		guest_vm_expect(&fx.vm[i], "spawned 1 ");
		await(listener);
		connections[i] = accept(listener, NULL, NULL);
		await(connections[i]);
	}
	two_vms_pause_ms(200);
}

static void end_sleepers(int *connections)
{
	for (int i = 0; i < VMS; i++) {
		guest_vm_command(&fx.vm[i], "kill");
		guest_vm_expect(&fx.vm[i], "killed");
		guest_vm_expect(&fx.vm[i], "exit 1 signal=9");
		close(connections[i]);
	}
}

static void a_process_asleep_in_receive_costs_its_guest_nearly_nothing(void **state)
{
	unsigned int port = program_port();
	int listener = listen_at(port), connections[VMS];
	bool cheap[VMS] = { false, false };

	for (int round = 0; round < IDLE_ROUNDS && !(cheap[VM_A] && cheap[VM_B]); round++) {
		struct percent without[VMS], with[VMS];

		measure_busy(without);
		start_sleepers(listener, port, connections);
		measure_busy(with);
		end_sleepers(connections);
		for (int i = 0; i < VMS; i++) {
			printf("CPU of guest %c over %d s, woken by %s: not idle %.2f %%, with a "
			       "sleeper %.2f %%; sampled %.2f and %.2f %%\n", "ab"[i],
			       IDLE_MS / 1000, i == VM_A ? "the port" : "interrupts",
			       without[i].timed, with[i].timed, without[i].sampled,
			       with[i].sampled);
			cheap[i] |= with[i].timed - without[i].timed < IDLE_PERCENT &&
				    with[i].sampled - without[i].sampled < IDLE_PERCENT;
		}
	}
	close(listener);
	assert_true(cheap[VM_A] && cheap[VM_B]);
}

/* --- the hostile guest -------------------------------------------------------------------- */

/* Take the next line of a's, if there is one. Its streams that end begin anew. */
static void follow_a(void)
{
	const char *line = guest_vm_next_line(&fx.vm[VM_A], 20);

	if (!line)
		return;
	if (!strncmp(line, "out 2 ", 6))
		printf("evil-guest: %s\n", line + 6);
	if (strncmp(line, "exit ", 5))
		return;
	if (!strncmp(line, "exit 2 ", 7) || !strstr(line, " status="))
		fail_msg("'%s'", line);
	two_vms_start_stream(&fx, VM_A, line[5] - '0');
	begun++;
}

/* What was spawned ends once, now or before the command arrives. */
static void kill_programs_of_a(void)
{
	bool killed = false;

	guest_vm_command(&fx.vm[VM_A], "kill");
	for (int exits = 0; exits < 3 || !killed;) {
		const char *line = guest_vm_next_line(&fx.vm[VM_A], GUEST_VM_ANSWER_MS);

		assert_non_null(line);
		exits += !strncmp(line, "exit ", 5);
		killed |= !strcmp(line, "killed");
	}
}

/* Beside its streams, if they run, until memnetd has said @what so often. */
static void let_evil_loose_in_a(int flood_ms, const char *what, unsigned int times)
{
	int64_t until_ns = mn_now_ns() + WAIT_MS * NSEC_PER_MSEC;
	char text[100];

	snprintf(text, sizeof(text), "evil-guest %" PRId64 " %d", mn_now_ns(), flood_ms);
	printf("%s\n", text);
	two_vms_spawn(&fx, VM_A, EVIL, text);
	while (times_said(what) < times) {
		if (mn_now_ns() > until_ns)
			fail_msg("memnetd did not say '%s' %u times", what, times);
		follow_a();
	}
	printf("until now %u streams of a's begun again, %u sessions of it ended for a breach\n",
	       begun, times_said(A_BREACH));
	expect_broker_and_worker_of_b();
	assert_int_equal(program_child(fx.memnetd, 1), fx.worker[VM_A]);
	assert_int_equal(times_said("the worker died"), 0);
}

static void a_guest_that_scribbles_harms_no_other(void **state)
{
	struct two_vms_edge begin;
	double beside[2];

	two_vms_start_streams(&fx, VM_B);
	expect_rate_over_window("an idle a", rate_alone);
	two_vms_start_streams(&fx, VM_A);
	expect_rate_over_window("an honest a", beside);
	begin = two_vms_edge(&fx, VM_B);
	let_evil_loose_in_a(FLOOD_MS, A_BREACH, BREACHES);
	expect_rate(&begin, "a hostile a", beside);
	kill_programs_of_a();
}

/* A stream of a's from begin to end, with the right bytes. */
static bool a_is_served(const char *direction)
{
	bool right = false;
	const char *line;
	char text[200];

	snprintf(text, sizeof(text), "memnet-work stream --transport memnet --peer 127.0.0.1:%u "
		 "--direction %s --bytes 8M", fx.port[VM_A], direction);
	two_vms_spawn(&fx, VM_A, SEND, text);
	do {
		line = guest_vm_next_line(&fx.vm[VM_A], GUEST_VM_ANSWER_MS);
		assert_non_null(line);
		right |= !!strstr(line, " content=ok");
	} while (strncmp(line, "exit 0 ", 7));
	return right && !strcmp(line, "exit 0 status=0");
}

/* Its agent attaches anew; one session more may end of what was written to the last. */
static void then_a_is_served_without_a_restart_of_anything(void **state)
{
	int64_t begin_ns = mn_now_ns();

	assert_int_equal(times_said(LAST_BREACH), 0);
	while (!a_is_served("send") || !a_is_served("recv"))
		assert_true(mn_now_ns() - begin_ns < WAIT_MS * NSEC_PER_MSEC);
	printf("a is served by its agent as it was, %.1f s after the scribbler's end\n",
	       (mn_now_ns() - begin_ns) / 1e9);
}

static void after_too_many_breaches_a_is_served_once_its_vm_has_restarted(void **state)
{
	double beside[2];

	let_evil_loose_in_a(0, LAST_BREACH, 1);
	guest_vm_end(&fx.vm[VM_A]);
	two_vms_boot(&fx, VM_A);
	guest_vm_expect_ready(&fx.vm[VM_A]);
	two_vms_start_streams(&fx, VM_A);
	expect_rate_over_window("an honest a, restarted", beside);
	two_vms_stop_streams(&fx, VM_A);
	expect_broker_and_worker_of_b();
}

static void a_qemu_that_is_killed_leaves_no_connection_and_harms_no_other(void **state)
{
	struct two_vms_edge begin;
	double beside[2];
	int64_t killed_ns;

	two_vms_start_streams(&fx, VM_A);
	assert_int_equal(connections_of_peer_a(), 2);
	begin = two_vms_edge(&fx, VM_B);
	killed_ns = mn_now_ns();
	guest_vm_end(&fx.vm[VM_A]);
	while (connections_of_peer_a()) {
		assert_true(mn_now_ns() - killed_ns < DEAD_MS * NSEC_PER_MSEC);
		two_vms_pause_ms(1);
	}
	printf("a's peer has no connection %.1f ms after the kill\n",
	       (mn_now_ns() - killed_ns) / 1e6);
	two_vms_pause_ms(WINDOW_MS);
	expect_rate(&begin, "a killed a", beside);
	expect_broker_and_worker_of_b();
	two_vms_stop_streams(&fx, VM_B);
	assert_int_equal(times_said("the worker died"), 0);
}

/* --- around them ------------------------------------------------------------------------------ */

static int start(void **state)
{
	two_vms_start(&fx);
	return 0;
}

static int end(void **state)
{
	return two_vms_end(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_asleep_in_receive_costs_its_guest_nearly_nothing),
		cmocka_unit_test(a_guest_that_scribbles_harms_no_other),
		cmocka_unit_test(then_a_is_served_without_a_restart_of_anything),
		cmocka_unit_test(after_too_many_breaches_a_is_served_once_its_vm_has_restarted),
		cmocka_unit_test(a_qemu_that_is_killed_leaves_no_connection_and_harms_no_other),
	};

	fx.initrd = INITRD;
	fx.folder = guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("two VMs", tests, start, end);
}
