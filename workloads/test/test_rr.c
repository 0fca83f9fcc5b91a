/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-work rr and peer over loopback TCP, whole: contents, ends, pacing, latencies. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/test/proxy.h"
#include "workloads/test/run.h"

static const char *const quantiles[] = { "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns" };

static void expect_latencies(const char *result, uint64_t count)
{
	uint64_t last = 1;

	assert_int_equal(run_value(result, "latencies"), count);
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		uint64_t ns = run_value(result, quantiles[i]);

		assert_in_range(ns, last, 60 * NSEC_PER_SEC);
		last = ns;
	}
}

static void expect_ok(const char *result, uint64_t requests, uint64_t bytes_each)
{
	if (!strstr(result, " content=ok"))
		fail_msg("no content=ok in '%s'", result);
	assert_int_equal(run_value(result, "requests"), requests);
	assert_int_equal(run_value(result, "bytes"), requests * bytes_each);
	assert_int_equal(run_value(result, "verified_bytes"), requests * bytes_each);
}

static void a_given_number_of_requests_is_answered(void **state)
{
	static const struct { uint64_t requests, request, response; } cases[] = {
		{ 1, 1, 1 }, { 20000, 64, 64 }, { 999, 1, 100000 }, { 999, 100000, 1 },
		{ 300, 4095, 4097 }, { 20, 4 << 20, 4 << 20 },
	};
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t each = cases[i].request + cases[i].response;

		assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --request %lu "
				"--response %lu --requests %lu --seed %zu", f->port,
				cases[i].request, cases[i].response, cases[i].requests, i), 0);
		expect_ok(r.stdout_text, cases[i].requests, each);
		expect_latencies(r.stdout_text, cases[i].requests);
		run_line(&f->peer);
		assert_int_equal(run_value(f->peer.stdout_text, "bytes"), cases[i].requests * each);
		assert_non_null(strstr(f->peer.stdout_text, " direction=exchange "));
	}
}

static void a_time_ends_it(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --time 200ms", f->port), 0);
	assert_in_range(run_value(r.stdout_text, "duration_ns"), 200 * NSEC_PER_MSEC,
			3 * NSEC_PER_SEC);
	expect_ok(r.stdout_text, run_value(r.stdout_text, "requests"), 128);
}

static void a_rate_is_kept(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;
	uint64_t fair;

	assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --rate 500 --time 1s",
				   f->port), 0);
	fair = 500 * run_value(r.stdout_text, "duration_ns") / NSEC_PER_SEC;
	assert_in_range(run_value(r.stdout_text, "requests"), fair / 2, fair + 1);
	/* what the timer overslept is no latency: well below the 2 ms between two */
	assert_in_range(run_value(r.stdout_text, "p50_ns"), 1, 1500 * NSEC_PER_USEC);
}

static void what_a_stall_delays_is_charged_to_all_that_waited(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	run_start(&r, "rr --peer 127.0.0.1:%u --rate 1000 --requests 1000", f->port);
	mn_sleep_until_ns(mn_now_ns() + 200 * NSEC_PER_MSEC);
	kill(f->peer.pid, SIGSTOP);
	mn_sleep_until_ns(mn_now_ns() + 400 * NSEC_PER_MSEC);
	kill(f->peer.pid, SIGCONT);
	assert_int_equal(run_wait(&r), 0);
	expect_ok(r.stdout_text, 1000, 128);
	/* four tenths of the requests waited, by 200 ms in the middle of them */
	assert_in_range(run_value(r.stdout_text, "p90_ns"), 200 * NSEC_PER_MSEC, NSEC_PER_SEC);
}

static void the_warm_up_leaves_no_latencies(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --rate 1000 --requests 400 "
				   "--warmup 200ms", f->port), 0);
	expect_ok(r.stdout_text, 400, 128);
	/* half of them, and one or two where the warm-up ends between two */
	assert_in_range(run_value(r.stdout_text, "latencies"), 1, 205);
	assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --requests 10 --warmup 10s",
				   f->port), 0);
	expect_ok(r.stdout_text, 10, 128);
	assert_int_equal(run_value(r.stdout_text, "latencies"), 0);
	assert_null(strstr(r.stdout_text, "p50_ns"));
}

static void sigterm_ends_it_in_order(void **state)
{
	static const char *const rates[] = { "", "--rate 1" };
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		run_start(&r, "rr --peer 127.0.0.1:%u %s --barrier", f->port, rates[i]);
		assert_string_equal(run_line(&r), "armed");
		assert_int_equal(write(r.in, "\n", 1), 1);
		mn_sleep_until_ns(mn_now_ns() + 200 * NSEC_PER_MSEC);
		kill(r.pid, SIGTERM);
		assert_int_equal(run_wait(&r), 0);
		expect_ok(r.stdout_text, run_value(r.stdout_text, "requests"), 128);
	}
}

static void at_the_barrier_it_can_be_called_off(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	run_start(&r, "rr --peer 127.0.0.1:%u --barrier", f->port);
	assert_string_equal(run_line(&r), "armed");
	run_close_stdin(&r);
	assert_int_equal(run_wait(&r), 0);
	assert_string_equal(r.stdout_text, "");
	assert_string_equal(r.stderr_text, "");
}

static void a_bit_flipped_on_the_way_is_named_by_its_message(void **state)
{
	static const char *const want[] = { "in request 8", "in response 8" };
	const uint64_t record_bytes = 64, message_bytes = 1000;
	struct peer_fixture *f = *state;

	for (int d = 0; d < 2; d++) {
		unsigned int port;
		pid_t proxy = proxy_start(&port, f->port, d ? PROXY_TO_CLIENT : PROXY_TO_PEER,
					  record_bytes + 7 * message_bytes + 500);
		struct run r;

		assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --request 1000 "
					   "--response 1000 --requests 20", port), 1);
		assert_non_null(strstr(r.stdout_text, " content=bad"));
		assert_int_equal(run_value(r.stdout_text, "requests"), 20);
		if (!strstr(r.stderr_text, want[d]))
			fail_msg("no '%s' in '%s'", want[d], r.stderr_text);
		assert_int_equal(waitpid(proxy, NULL, 0), proxy);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_given_number_of_requests_is_answered),
		TEST(a_time_ends_it),
		TEST(a_rate_is_kept),
		TEST(what_a_stall_delays_is_charged_to_all_that_waited),
		TEST(the_warm_up_leaves_no_latencies),
		TEST(sigterm_ends_it_in_order),
		TEST(at_the_barrier_it_can_be_called_off),
		TEST(a_bit_flipped_on_the_way_is_named_by_its_message),
	};

	return cmocka_run_group_tests_name("rr", tests, NULL, NULL);
}
