/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-work conn and peer over loopback TCP: each connection one turn, contents, times, ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/test/run.h"
#include "workloads/wire.h"

static void expect_times(const char *result, uint64_t count)
{
	static const char *const quantiles[] = { "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns" };
	uint64_t last = 1, last_connect = 1;
	char key[32];

	assert_int_equal(run_value(result, "latencies"), count);
	assert_true(run_value(result, "connect_p50_ns") < run_value(result, "p50_ns"));
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		uint64_t whole = run_value(result, quantiles[i]), connect;

		snprintf(key, sizeof(key), "connect_%s", quantiles[i]);
		connect = run_value(result, key);
		assert_in_range(whole, last, 60 * NSEC_PER_SEC);
		assert_in_range(connect, last_connect, whole);	/* is a part of each */
		last = whole;
		last_connect = connect;
	}
}

static void expect_ok(const char *result, uint64_t connections, uint64_t bytes_each)
{
	if (!strstr(result, " content=ok"))
		fail_msg("no content=ok in '%s'", result);
	assert_int_equal(run_value(result, "connections"), connections);
	assert_int_equal(run_value(result, "bytes"), connections * bytes_each);
	assert_int_equal(run_value(result, "verified_bytes"), connections * bytes_each);
}

static void a_given_number_of_connections_is_made(void **state)
{
	static const struct { uint64_t connections, request, response; } cases[] = {
		{ 1, 1, 1 }, { 2000, 64, 64 }, { 99, 1, 65536 }, { 99, 65536, 1 }, { 30, 4095, 4097 },
	};
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t each = cases[i].request + cases[i].response;

		assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u --request %lu "
				"--response %lu --connections %lu --seed %zu", f->port,
				cases[i].request, cases[i].response, cases[i].connections, i), 0);
		expect_ok(r.stdout_text, cases[i].connections, each);
		expect_times(r.stdout_text, cases[i].connections);
		/* one line for all of them */
		run_line(&f->peer);
		assert_int_equal(run_value(f->peer.stdout_text, "bytes"),
				 cases[i].connections * each);
		assert_non_null(strstr(f->peer.stdout_text, " direction=turns "));
	}
}

static void a_time_and_a_signal_end_it_in_order(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u --time 200ms", f->port), 0);
	assert_in_range(run_value(r.stdout_text, "duration_ns"), 200 * NSEC_PER_MSEC,
			3 * NSEC_PER_SEC);
	assert_in_range(run_value(r.stdout_text, "connections"), 10, 1000000);
	expect_ok(r.stdout_text, run_value(r.stdout_text, "connections"), 128);
	run_start(&r, "conn --peer 127.0.0.1:%u --barrier", f->port);
	assert_string_equal(run_line(&r), "armed");
	assert_int_equal(write(r.in, "\n", 1), 1);
	mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	kill(r.pid, SIGTERM);
	assert_int_equal(run_wait(&r), 0);
	expect_ok(r.stdout_text, run_value(r.stdout_text, "connections"), 128);
}

static void the_warm_up_leaves_no_times(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u --connections 10 --warmup 10s",
				   f->port), 0);
	expect_ok(r.stdout_text, 10, 128);
	assert_int_equal(run_value(r.stdout_text, "latencies"), 0);
	assert_null(strstr(r.stdout_text, "p50_ns"));
}

static void what_cannot_be_is_told(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "conn"), 2);
	assert_non_null(strstr(r.stderr_text, "--peer ADDR:PORT is missing"));
	assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u --request 65537", f->port), 2);
	assert_non_null(strstr(r.stderr_text, "must be 1 to 64k"));
	assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u", free_port()), 1);
	assert_non_null(strstr(r.stderr_text, "there must run: memnet-work peer"));
	assert_int_equal(setenv("MEMNET_AGENT", "/nowhere/agent", 1), 0);
	assert_int_equal(run_whole(&r, "conn --transport memnet --peer 127.0.0.1:1"), 1);
	assert_non_null(strstr(r.stderr_text, "there must run: memnet-agent"));
	assert_null(strstr(r.stderr_text, "memnet-work peer"));
	unsetenv("MEMNET_AGENT");
}

