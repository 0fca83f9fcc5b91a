/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads on one socket, and on many. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "memnet-core/conformance/conform.h"

#define BULK	(2 << 20)
#define THREADS	8

/* One call of a thread, and what it returned. */
struct call {
	pthread_t thread;
	void *(*what)(void *);
	pid_t tid;		/* once it runs */
	int fd;
	ssize_t ret;
	int error;
	char buf[16];
};

static void *receive(void *arg)
{
	struct call *c = arg;

	c->ret = recv(c->fd, c->buf, sizeof(c->buf), 0);
	c->error = errno;
	return NULL;
}

static void *accept_one(void *arg)
{
	struct call *c = arg;

	c->ret = accept(c->fd, NULL, NULL);
	c->error = errno;
	return NULL;
}

static void *run(void *arg)
{
	struct call *c = arg;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	return c->what(c);
}

static bool sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state == 'S';
}

/* A machine may be busy: not only begun, but asleep. */
static void begin(struct call *c, void *(*what)(void *), int fd)
{
	int64_t end = now_ms() + PATIENCE_MS;
	int err = errno;
	pid_t tid;

	c->fd = fd;
	c->what = what;
	c->tid = 0;
	pthread_create(&c->thread, NULL, run, c);
	do
		sleep_ms(50);
	while ((!(tid = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE)) || !sleeps(tid)) &&
	       now_ms() < end);
	sleep_ms(50);	/* it waits now */
	errno = err;
}

static ssize_t finish(struct call *c)
{
	pthread_join(c->thread, NULL);
	errno = c->error;
	return c->ret;
}

/* close(2): on Linux a call that waits holds the socket, and completes. */
static void close_while_recv(int family)
{
	int fd = stream_to_peer(family);
	struct call c;

	begin(&c, receive, fd);
	RET("0", close(fd));
	sleep_ms(QUIET_MS);
	PEER("4", "send late");
	RET("4", finish(&c));
	TEXT("late", c.buf, c.ret);
	PEER("eof", "recv 9");	/* and then it ends */
}

static void shutdown_while_recv(int family)
{
	int fd = stream_to_peer(family);
	struct call c;

	begin(&c, receive, fd);
	RET("0", shutdown(fd, SHUT_RDWR));
	RET("0", finish(&c));
	RET("0", close(fd));
	PEER("eof", "recv 9");
}

static void shutdown_while_accept(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	struct call c;

	begin(&c, accept_one, listening);
	RET("0", shutdown(listening, SHUT_RDWR));
	RET("-1 EINVAL", finish(&c));
}

/* The number is given to another socket while the thread waits on the old one. */
static void reused_while_recv(int family)
{
	int fd = stream_to_peer(family), other;
	struct call c;

	begin(&c, receive, fd);
	RET("0", close(fd));
	other = stream_to_peer(family);
	YES(other == fd);
	PEER("3", "send new");
	sleep_ms(QUIET_MS);
	PEER("0", "use 0");
	PEER("3", "send old");
	RET("3", finish(&c));
	TEXT("old", c.buf, c.ret);
	RET("3", recv(other, c.buf, 8, 0));
	TEXT("new", c.buf, 3);
}

static void datagram_shutdown_while_recv(int family)
{
	int fd = datagram_connected(family);
	struct call c;

	begin(&c, receive, fd);
	RET("0", shutdown(fd, SHUT_RD));
	RET("0", finish(&c));
}

static void two_receive(int family)
{
	int fd = stream_to_peer(family);
	struct call one, two;

	begin(&one, receive, fd);
	begin(&two, receive, fd);
	PEER("1", "send a");
	sleep_ms(QUIET_MS);
	PEER("1", "send b");
	RET("1", finish(&one));
	RET("1", finish(&two));
	YES((one.buf[0] == 'a' && two.buf[0] == 'b') || (one.buf[0] == 'b' && two.buf[0] == 'a'));
}

static void two_accept(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	struct call one, two;

	begin(&one, accept_one, listening);
	begin(&two, accept_one, listening);
	peer_connects(&at);
	peer_connects(&at);
	YES(finish(&one) > 0);
	YES(finish(&two) > 0);
	YES(one.ret != two.ret);
}

struct bulk {
	int fd;
	bool good;
};

static void *send_bulk(void *arg)
{
	struct bulk *b = arg;
	char *buf = malloc(BULK);

	pattern_fill(buf, BULK, 0, SEED_GUEST);
	b->good = send_all(b->fd, buf, BULK) == BULK;
	free(buf);
	return NULL;
}

