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

#include "harness/test/guest_vm.h"
#include "harness/test/programs.h"
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

enum { A, B, VMS };
enum { SEND, RECV, EVIL };	/* slots in the guests */

static const char *folder;

static struct {
	struct guest_vm vm[VMS];
	pid_t memnetd, worker[VMS];	/* at first */
	pid_t peer[VMS];
	unsigned int port[VMS];		/* of the peers */
	char log[200];			/* memnetd's messages */
	double rate[2];			/* of b alone, MB/s */
	unsigned int begun;		/* of a's streams beside the scribbler, again */
} fx;

/* What a VM says of its two streams. */
struct edge {
	uint64_t t_ns, bytes[2];
};

static void pause_ms(int ms)
{
	mn_sleep_until_ns(mn_now_ns() + ms * NSEC_PER_MSEC);
}

/* --- the guests ------------------------------------------------------------------------ */

static void boot(int which)
{
	char region[200], bell[200];
	const char *const a[] = {
		"-chardev", region, "-device", "ivshmem-doorbell,chardev=mn,vectors=16",
		"-chardev", bell, "-device", "virtserialport,chardev=bell,name=memnet.bell", NULL
	};
	const char *const b[] = {
		"-device", "intel-iommu,intremap=on",
		"-chardev", region, "-device", "ivshmem-doorbell,chardev=mn,vectors=16", NULL
	};
	const struct guest_vm_setup setups[] = {
		[A] = { .name = "a", .initrd = INITRD, .append = "", .options = a },
		[B] = { .name = "b", .initrd = INITRD, .append = "intel_iommu=on", .options = b },
	};
	const char *name = setups[which].name;

	snprintf(region, sizeof(region), "socket,id=mn,path=%s/%s.ivshmem", folder, name);
	snprintf(bell, sizeof(bell), "socket,id=bell,path=%s/%s.bell", folder, name);
	guest_vm_boot(&fx.vm[which], &setups[which]);
}

static void spawn(int which, int slot, const char *text)
{
	char line[300];

	snprintf(line, sizeof(line), "spawn %d %s", slot, text);
	guest_vm_command(&fx.vm[which], line);
}

static void start_stream(int which, int slot)
{
	char text[200];

	snprintf(text, sizeof(text), "memnet-work stream --transport memnet --peer 127.0.0.1:%u "
		 "--direction %s --progress @progress@", fx.port[which],
		 slot == SEND ? "send" : "recv");
	spawn(which, slot, text);
}

/* Also claims that nothing has ended or complained since the last line. */
static struct edge take_edge(int which)
{
	struct edge e;
	const char *line;

	guest_vm_command(&fx.vm[which], "mark edge");
	line = guest_vm_expect(&fx.vm[which], "mark edge ");
	e.t_ns = guest_vm_value(line, "t_ns");
	e.bytes[SEND] = guest_vm_value(line, "bytes0");
	e.bytes[RECV] = guest_vm_value(line, "bytes1");
	return e;
}

/* Of b, which goes on in both directions; printed against itself alone. */
static void expect_rate(const struct edge *begin, const char *beside, double mb_per_s[2])
{
	struct edge end = take_edge(B);

	for (int i = SEND; i <= RECV; i++) {
		assert_true(end.bytes[i] > begin->bytes[i]);
		mb_per_s[i] = 1e3 * (end.bytes[i] - begin->bytes[i]) / (end.t_ns - begin->t_ns);
	}
	printf("b beside %s: sends %.1f MB/s (x%.2f), receives %.1f MB/s (x%.2f)\n", beside,
	       mb_per_s[SEND], mb_per_s[SEND] / fx.rate[SEND], mb_per_s[RECV],
	       mb_per_s[RECV] / fx.rate[RECV]);
}

static void expect_rate_over_window(const char *beside, double mb_per_s[2])
{
	struct edge begin = take_edge(B);

	pause_ms(WINDOW_MS);
	expect_rate(&begin, beside, mb_per_s);
}

