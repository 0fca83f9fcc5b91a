/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that is stopped, or killed, in the very middle of a copy into its FIFO or out of
 * it: neither worker nor agent waits for it, others stream and come and go, and what it had
 * not copied is seen by nobody. It meets a page it may not touch halfway, and stops itself.
 */
#include <arpa/inet.h>
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/parties_internal.h"

#define AGENT		"agent.sock"
#define PAGE		4096u
#define BYTES		(6 * PAGE)	/* three steps of copying */
#define HALFWAY		(3 * PAGE)	/* in the middle of the second */
#define KNOWN_MS	2000
#define LONG_MS		2500		/* longer than any heartbeat is waited for */
#define SOON_MS		6000

static struct parties p;
static int listener;
static struct sockaddr_in at;		/* of the listener, which is ours */

static int setup(void **state)
{
	socklen_t len = sizeof(at);
	char socket_path[128];

	p = (struct parties){ .vms = NULL };
	parties_start(&p);
	snprintf(socket_path, sizeof(socket_path), "%s/" AGENT, p.dir);
	setenv(MN_AGENT_SOCKET_ENV, socket_path, 1);
	at = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	return 0;
}

static int teardown(void **state)
{
	close(listener);
	parties_stop(&p);
	return 0;
}

static uint8_t content(uint64_t n)
{
	return (n * 0x9e3779b97f4a7c15ULL >> 56) | 1;	/* never what memory is at first */
}

/* --- the client --------------------------------------------------------------------------- */

static uint8_t *buf;		/* BYTES, and a page that bars the way */

static void halfway(int signal)
{
	raise(SIGSTOP);
	mprotect(buf + HALFWAY, PAGE, PROT_READ | PROT_WRITE);
}

static int send_all(struct memnet_flow *f)
{
	return memnet_send(f, buf, BYTES) == BYTES ? memnet_shutdown_send(f) : -EIO;
}

static int recv_all(struct memnet_flow *f)
{
	for (size_t got = 0; got < BYTES;) {
		ssize_t n = memnet_recv(f, buf + got, BYTES - got);

		if (n <= 0)
			return -EIO;
		got += n;
	}
	for (size_t i = 0; i < BYTES; i++)
		if (buf[i] != content(i))
			return -EBADMSG;
	return memnet_shutdown_send(f);
}

/* Its end says whether all was well. */
static void be_client(int events, const void *receives)
{
	const struct sigaction sa = { .sa_handler = halfway };
	struct event end = { .kind = EV_END };
	struct memnet_flow *f;
	struct memnet *m;

	buf = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < BYTES; i++)
		buf[i] = *(const bool *)receives ? 0 : content(i);
	sigaction(SIGSEGV, &sa, NULL);
	mprotect(buf + HALFWAY, PAGE, PROT_NONE);
	end.error = memnet_open(&m) ?: memnet_connect(m, (const struct sockaddr *)&at, sizeof(at), &f);
	if (!end.error)
		end.error = *(const bool *)receives ? recv_all(f) : send_all(f);
	end.ns = mn_now_ns();
	if (write(events, &end, sizeof(end)) != sizeof(end))
		_exit(1);
	pause();
}

/* --- the host's end ----------------------------------------------------------------------- */

/* A client that stands still halfway; the host's end of its stream. */
static int stop_halfway(struct party *client, bool receives)
{
	uint8_t bytes[BYTES];
	int status, host;

	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = content(i);
	*client = party_start(be_client, &receives);
	host = accept(listener, NULL, NULL);
	assert_true(host >= 0);
	if (receives)
		assert_int_equal(write(host, bytes, BYTES), BYTES);
	assert_int_equal(waitpid(client->pid, &status, WUNTRACED), client->pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return host;
}

/* Everybody else, for a while: a stream that goes on, and clients that come and go. */
static void others_go_on(void)
{
	struct party stream = client_start(&p, AGENT, MODE_SEND);
	struct event e;

	assert_true(event_next(&stream, &e, SOON_MS));
	assert_int_equal(e.kind, EV_READY);
	for (int i = 0; i < 10; i++)
		assert_true(echo_works(&p, AGENT, SOON_MS));
	assert_false(event_next(&stream, &e, 0));
	party_end(&stream);
}

/* What comes within @timeout_ms until the end, at *@in; of the right content. 0; -errno. */
static int read_rest(int host, size_t *in, int timeout_ms)
{
	struct pollfd pfd = { .fd = host, .events = POLLIN };
	uint8_t got[BYTES];
	ssize_t n = -1;

	while (poll(&pfd, 1, timeout_ms) == 1) {
		n = read(host, got, sizeof(got));
		if (n <= 0)
			return n ? -errno : 0;
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(got[i], content(*in + i));
		*in += n;
	}
	return -ETIMEDOUT;
}

/* --- tests -------------------------------------------------------------------------------- */

static void stopped_while_it_sends(void **state)
{
	struct party client;
	int host = stop_halfway(&client, false);
	struct event e;
	size_t in = 0;

	others_go_on();
	assert_int_equal(read_rest(host, &in, LONG_MS), -ETIMEDOUT);
	assert_in_range(in, 0, HALFWAY);
	kill(client.pid, SIGCONT);
	assert_int_equal(read_rest(host, &in, SOON_MS), 0);
	assert_int_equal(in, BYTES);
	assert_true(event_next(&client, &e, SOON_MS));
	assert_int_equal(e.error, 0);
	close(host);
	party_end(&client);
}

static void stopped_while_it_receives(void **state)
{
	struct party client;
	int host = stop_halfway(&client, true);
	struct event e;

	others_go_on();
	assert_false(event_next(&client, &e, 0));
	kill(client.pid, SIGCONT);
	assert_true(event_next(&client, &e, SOON_MS));
	assert_int_equal(e.error, 0);
	close(host);
	party_end(&client);
}

static void killed_halfway(bool receives)
{
	struct party client;
	int host = stop_halfway(&client, receives);
	size_t in = 0;
	int64_t killed_ns;

	others_go_on();
	killed_ns = mn_now_ns();
	party_end(&client);
	assert_int_equal(read_rest(host, &in, KNOWN_MS), -ECONNRESET);
	assert_in_range(mn_now_ns() - killed_ns, 0, KNOWN_MS * NSEC_PER_MSEC);
	assert_in_range(in, 0, HALFWAY);
	others_go_on();
	close(host);
}

static void killed_while_it_sends(void **state)
{
	killed_halfway(false);
}

static void killed_while_it_receives(void **state)
{
	killed_halfway(true);
}

/* With one of the eight flows for a stream beside them, and one for who comes and goes. */
static void many_are_stopped(void **state)
{
	struct party clients[6];
	int hosts[ARRAY_SIZE(clients)];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		hosts[i] = stop_halfway(&clients[i], i % 2);
	others_go_on();
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		party_end(&clients[i]);
		close(hosts[i]);
	}
	others_go_on();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stopped_while_it_sends),
		TEST(stopped_while_it_receives),
		TEST(killed_while_it_sends),
		TEST(killed_while_it_receives),
		TEST(many_are_stopped),
	};

	return cmocka_run_group_tests_name("halfway", tests, NULL, NULL);
}
