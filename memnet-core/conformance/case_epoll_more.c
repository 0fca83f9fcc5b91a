/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7): descriptors and descriptions, connecting, sets in sets, threads and processes. */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "memnet-core/conformance/conform.h"

static int add(int epfd, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
}

static uint32_t next(int epfd, int ms)
{
	struct epoll_event e = { 0 };

	return epoll_wait(epfd, &e, 1, ms) == 1 ? e.events : 0;
}

/* Added while it is nothing yet; the registration lasts over connect(). */
static void before_connect(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0)), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLOUT));
	EVENTS("OUT|HUP", next(epfd, PATIENCE_MS));
	RET("0", connect(fd, &to.any, to.len));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	peer("accept");
	peer("send x");
	NUMBER("1", readable(fd));
	EVENTS("IN|OUT", next(epfd, PATIENCE_MS));
	RET("-1 EEXIST", add(epfd, fd, EPOLLIN));
	RET("0", epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
}

static void before_listen(int family)
{
	struct addr at = own_at(family, 0);
	int fd = MUST(socket(family, SOCK_STREAM, 0)), epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLIN | EPOLLET));
	MUST(bind(fd, &at.any, at.len));
	MUST(listen(fd, 5));
	at = name_of(fd);
	while (next(epfd, 0))
		;
	peer_connects(&at);
	EVENTS("IN", next(epfd, PATIENCE_MS));
	NEWFD("fd", accept(fd, NULL, NULL));
}

