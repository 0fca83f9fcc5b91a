/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that wait for others: bind, listen, accept; what becomes of connections nobody
 * takes. See session_fixture.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/host/host_internal.h"
#include "memnet-core/test/flows_help.h"
#include "memnet-core/test/session_fixture.h"

#define SOON_MS	5000

static struct sockaddr_in at(const char *addr, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = inet_addr(addr) };
}

static void same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	assert_int_equal(a->ss_family, b->ss_family);
	assert_memory_equal(a, b, length_of(a));
}

static void accepts_from(struct fixture *fx, struct sockaddr_storage *where)
{
	struct memnet *m = attach(fx);
	struct memnet_flow *listener = listener_at(m, where), *f;
	struct sockaddr_storage peer = { 0 }, seen;
	socklen_t len = sizeof(peer);
	int fd;

	memnet_peer(listener, &seen);
	assert_int_equal(seen.ss_family, AF_UNSPEC);
	fd = call(where);
	assert_true(fd >= 0);
	assert_int_equal(memnet_accept(listener, &f), 0);
	getsockname(fd, (struct sockaddr *)&peer, &len);
	memnet_peer(f, &seen);
	same_address(&seen, &peer);
	memnet_local(f, &seen);
	same_address(&seen, where);
	talks(f, fd);
	memnet_close(f);
	memnet_close(listener);
	assert_int_equal(call(where), -ECONNREFUSED);
	memnet_detach(m);
	close(fd);
}

static void a_connection_is_accepted_with_both_addresses(void **state)
{
	struct sockaddr_storage where = { 0 };

	memcpy(&where, &(struct sockaddr_in){ AF_INET, 0, { htonl(INADDR_LOOPBACK) } },
	       sizeof(struct sockaddr_in));
	accepts_from(*state, &where);
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at));

	close(fd);
	return has;
}

static void so_it_is_over_ipv6(void **state)
{
	struct sockaddr_storage where = { 0 };

	if (!has_ipv6())
		skip();
	memcpy(&where, &(struct sockaddr_in6){ .sin6_family = AF_INET6,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT },
	       sizeof(struct sockaddr_in6));
	accepts_from(*state, &where);
}

static void a_guest_connects_over_ipv6(void **state)
{
	struct memnet *m = attach(*state);
	struct memnet_flow *listener, *in, *out;
	struct sockaddr_storage where = { 0 }, a, b;
	char byte;

	if (!has_ipv6())
		skip();
	memcpy(&where, &(struct sockaddr_in6){ .sin6_family = AF_INET6,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT },
	       sizeof(struct sockaddr_in6));
	listener = listener_at(m, &where);
	assert_int_equal(memnet_connect(m, (struct sockaddr *)&where, length_of(&where), &out), 0);
	assert_int_equal(memnet_accept(listener, &in), 0);
	memnet_local(out, &a);
	memnet_peer(in, &b);
	same_address(&a, &b);
	memnet_peer(out, &a);
	same_address(&a, &where);
	assert_int_equal(memnet_send(out, "6", 1), 1);
	assert_int_equal(memnet_recv(in, &byte, 1), 1);
	memnet_close(in);
	memnet_close(out);
	memnet_close(listener);
	memnet_detach(m);
}

static void the_policy_says_where_a_guest_listens(void **state)
{
	struct sockaddr_in elsewhere = at("127.0.0.2", 0), everywhere = at("0.0.0.0", 0);
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f;

	/* Nor does it speak from there: a connect would come from that address. */
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&elsewhere,
				     sizeof(elsewhere), 0, &f), -EACCES);
	assert_true(host_said(fx, "denied: listen tcp 127.0.0.2:0 "));
	assert_int_equal(memnet_bind(m, SOCK_DGRAM, (struct sockaddr *)&elsewhere,
				     sizeof(elsewhere), 0, &f), -EACCES);
	assert_true(host_said(fx, "denied: listen udp 127.0.0.2:0 "));
	elsewhere.sin_port = htons(7);
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&elsewhere,
				     sizeof(elsewhere), 0, &f), -EACCES);
	/* What the host chooses serves to speak from; it is judged when it listens. */
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&everywhere,
				     sizeof(everywhere), 0, &f), 0);
	assert_int_equal(memnet_listen(f, 1), -EACCES);
	memnet_close(f);
	memnet_detach(m);
}

static void a_bound_stream_connects_from_its_port(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_in from = at("127.0.0.1", 0), seen;
	struct memnet *m = attach(fx);
	struct sockaddr_storage local;
	socklen_t len = sizeof(seen);
	struct memnet_flow *f;
	int fd;

	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&from, sizeof(from), 0,
				     &f), 0);
	memnet_local(f, &local);
	assert_int_equal(memnet_connect_start(m, (struct sockaddr *)&fx->peer, sizeof(fx->peer),
					      &f), 0);
	fd = accept(fx->listener, (struct sockaddr *)&seen, &len);
	assert_int_equal(seen.sin_port, ((struct sockaddr_in *)&local)->sin_port);
	while (memnet_connect_result(f) == -EINPROGRESS)
		poll(NULL, 0, 1);
	assert_int_equal(memnet_connect_result(f), 0);
	talks(f, fd);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

