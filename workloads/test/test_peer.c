/* SPDX-License-Identifier: BSD-2-Clause */
/* A peer among hostile, vanishing and dead ones; a client whose peer dies or hangs. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "workloads/test/run.h"
#include "workloads/wire.h"

static void expect_alive(struct peer_fixture *f)
{
	struct run r;

	assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction send --bytes 1M",
				   f->port), 0);
	assert_non_null(strstr(r.stdout_text, " content=ok"));
}

static const struct wire_hello good_hello = {
	.magic = WIRE_MAGIC, .version = WIRE_VERSION, .direction = WIRE_RECV, .seed = 1,
	.chunk_bytes = 262144, .burst_ns = 10000000,
};

/* The error the peer answers @hello with; its connection stays open in *fd. */
static int answer_to(const struct peer_fixture *f, const struct wire_hello *hello, int *fd)
{
	struct wire_record reply;

	*fd = connect_to(f->port);
	assert_int_equal(mn_write_all(*fd, hello, sizeof(*hello)), 0);
	assert_int_equal(mn_read_all(*fd, &reply, sizeof(reply)), 0);
	assert_true(wire_is_record(&reply, WIRE_REPLY));
	return reply.error;
}

#define HOSTILE(member, bad) { offsetof(struct wire_hello, member), \
			       sizeof(((struct wire_hello *)0)->member), bad }

static void hostile_hellos_are_refused_and_the_next_client_is_served(void **state)
{
	static const struct { size_t offset, size; uint64_t bad; } cases[] = {
		HOSTILE(magic, 0), HOSTILE(magic, WIRE_MAGIC + 1), HOSTILE(version, 0),
		HOSTILE(version, WIRE_VERSION - 1), HOSTILE(version, WIRE_VERSION + 1),
		HOSTILE(direction, 0), HOSTILE(direction, 4), HOSTILE(direction, WIRE_EXCHANGE),
		HOSTILE(direction, UINT32_MAX), HOSTILE(chunk_bytes, 0), HOSTILE(chunk_bytes, 4095),
		HOSTILE(chunk_bytes, WIRE_MAX_CHUNK + 4096),
		HOSTILE(chunk_bytes, UINT64_MAX - 4095),
		HOSTILE(rate_bytes_per_s, UINT64_MAX), HOSTILE(response_bytes, 1),
	};
	struct peer_fixture *f = *state;
	char byte;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire_hello h = good_hello;

		memcpy((char *)&h + cases[i].offset, &cases[i].bad, cases[i].size);
		assert_int_not_equal(answer_to(f, &h, &fd), 0);
		assert_int_equal(read(fd, &byte, 1), 0);
		close(fd);
	}
	expect_alive(f);
}

static void hostile_sizes_of_messages_are_refused(void **state)
{
	static const struct { uint64_t request, response; } sizes[] = {
		{ 0, 64 }, { 64, 0 }, { WIRE_MAX_CHUNK + 1, 64 }, { 64, WIRE_MAX_CHUNK + 1 },
		{ UINT64_MAX, 64 }, { 64, UINT64_MAX },
	};
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct wire_hello h = good_hello;
		int fd;

		h.direction = WIRE_EXCHANGE;
		h.chunk_bytes = sizes[i].request;
		h.response_bytes = sizes[i].response;
		assert_int_equal(answer_to(f, &h, &fd), EINVAL);
		close(fd);
	}
	expect_alive(f);
}

/* A request that never comes whole gets no verdict. */
static void half_a_request_ends_that_exchange_only(void **state)
{
	struct peer_fixture *f = *state;
	struct wire_hello h = good_hello;
	char byte;
	int fd;

	h.direction = WIRE_EXCHANGE;
	h.chunk_bytes = h.response_bytes = 1000;
	assert_int_equal(answer_to(f, &h, &fd), 0);
	assert_int_equal(mn_write_all(fd, &h, sizeof(h)), 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	expect_alive(f);
}

static void a_hostile_burst_is_refused(void **state)
{
	static const int64_t bursts[] = { 0, -1, INT64_MIN, INT64_MAX };
	struct peer_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bursts); i++) {
		struct wire_hello h = good_hello;
		int fd;

		h.rate_bytes_per_s = 1000;
		h.burst_ns = bursts[i];
		assert_int_equal(answer_to(f, &h, &fd), EINVAL);
		close(fd);
	}
	expect_alive(f);
}

static void the_good_hello_of_these_tests_is_good(void **state)
{
	int fd;

	assert_int_equal(answer_to(*state, &good_hello, &fd), 0);
	close(fd);
}