/* As event loops connect. */
static void connecting(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int epfd = MUST(epoll_create1(0));

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	RET("0", add(epfd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	EVENTS("none", next(epfd, QUIET_MS));
	peer("accept");
	peer("send x");
	EVENTS("IN|OUT", next(epfd, PATIENCE_MS));
}

static void connecting_refused(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int epfd = MUST(epoll_create1(0));

	peer("unlisten");
	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	RET("0", add(epfd, fd, EPOLLOUT));
	EVENTS("OUT|ERR|HUP", next(epfd, PATIENCE_MS));
	NUMBER("111", int_option(fd, SOL_SOCKET, SO_ERROR));
}

static void connecting_waits(int family)
{
	struct addr to = peer_at(family, peer_listens_full(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int epfd = MUST(epoll_create1(0));

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	RET("0", add(epfd, fd, EPOLLIN | EPOLLOUT));
	EVENTS("none", next(epfd, QUIET_MS));
}

static void closed_disappears(int family)
{
	int fd = stream_to_peer(family), other = stream_to_peer(family);
	int epfd = MUST(epoll_create1(0));

	RET("0", add(epfd, fd, EPOLLOUT));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
	close(fd);
	EVENTS("none", next(epfd, QUIET_MS));
	RET("-1 EBADF", epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL));
	MUST(dup2(other, fd));		/* the same number is another */
	EVENTS("none", next(epfd, QUIET_MS));
	RET("0", add(epfd, fd, EPOLLOUT));
	EVENTS("OUT", next(epfd, PATIENCE_MS));
}

/* epoll(7), Q6: a description that a dup keeps open stays, though its descriptor is closed. */
static void closed_but_duped(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	int copy = MUST(dup(fd));
	struct epoll_event e;

	RET("0", add(epfd, fd, EPOLLIN));
	close(fd);
	peer("send x");
	NUMBER("1", readable(copy));
	RET("1", epoll_wait(epfd, &e, 1, PATIENCE_MS));
	YES(e.data.fd == fd);
	close(copy);
	EVENTS("none", next(epfd, QUIET_MS));
}

/* Both are registered, each for itself. */
static void dup_added(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	int copy = MUST(dup(fd));
	struct epoll_event e[4];

	RET("0", add(epfd, fd, EPOLLIN));
	RET("0", add(epfd, copy, EPOLLOUT));
	RET("1", epoll_wait(epfd, e, 4, PATIENCE_MS));
	YES(e[0].data.fd == copy);
	peer("send x");
	NUMBER("1", readable(fd));
	RET("2", epoll_wait(epfd, e, 4, PATIENCE_MS));
	RET("0", epoll_ctl(epfd, EPOLL_CTL_DEL, copy, NULL));
	RET("1", epoll_wait(epfd, e, 4, PATIENCE_MS));
	YES(e[0].data.fd == fd);
}

static void nested(int family)
{
	int fd = stream_to_peer(family), inner = MUST(epoll_create1(0));
	int outer = MUST(epoll_create1(0));
	char buf[8];

	RET("0", add(inner, fd, EPOLLIN));
	RET("0", add(outer, inner, EPOLLIN));
	EVENTS("none", next(outer, QUIET_MS));
	peer("send x");
	EVENTS("IN", next(outer, PATIENCE_MS));
	EVENTS("IN", next(inner, 0));
	MUST(recv(fd, buf, 8, 0));
	EVENTS("none", next(inner, 0));
	EVENTS("none", next(outer, 0));
}

static void polled(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	int64_t begin;

	RET("0", add(epfd, fd, EPOLLIN));
	EVENTS("none", events_now(epfd, POLLIN));
	begin = now_ms();
	for (int i = 0; i < 10; i++) {
		peer_tell("sleep 10");
		peer_tell("send x");
		MUST(readable(epfd) - 1);
		recv(fd, &(char){ 0 }, 1, 0);
		peer_hear();
		peer_hear();
	}
	YES(now_ms() - begin < 800);	/* woken, not found by a timer */
	EVENTS("none", events_now(epfd, POLLIN));
	peer("send x");
	NUMBER("1", readable(epfd));
	EVENTS("IN", events_now(epfd, POLLIN));
}

static void exclusive(int family)
{
	struct addr at;
	int listening = listener(family, &at), one = MUST(epoll_create1(0));
	int two = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	RET("0", add(one, listening, EPOLLIN | EPOLLEXCLUSIVE));
	RET("0", add(two, listening, EPOLLIN | EPOLLEXCLUSIVE));
	RET("-1 EINVAL", epoll_ctl(one, EPOLL_CTL_MOD, listening, &e));
	RET("0", epoll_ctl(one, EPOLL_CTL_DEL, listening, NULL));
	RET("-1 EINVAL", add(one, listening, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
	RET("-1 EINVAL", add(one, listening, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP));
	RET("0", add(one, listening, EPOLLIN | EPOLLEXCLUSIVE));
	peer_connects(&at);
	YES(next(one, PATIENCE_MS) || next(two, PATIENCE_MS));
	NEWFD("fd", accept(listening, NULL, NULL));
}

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	signals++;
}

static void with_mask(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	struct epoll_event e;
	sigset_t none, usr1;

	RET("0", add(epfd, fd, EPOLLIN));
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	signal(SIGUSR1, on_signal);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	RET("-1 EINTR", epoll_pwait(epfd, &e, 1, PATIENCE_MS, &none));
	NUMBER("1", signals);
	raise(SIGUSR1);
	RET("0", epoll_pwait(epfd, &e, 1, QUIET_MS, NULL));
	NUMBER("1", signals);
}

/* With room for one event each of those ready has its turn. */
static void in_turn(int family)
{
	int epfd = MUST(epoll_create1(0)), fds[3], seen = 0;
	struct epoll_event e;

	for (int i = 0; i < 3; i++) {
		fds[i] = stream_to_peer(family);
		MUST(add(epfd, fds[i], EPOLLOUT));
	}
	for (int i = 0; i < 3; i++) {
		MUST(epoll_wait(epfd, &e, 1, PATIENCE_MS));
		for (int j = 0; j < 3; j++)
			seen |= (e.data.fd == fds[j]) << j;
	}
	NUMBER("7", seen);
}

/* So has what is no socket, beside sockets that are always ready. */
static void in_turn_mixed(int family)
{
	int epfd = MUST(epoll_create1(0)), fds[4], seen = 0;
	struct epoll_event e;

	for (int i = 0; i < 4; i++) {
		fds[i] = i < 2 ? stream_to_peer(family) : MUST(eventfd(1, 0));
		MUST(add(epfd, fds[i], i < 2 ? EPOLLOUT : EPOLLIN));
	}
	for (int i = 0; i < 4; i++) {
		RET("1", epoll_wait(epfd, &e, 1, PATIENCE_MS));
		for (int j = 0; j < 4; j++)
			seen |= (e.data.fd == fds[j]) << j;
	}
	NUMBER("15", seen);
}

/* With room for all each is told once. */
static void all_at_once(int family)
{
	int epfd = MUST(epoll_create1(0)), fds[4], seen = 0;
	struct epoll_event e[8];

	for (int i = 0; i < 4; i++) {
		fds[i] = i < 2 ? stream_to_peer(family) : MUST(eventfd(1, 0));
		MUST(add(epfd, fds[i], i < 2 ? EPOLLOUT : EPOLLIN));
	}
	RET("2", epoll_wait(epfd, e, 2, PATIENCE_MS));
	RET("4", epoll_wait(epfd, e, 8, PATIENCE_MS));
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++)
			seen |= (e[i].data.fd == fds[j]) << j;
	NUMBER("15", seen);
}

static void *add_later(void *both)
{
	int *of = both;

	sleep_ms(100);
	add(of[0], of[1], EPOLLOUT);
	return NULL;
}

/* While one waits another adds. */
static void added_while_waiting(int family)
{
	int of[2] = { MUST(epoll_create1(0)), stream_to_peer(family) };
	pthread_t thread;

	pthread_create(&thread, NULL, add_later, of);
	EVENTS("OUT", next(of[0], PATIENCE_MS));
	pthread_join(thread, NULL);
}

static void *wait_once(void *epfd)
{
	return (void *)(intptr_t)next(*(int *)epfd, 500);
}

/* Two threads, one event: EPOLLONESHOT gives it to one. */
static void two_threads(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	pthread_t one, two;
	void *a, *b;

	RET("0", add(epfd, fd, EPOLLIN | EPOLLONESHOT));
	pthread_create(&one, NULL, wait_once, &epfd);
	pthread_create(&two, NULL, wait_once, &epfd);
	sleep_ms(50);
	peer("send x");
	pthread_join(one, &a);
	pthread_join(two, &b);
	EVENTS("IN", (intptr_t)a + (intptr_t)b);
}

/* Two threads, two events that come at once: each has its own, and neither waits for the other. */
static void news_for_two(int family)
{
	int fds[2] = { stream_to_peer(family), stream_to_peer(family) };
	int epfd = MUST(epoll_create1(0)), missed = 0;
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };
	pthread_t threads[2];
	void *seen;

	for (int i = 0; i < 2; i++)
		MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &e));
	for (int times = 0; times < 20; times++) {
		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, wait_once, &epfd);
		sleep_ms(20);
		for (int i = 0; i < 2; i++) {
			peer_tell("use %d", i);
			peer_tell("send x");
		}
		for (int i = 0; i < 4; i++)
			peer_hear();
		for (int i = 0; i < 2; i++) {
			pthread_join(threads[i], &seen);
			missed += seen != (void *)(intptr_t)EPOLLIN;
		}
		for (int i = 0; i < 2; i++) {
			recv(fds[i], &(char){ 0 }, 1, 0);
			MUST(epoll_ctl(epfd, EPOLL_CTL_MOD, fds[i], &e));
		}
	}
	NUMBER("0", missed);
	NUMBER("0", rescues());
}

