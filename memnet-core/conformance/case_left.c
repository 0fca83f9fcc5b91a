/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that are left: by a handler's longjmp(), by pthread_cancel(). What comes after works. */
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"

#define TIMES	300

static sigjmp_buf where_to;

static void on_alarm(int signo)
{
	siglongjmp(where_to, 1);
}

static void leave_in(int us)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval once = { .it_value.tv_usec = us };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
}

/* What a call has left on the stack, others overwrite. */
static void overwrite(void)
{
	volatile char room[16384];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0x55;
}

/* As iperf3 ends: out of whatever call it was in, and then the connection goes on. */
static void in_poll(int family)
{
	int fd = stream_to_peer(family);
	static volatile int times;
	char buf[8];

	sigsetjmp(where_to, 1);
	if (times++ < TIMES) {
		leave_in(100 + times);
		for (;;)
			events_now(fd, POLLIN | POLLOUT);
	}
	RET("4", send(fd, "left", 4, 0));
	PEER("left", "recv 9");
	peer("send back");
	RET("4", recv(fd, buf, 8, 0));
}

/* The host is asked, and its answer awaited. */
static void in_setsockopt(int family)
{
	int fd = stream_to_peer(family);
	static volatile int times;

	sigsetjmp(where_to, 1);
	overwrite();
	if (times++ < TIMES) {
		leave_in(50 + times % 100);
		for (int i = 0;; i++)
			set_int_option(fd, IPPROTO_TCP, TCP_NODELAY, i % 2);
	}
	RET("0", set_int_option(fd, IPPROTO_TCP, TCP_NODELAY, 1));
	RET("2", send(fd, "on", 2, 0));
	PEER("on", "recv 9");
}

/* Sockets come and go meanwhile. */
static void in_connect(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	static volatile int times, fd;

	fd = -1;
	sigsetjmp(where_to, 1);
	overwrite();
	if (fd >= 0)
		close(fd);
	if (times++ < TIMES / 15) {
		leave_in(50 + times % 200);
		for (;;) {
			fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
			connect(fd, &to.any, to.len);
			events_now(fd, POLLOUT);
			close(fd);
			fd = -1;
		}
	}
	fd = stream_to_peer(family);
	RET("2", send(fd, "on", 2, 0));
	PEER("on", "recv 9");
}

/* --- threads that are cancelled ----------------------------------------------------------- */

struct call {
	void (*make)(int fd);
	int fd;
	bool go;
};

/* The cancellation is there before the call begins. */
static void *make_cancelled(void *arg)
{
	struct call *c = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (!__atomic_load_n(&c->go, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	c->make(c->fd);
	pthread_testcancel();
	return NULL;
}

static bool is_cancelled(void (*make)(int fd), int fd)
{
	struct call c = { make, fd, false };
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, make_cancelled, &c);
	pthread_cancel(thread);
	__atomic_store_n(&c.go, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, &result);
	return result == PTHREAD_CANCELED;
}

static void poll_out(int fd)
{
	poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, PATIENCE_MS);
}

static void end_sending(int fd)
{
	shutdown(fd, SHUT_WR);
}

static void set_option(int fd)
{
	set_int_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* The first call that finds that it has connected. */
static void cancelled_when_connected(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	peer("accept");
	YES(is_cancelled(poll_out, fd));
	NUMBER("1", writable(fd));
	RET("2", send(fd, "on", 2, 0));
	PEER("on", "recv 9");
	YES(stream_to_peer(family) >= 0);
}

/* These are no cancellation points: they are done. */
static void cancelled_after(int family)
{
	int fd = stream_to_peer(family);

	YES(is_cancelled(set_option, fd));
	NUMBER("1", int_option(fd, IPPROTO_TCP, TCP_NODELAY));
	RET("2", send(fd, "on", 2, 0));
	PEER("on", "recv 9");
	YES(is_cancelled(end_sending, fd));
	PEER("eof", "recv 9");
	YES(stream_to_peer(family) >= 0);
}

/* --- a set without sockets, yet ------------------------------------------------------------ */

static void wait_for_set(int epfd)
{
	epoll_wait(epfd, &(struct epoll_event){ 0 }, 1, PATIENCE_MS);
}

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* With a socket in it, it is waited for asleep. */
static void goes_on(int epfd, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };
	int64_t busy;

	RET("0", epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
	busy = cpu_ms();
	RET("0", epoll_wait(epfd, &e, 1, 300));
	YES(cpu_ms() - busy < 100);
	peer("send x");
	RET("1", epoll_wait(epfd, &e, 1, PATIENCE_MS));
}

static void set_cancelled(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));

	YES(is_cancelled(wait_for_set, epfd));
	goes_on(epfd, fd);
}

static void set_left(int family)
{
	static volatile int fd, epfd;

	fd = stream_to_peer(family);
	epfd = MUST(epoll_create1(0));
	if (!sigsetjmp(where_to, 1)) {
		leave_in(50000);
		wait_for_set(epfd);
	}
	goes_on(epfd, fd);
}

const struct conform_case left_cases[] = {
	{ "left-poll", in_poll, "4" },
	{ "left-setsockopt", in_setsockopt, "4" },
	{ "left-connect", in_connect, "4" },
	{ "left-cancelled-when-connected", cancelled_when_connected, "46" },
	{ "left-set", set_left, "4" },
	{ "left-cancelled-set", set_cancelled, "4" },
	{ "left-cancelled-after", cancelled_after, "4" },
	{ 0 },
};