/* One sends, another receives: neither waits for the other. */
static void both_directions(int family)
{
	static char buf[BULK];
	struct bulk b = { .fd = stream_to_peer(family) };
	pthread_t thread;

	peer_tell("exchange %d", BULK);
	pthread_create(&thread, NULL, send_bulk, &b);
	YES(recv_all(b.fd, buf, BULK) == BULK);
	pthread_join(thread, NULL);
	YES(b.good);
	YES(pattern_same(buf, BULK, 0, SEED_PEER));
	TEXT("same", peer_hear(), 4);
}

/* While one waits for bytes, another sends what they are the answer to. */
static void send_while_recv(int family)
{
	int fd = stream_to_peer(family);
	struct call c;

	begin(&c, receive, fd);
	RET("8", send(fd, "question", 8, 0));
	PEER("question", "recv 9");
	PEER("6", "send answer");
	RET("6", finish(&c));
}

struct asker {
	struct addr to;
	int family, number;
	bool good;
};

/* Its own connection to an echo: the peer's other process serves it. */
static void *ask_often(void *arg)
{
	struct asker *a = arg;
	int fd = socket(a->family, SOCK_STREAM, 0);
	char out[24], in[24];

	a->good = fd >= 0 && !connect(fd, &a->to.any, a->to.len);
	for (int i = 0; i < 20 && a->good; i++) {
		snprintf(out, sizeof(out), "thread %03d round %03d", a->number, i);
		a->good = send_all(fd, out, 20) == 20 && recv_all(fd, in, 20) == 20 &&
			  !memcmp(out, in, 20);
	}
	close(fd);
	return NULL;
}

/* The peer echoes one connection after the other; all of them are open meanwhile. */
static void many(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	struct asker askers[THREADS];
	pthread_t threads[THREADS];
	int good = 0;

	for (int i = 0; i < THREADS; i++) {
		askers[i] = (struct asker){ .to = to, .family = family, .number = i };
		pthread_create(&threads[i], NULL, ask_often, &askers[i]);
		peer_tell("accept");
		peer_tell("echo");
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		good += askers[i].good;
	}
	NUMBER("8", good);
}

static void *wait_long(void *arg)
{
	char buf[8];

	recv(*(int *)arg, buf, 8, 0);
	return NULL;
}

/* pthreads(7): recv() is a cancellation point; the socket is usable after. */
static void cancelled(int family)
{
	int fd = stream_to_peer(family);
	pthread_t thread;
	void *result;
	char buf[8];

	pthread_create(&thread, NULL, wait_long, &fd);
	sleep_ms(100);
	NUMBER("0", pthread_cancel(thread));
	NUMBER("0", pthread_join(thread, &result));
	YES(result == PTHREAD_CANCELED);
	PEER("5", "send hello");
	RET("5", recv(fd, buf, 8, 0));
}

/* errno is the thread's own. */
static void *fail(void *arg)
{
	struct call *c = arg;

	c->ret = send(c->fd, "x", 1, MSG_NOSIGNAL);
	c->error = errno;
	return NULL;
}

static void own_errno(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	struct call c;

	errno = ENOTTY;
	begin(&c, fail, fd);
	pthread_join(c.thread, NULL);
	YES(errno == ENOTTY);
	YES(c.error == EPIPE);
}

static bool churn_on;

/* Connects that begin, are looked at, and are given up. */
static void *churn(void *arg)
{
	const struct addr *to = arg;

	while (__atomic_load_n(&churn_on, __ATOMIC_RELAXED)) {
		int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(fd, &to->any, to->len);
		events_now(fd, POLLOUT);
		close(fd);
	}
	return NULL;
}

/* Whatever threads are in the middle of, a child's sockets work. */
static void fork_meanwhile(int family)
{
	int fd = stream_to_peer(family), worked = 0;
	struct addr to = peer_at(family, peer_listens(family));
	pthread_t threads[2];

	churn_on = true;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, churn, &to);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid) {
			int own = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

			alarm(3);
			connect(own, &to.any, to.len);
			_exit(events_now(fd, POLLOUT) != POLLOUT || events_now(own, 0) & POLLERR);
		}
		worked += ended_with(pid) == 0;
	}
	__atomic_store_n(&churn_on, false, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	NUMBER("40", worked);
}

/* --- connecting again under threads that poll ------------------------------------------ */