static void wrong_words_where_go_belongs_end_that_stream_only(void **state)
{
	struct peer_fixture *f = *state;
	char junk[64] = "GET / HTTP/1.0", byte;
	int fd;

	assert_int_equal(answer_to(f, &good_hello, &fd), 0);
	assert_int_equal(mn_write_all(fd, junk, sizeof(junk)), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
	expect_alive(f);
}

static void clients_that_vanish_do_not_end_the_peer(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct peer_fixture *f = *state;
	struct wire_record go = wire_record(WIRE_GO);

	for (int stage = 0; stage < 4; stage++) {
		struct wire_hello h = good_hello;
		int fd;

		h.direction = stage == 3 ? WIRE_SEND : WIRE_RECV;
		if (stage == 0)
			fd = connect_to(f->port);
		else
			assert_int_equal(answer_to(f, &h, &fd), 0);
		if (stage >= 2)
			assert_int_equal(mn_write_all(fd, &go, sizeof(go)), 0);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		expect_alive(f);
	}
}

static void a_client_that_closes_at_its_limit_got_it_all(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct wire_record go = wire_record(WIRE_GO);
	struct wire_hello h = good_hello;
	struct peer_fixture *f = *state;
	char content[8192];
	int fd;

	h.limit_bytes = sizeof(content);
	assert_int_equal(answer_to(f, &h, &fd), 0);
	assert_int_equal(mn_write_all(fd, &go, sizeof(go)), 0);
	assert_int_equal(mn_read_all(fd, content, sizeof(content)), 0);
	assert_int_equal(read(fd, content, 1), 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	assert_int_equal(run_value(run_line(&f->peer), "bytes"), sizeof(content));
}

static void more_streams_than_allowed_are_sent_away_not_served_late(void **state)
{
	struct peer_fixture *f = *state;
	struct wire_record reply = { 0 };
	int fds[129];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connect_to(f->port);
	assert_int_equal(mn_read_all(fds[128], &reply, sizeof(reply)), 0);
	assert_int_equal(reply.error, EBUSY);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++) {
		struct run r;

		if (!run_whole(&r, "stream --peer 127.0.0.1:%u --direction send --bytes 1M",
			       f->port))
			return;
		mn_sleep_until_ns(mn_now_ns() + 20 * NSEC_PER_MSEC);
	}
	fail_msg("no stream is served after the crowd has left");
}

static void a_stopped_peer_leaves_though_streams_are_open(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	run_start(&r, "stream --peer 127.0.0.1:%u --direction send --barrier", f->port);
	assert_string_equal(run_line(&r), "armed");
	assert_int_equal(write(r.in, "\n", 1), 1);
	mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	peer_stop(&f->peer);
	assert_int_equal(run_wait(&r), 1);
	peer_start(&f->peer, f->port);
}

static void a_peer_killed_in_the_middle_is_a_clear_error(void **state)
{
	static const char *const clients[] = {
		"stream --direction send", "stream --direction recv",
		"stream --direction send --flows 8", "stream --direction recv --flows 8",
		"rr", "rr --rate 1000", "rr --request 1M --response 1M",
	};

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		unsigned int port = free_port();
		struct run peer, r;

		peer_start(&peer, port);
		run_start(&r, "%s --peer 127.0.0.1:%u --barrier", clients[i], port);
		assert_string_equal(run_line(&r), "armed");
		assert_int_equal(write(r.in, "\n", 1), 1);
		mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
		kill(peer.pid, SIGKILL);
		assert_int_equal(run_wait(&peer), 1000 + SIGKILL);
		assert_int_equal(run_wait(&r), 1);
		assert_non_null(strstr(r.stderr_text, " broke after "));
		assert_null(strstr(r.stdout_text, "result"));
	}
}

static void a_peer_that_hangs_does_not_hold_a_stopped_client(void **state)
{
	static const char *const clients[] = {
		"stream --direction recv", "stream --direction send --flows 8", "rr",
	};
	struct peer_fixture *f = *state;
	struct run r[ARRAY_SIZE(clients)];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		run_start(&r[i], "%s --peer 127.0.0.1:%u --barrier", clients[i], f->port);
		assert_string_equal(run_line(&r[i]), "armed");
	}
	kill(f->peer.pid, SIGSTOP);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		assert_int_equal(write(r[i].in, "\n", 1), 1);
	mn_sleep_until_ns(mn_now_ns() + 300 * NSEC_PER_MSEC);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		kill(r[i].pid, SIGTERM);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		run_wait(&r[i]);
	kill(f->peer.pid, SIGCONT);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		assert_int_equal(r[i].status, 1);
		assert_non_null(strstr(r[i].stderr_text, "within 5 s"));
	}
}