/* Start both streams and wait until bytes move. */
static void start_streams(int which)
{
	int64_t until_ns = mn_now_ns() + WAIT_MS * NSEC_PER_MSEC;
	struct edge e;

	for (int slot = SEND; slot <= RECV; slot++) {
		start_stream(which, slot);
		guest_vm_expect(&fx.vm[which], slot == SEND ? "spawned 0 " : "spawned 1 ");
	}
	do {
		assert_true(mn_now_ns() < until_ns);
		pause_ms(20);
		e = take_edge(which);
	} while (!e.bytes[SEND] || !e.bytes[RECV]);
}

/* Both end in order, with the right bytes. */
static void stop_streams(int which)
{
	guest_vm_command(&fx.vm[which], "stop");
	guest_vm_expect(&fx.vm[which], "stopped");
	for (int ended = 0; ended < 2;) {
		const char *line = guest_vm_next_line(&fx.vm[which], GUEST_VM_ANSWER_MS);

		if (!line) {
			fail_msg("%c says nothing", "ab"[which]);
			return;
		}
		if (!strncmp(line, "result ", 7)) {
			printf("%c: %s\n", "ab"[which], line);
			assert_non_null(strstr(line, " content=ok"));
		} else if (strcmp(line, "exit 0 status=0") && strcmp(line, "exit 1 status=0")) {
			fail_msg("'%s'", line);
		} else {
			ended++;
		}
	}
}

/* --- the host's processes ----------------------------------------------------------------- */

static void expect_broker_and_worker_of_b(void)
{
	assert_int_equal(waitpid(fx.memnetd, NULL, WNOHANG), 0);
	assert_int_equal(program_child(fx.memnetd, 0), fx.worker[B]);
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
		     port == fx.port[A] && state == 1;	/* TCP_ESTABLISHED */
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
	pause_ms(IDLE_MS);
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
		spawn(i, RECV, text);
		guest_vm_expect(&fx.vm[i], "spawned 1 ");
		await(listener);
		connections[i] = accept(listener, NULL, NULL);
		await(connections[i]);
	}
	pause_ms(200);
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

	for (int round = 0; round < IDLE_ROUNDS && !(cheap[A] && cheap[B]); round++) {
		struct percent without[VMS], with[VMS];

		measure_busy(without);
		start_sleepers(listener, port, connections);
		measure_busy(with);
		end_sleepers(connections);
		for (int i = 0; i < VMS; i++) {
			printf("CPU of guest %c over %d s, woken by %s: not idle %.2f %%, with a "
			       "sleeper %.2f %%; sampled %.2f and %.2f %%\n", "ab"[i],
			       IDLE_MS / 1000, i == A ? "the port" : "interrupts",
			       without[i].timed, with[i].timed, without[i].sampled, with[i].sampled);
			cheap[i] |= with[i].timed - without[i].timed < IDLE_PERCENT &&
				    with[i].sampled - without[i].sampled < IDLE_PERCENT;
		}
	}
	close(listener);
	assert_true(cheap[A] && cheap[B]);
}

/* --- the hostile guest -------------------------------------------------------------------- */

/* Take the next line of a's, if there is one. Its streams that end begin anew. */
static void follow_a(void)
{
	const char *line = guest_vm_next_line(&fx.vm[A], 20);

	if (!line)
		return;
	if (!strncmp(line, "out 2 ", 6))
		printf("evil-guest: %s\n", line + 6);
	if (strncmp(line, "exit ", 5))
		return;
	if (!strncmp(line, "exit 2 ", 7) || !strstr(line, " status="))
		fail_msg("'%s'", line);
	start_stream(A, line[5] - '0');
	fx.begun++;
}

