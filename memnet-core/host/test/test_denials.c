/* SPDX-License-Identifier: BSD-2-Clause */
/* How often a denial is told, by a clock of the test's own. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/host/host_internal.h"

static int64_t now_ns;
static unsigned int lines;
static char said[400];		/* the last line */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	*ts = mn_timespec(now_ns);
	return 0;
}

void mn_object_send_policy(struct mn_host *h)
{
}

void mn_host_report(struct mn_host *h, const char *line)
{
	lines++;
	snprintf(said, sizeof(said), "%s", line);
}

static struct mn_host *new_host(void)
{
	static struct mn_host h;

	memset(&h, 0, sizeof(h));
	now_ns = NSEC_PER_SEC;
	lines = 0;
	return &h;
}

static bool try(struct mn_host *h, enum mn_policy_use use, int protocol, const char *text,
		uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return mn_host_permits(h, use, protocol, (struct sockaddr *)&in6);
	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return mn_host_permits(h, use, protocol, (struct sockaddr *)&in);
}

static void it_says_what_was_tried(void **state)
{
	struct mn_host *h = new_host();

	assert_false(try(h, MN_POLICY_LISTEN, IPPROTO_UDP, "2001:db8::1", 53));
	assert_string_equal(said, "denied: listen udp [2001:db8::1]:53 (no rule allows it; "
			    "--allow or policy file)");
	assert_false(try(h, MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 25));
	assert_string_equal(said, "denied: connect tcp 10.0.0.1:25 (no rule allows it; --allow or "
			    "policy file)");
}

static void what_is_permitted_is_not_told(void **state)
{
	struct mn_host *h = new_host();

	mn_policy_add(&h->config.policy, MN_POLICY_ALLOW, "10.0.0.0/8", NULL, 0);
	assert_true(try(h, MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 25));
	assert_int_equal(lines, 0);
}

static void once_a_minute_for_each(void **state)
{
	static const struct {
		enum mn_policy_use use;
		int protocol;
		const char *addr;
		uint16_t port;
	} each[] = {
		{ MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 25 },
		{ MN_POLICY_LISTEN, IPPROTO_TCP, "10.0.0.1", 25 },
		{ MN_POLICY_CONNECT, IPPROTO_UDP, "10.0.0.1", 25 },
		{ MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.2", 25 },
		{ MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 26 },
	};
	struct mn_host *h = new_host();

	for (int second = 0; second < 180; second++) {
		for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
			assert_false(try(h, each[i].use, each[i].protocol, each[i].addr,
					 each[i].port));
		assert_int_equal(lines, (1 + second / 60) * 5);
		now_ns += NSEC_PER_SEC;
	}
}

static void a_scan_is_so_many_lines_a_minute(void **state)
{
	struct mn_host *h = new_host();

	for (int minute = 1; minute <= 3; minute++) {
		for (uint16_t port = 1; port < 5000; port++)
			try(h, MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", port);
		assert_int_equal(lines, minute * DENIALS);
		assert_non_null(strstr(said, "; other denials of this minute are not told"));
		now_ns += 60 * NSEC_PER_SEC;
	}
}

static void a_policy_that_is_new_forgets(void **state)
{
	struct mn_policy none = { 0 };
	struct mn_host *h = new_host();

	try(h, MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 25);
	mn_host_set_policy(h, &none);
	try(h, MN_POLICY_CONNECT, IPPROTO_TCP, "10.0.0.1", 25);
	assert_int_equal(lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_was_tried),
		cmocka_unit_test(what_is_permitted_is_not_told),
		cmocka_unit_test(once_a_minute_for_each),
		cmocka_unit_test(a_scan_is_so_many_lines_a_minute),
		cmocka_unit_test(a_policy_that_is_new_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
