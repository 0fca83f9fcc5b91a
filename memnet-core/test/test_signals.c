/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet's calls while signals come in, as memnet.h has it: opening and connecting go on,
 * a sleeping send or recv ends with what it has, or with -EINTR, whatever SA_RESTART; and no
 * byte is lost or doubled by that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/parties.h"

#define AGENT		"agent.sock"
#define SIGNALS		20
#define BETWEEN_MS	10
#define SOON_MS		8000		/* SYNs are sent again after 1, 3 and 7 s */
#define MUCH		(8u << 20)	/* more than FIFO and socket buffers hold */

static struct parties p;
static struct memnet *m;
static int listener;
static struct sockaddr_in at;		/* of the listener, which is ours */
static int handled;	/* by any thread: atomic */

static void handle(int signal)
{
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static void catch(int flags)
{
	struct sigaction sa = { .sa_handler = handle, .sa_flags = flags };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	__atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
}

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
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(memnet_open(&m), 0);
	catch(0);
	return 0;
}

static int teardown(void **state)
{
	memnet_detach(m);
	close(listener);
	parties_stop(&p);
	return 0;
}

/* --- a call in a thread of its own ------------------------------------------------------ */

struct call {
	pthread_t thread;
	ssize_t (*make)(struct call *c);
	struct memnet_flow *flow;
	struct memnet *opened;
	uint8_t *buf;
	size_t len;
	ssize_t result;
	bool over;
};

static void *make(void *arg)
{
	struct call *c = arg;

	c->result = c->make(c);
	__atomic_store_n(&c->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool is_over(void *arg)
{
	return __atomic_load_n(&((struct call *)arg)->over, __ATOMIC_SEQ_CST);
}

static void start(struct call *c)
{
	c->over = false;
	assert_int_equal(pthread_create(&c->thread, NULL, make, c), 0);
	poll(NULL, 0, 50);		/* it sleeps, and not yet its 100 ms */
}

static ssize_t finish(struct call *c)
{
	assert_true(becomes(is_over, c, SOON_MS));
	pthread_join(c->thread, NULL);
	return c->result;
}

/* Many, into a call that is to go on. */
static void signal_often(struct call *c)
{
	for (int i = 0; i < SIGNALS; i++) {
		pthread_kill(c->thread, SIGUSR1);
		poll(NULL, 0, BETWEEN_MS);
	}
	assert_int_equal(__atomic_load_n(&handled, __ATOMIC_SEQ_CST), SIGNALS);
	assert_false(is_over(c));
}

static ssize_t call_open(struct call *c)
{
	return memnet_open(&c->opened);
}

static ssize_t call_connect(struct call *c)
{
	return memnet_connect(m, (const struct sockaddr *)&at, sizeof(at), &c->flow);
}

static ssize_t call_recv(struct call *c)
{
	return memnet_recv(c->flow, c->buf, c->len);
}

static ssize_t call_send(struct call *c)
{
	return memnet_send(c->flow, c->buf, c->len);
}

/* --- opening ----------------------------------------------------------------------------- */

static void opening_goes_on(void **state)
{
	struct call c = { .make = call_open };

	kill(p.agent.pid, SIGSTOP);
	start(&c);
	signal_often(&c);
	kill(p.agent.pid, SIGCONT);
	assert_int_equal(finish(&c), 0);
	memnet_detach(c.opened);
}

/* The host asks a listener whose queue is full: it waits, until there is room. */
static void connecting_goes_on(void **state)
{
	struct call c = { .make = call_connect };
	int ours, host;

	ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ours, (struct sockaddr *)&at, sizeof(at)), 0);
	start(&c);
	signal_often(&c);
	close(accept(listener, NULL, NULL));
	assert_int_equal(finish(&c), 0);
	host = accept(listener, NULL, NULL);
	assert_int_equal(memnet_send(c.flow, "x", 1), 1);
	assert_int_equal(read(host, (char[1]){ 0 }, 1), 1);
	memnet_close(c.flow);
	close(host);
	close(ours);
}

/* --- streams ------------------------------------------------------------------------------ */

