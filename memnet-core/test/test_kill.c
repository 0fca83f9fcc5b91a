/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9, and SIGSTOP, of every party in every moment: the others know within 2 s,
 * a stream cut short never looks whole, nothing is left behind, and the next stream
 * works in the same region. The times measured are printed. MEMNET_KILL_ROUNDS=N
 * does all of it N times, at other random moments.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/test/parties.h"

#define KNOWN_MS	2000	/* within which everybody shall know */
#define RENEW_MS	6000	/* until a stream works again; generous, for sanitizers */
#define AGENT		"agent.sock"

static uint64_t seed;

static void sleep_random_ms(unsigned int at_most)
{
	struct timespec ts = mn_timespec(mn_splitmix64(&seed) % (at_most * NSEC_PER_MSEC));

	nanosleep(&ts, NULL);
}

/* --- who is hit, and what mends it ----------------------------------------------------- */

static pid_t worker(const struct parties *p)
{
	return child_of(p->memnetd.pid, 0);
}

static bool has_worker(void *p)
{
	return worker(p) > 0;
}

static pid_t find_worker(struct parties *p, struct party *client)
{
	assert_true(becomes(has_worker, p, KNOWN_MS));
	return worker(p);
}

static pid_t find_agent(struct parties *p, struct party *client)
{
	return p->agent.pid;
}

static pid_t find_client(struct parties *p, struct party *client)
{
	return client->pid;
}

static pid_t find_peer(struct parties *p, struct party *client)
{
	return p->peer.pid;
}

static pid_t find_broker(struct parties *p, struct party *client)
{
	return p->memnetd.pid;
}

static void renew_nothing(struct parties *p)
{
}

static void renew_agent(struct parties *p)
{
	party_end(&p->agent);
	agent_start(p);
}

static void renew_peer(struct parties *p)
{
	party_end(&p->peer);
	peer_start(p);
}

/* A guest cannot outlive its memnetd: QEMU does not connect again, nor does our agent. */
static void renew_broker(struct parties *p)
{
	party_end(&p->memnetd);
	party_end(&p->agent);
	memnetd_start(p);
	agent_start(p);
}

struct victim {
	const char *name;
	pid_t (*find)(struct parties *p, struct party *client);
	void (*renew)(struct parties *p);
};

static const struct victim
	the_worker = { "worker", find_worker, renew_nothing },
	the_agent = { "agent", find_agent, renew_agent },
	the_client = { "client", find_client, renew_nothing },
	the_peer = { "peer", find_peer, renew_peer },
	the_broker = { "broker", find_broker, renew_broker };

/* --- what is known of it, and when ------------------------------------------------------- */

static bool is_defined(int error)
{
	static const int defined[] = { 0, -ECONNRESET, -EPIPE, -ENODEV, -ECONNREFUSED, -ETIMEDOUT };

	for (size_t i = 0; i < ARRAY_SIZE(defined); i++)
		if (defined[i] == error)
			return true;
	return false;
}

static void print_known(const struct victim *v, const char *how, enum mode mode, const char *who,
			const struct event *e, int64_t hit_ns)
{
	print_message("%-7s %-6s mode %c: %-6s knows after %5lld ms: %s\n", v->name, how, mode, who,
		      (long long)((e->ns - hit_ns) / NSEC_PER_MSEC),
		      e->error ? strerror(-e->error) : "end of stream");
}

static void client_knows(const struct victim *v, const char *how, enum mode mode,
			 struct party *client, int64_t hit_ns)
{
	struct event e;

	do
		assert_true(event_next(client, &e, KNOWN_MS));
	while (e.kind != EV_END);
	print_known(v, how, mode, "client", &e, hit_ns);
	assert_true(is_defined(e.error));
	assert_true(e.ns - hit_ns <= KNOWN_MS * NSEC_PER_MSEC);
	if (v != &the_peer)
		assert_int_not_equal(e.error, 0);
}

/* The stream was cut: the peer must not take it for whole. */
static void peer_knows(const struct victim *v, const char *how, enum mode mode,
		       struct parties *p, int64_t hit_ns)
{
	struct event e;

