/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real worker whose region is in guest RAM, and a guest that is this test: it
 * answers the worker's questions on the port, or lies, or falls silent. No VM. About
 * 10 s, nearly all of it waiting for the worker to ask again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/io.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/worker.h"

#define RAM_PAGES	8
#define WAIT_MS		5000

static struct guest {
	int ram, port, control, doorbell;
	uint8_t *bytes;		/* the RAM */
	pid_t worker;
	FILE *log;		/* what the worker says */
	uint64_t number;	/* of the last question */
} g;

static _Noreturn void be_worker(int control, int log)
{
	struct mn_worker w = {
		.name = "test", .geometry = { .flows = 2, .channels = 2 }, .memfd = -1,
		.doorbell = g.doorbell, .control = control, .ram.path = "the RAM",
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDERR_FILENO);
	_exit(mn_worker_run(&w));
}

static void start_worker(void)
{
	const struct mn_worker_order order = { .what = MN_WORKER_BELL };
	int control[2], port[2], log[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port), 0);
	assert_int_equal(pipe(log), 0);
	g.worker = fork();
	if (!g.worker) {
		close(control[0]);
		close(port[0]);
		be_worker(control[1], log[1]);
	}
	assert_int_equal(mn_send_fds(control[0], &order, sizeof(order), &port[1], 1), 0);
	close(control[1]);
	close(port[1]);
	close(log[1]);
	g.control = control[0];
	g.port = port[0];
	fcntl(log[0], F_SETFL, O_NONBLOCK);
	g.log = fdopen(log[0], "r");
}

/* As the broker does when the worker has asked. */
static void give_ram(void)
{
	const struct mn_worker_order order = { .what = MN_WORKER_RAM };

	assert_int_equal(mn_send_fds(g.control, &order, sizeof(order), &g.ram, 1), 0);
}

static int setup_without_ram(void **state)
{
	g = (struct guest){ .ram = memfd_create("ram", 0), .doorbell = eventfd(0, EFD_NONBLOCK) };
	assert_int_equal(ftruncate(g.ram, RAM_PAGES * MN_RAM_PAGE), 0);
	g.bytes = mmap(NULL, RAM_PAGES * MN_RAM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, g.ram, 0);
	assert_true(g.bytes != MAP_FAILED);
	start_worker();
	return 0;
}

static int setup(void **state)
{
	setup_without_ram(state);
	give_ram();
	return 0;
}

static int teardown(void **state)
{
	int status = -1;

	close(g.control);	/* the order to stop */
	waitpid(g.worker, &status, 0);
	fclose(g.log);
	close(g.port);
	munmap(g.bytes, RAM_PAGES * MN_RAM_PAGE);
	close(g.ram);
	close(g.doorbell);
	return status;
}

/* Wait for the worker's next question; bells are dropped. False: none came in @ms. */
static bool asked(int ms)
{
	int64_t end = mn_now_ns() + ms * NSEC_PER_MSEC;
	struct pollfd pfd = { g.port, POLLIN };
	uint8_t byte;

	while (mn_now_ns() < end && poll(&pfd, 1, (end - mn_now_ns()) / NSEC_PER_MSEC + 1) == 1) {
		if (read(g.port, &byte, 1) != 1)
			return false;
		if (byte & MN_PORT_ASK) {
			g.number = byte & MN_PORT_NUMBER_MASK;
			return true;
		}
	}
	return false;
}

static void answer(uint64_t number, uint64_t first, uint64_t second)
{
	struct mn_announcement a = { .word = MN_PORT_ANNOUNCE, .number = number, .stamp = 42,
				     .pages = 2, .frames = { first, second } };

	for (uint64_t i = 0; i < 2; i++) {
		const uint64_t stamp[] = { 42, i };

		if (a.frames[i] < RAM_PAGES)
			memcpy(g.bytes + a.frames[i] * MN_RAM_PAGE, stamp, sizeof(stamp));
	}
	assert_int_equal(mn_write_all(g.port, &a, mn_announcement_bytes(2)), 0);
}

static void say(uint64_t word)
{
	assert_int_equal(mn_write_all(g.port, &word, sizeof(word)), 0);
}

/* The worker's next line; NULL: none in @ms. */
static const char *said(int ms)
{
	static char line[400];

	for (; ms > 0; ms -= 5) {
		clearerr(g.log);
		if (fgets(line, sizeof(line), g.log))
			return line;
		poll(NULL, 0, 5);
	}
	return NULL;
}

static void expect_said(const char *what)
{
	const char *line = said(WAIT_MS);

	if (!line || !strstr(line, what))
		fail_msg("expected '%s', got '%s'", what, line ? line : "(nothing)");
}