/* --- wrong bytes ------------------------------------------------------------------- */

static struct wire_hello hello_of(uint32_t direction)
{
	return (struct wire_hello){ .magic = WIRE_MAGIC, .version = WIRE_VERSION,
		.direction = direction, .seed = 1, .chunk_bytes = 8, .response_bytes = 8 };
}

static void take(int fd, void *buf, size_t len)
{
	assert_int_equal(recv(fd, buf, len, MSG_WAITALL), len);
}

static void the_peer_finds_a_wrong_request(void **state)
{
	struct peer_fixture *f = *state;
	struct wire_hello hello = hello_of(WIRE_TURNS);
	struct wire_record record;
	char turn[sizeof(hello) + 8] = "";
	int account = connect_to(f->port), fd;

	assert_int_equal(write(account, &hello, sizeof(hello)), sizeof(hello));
	take(account, &record, sizeof(record));
	assert_true(wire_is_record(&record, WIRE_REPLY));
	hello.direction = WIRE_TURN;
	memcpy(turn, &hello, sizeof(hello));	/* a request of zeros */
	fd = connect_to(f->port);
	assert_int_equal(write(fd, turn, sizeof(turn)), sizeof(turn));
	take(fd, &record, sizeof(record));
	assert_true(wire_is_record(&record, WIRE_VERDICT));
	assert_false(record.content_ok);
	take(fd, turn, 8);
	assert_int_equal(read(fd, turn, 1), 0);	/* it ends the connection */
	close(fd);
	shutdown(account, SHUT_WR);
	take(account, &record, sizeof(record));
	assert_false(record.content_ok);
	assert_int_equal(record.bytes, 16);
	assert_int_equal(record.verified_bytes, 0);
	close(account);
	assert_non_null(strstr(run_line(&f->peer), " content=bad"));
}

/* A peer that welcomes all, finds all right, and answers zeros. */
static void answer_zeros(int listener, unsigned int connections)
{
	struct wire_hello hello;
	struct wire_record reply = wire_record(WIRE_REPLY), verdict = wire_record(WIRE_VERDICT);
	char response[8] = "", request[8];
	int account = accept(listener, NULL, NULL);

	verdict.content_ok = 1;
	if (recv(account, &hello, sizeof(hello), MSG_WAITALL) < 0 ||
	    write(account, &reply, sizeof(reply)) < 0)
		_exit(1);
	for (unsigned int i = 0; i < connections; i++) {
		int fd = accept(listener, NULL, NULL);

		if (recv(fd, &hello, sizeof(hello), MSG_WAITALL) < 0 ||
		    recv(fd, request, sizeof(request), MSG_WAITALL) < 0 ||
		    write(fd, &verdict, sizeof(verdict)) < 0 || write(fd, response, 8) < 0)
			_exit(1);
		close(fd);
	}
	verdict.bytes = connections * 16;
	verdict.verified_bytes = connections * 8;
	if (recv(account, request, 1, 0) || write(account, &verdict, sizeof(verdict)) < 0)
		_exit(1);
	_exit(0);
}

static void the_client_finds_a_wrong_response(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), status;
	struct run r;
	pid_t pid;

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	pid = fork();
	if (!pid)
		answer_zeros(listener, 3);
	close(listener);
	assert_int_equal(run_whole(&r, "conn --peer 127.0.0.1:%u --request 8 --response 8 "
				   "--connections 3", ntohs(at.sin_port)), 1);
	assert_non_null(strstr(r.stdout_text, " content=bad"));
	assert_int_equal(run_value(r.stdout_text, "verified_bytes"), 24);
	assert_non_null(strstr(r.stderr_text, "the first over connection 1"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_given_number_of_connections_is_made),
		TEST(a_time_and_a_signal_end_it_in_order),
		TEST(the_warm_up_leaves_no_times),
		TEST(what_cannot_be_is_told),
		TEST(the_peer_finds_a_wrong_request),
		cmocka_unit_test(the_client_finds_a_wrong_response),
	};

	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