	assert_true(event_next(&p->peer, &e, KNOWN_MS));
	print_known(v, how, mode, "peer", &e, hit_ns);
	assert_true(is_defined(e.error) && e.error);
	assert_true(e.ns - hit_ns <= KNOWN_MS * NSEC_PER_MSEC);
}

/* --- kill ----------------------------------------------------------------------------------- */

static void kill_in_stream(struct parties *p, const struct victim *v, enum mode mode)
{
	struct party client = client_start(p, AGENT, mode);
	struct event e;
	int64_t hit_ns;

	assert_true(event_next(&client, &e, RENEW_MS));
	assert_int_equal(e.kind, EV_READY);
	sleep_random_ms(30);
	events_drop(&p->peer);
	hit_ns = mn_now_ns();
	hit(v->find(p, &client), SIGKILL);
	if (v != &the_client)
		client_knows(v, "killed", mode, &client, hit_ns);
	if (v != &the_peer)
		peer_knows(v, "killed", mode, p, hit_ns);
	v->renew(p);
	party_end(&client);
	assert_true(echo_works(p, AGENT, RENEW_MS));
}

/* At no particular point of opening: who was too late for the old works with the new. */
static void kill_at_the_start(struct parties *p, const struct victim *v)
{
	struct party client = client_start(p, AGENT, MODE_SEND);
	struct event e = { .kind = EV_READY };
	int64_t hit_ns;

	sleep_random_ms(8);
	hit_ns = mn_now_ns();
	hit(v->find(p, &client), SIGKILL);
	v->renew(p);
	if (v != &the_client && event_next(&client, &e, RENEW_MS) && e.kind == EV_END) {
		print_known(v, "killed", 's', "client", &e, hit_ns);
		assert_true(is_defined(e.error));
	}
	party_end(&client);
	assert_true(echo_works(p, AGENT, RENEW_MS));
}

struct counts {
	int broker, worker, agent;
};

static struct counts count(struct parties *p)
{
	return (struct counts){
		.broker = count_fds(p->memnetd.pid), .worker = count_fds(worker(p)),
		.agent = count_fds(p->agent.pid),
	};
}

static struct counts before;

/* Two looks a while apart agree: who was served last has left. */
static void count_before(struct parties *p)
{
	struct counts once;

	assert_true(echo_works(p, AGENT, RENEW_MS));
	do {
		once = count(p);
		poll(NULL, 0, 100);
		before = count(p);
	} while (memcmp(&once, &before, sizeof(once)));
}

static bool nothing_leaked(void *p)
{
	struct counts now = count(p);

	return !memcmp(&now, &before, sizeof(now)) &&
	       child_of(((struct parties *)p)->memnetd.pid, 1) < 0;
}

static void check_leaks(struct parties *p)
{
	struct counts now;

	if (becomes(nothing_leaked, p, KNOWN_MS))
		return;
	now = count(p);
	fail_msg("descriptors before/after: broker %d/%d, worker %d/%d, agent %d/%d",
		 before.broker, now.broker, before.worker, now.worker, before.agent, now.agent);
}

static unsigned int rounds(void)
{
	const char *text = getenv("MEMNET_KILL_ROUNDS");

	return text ? strtoul(text, NULL, 10) : 1;
}

static void kill_everywhere(struct parties *p, const struct victim *v)
{
	count_before(p);
	for (unsigned int i = 0; i < rounds(); i++) {
		kill_in_stream(p, v, MODE_SEND);
		kill_in_stream(p, v, MODE_RECV);
		kill_in_stream(p, v, MODE_IDLE);
		for (int start = 0; start < 3; start++)
			kill_at_the_start(p, v);
		check_leaks(p);
	}
}

static void the_worker_is_killed(void **state)
{
	kill_everywhere(*state, &the_worker);
}

static void the_agent_is_killed(void **state)
{
	kill_everywhere(*state, &the_agent);
}

static void a_client_is_killed(void **state)
{
	kill_everywhere(*state, &the_client);
}