static struct mn_header *header(uint64_t frame)
{
	return mn_header(g.bytes + frame * MN_RAM_PAGE);
}

/* The worker asks, takes pages 5 and 3, and offers a session. */
static void give_region(void)
{
	assert_true(asked(WAIT_MS));
	answer(g.number, 5, 3);
	expect_said("region in guest RAM: 2 pages of 2 MiB, the first at 0xa00000");
	assert_true(mn_fetch(&header(5)->h_magic) == MN_MAGIC);
	assert_int_equal(mn_fetch32(&header(5)->h_state), MN_H_OFFER);
	assert_true(header(5)->h_region_bytes == 2 * MN_RAM_PAGE);
}

static void wait_state(enum mn_host_state want)
{
	for (int ms = 0; mn_fetch32(&header(5)->h_state) != want; ms += 5) {
		assert_in_range(ms, 0, WAIT_MS);
		poll(NULL, 0, 5);
	}
}

/* --- tests ------------------------------------------------------------------------------ */

static void the_port_is_the_doorbell(void **state)
{
	give_region();
	header(5)->g_version = MN_VERSION;
	header(5)->g_features = MN_F_HEARTBEAT | MN_F_PORT;
	header(5)->g_session = header(5)->h_session;
	mn_publish32(&header(5)->g_state, MN_G_ATTACHED);
	say(MN_PORT_RING);
	wait_state(MN_H_READY);
}

static void what_is_retracted_is_asked_for_anew(void **state)
{
	give_region();
	say(MN_PORT_RETRACT);
	assert_true(asked(200));
	assert_int_equal(mn_fetch32(&header(5)->h_state), MN_H_OFFER);	/* not written to */
	answer(g.number, 5, 3);
	expect_said("region in guest RAM");
}

static void only_the_last_question_is_answered(void **state)
{
	assert_true(asked(WAIT_MS));
	answer(g.number - 1, 1, 2);
	assert_null(said(100));
	answer(g.number, 5, 3);
	expect_said("the first at 0xa00000");
	answer(g.number, 1, 2);		/* again, although nothing is asked for */
	assert_null(said(100));
	assert_true(mn_fetch(&header(1)->h_magic) == 42);
}

/* The guest never beats: what was the region may be anybody's, and is not written to again. */
static void a_silent_guest_s_memory_is_let_go(void **state)
{
	uint64_t beat;

	give_region();
	expect_said("the guest is silent; its memory is let go");
	beat = mn_fetch(&header(5)->h_heartbeat);
	assert_true(asked(1000));
	poll(NULL, 0, 2 * MN_HEARTBEAT_MS);
	assert_true(mn_fetch(&header(5)->h_heartbeat) == beat);
	answer(g.number, 5, 3);
	expect_said("region in guest RAM");
}

static void memory_used_otherwise_is_let_go(void **state)
{
	give_region();
	memset(header(5), 0xee, MN_RAM_PAGE);
	expect_said("the guest uses the region's memory otherwise; it is let go");
	poll(NULL, 0, 2 * MN_HEARTBEAT_MS);
	for (size_t i = 0; i < MN_RAM_PAGE; i++)
		if (g.bytes[5 * MN_RAM_PAGE + i] != 0xee)
			fail_msg("byte %zu was written", i);
}

static void a_lie_costs_one_line_and_an_honest_answer_is_taken(void **state)
{
	assert_true(asked(WAIT_MS));
	answer(g.number, 5, 5);
	expect_said("no region in guest RAM: frames[1] = 0x5 is frames[0] again");
	assert_true(asked(WAIT_MS));
	answer(g.number, 5, RAM_PAGES);
	expect_said("no region in guest RAM: frames[1] = 0x8 is not in the VM's RAM");
	say(0xeeeeeeeeeeeeeeeeULL);
	expect_said("what the guest wrote to the port makes no sense");
	give_region();
	assert_null(said(100));
}

/* Nonsense needs no question, so this is quick; the port is read on, and nothing is said. */
static void who_lies_on_is_not_heard_any_more(void **state)
{
	for (int i = 1; i <= MN_MAX_BREACHES; i++) {
		say(0xeeeeeeeeeeeeeeeeULL);
		say(MN_PORT_RING);
		expect_said(i < MN_MAX_BREACHES ? "makes no sense\n" :
			    "makes no sense; the guest is not asked again");
	}
	asked(100);	/* the one from before */
	for (int i = 0; i < 100; i++) {
		say(0xeeeeeeeeeeeeeeeeULL);
		say(MN_PORT_RING);
	}
	answer(g.number, 5, 3);
	assert_null(said(200));
	assert_false(asked(2000));
}

