/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that writes anything anywhere, beside one that wants its network. VM a runs
 * streams through its agent while a process of it scribbles over the shared region, at
 * random but seeded; VM b's streams are checked byte by byte meanwhile.
 *
 * Claimed: b loses nothing; no worker, agent or client dies of it; the broker neither
 * dies nor grows; the log stays short; a, started anew, is served.
 *
 * MEMNET_EVIL_SECONDS=N (3) for longer, MEMNET_EVIL_SEED=N for the same again.
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/test/parties.h"
#include "memnet-core/test/scribble.h"

#define AGENT_A		"agent.sock"
#define AGENT_B		"b.sock"
#define LIFE_MS		500	/* of each of a's guests: then it has used up its breaches */
#define START_MS	6000
#define LOG_LINES	40	/* of each of them */
#define GROWTH_KIB	1024

static uint64_t *deeds_done;	/* shared with the scribbler */

/* --- the scribbler ------------------------------------------------------------------ */

static _Noreturn void be_evil(const struct parties *p, uint64_t seed)
{
	struct scribbler s = { .seed = seed };
	struct memnet *m;
	char socket[128];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(socket, sizeof(socket), "%s/" AGENT_A, p->dir);
	setenv(MN_AGENT_SOCKET_ENV, socket, 1);
	if (memnet_open(&m))
		_exit(1);
	s.region = m->region;
	s.geometry = m->session.geometry;
	usleep(50000);	/* an honest beginning: streams run */
	for (;;)
		mn_publish(deeds_done, *deeds_done + scribble_round(&s));
}

static struct party evil_start(const struct parties *p, uint64_t seed)
{
	struct party evil = { fork(), -1 };

	assert_true(evil.pid >= 0);
	if (!evil.pid)
		be_evil(p, seed);
	return evil;
}

/* --- the test ----------------------------------------------------------------------- */

static const char *const not_in_log[] = { "the worker died", "Sanitizer", "runtime error" };

static void check_log(const struct parties *p, unsigned int lives)
{
	char path[128], line[1024];
	unsigned int lines = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", p->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		lines += !strncmp(line, "memnetd:", 8);
		for (size_t i = 0; i < ARRAY_SIZE(not_in_log); i++)
			if (strstr(line, not_in_log[i]))
				fail_msg("the log says: %s", line);
	}
	fclose(f);
	print_message("%llu deeds of %u guests, %u lines of memnetd's\n",
		      (unsigned long long)*deeds_done, lives, lines);
	assert_true(lines <= lives * LOG_LINES);
}

static void begins(struct party *client)
{
	struct event e;

	if (!event_next(client, &e, START_MS))
		fail_msg("a stream did not begin");
	if (e.kind != EV_READY)
		fail_msg("a stream did not begin: %s", strerror(-e.error));
}

static void still_runs(struct party *client, const char *what)
{
	struct event e;

	if (event_next(client, &e, 0))
		fail_msg("%s ended: %s", what, strerror(-e.error));
	assert_int_equal(waitpid(client->pid, NULL, WNOHANG), 0);
}

/* One of a's: may end with any error, not with a signal. */
static void again_if_ended(const struct parties *p, struct party *client, enum mode mode)
{
	int status;

	if (client->pid > 0) {
		if (waitpid(client->pid, &status, WNOHANG) == 0)
			return;
		if (!WIFEXITED(status))
			fail_msg("a client died of signal %d", WTERMSIG(status));
		client->pid = -1;
		party_end(client);
	}
	*client = client_start(p, AGENT_A, mode);
}

static bool has_begun(void *before)
{
	return mn_fetch(deeds_done) > *(uint64_t *)before;
}

/* Returns it, still at work in what was its region. */
static struct party live_with_evil(struct parties *p, uint64_t seed)
{
	struct party send = { -1, -1 }, recv = { -1, -1 };
	uint64_t before = *deeds_done;
	struct party evil = evil_start(p, seed);
	int64_t end_ns;
	int status;