/* A peer that welcomes, then says @answer, @len bytes, to whatever comes. */
static pid_t lying_peer(unsigned int *port, const void *answer, size_t len)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct wire_record welcome = wire_record(WIRE_REPLY);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t at_len = sizeof(at);
	char said[64];
	pid_t pid;
	int fd;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1));
	assert_false(getsockname(listener, (struct sockaddr *)&at, &at_len));
	*port = ntohs(at.sin_port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid) {
		close(listener);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = accept(listener, NULL, NULL);
	if (mn_read_all(fd, said, sizeof(said)) || mn_write_all(fd, &welcome, sizeof(welcome)) ||
	    read(fd, said, sizeof(said)) <= 0 || mn_write_all(fd, answer, len))
		_exit(1);
	shutdown(fd, SHUT_WR);
	while (read(fd, said, sizeof(said)) > 0)
		;
	_exit(0);
}

static void hostile_answers_to_a_request_are_no_success(void **state)
{
	static const char junk[64 + sizeof(struct wire_record)] = "HTTP/1.0 400 Bad Request";
	/* no response; a piece of one; a wrong one, then no verdict; wrong, then nonsense */
	static const size_t lengths[] = { 0, 10, 64, sizeof(junk) };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned int port;
		pid_t pid = lying_peer(&port, junk, lengths[i]);
		struct run r;

		assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --requests 1", port), 1);
		assert_non_null(strstr(r.stderr_text, " broke after "));
		assert_null(strstr(r.stdout_text, "result"));
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void a_verdict_on_other_requests_is_bad_content(void **state)
{
	struct { char response[64]; struct wire_record verdict; } answer = {
		.verdict = wire_record(WIRE_VERDICT),
	};
	static const uint64_t counts[] = { 0, 63, 65, UINT64_MAX };

	answer.verdict.content_ok = 1;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned int port;
		struct run r;
		pid_t pid;

		answer.verdict.bytes = answer.verdict.verified_bytes = counts[i];
		pid = lying_peer(&port, &answer, sizeof(answer));
		assert_int_equal(run_whole(&r, "rr --peer 127.0.0.1:%u --requests 1", port), 1);
		assert_non_null(strstr(r.stdout_text, " content=bad"));
		assert_true(run_value(r.stdout_text, "verified_bytes") <= 64);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void nobody_listening_names_the_command_to_type(void **state)
{
	struct run r;

	assert_int_equal(run_whole(&r, "stream --peer 127.0.0.1:%u --direction send",
				   free_port()), 1);
	assert_non_null(strstr(r.stderr_text, "memnet-work peer --listen 127.0.0.1:"));
}

static void a_taken_port_is_a_clear_error(void **state)
{
	struct peer_fixture *f = *state;
	struct run r;

	assert_int_equal(run_whole(&r, "peer --listen 127.0.0.1:%u", f->port), 1);
	assert_non_null(strstr(r.stderr_text, "cannot listen at 127.0.0.1:"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, peer_set_up, peer_tear_down)

static void only_a_transport_that_can_listen_will_do(void **state)
{
	struct run r;

	assert_int_equal(run_whole(&r, "peer --transport memnet --listen 127.0.0.1:7000"), 2);
	assert_non_null(strstr(r.stderr_text, "nobody can listen on transport 'memnet'"));
	assert_null(strstr(r.stderr_text, "\n  memnet"));
	assert_non_null(strstr(r.stderr_text, "\n  vsock "));
	assert_int_equal(run_whole(&r, "peer --transport pigeon --listen 127.0.0.1:7000"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_good_hello_of_these_tests_is_good),
		TEST(hostile_hellos_are_refused_and_the_next_client_is_served),
		TEST(hostile_sizes_of_messages_are_refused),
		TEST(only_a_transport_that_can_listen_will_do),
		TEST(half_a_request_ends_that_exchange_only),
		TEST(a_hostile_burst_is_refused),
		TEST(wrong_words_where_go_belongs_end_that_stream_only),
		TEST(clients_that_vanish_do_not_end_the_peer),
		TEST(a_client_that_closes_at_its_limit_got_it_all),
		TEST(more_streams_than_allowed_are_sent_away_not_served_late),
		TEST(a_stopped_peer_leaves_though_streams_are_open),
		cmocka_unit_test(a_peer_killed_in_the_middle_is_a_clear_error),
		TEST(a_peer_that_hangs_does_not_hold_a_stopped_client),
		cmocka_unit_test(hostile_answers_to_a_request_are_no_success),
		cmocka_unit_test(a_verdict_on_other_requests_is_bad_content),
		cmocka_unit_test(nobody_listening_names_the_command_to_type),
		TEST(a_taken_port_is_a_clear_error),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
