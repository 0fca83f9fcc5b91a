/* SPDX-License-Identifier: BSD-2-Clause */
/* The control channel against a guest played over a socket pair. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/guest_link.h"
#include "memnet-core/base/clock.h"

struct fixture {
	struct guest_link link;
	int guest;	/* the other end */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f->link.fd = fds[0];
	f->guest = fds[1];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->link.fd);
	close(f->guest);
	free(f);
	return 0;
}

static void guest_says(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->guest, text, strlen(text)), strlen(text));
}

static void an_answer_is_found_behind_events(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE], sent[64] = "";

	guest_says(f, "armed 1\nerr 0 some words\nmark a t_ns=5 bytes1=77\n");
	assert_int_equal(guest_command(&f->link, "mark a", "mark", line, sizeof(line), 1000), 0);
	assert_string_equal(line, "mark a t_ns=5 bytes1=77");
	assert_true(f->link.slots[1].armed);
	assert_string_equal(f->link.slots[0].complaint, "some words");
	assert_int_equal(read(f->guest, sent, sizeof(sent) - 1), 7);
	assert_string_equal(sent, "mark a\n");
}

static void an_error_of_the_guest_is_an_error(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE];

	guest_says(f, "error spawn 0 ENOENT no such program\n");
	assert_int_equal(guest_command(&f->link, "spawn 0 x", "spawned", line, sizeof(line), 1000),
			 -EREMOTEIO);
	assert_non_null(strstr(line, "ENOENT"));
}

static void silence_is_a_timeout_and_a_closed_end_a_broken_pipe(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE];

	assert_int_equal(guest_wait_line(&f->link, "ready", line, sizeof(line), 50), -ETIMEDOUT);
	shutdown(f->guest, SHUT_RDWR);
	assert_int_equal(guest_wait_line(&f->link, "ready", line, sizeof(line), 50), -EPIPE);
}

static int dead(void *arg)
{
	return -ECHILD;
}

static void the_watchdog_ends_a_wait(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE];

	f->link.watchdog = dead;
	assert_int_equal(guest_wait_line(&f->link, "ready", line, sizeof(line), 60000), -ECHILD);
}

static bool has_result(const struct guest_slot *s)
{
	return s->result[0];
}

static void slots_that_exit_or_have_a_result_end_the_wait(void **state)
{
	struct fixture *f = *state;

	f->link.slots[0].spawned = f->link.slots[1].spawned = true;
	guest_says(f, "result 0 workload=compute ops=5\nexit 1 signal=9\n");
	assert_int_equal(guest_wait_slots(&f->link, has_result, 1000), 0);
	assert_string_equal(f->link.slots[0].result, "workload=compute ops=5");
	assert_string_equal(f->link.slots[1].status, "signal=9");
}

static void nonsense_from_the_guest_does_no_harm(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE], *flood = malloc(3 * GUEST_LINE);

	memset(flood, 'x', 3 * GUEST_LINE);
	guest_says(f, "armed 99\nresult -1 a\nexit\narmed\n\n");
	assert_int_equal(write(f->guest, flood, 3 * GUEST_LINE), 3 * GUEST_LINE);
	guest_says(f, "\nready boot_ns=1\n");
	assert_int_equal(guest_wait_line(&f->link, "ready", line, sizeof(line), 1000), 0);
	assert_false(f->link.slots[0].armed);
	free(flood);
}

/* --- several guests ---------------------------------------------------------- */

#define GUESTS 3
#define APART_NS (30 * NSEC_PER_MSEC)

struct fixtures {
	struct fixture *f[GUESTS];
	struct guest_link *link[GUESTS];
	struct guest_answer answer[GUESTS];
};

static int setup_all(void **state)
{
	struct fixtures *all = calloc(1, sizeof(*all));

	for (int i = 0; i < GUESTS; i++) {
		setup((void **)&all->f[i]);
		all->link[i] = &all->f[i]->link;
	}
	*state = all;
	return 0;
}

static int teardown_all(void **state)
{
	struct fixtures *all = *state;

	for (int i = 0; i < GUESTS; i++)
		teardown((void **)&all->f[i]);
	free(all);
	return 0;
}

static int go_all(struct fixtures *all, int timeout_ms)
{
	return guest_command_all(all->link, GUESTS, "go", "went", all->answer, timeout_ms);
}

/* Guests that answer when all have been told, the last one first, and some time apart. */
static void *answer_backwards(void *arg)
{
	struct fixtures *all = arg;
	char told[8];

	for (int i = GUESTS - 1; i >= 0; i--)
		if (read(all->f[i]->guest, told, 3) != 3)
			return NULL;
	for (int i = GUESTS - 1; i >= 0; i--) {
		guest_says(all->f[i], i ? "armed 1\nwent t_ns=1\n" : "went t_ns=5\n");
		mn_sleep_until_ns(mn_now_ns() + APART_NS);
	}
	return NULL;
}

