/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-work stream and peer over loopback TCP, whole: contents, ends, pacing, barrier. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/progress.h"
#include "workloads/test/proxy.h"
#include "workloads/test/run.h"

static const char *const directions[] = { "send", "recv" };

static void sleep_ms(int64_t ms)
{
	mn_sleep_until_ns(mn_now_ns() + ms * NSEC_PER_MSEC);
}

static void expect_content(const char *result, const char *content)
{
	char want[32];

	snprintf(want, sizeof(want), " content=%s", content);
	if (!strstr(result, want))
		fail_msg("no%s in '%s'", want, result);
}

/*
 * What the peer says of @n flows: the sum of their bytes. It has a verdict of each that
 * had any; of what it sent it has none.
 */
static uint64_t peer_total(struct run *peer, int n, const char *content)
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++) {
		const uint64_t flow = run_value(run_line(peer), "bytes");
		const bool unchecked = !flow && strcmp(content, "sent");

		expect_content(peer->stdout_text, unchecked ? "unchecked" : content);
		assert_true(run_value(peer->stdout_text, "duration_ns") < 60 * NSEC_PER_SEC);
		bytes += flow;
	}
	return bytes;
}

static void a_given_number_of_bytes_arrives_whole(void **state)
{
	static const uint64_t sizes[] = { 1, 4096, 10000001, 300 << 20 };
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
					"--bytes %lu --seed %zu", f->port, directions[d],
					sizes[i], i), 0);
			expect_content(r.stdout_text, "ok");
			assert_int_equal(run_value(r.stdout_text, "bytes"), sizes[i]);
			assert_int_equal(run_value(r.stdout_text, "verified_bytes"), sizes[i]);
			assert_int_equal(run_value(run_line(&f->peer), "bytes"), sizes[i]);
			expect_content(f->peer.stdout_text, d ? "sent" : "ok");
		}
}

static void a_time_ends_a_stream(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++) {
		assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
					   "--time 200ms",
					   f->port, directions[d]), 0);
		expect_content(r.stdout_text, "ok");
		assert_in_range(run_value(r.stdout_text, "duration_ns"), 150 * NSEC_PER_MSEC,
				3 * NSEC_PER_SEC);
		assert_int_equal(run_value(r.stdout_text, "bytes"),
				 run_value(r.stdout_text, "verified_bytes"));
	}
}

/* A progress file, mapped as a reader would; the name is in @path. */
static const struct workload_progress *progress_file(char path[64])
{
	const struct workload_progress *p;
	int fd;

	strcpy(path, "/tmp/test_stream.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0 && !ftruncate(fd, sizeof(*p)));
	p = mmap(NULL, sizeof(*p), PROT_READ, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	close(fd);
	return p;
}

static void wait_for_bytes(const struct workload_progress *p, uint64_t bytes)
{
	for (int i = 0; i < 1000; i++) {
		if (__atomic_load_n(&p->bytes, __ATOMIC_RELAXED) >= bytes)
			return;
		sleep_ms(5);
	}
	fail_msg("no %lu bytes within 5 s", bytes);
}

static void sigterm_in_mid_stream_ends_it_in_order(void **state)
{
	struct peer_fixture *f = *state;

	for (size_t d = 0; d < 2; d++) {
		char path[64];
		const struct workload_progress *p = progress_file(path);
		struct run r;
		uint64_t bytes;

		run_start(&r, "stream --peer 127.0.0.1:%u --direction %s --progress %s", f->port,
			  directions[d], path);
		wait_for_bytes(p, 8 << 20);
		assert_int_equal(p->magic, WORKLOAD_PROGRESS_MAGIC);
		assert_int_equal(p->state, WORKLOAD_RUNNING);
		kill(r.pid, SIGTERM);
		assert_int_equal(run_wait(&r), 0);
		expect_content(r.stdout_text, "ok");
		bytes = run_value(r.stdout_text, "bytes");
		assert_int_equal(p->bytes, bytes);
		assert_int_equal(p->state, WORKLOAD_ENDED);
		assert_int_equal(run_value(run_line(&f->peer), "bytes"), bytes);
		munmap((void *)p, sizeof(*p));
		unlink(path);
	}
}

static void a_bit_flipped_on_the_way_is_reported_with_its_offset(void **state)
{
	const uint64_t offset = 5000003, record_bytes = 64;
	struct peer_fixture *f = *state;

	for (size_t d = 0; d < 2; d++) {
		unsigned int port;
		pid_t proxy = proxy_start(&port, f->port, d ? PROXY_TO_CLIENT : PROXY_TO_PEER,
					  record_bytes + offset);
		struct run r;

		assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
					   "--bytes 10M",
					   port, directions[d]), 1);
		expect_content(r.stdout_text, "bad");
		assert_int_equal(run_value(r.stdout_text, "bytes"), 10 << 20);
		assert_int_equal(run_value(r.stdout_text, "first_bad_offset"), offset);
		assert_non_null(strstr(r.stderr_text, "offset 5000003"));
		assert_int_equal(waitpid(proxy, NULL, 0), proxy);
	}
}