static void connections_wait_while_no_flow_is_free(void **state)
{
	struct memnet *m = attach(*state);
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *f[MANY], *more;
	int fd[MANY];

	for (int i = 0; i < MANY; i++) {	/* one more than there are flows for */
		fd[i] = call(&where);
		assert_true(fd[i] >= 0);
	}
	for (int i = 0; i < MANY - 1; i++) {
		assert_int_equal(memnet_accept(listener, &f[i]), 0);
		talks(f[i], fd[i]);
	}
	memnet_set_blocking(listener, false);
	assert_int_equal(memnet_accept(listener, &more), -EAGAIN);
	assert_true(host_said(*state, " flows are in use; raise --flows"));
	memnet_close(f[0]);
	memnet_set_blocking(listener, true);
	assert_int_equal(memnet_accept(listener, &more), 0);
	talks(more, fd[MANY - 1]);
	memnet_close(more);
	for (int i = 1; i < MANY - 1; i++)
		memnet_close(f[i]);
	memnet_close(listener);
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	memnet_detach(m);
}

/* Each connection is a flow by now. */
static void wait_until_accepted(struct memnet_flow *listener, size_t connections)
{
	struct iovec spans[2];

	for (int ms = 0; ms < SOON_MS; ms++) {
		if (mn_consumer_peek(&listener->in, listener->in.size, spans) ==
		    (ssize_t)(connections * sizeof(struct mn_accepted)))
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("the host has not accepted them");
}

/* One of three is taken before the listener ends, in the way of @end. */
static void listener_ends(struct fixture *fx, int (*end)(struct memnet_flow *f))
{
	struct memnet *m = attach(fx);
	struct sockaddr_storage where;
	struct memnet_flow *listener = loopback_listener(m, &where), *taken;
	int fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = call(&where);
	wait_until_accepted(listener, 3);
	assert_int_equal(memnet_accept(listener, &taken), 0);
	if (end)
		assert_int_equal(end(listener), 0);
	else
		memnet_close(listener);
	is_reset(fd[1]);
	is_reset(fd[2]);
	talks(taken, fd[0]);
	assert_int_equal(call(&where), -ECONNREFUSED);
	if (end)
		memnet_close(listener);
	memnet_close(taken);
	close(fd[0]);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

static void closing_a_listener_resets_what_nobody_took(void **state)
{
	listener_ends(*state, NULL);
}

static void so_does_shutting_it_down(void **state)
{
	listener_ends(*state, memnet_shutdown_recv);
}

static void flows_run_out_for_binds_too(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f[MANY], *more;
	struct sockaddr_storage where;

	for (int i = 0; i < MANY; i++)
		f[i] = loopback_listener(m, &where);
	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)&fx->peer,
				     sizeof(fx->peer), 0, &more), -EMFILE);
	for (int i = 0; i < MANY; i++)
		memnet_close(f[i]);
	all_flows_are_free(fx, m);
	memnet_detach(m);
}

static void what_is_no_listener_accepts_nothing(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct memnet_flow *f, *in;
	int fd;

	f = connect_flow(fx, m, &fd);
	assert_int_equal(memnet_listen(f, 1), -EINVAL);
	assert_int_equal(memnet_accept(f, &in), -EINVAL);
	talks(f, fd);
	memnet_close(f);
	memnet_detach(m);
	close(fd);
}

/* Of a listener at :: that hears IPv4 as well, the rule of either may be withdrawn. */
static void a_rule_that_is_withdrawn_lets_nobody_in(void **state)
{
	struct fixture *fx = *state;
	struct memnet *m = attach(fx);
	struct sockaddr_storage where = { .ss_family = AF_INET6 }, ipv4 = { 0 };
	struct mn_policy policy = { 0 };
	struct memnet_flow *listener, *f;
	char byte;
	int fd;

	hold_host(fx);
	fx->host->config.policy = (struct mn_policy){ 0 };
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(mn_policy_add(&fx->host->config.policy, MN_POLICY_ALLOW,
					       i ? "listen tcp 0.0.0.0" : "listen tcp ::",
					       fx->said, sizeof(fx->said)), 0);
	release_host(fx);
	listener = listener_at(m, &where);
	*(struct sockaddr_in *)&ipv4 = at("127.0.0.1", ntohs(((struct sockaddr_in6 *)&where)->
							     sin6_port));
	fd = call(&ipv4);
	assert_int_equal(memnet_accept(listener, &f), 0);
	talks(f, fd);
	memnet_close(f);
	close(fd);
	assert_int_equal(mn_policy_add(&policy, MN_POLICY_ALLOW, "listen tcp ::", fx->said,
				       sizeof(fx->said)), 0);
	hold_host(fx);
	fx->host->config.policy = policy;
	release_host(fx);
	fd = call(&ipv4);
	assert_true(read(fd, &byte, 1) <= 0);
	assert_int_equal(memnet_events(listener), 0);
	memnet_close(listener);
	memnet_detach(m);
	close(fd);
}

#define listen_test(f)	cmocka_unit_test_setup_teardown(f, many_flows_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		listen_test(a_connection_is_accepted_with_both_addresses),
		listen_test(so_it_is_over_ipv6),
		listen_test(a_guest_connects_over_ipv6),
		listen_test(the_policy_says_where_a_guest_listens),
		listen_test(a_bound_stream_connects_from_its_port),
		listen_test(connections_wait_while_no_flow_is_free),
		listen_test(closing_a_listener_resets_what_nobody_took),
		listen_test(so_does_shutting_it_down),
		listen_test(flows_run_out_for_binds_too),
		listen_test(what_is_no_listener_accepts_nothing),
		listen_test(a_rule_that_is_withdrawn_lets_nobody_in),
	};

	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