/* A flow, and the host's end of it. */
static int open_flow(struct memnet_flow **f)
{
	int host;

	assert_int_equal(memnet_connect(m, (const struct sockaddr *)&at, sizeof(at), f), 0);
	host = accept(listener, NULL, NULL);
	assert_true(host >= 0);
	return host;
}

static void recv_is_ended(int flags)
{
	uint8_t byte = 0;
	struct call c = { .make = call_recv, .buf = &byte, .len = 1 };
	int host = open_flow(&c.flow);

	catch(flags);
	start(&c);
	pthread_kill(c.thread, SIGUSR1);
	assert_int_equal(finish(&c), -EINTR);
	start(&c);
	assert_int_equal(write(host, "y", 1), 1);
	assert_int_equal(finish(&c), 1);
	assert_int_equal(byte, 'y');
	memnet_close(c.flow);
	close(host);
}

static void receiving_is_ended(void **state)
{
	recv_is_ended(0);
}

/* There is no call of the kernel to go on with. */
static void receiving_is_ended_despite_sa_restart(void **state)
{
	recv_is_ended(SA_RESTART);
}

static uint8_t content(uint64_t n)
{
	return n * 0x9e3779b97f4a7c15ULL >> 56;
}

/* As much as was taken comes out; what was not taken does not. */
static void sending_is_ended(void **state)
{
	uint8_t *buf = malloc(MUCH), got[4096];
	struct call c = { .make = call_send, .buf = buf, .len = MUCH };
	int host = open_flow(&c.flow);
	size_t taken = 0, in = 0;
	ssize_t n;

	for (size_t i = 0; i < MUCH; i++)
		buf[i] = content(i);
	start(&c);
	poll(NULL, 0, 500);		/* until all buffers are full */
	pthread_kill(c.thread, SIGUSR1);
	n = finish(&c);
	assert_in_range(n, 1, MUCH - 1);
	do {	/* more than once, if the kernel's buffers grow yet */
		taken += n;
		c.buf += n;
		c.len -= n;
		start(&c);
		pthread_kill(c.thread, SIGUSR1);
		n = finish(&c);
	} while (n > 0);
	assert_int_equal(n, -EINTR);
	assert_int_equal(memnet_shutdown_send(c.flow), 0);
	for (; (n = read(host, got, sizeof(got))) > 0; in += n)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(got[i], content(in + i));
	assert_int_equal(n, 0);
	assert_int_equal(in, taken);
	memnet_close(c.flow);
	close(host);
	free(buf);
}

static void *send_back(void *arg)
{
	int fd = *(int *)arg;
	uint8_t buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (send(fd, buf, n, MSG_NOSIGNAL) != n)
			break;
	return NULL;
}

/* All of it once, by a program that only tries again. */
static void nothing_is_lost_in_a_storm(void **state)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	uint8_t buf[10000];
	struct memnet_flow *f;
	int host = open_flow(&f);
	uint64_t out = 0, in = 0;
	pthread_t echo;
	sigset_t alarms;
	ssize_t n;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);	/* the echo's; ours come to us */
	assert_int_equal(pthread_create(&echo, NULL, send_back, &host), 0);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (in < MUCH) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = content(out + i);
		n = memnet_send(f, buf, sizeof(buf));
		assert_true(n > 0 || n == -EINTR);
		out += MAX(n, 0);
		while (in < out) {
			n = memnet_recv(f, buf, MIN(sizeof(buf), out - in));
			assert_true(n > 0 || n == -EINTR);
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(buf[i], content(in + i));
			in += MAX(n, 0);
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	assert_in_range(__atomic_load_n(&handled, __ATOMIC_SEQ_CST), SIGNALS, INT32_MAX);
	memnet_close(f);
	pthread_join(echo, NULL);
	close(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_goes_on),
		TEST(connecting_goes_on),
		TEST(receiving_is_ended),
		TEST(receiving_is_ended_despite_sa_restart),
		TEST(sending_is_ended),
		TEST(nothing_is_lost_in_a_storm),
	};

	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