static void the_peer_is_killed(void **state)
{
	kill_everywhere(*state, &the_peer);
}

static void the_broker_is_killed(void **state)
{
	kill_everywhere(*state, &the_broker);
}

/* --- freeze ----------------------------------------------------------------------------------- */

/* Frozen it is as good as dead; awake again it does no harm. */
static void freeze_in_stream(struct parties *p, const struct victim *v, enum mode mode)
{
	struct party client = client_start(p, AGENT, mode);
	struct event e;
	int64_t hit_ns;
	pid_t pid;

	assert_true(event_next(&client, &e, RENEW_MS));
	assert_int_equal(e.kind, EV_READY);
	sleep_random_ms(1000);	/* heartbeats are 400 ms apart: any phase */
	events_drop(&p->peer);
	hit_ns = mn_now_ns();
	pid = v->find(p, &client);
	hit(pid, SIGSTOP);
	client_knows(v, "frozen", mode, &client, hit_ns);
	if (v == &the_agent)	/* of a frozen worker the kernel tells nobody */
		peer_knows(v, "frozen", mode, p, hit_ns);
	hit(pid, SIGCONT);
	for (int i = 0; i < 5; i++)
		assert_true(echo_works(p, AGENT, RENEW_MS));
	party_end(&client);
}

static void freeze(struct parties *p, const struct victim *v)
{
	static const enum mode modes[] = { MODE_SEND, MODE_RECV, MODE_IDLE };

	count_before(p);
	if (rounds() == 1)
		freeze_in_stream(p, v, modes[mn_splitmix64(&seed) % ARRAY_SIZE(modes)]);
	for (unsigned int i = 0; rounds() > 1 && i < 3 * rounds(); i++)
		freeze_in_stream(p, v, modes[i % 3]);
	check_leaks(p);
}

static void the_worker_is_frozen(void **state)
{
	freeze(*state, &the_worker);
}

static void the_agent_is_frozen(void **state)
{
	freeze(*state, &the_agent);
}

/* It sleeps through the end of its session, and wakes in the middle of the next. */
static void freeze_a_client(struct parties *p)
{
	struct party client = client_start(p, AGENT, MODE_SEND);
	struct event e;

	assert_true(event_next(&client, &e, RENEW_MS));
	sleep_random_ms(30);
	kill(client.pid, SIGSTOP);
	hit(find_worker(p, NULL), SIGKILL);
	assert_true(echo_works(p, AGENT, RENEW_MS));
	kill(client.pid, SIGCONT);
	for (int i = 0; i < 5; i++)
		assert_true(echo_works(p, AGENT, RENEW_MS));
	assert_true(event_next(&client, &e, KNOWN_MS));
	assert_int_equal(e.error, -ECONNRESET);
	party_end(&client);
}

static void a_client_is_frozen_while_the_worker_dies(void **state)
{
	for (unsigned int i = 0; i < rounds(); i++)
		freeze_a_client(*state);
}

/* Then it cannot start a worker, and tries again until it can. */
static void the_broker_runs_out_of_descriptors(void **state)
{
	const struct rlimit few = { 16, 4096 }, enough = { 1024, 4096 };
	struct parties *p = *state;

	assert_true(echo_works(p, AGENT, RENEW_MS));
	assert_int_equal(prlimit(p->memnetd.pid, RLIMIT_NOFILE, &few, NULL), 0);
	hit(worker(p), SIGKILL);
	poll(NULL, 0, 200);
	assert_true(worker(p) < 0);
	assert_int_equal(prlimit(p->memnetd.pid, RLIMIT_NOFILE, &enough, NULL), 0);
	assert_true(echo_works(p, AGENT, RENEW_MS));
}

static int setup(void **state)
{
	struct parties *p = calloc(1, sizeof(*p));

	parties_start(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	parties_stop(*state);
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_worker_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_agent_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_peer_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_broker_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_worker_is_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(the_agent_is_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(the_broker_runs_out_of_descriptors, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_client_is_frozen_while_the_worker_dies, setup,
						teardown),
	};

	seed = mn_now_ns();
	return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