static void a_rate_is_kept(void **state)
{
	const uint64_t rate = 20 << 20;
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++) {
		uint64_t ns, fair;

		assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
				"--rate 20M --chunk 64k --time 500ms", f->port, directions[d]), 0);
		ns = run_value(r.stdout_text, "duration_ns");
		fair = rate * ns / NSEC_PER_SEC;
		assert_in_range(run_value(r.stdout_text, "bytes"), fair / 2,
				fair + rate / 100 + 65536);
	}
}

static void at_the_barrier_nothing_moves_until_the_line(void **state)
{
	struct peer_fixture *f = *state;
	char path[64];
	const struct workload_progress *p = progress_file(path);

	for (size_t d = 0; d < 2; d++) {
		struct run r;

		run_start(&r, "stream --peer 127.0.0.1:%u --direction %s --bytes 1M --barrier "
			  "--progress %s", f->port, directions[d], path);
		assert_string_equal(run_line(&r), "armed");
		sleep_ms(50);
		assert_int_equal(p->state, WORKLOAD_ARMED);
		assert_int_equal(p->bytes, 0);
		assert_int_equal(write(r.in, "\n", 1), 1);
		assert_int_equal(run_wait(&r), 0);
		assert_int_equal(run_value(r.stdout_text, "bytes"), 1 << 20);
	}
	munmap((void *)p, sizeof(*p));
	unlink(path);
}

static void at_the_barrier_end_of_file_and_sigterm_call_it_off(void **state)
{
	struct peer_fixture *f = *state;

	for (size_t d = 0; d < 2; d++)
		for (int by_signal = 0; by_signal < 2; by_signal++) {
			struct run r;

			run_start(&r, "stream --peer 127.0.0.1:%u --direction %s --barrier",
				  f->port, directions[d]);
			assert_string_equal(run_line(&r), "armed");
			if (by_signal)
				kill(r.pid, SIGTERM);
			else
				run_close_stdin(&r);
			assert_int_equal(run_wait(&r), 0);
			assert_string_equal(r.stdout_text, "");
			assert_string_equal(r.stderr_text, "");
			assert_int_equal(peer_total(&f->peer, 1, d ? "sent" : "ok"), 0);
		}
}

static void two_streams_at_once_share_a_peer(void **state)
{
	struct peer_fixture *f = *state;
	struct run r[2];

	for (size_t d = 0; d < 2; d++) {
		run_start(&r[d], "stream --peer 127.0.0.1:%u --direction %s --bytes 20M --barrier",
			  f->port, directions[d]);
		assert_string_equal(run_line(&r[d]), "armed");
	}
	for (size_t d = 0; d < 2; d++)
		assert_int_equal(write(r[d].in, "go\n", 3), 3);
	for (size_t d = 0; d < 2; d++) {
		assert_int_equal(run_wait(&r[d]), 0);
		expect_content(r[d].stdout_text, "ok");
	}
}

static void flows_share_a_number_of_bytes(void **state)
{
	static const int flows[] = { 2, 8, 64 };
	const uint64_t bytes = 30000001;
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++)
		for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
			assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
					"--flows %d --chunk 64k --bytes %lu", f->port,
					directions[d], flows[i], bytes), 0);
			expect_content(r.stdout_text, "ok");
			assert_int_equal(run_value(r.stdout_text, "flows"), flows[i]);
			assert_int_equal(run_value(r.stdout_text, "bytes"), bytes);
			assert_int_equal(run_value(r.stdout_text, "verified_bytes"), bytes);
			assert_int_equal(peer_total(&f->peer, flows[i], d ? "sent" : "ok"), bytes);
		}
}

static void flows_share_a_rate(void **state)
{
	const uint64_t rate = 40 << 20;
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++) {
		uint64_t fair;

		assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
				"--flows 4 --rate 40M --chunk 16k --time 500ms", f->port,
				directions[d]), 0);
		fair = rate * run_value(r.stdout_text, "duration_ns") / NSEC_PER_SEC;
		assert_in_range(run_value(r.stdout_text, "bytes"), fair / 2,
				fair + rate / 100 + 4 * 16384);
		peer_total(&f->peer, 4, d ? "sent" : "ok");
	}
}