/* The set is shared over fork(); so is what the child adds, of descriptions it shares. */
static void forked(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	pid_t pid;

	RET("0", add(epfd, fd, EPOLLIN));
	pid = fork();
	if (!pid) {
		EVENTS("IN", next(epfd, PATIENCE_MS));
		_exit(0);
	}
	peer("send x");
	NUMBER("0", ended_with(pid));
	EVENTS("IN", next(epfd, PATIENCE_MS));
}

static int set_of_threads;
static bool threads_end;

/* How many waits fail. */
static void *wait_often(void *unused)
{
	intptr_t failed = 0;

	while (!__atomic_load_n(&threads_end, __ATOMIC_RELAXED)) {
		struct epoll_event e;

		failed += epoll_wait(set_of_threads, &e, 1, PATIENCE_MS) != 1;
	}
	return (void *)failed;
}

/* Threads wait while the child makes what it has of its parent its own. */
static void adopt_under_threads(int fd)
{
	pthread_t threads[4];
	intptr_t all = 0;
	void *failed;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_often, NULL);
	sleep_ms(2);
	recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT);
	sleep_ms(2);
	__atomic_store_n(&threads_end, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		all += (intptr_t)failed;
	}
	_exit(all != 0);
}

static void forked_threads(int family)
{
	int fd = stream_to_peer(family), failed = 0;

	set_of_threads = MUST(epoll_create1(0));
	MUST(add(set_of_threads, fd, EPOLLIN));
	MUST(add(set_of_threads, MUST(eventfd(1, 0)), EPOLLIN));	/* none sleeps */
	for (int i = 0; i < 30; i++) {
		pid_t pid = MUST(fork());

		if (!pid)
			adopt_under_threads(fd);
		failed += ended_with(pid) != 0;
	}
	NUMBER("0", failed);
}

/* Each set is waited for by itself, and there are more of them than most programs have. */
static void many_sets(int family)
{
	int fd = stream_to_peer(family), quiet = 0;
	struct rlimit limit = { 1024, 1024 };
	struct epoll_event e;

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < 300; i++) {
		int epfd = MUST(epoll_create1(0));

		MUST(add(epfd, fd, EPOLLIN));
		quiet += epoll_wait(epfd, &e, 1, 1) == 0;
	}
	NUMBER("300", quiet);
}

const struct conform_case epoll_more_cases[] = {
	{ "epoll-before-connect", before_connect, "46" },
	{ "epoll-before-listen", before_listen, "4" },
	{ "epoll-connecting", connecting, "46" },
	{ "epoll-connecting-refused", connecting_refused, "4" },
	{ "epoll-connecting-waits", connecting_waits, "4" },
	{ "epoll-closed-disappears", closed_disappears, "4" },
	{ "epoll-closed-but-duped", closed_but_duped, "4" },
	{ "epoll-dup-added", dup_added, "4" },
	{ "epoll-nested", nested, "4" },
	{ "epoll-polled", polled, "4" },
	{ "epoll-exclusive", exclusive, "4" },
	{ "epoll-with-mask", with_mask, "4" },
	{ "epoll-in-turn", in_turn, "4" },
	{ "epoll-in-turn-mixed", in_turn_mixed, "4" },
	{ "epoll-all-at-once", all_at_once, "4" },
	{ "epoll-added-while-waiting", added_while_waiting, "4" },
	{ "epoll-two-threads", two_threads, "4" },
	{ "epoll-news-for-two", news_for_two, "4" },
	{ "epoll-forked", forked, "4" },
	{ "epoll-forked-threads", forked_threads, "4" },
	{ "epoll-many-sets", many_sets, "4" },
	{ 0 },
};