	again_if_ended(p, &send, MODE_SEND);
	again_if_ended(p, &recv, MODE_RECV);
	assert_true(becomes(has_begun, &before, START_MS));
	end_ns = mn_now_ns() + LIFE_MS * NSEC_PER_MSEC;
	while (mn_now_ns() < end_ns) {
		again_if_ended(p, &send, MODE_SEND);
		again_if_ended(p, &recv, MODE_RECV);
		poll(NULL, 0, 5);
	}
	if (waitpid(evil.pid, &status, WNOHANG) && !WIFEXITED(status))
		fail_msg("the scribbler died of signal %d", WTERMSIG(status));
	if (waitpid(p->agent.pid, &status, WNOHANG))
		fail_msg("a's agent died: status %x", status);
	party_end(&send);
	party_end(&recv);
	party_end(&p->agent);	/* and with it the connection: the VM is gone */
	events_drop(&p->peer);
	agent_start(p);
	return evil;
}

/* Who still has the old guest's region has nothing of the new one's. */
static void outlive_the_guest(struct parties *p, struct party *evil)
{
	struct party send = client_start(p, AGENT_A, MODE_SEND);
	struct party recv = client_start(p, AGENT_A, MODE_RECV);

	begins(&send);
	begins(&recv);
	poll(NULL, 0, LIFE_MS);
	still_runs(&send, "the next guest's sender");
	still_runs(&recv, "the next guest's receiver");
	assert_int_equal(waitpid(evil->pid, NULL, WNOHANG), 0);
	party_end(&send);
	party_end(&recv);
	events_drop(&p->peer);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void a_guest_that_scribbles_harms_only_itself(void **state)
{
	struct parties p = { .vms = "--allow 127.0.0.0/8 --vm b --vm a" };
	int64_t seconds = number_of("MEMNET_EVIL_SECONDS", 3), end_ns;
	uint64_t seed = number_of("MEMNET_EVIL_SEED", mn_now_ns());
	struct party agent_b, send, recv;
	unsigned int lives = 0;
	int fds;
	long kib;

	deeds_done = mmap(NULL, sizeof(*deeds_done), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(deeds_done, MAP_FAILED);
	print_message("MEMNET_EVIL_SEED=%llu\n", (unsigned long long)seed);
	parties_start(&p);
	agent_start_at(&p, &agent_b, "b", AGENT_B);
	send = client_start(&p, AGENT_B, MODE_SEND);
	recv = client_start(&p, AGENT_B, MODE_RECV);
	begins(&send);
	begins(&recv);
	assert_true(echo_works(&p, AGENT_A, START_MS));
	fds = count_fds(p.memnetd.pid);
	kib = resident_kib(p.memnetd.pid);

	end_ns = mn_now_ns() + seconds * NSEC_PER_SEC;
	for (; mn_now_ns() < end_ns; lives++) {
		struct party evil = live_with_evil(&p, seed + lives);

		if (!lives)
			outlive_the_guest(&p, &evil);
		party_end(&evil);
		still_runs(&send, "b's sender");
		still_runs(&recv, "b's receiver");
	}

	assert_true(echo_works(&p, AGENT_A, START_MS));
	still_runs(&send, "b's sender");
	still_runs(&recv, "b's receiver");
	assert_int_equal(waitpid(p.memnetd.pid, NULL, WNOHANG), 0);
	assert_int_equal(count_fds(p.memnetd.pid), fds);
	print_message("the broker has %d descriptors, and %ld KiB more than before\n", fds,
		      resident_kib(p.memnetd.pid) - kib);
	assert_true(resident_kib(p.memnetd.pid) - kib < GROWTH_KIB);
	check_log(&p, lives + 1);
	party_end(&send);
	party_end(&recv);
	party_end(&agent_b);
	unlink(strcat(strcpy((char [128]){ 0 }, p.dir), "/" AGENT_B));
	parties_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_scribbles_harms_only_itself),
	};

	return cmocka_run_group_tests_name("evil", tests, NULL, NULL);
}