static void sigterm_ends_all_flows_in_order(void **state)
{
	struct peer_fixture *f = *state;

	for (size_t d = 0; d < 2; d++) {
		char path[64];
		const struct workload_progress *p = progress_file(path);
		struct run r;
		uint64_t bytes;

		run_start(&r, "stream --peer 127.0.0.1:%u --direction %s --flows 8 --progress %s",
			  f->port, directions[d], path);
		wait_for_bytes(p, 64 << 20);
		kill(r.pid, SIGTERM);
		assert_int_equal(run_wait(&r), 0);
		expect_content(r.stdout_text, "ok");
		bytes = run_value(r.stdout_text, "bytes");
		assert_int_equal(p->bytes, bytes);
		assert_int_equal(run_value(r.stdout_text, "verified_bytes"), bytes);
		assert_int_equal(peer_total(&f->peer, 8, d ? "sent" : "ok"), bytes);
		munmap((void *)p, sizeof(*p));
		unlink(path);
	}
}

/* The time is over before most of them begin; each has its line all the same. */
static void flows_without_a_byte_have_a_result(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	for (size_t d = 0; d < 2; d++) {
		assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction %s "
					   "--flows 64 --time 1ns", f->port, directions[d]), 0);
		assert_int_equal(peer_total(&f->peer, 64, d ? "sent" : "ok"),
				 run_value(r.stdout_text, "bytes"));
	}
}

static void at_the_barrier_flows_can_be_called_off(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	run_start(&r, "stream --peer 127.0.0.1:%u --direction recv --flows 8 --barrier", f->port);
	assert_string_equal(run_line(&r), "armed");
	run_close_stdin(&r);
	assert_int_equal(run_wait(&r), 0);
	assert_string_equal(r.stdout_text, "");
	assert_string_equal(r.stderr_text, "");
	assert_int_equal(peer_total(&f->peer, 8, "sent"), 0);
}

static void options_that_make_no_sense_are_refused_with_status_2(void **state)
{
	static const char *const lines[] = {
		"", "nonsense", "stream", "stream --direction send", "stream --nonsense",
		"stream --peer 127.0.0.1:1 --direction up",
		"stream --peer 127.0.0.1 --direction send",
		"stream --peer 127.0.0.1:1 --direction send --chunk 5000",
		"stream --peer 127.0.0.1:1 --direction send --chunk 8M",
		"stream --peer 127.0.0.1:1 --direction send --burst 2s",
		"stream --peer 127.0.0.1:1 --direction send --time 5",
		"stream --peer 127.0.0.1:1 --direction send --transport pigeon",
		"stream --peer 127.0.0.1:1 --direction send --rate",
		"stream --peer 127.0.0.1:1 --direction send --flows 0",
		"stream --peer 127.0.0.1:1 --direction send --flows 65",
		"stream --peer 127.0.0.1:1 --direction send --flows 8 --bytes 7",
		"stream --peer 127.0.0.1:1 --direction send --flows 8 --rate 7",
		"rr", "rr --peer 127.0.0.1:1 --request 0", "rr --peer 127.0.0.1:1 --response 5M",
		"rr --peer 127.0.0.1:1 --rate 10000001",
		"compute --kernel nonsense", "compute --ops -1", "compute stray",
		"peer", "copy --bytes 9",
	};
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (run_whole(&r, "%s", lines[i]) != 2 || !r.stderr_text[0])
			fail_msg("'%s' gave status %d", lines[i], r.status);
		assert_string_equal(r.stdout_text, "");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_given_number_of_bytes_arrives_whole),
		TEST(a_time_ends_a_stream),
		TEST(sigterm_in_mid_stream_ends_it_in_order),
		TEST(a_bit_flipped_on_the_way_is_reported_with_its_offset),
		TEST(a_rate_is_kept),
		TEST(at_the_barrier_nothing_moves_until_the_line),
		TEST(at_the_barrier_end_of_file_and_sigterm_call_it_off),
		TEST(two_streams_at_once_share_a_peer),
		TEST(flows_share_a_number_of_bytes),
		TEST(flows_share_a_rate),
		TEST(sigterm_ends_all_flows_in_order),
		TEST(flows_without_a_byte_have_a_result),
		TEST(at_the_barrier_flows_can_be_called_off),
		cmocka_unit_test(options_that_make_no_sense_are_refused_with_status_2),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