/* What was spawned ends once, now or before the command arrives. */
static void kill_programs_of_a(void)
{
	bool killed = false;

	guest_vm_command(&fx.vm[A], "kill");
	for (int exits = 0; exits < 3 || !killed;) {
		const char *line = guest_vm_next_line(&fx.vm[A], GUEST_VM_ANSWER_MS);

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
	spawn(A, EVIL, text);
	while (times_said(what) < times) {
		if (mn_now_ns() > until_ns)
			fail_msg("memnetd did not say '%s' %u times", what, times);
		follow_a();
	}
	printf("until now %u streams of a's begun again, %u sessions of it ended for a breach\n",
	       fx.begun, times_said(A_BREACH));
	expect_broker_and_worker_of_b();
	assert_int_equal(program_child(fx.memnetd, 1), fx.worker[A]);
	assert_int_equal(times_said("the worker died"), 0);
}

static void a_guest_that_scribbles_harms_no_other(void **state)
{
	struct edge begin;
	double beside[2];

	start_streams(B);
	expect_rate_over_window("an idle a", fx.rate);
	start_streams(A);
	expect_rate_over_window("an honest a", beside);
	begin = take_edge(B);
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
		 "--direction %s --bytes 8M", fx.port[A], direction);
	spawn(A, SEND, text);
	do {
		line = guest_vm_next_line(&fx.vm[A], GUEST_VM_ANSWER_MS);
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
	guest_vm_end(&fx.vm[A]);
	boot(A);
	guest_vm_expect_ready(&fx.vm[A]);
	start_streams(A);
	expect_rate_over_window("an honest a, restarted", beside);
	stop_streams(A);
	expect_broker_and_worker_of_b();
}

static void a_qemu_that_is_killed_leaves_no_connection_and_harms_no_other(void **state)
{
	struct edge begin;
	double beside[2];
	int64_t killed_ns;

	start_streams(A);
	assert_int_equal(connections_of_peer_a(), 2);
	begin = take_edge(B);
	killed_ns = mn_now_ns();
	guest_vm_end(&fx.vm[A]);
	while (connections_of_peer_a()) {
		assert_true(mn_now_ns() - killed_ns < DEAD_MS * NSEC_PER_MSEC);
		pause_ms(1);
	}
	printf("a's peer has no connection %.1f ms after the kill\n",
	       (mn_now_ns() - killed_ns) / 1e6);
	pause_ms(WINDOW_MS);
	expect_rate(&begin, "a killed a", beside);
	expect_broker_and_worker_of_b();
	stop_streams(B);
	assert_int_equal(times_said("the worker died"), 0);
}

/* --- around them ------------------------------------------------------------------------------ */

static void start_memnetd(void)
{
	char *args[] = { "memnetd", "--dir", (char *)folder, "--allow", "127.0.0.0/8",
			 "--vm", "a", "--vm", "b", NULL };
	char socket_path[200];

	snprintf(fx.log, sizeof(fx.log), "%s/memnetd.log", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/b.bell", folder);
	fx.memnetd = program_start("memnetd", fx.log, args);
	for (int i = 0; access(socket_path, F_OK); i++) {
		assert_in_range(i, 0, 500);
		pause_ms(10);
	}
}

static void start_peer(int which)
{
	char listen_at[32];
	char *args[] = { "memnet-work", "peer", "--listen", listen_at, NULL };

	fx.port[which] = program_port();
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", fx.port[which]);
	fx.peer[which] = program_start("memnet-work", "/dev/null", args);
}

/* memnetd's workers are in the order of their VMs' start. */
static pid_t nth_worker(unsigned int n)
{
	for (int ms = 0; program_child(fx.memnetd, n) < 0; ms += 10) {
		assert_in_range(ms, 0, WAIT_MS);
		pause_ms(10);
	}
	return program_child(fx.memnetd, n);
}

static int start(void **state)
{
	start_memnetd();
	start_peer(A);
	start_peer(B);
	boot(B);
	fx.worker[B] = nth_worker(0);
	boot(A);
	fx.worker[A] = nth_worker(1);
	guest_vm_expect_ready(&fx.vm[B]);
	guest_vm_expect_ready(&fx.vm[A]);
	return 0;
}

static int end(void **state)
{
	for (int i = 0; i < VMS; i++) {
		guest_vm_end(&fx.vm[i]);
		program_stop(&fx.peer[i]);
	}
	program_stop(&fx.memnetd);
	unlink(fx.log);
	return guest_vm_clean_up();
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

	folder = guest_vm_prepare(INITRD);
	return cmocka_run_group_tests_name("two VMs", tests, start, end);
}