/* Each cycle is valid; the guest is asked at most once in a tick for it, and so told of. */
static void who_retracts_on_fills_no_log(void **state)
{
	int64_t end = mn_now_ns() + 3 * MN_HEARTBEAT_MS * NSEC_PER_MSEC;
	int questions = 0, lines = 0;

	give_region();
	while (mn_now_ns() < end) {
		say(MN_PORT_RETRACT);
		if (asked(1)) {
			questions++;
			answer(g.number, 5, 3);
		}
		answer(g.number, 5, 3);		/* once more, and for the next RETRACT */
	}
	while (said(100))
		lines++;
	assert_in_range(questions, 2, 2 * 4);
	assert_in_range(lines, 2, questions);
}

/* A guest that has answered that its RAM begins with the region. */
static struct memnet *attach(void)
{
	const int bells[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	struct memnet *m = NULL;
	struct mn_region r;

	assert_true(asked(WAIT_MS));
	answer(g.number, 0, 1);
	expect_said("region in guest RAM");
	assert_int_equal(mn_region_open_fds(&r, "test", dup(g.ram), dup(g.doorbell), bells, 2), 0);
	assert_int_equal(memnet_open_region(&m, &r), 0);
	return m;
}

/* A policy that came while there was no region is that of the next one's guest. */
static void a_policy_is_kept_for_the_next_region(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static struct mn_worker_order order = { .what = MN_WORKER_POLICY };
	int closed = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(to);
	struct memnet_flow *f;
	struct memnet *m;

	assert_int_equal(bind(closed, (struct sockaddr *)&to, len), 0);
	assert_int_equal(getsockname(closed, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(mn_policy_add(&order.policy, MN_POLICY_ALLOW, "127.0.0.1", NULL, 0), 0);
	assert_int_equal(mn_send_fds(g.control, &order, sizeof(order), NULL, 0), 0);
	m = attach();
	assert_int_equal(memnet_connect(m, (struct sockaddr *)&to, sizeof(to), &f),
			 -ECONNREFUSED);
	memnet_detach(m);
	close(closed);
}

/* --- the RAM file ------------------------------------------------------------------------- */

static bool worker_wants_ram(int ms)
{
	struct pollfd pfd = { g.control, POLLIN };
	char byte = 0;

	return poll(&pfd, 1, ms) == 1 && recv(g.control, &byte, 1, 0) == 1 &&
	       byte == MN_WORKER_WANTS_RAM;
}

static void answer_without_ram(void)
{
	assert_true(asked(WAIT_MS));
	answer(g.number, 5, 3);
	assert_true(worker_wants_ram(WAIT_MS));
	assert_null(said(100));
}

static void the_ram_is_asked_for_at_the_first_answer_and_kept(void **state)
{
	const struct mn_worker_order none = { .what = MN_WORKER_RAM, .error = -ENOENT };

	answer_without_ram();
	assert_int_equal(mn_send_fds(g.control, &none, sizeof(none), NULL, 0), 0);
	expect_said("no region in guest RAM: cannot open the VM's RAM the RAM: No such file");
	answer_without_ram();
	give_ram();
	expect_said("region in guest RAM: 2 pages");
	say(MN_PORT_RETRACT);
	assert_true(asked(200));
	answer(g.number, 5, 3);
	expect_said("region in guest RAM: 2 pages");
	assert_false(worker_wants_ram(0));
}

/* What the guest has taken back is not served when the file comes; nor is it asked for twice. */
static void an_answer_taken_back_is_void(void **state)
{
	answer_without_ram();
	say(MN_PORT_RETRACT);
	assert_true(asked(200));
	answer(g.number, 5, 3);
	say(MN_PORT_RETRACT);	/* in the same tick, so that nothing is asked at once */
	assert_false(worker_wants_ram(50));
	give_ram();
	assert_null(said(50));
	assert_true(asked(WAIT_MS));
	answer(g.number, 3, 5);
	expect_said("the first at 0x600000");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_port_is_the_doorbell),
		TEST(what_is_retracted_is_asked_for_anew),
		TEST(only_the_last_question_is_answered),
		TEST(a_silent_guest_s_memory_is_let_go),
		TEST(memory_used_otherwise_is_let_go),
		TEST(a_lie_costs_one_line_and_an_honest_answer_is_taken),
		TEST(who_lies_on_is_not_heard_any_more),
		TEST(who_retracts_on_fills_no_log),
		TEST(a_policy_is_kept_for_the_next_region),
		cmocka_unit_test_setup_teardown(the_ram_is_asked_for_at_the_first_answer_and_kept,
						setup_without_ram, teardown),
		cmocka_unit_test_setup_teardown(an_answer_taken_back_is_void, setup_without_ram,
						teardown),
	};

	return cmocka_run_group_tests_name("worker, region in guest RAM", tests, NULL, NULL);
}