static void all_are_told_before_any_is_waited_for(void **state)
{
	struct fixtures *all = *state;
	pthread_t guests;

	assert_int_equal(pthread_create(&guests, NULL, answer_backwards, all), 0);
	assert_int_equal(go_all(all, 2000), 0);
	pthread_join(guests, NULL);
	assert_string_equal(all->answer[0].line, "went t_ns=5");
	assert_string_equal(all->answer[2].line, "went t_ns=1");
	assert_true(all->link[1]->slots[1].armed);
	assert_true(all->answer[0].at_ns - all->answer[1].at_ns > APART_NS / 2);
	assert_true(all->answer[1].at_ns - all->answer[2].at_ns > APART_NS / 2);
}

static void the_guest_that_is_silent_is_known(void **state)
{
	struct fixtures *all = *state;

	guest_says(all->f[0], "went t_ns=1\n");
	guest_says(all->f[2], "went t_ns=1\n");
	assert_int_equal(go_all(all, 50), -ETIMEDOUT);
	assert_true(all->answer[0].at_ns && !all->answer[1].at_ns && all->answer[2].at_ns);
}

static void one_that_fails_ends_the_wait_for_all(void **state)
{
	struct fixtures *all = *state;

	guest_says(all->f[1], "error command go\n");
	assert_int_equal(go_all(all, 60000), -EREMOTEIO);
	all->link[0]->watchdog = dead;
	assert_int_equal(go_all(all, 60000), -ECHILD);
	all->link[0]->watchdog = NULL;
	shutdown(all->f[2]->guest, SHUT_WR);
	assert_int_equal(go_all(all, 60000), -EPIPE);
}

static void a_flood_from_one_does_no_harm(void **state)
{
	struct fixtures *all = *state;
	char *flood = malloc(2 * GUEST_LINE);

	memset(flood, 'x', 2 * GUEST_LINE);
	assert_int_equal(write(all->f[1]->guest, flood, 2 * GUEST_LINE), 2 * GUEST_LINE);
	free(flood);
	for (int i = 0; i < GUESTS; i++)
		guest_says(all->f[i], "\nwent t_ns=1\n");
	assert_int_equal(go_all(all, 2000), 0);
}

static void values_are_found_by_whole_keys(void **state)
{
	int64_t v = -1;

	assert_int_equal(guest_value("mark a t_ns=5 bytes1=77 bytes=9", "bytes", &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(guest_value("t_ns=5", "t_ns", &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(guest_value("verified_bytes=3", "bytes", &v), -ENOENT);
	assert_int_equal(v, 5);
}

static void words_are_found_by_whole_keys_and_cut(void **state)
{
	char text[8];

	guest_text("bytes=9 provider=ivshmem wake=port", "provider", text, sizeof(text));
	assert_string_equal(text, "ivshmem");
	guest_text("bytes=9 provider=guest-ram wake=port", "provider", text, sizeof(text));
	assert_string_equal(text, "guest-r");
	guest_text("bytes=9 wake=port", "wake", text, sizeof(text));
	assert_string_equal(text, "port");
	guest_text("awake=port", "wake", text, sizeof(text));
	assert_string_equal(text, "");
}

static void note_output(void *arg, bool error, const char *text)
{
	strcat(strcat(arg, error ? "err " : "out "), text);
}

static void output_is_handed_on_and_the_last_complaint_kept(void **state)
{
	struct fixture *f = *state;
	char line[GUEST_LINE], text[128] = "";

	f->link.output = note_output;
	f->link.output_arg = text;
	guest_says(f, "out 0 a b\nerr 0  c\nout 0 \nresult 0 status=1\nwent\n");
	assert_int_equal(guest_wait_line(&f->link, "went", line, sizeof(line), 1000), 0);
	assert_string_equal(text, "out a berr  cout ");
	assert_string_equal(f->link.slots[0].complaint, " c");
	assert_string_equal(f->link.slots[0].result, "status=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_is_found_behind_events, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_of_the_guest_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(
			silence_is_a_timeout_and_a_closed_end_a_broken_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(the_watchdog_ends_a_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
			slots_that_exit_or_have_a_result_end_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_from_the_guest_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(
			all_are_told_before_any_is_waited_for, setup_all, teardown_all),
		cmocka_unit_test_setup_teardown(
			the_guest_that_is_silent_is_known, setup_all, teardown_all),
		cmocka_unit_test_setup_teardown(
			one_that_fails_ends_the_wait_for_all, setup_all, teardown_all),
		cmocka_unit_test_setup_teardown(
			a_flood_from_one_does_no_harm, setup_all, teardown_all),
		cmocka_unit_test_setup_teardown(
			output_is_handed_on_and_the_last_complaint_kept, setup, teardown),
		cmocka_unit_test(values_are_found_by_whole_keys),
		cmocka_unit_test(words_are_found_by_whole_keys_and_cut),
	};

	return cmocka_run_group_tests_name("guest link", tests, NULL, NULL);
}