static int polled_fd, polled_set;
static bool polls_end;

/* How many calls fail. */
static void *poll_often(void *unused)
{
	struct pollfd p = { .fd = polled_fd, .events = POLLIN | POLLOUT };
	struct epoll_event e[4];
	intptr_t failed = 0;

	while (!__atomic_load_n(&polls_end, __ATOMIC_RELAXED))
		failed += (epoll_wait(polled_set, e, 4, 0) < 0) + (poll(&p, 1, 0) < 0);
	return (void *)failed;
}

/* Also what it may not: errors of an attempt are then taken up here. */
static void *use_often(void *unused)
{
	struct addr a = { .len = sizeof(a.room) };
	char buf[4];
	int n;

	while (!__atomic_load_n(&polls_end, __ATOMIC_RELAXED)) {
		recv(polled_fd, buf, sizeof(buf), MSG_DONTWAIT);
		recv(polled_fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK);
		send(polled_fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		getsockname(polled_fd, &a.any, &a.len);
		getpeername(polled_fd, &a.any, &a.len);
		ioctl(polled_fd, FIONREAD, &n);
	}
	return NULL;
}

/* 0 or an errno. */
static int connect_nonblocking(int fd, const struct addr *to)
{
	int ret = connect(fd, &to->any, to->len);

	if (ret && errno == ECONNABORTED)	/* of the last one, whose error was told */
		ret = connect(fd, &to->any, to->len);
	if (!ret || errno != EINPROGRESS)
		return ret ? errno : 0;
	writable(fd);
	return int_option(fd, SOL_SOCKET, SO_ERROR);
}

/* Refused again and again, and once in a while connected and dissolved. How often it was not. */
static int connect_again(int fd, const struct addr *refuses, const struct addr *accepts)
{
	const struct addr nothing = { .any.sa_family = AF_UNSPEC, .len = sizeof(struct sockaddr) };
	int odd = 0;

	for (int i = 0; i < 300; i++) {
		int error = connect_nonblocking(fd, i % 10 ? refuses : accepts);

		if (i % 10) {
			odd += !error;
			continue;
		}
		MUST(-error);
		peer("accept");
		odd += connect(fd, &nothing.any, nothing.len) != 0;
		peer("close");
	}
	return odd;
}

/* What connect_again() returned, and how many of their calls failed. */
static int connect_under(void *(*what)(void *), int family, intptr_t *all)
{
	struct addr refuses = peer_at(family, peer_listens(family)), accepts;
	pthread_t threads[3];
	void *failed;
	int odd;

	*all = 0;
	peer("unlisten");
	accepts = peer_at(family, peer_listens(family));
	polled_fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	polled_set = MUST(epoll_create1(0));
	MUST(epoll_ctl(polled_set, EPOLL_CTL_ADD, polled_fd,
		       &(struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLET }));
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, what, NULL);
	odd = connect_again(polled_fd, &refuses, &accepts);
	__atomic_store_n(&polls_end, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		*all += (intptr_t)failed;
	}
	return odd;
}

static void connect_while_polled(int family)
{
	intptr_t failed;

	NUMBER("0", connect_under(poll_often, family, &failed));
	NUMBER("0", failed);
}

static void connect_while_used(int family)
{
	intptr_t unused;

	connect_under(use_often, family, &unused);	/* whatever their calls return */
	RET("0", close(polled_fd));
}

const struct conform_case thread_cases[] = {
	{ "thread-close-while-recv", close_while_recv, "46" },
	{ "thread-shutdown-while-recv", shutdown_while_recv, "46" },
	{ "thread-shutdown-while-accept", shutdown_while_accept, "46" },
	{ "thread-reused-while-recv", reused_while_recv, "4" },
	{ "thread-datagram-shutdown-while-recv", datagram_shutdown_while_recv, "4" },
	{ "thread-two-receive", two_receive, "4" },
	{ "thread-two-accept", two_accept, "4" },
	{ "thread-both-directions", both_directions, "4" },
	{ "thread-send-while-recv", send_while_recv, "4" },
	{ "thread-many", many, "4" },
	{ "thread-cancelled", cancelled, "4" },
	{ "thread-own-errno", own_errno, "4" },
	{ "thread-fork-meanwhile", fork_meanwhile, "4" },
	{ "thread-connect-while-polled", connect_while_polled, "4" },
	{ "thread-connect-while-used", connect_while_used, "4" },
	{ 0 },
};
