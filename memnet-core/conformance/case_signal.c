/* SPDX-License-Identifier: BSD-2-Clause */
/* signal(7): calls that wait end with EINTR, or go on; with a timeout they never go on. */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

#include "memnet-core/conformance/conform.h"

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	alarms++;
}

/* SIGALRM comes once, soon. */
static void alarm_soon(int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval soon = { .it_value.tv_usec = 100000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void recv_ends(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	alarm_soon(0);
	RET("-1 EINTR", recv(fd, buf, 8, 0));
	NUMBER("1", alarms);
	PEER("5", "send hello");
	RET("5", recv(fd, buf, 8, 0));
}

static void recv_goes_on(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	alarm_soon(SA_RESTART);
	peer_tell("sleep 250");
	peer_tell("send late");
	RET("4", recv(fd, buf, 8, 0));
	NUMBER("1", alarms);
}

static void read_ends(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	alarm_soon(0);
	RET("-1 EINTR", read(fd, buf, 8));
}

/* What was received before the signal counts. */
static void waitall_ends(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	PEER("5", "send hello");
	alarm_soon(0);
	RET("5", recv(fd, buf, 16, MSG_WAITALL));
	NUMBER("1", alarms);
}

/* Looking without taking is no other; with SA_RESTART too, for there is something to return. */
static void waitall_peek_ends(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	PEER("5", "send hello");
	for (int i = 0; i < 2; i++) {
		alarm_soon(i ? SA_RESTART : 0);
		RET("5", recv(fd, buf, 16, MSG_WAITALL | MSG_PEEK));
		NUMBER(i ? "2" : "1", alarms);
	}
}

static void waitall_peek_goes_on(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	alarm_soon(SA_RESTART);
	peer_tell("sleep 250");
	peer_tell("send hello");
	RET("5", recv(fd, buf, 5, MSG_WAITALL | MSG_PEEK));
	NUMBER("1", alarms);
}

static void timeout_ends(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	MUST(set_timeout(fd, SO_RCVTIMEO, 2000));
	alarm_soon(SA_RESTART);
	RET("-1 EINTR", recv(fd, buf, 8, 0));
}

static void send_ends(int family)
{
	static char buf[8 << 20];
	int fd = stream_to_peer(family);
	ssize_t n;

	alarm_soon(0);
	n = send(fd, buf, sizeof(buf), 0);
	YES(n > 0 && n < (ssize_t)sizeof(buf));	/* that much was sent */
	NUMBER("1", alarms);
	do
		alarm_soon(0);
	while (send(fd, buf, sizeof(buf), 0) > 0);
	YES(errno == EINTR);
}

static void accept_ends(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	alarm_soon(0);
	RET("-1 EINTR", accept(listening, NULL, NULL));
	peer_connects(&at);
	NEWFD("fd", accept(listening, NULL, NULL));
}

static void accept_goes_on(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	alarm_soon(SA_RESTART);
	peer_tell("sleep 250");
	peer_tell("connect %s %d", OWN4, port_of(&at));
	NEWFD("fd", accept(listening, NULL, NULL));
	NUMBER("1", alarms);
}

/* It goes on without us, and cannot be begun again. */
static void connect_ends(int family)
{
	struct addr to = peer_at(family, peer_listens_full(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	alarm_soon(0);
	RET("-1 EINTR", connect(fd, &to.any, to.len));
	MUST(set_nonblocking(fd));
	RET("-1 EALREADY", connect(fd, &to.any, to.len));
}

static void datagram_ends(int family)
{
	int fd = datagram_connected(family);
	char buf[8];

	alarm_soon(0);
	RET("-1 EINTR", recv(fd, buf, 8, 0));
}

/* These never go on. */
static void poll_ends(int family)
{
	struct pollfd p = { .fd = stream_to_peer(family), .events = POLLIN };

	alarm_soon(SA_RESTART);
	RET("-1 EINTR", poll(&p, 1, PATIENCE_MS));
	NUMBER("1", alarms);
}

static void select_ends(int family)
{
	int fd = stream_to_peer(family);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	alarm_soon(SA_RESTART);
	RET("-1 EINTR", select(fd + 1, &set, NULL, NULL, NULL));
}

static void epoll_ends(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
	alarm_soon(SA_RESTART);
	RET("-1 EINTR", epoll_wait(epfd, &e, 1, PATIENCE_MS));
}

static void ignored(int family)
{
	int fd = stream_to_peer(family);
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	char buf[8];

	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &soon, NULL);
	peer_tell("sleep 150");
	peer_tell("send late");
	RET("4", recv(fd, buf, 8, 0));
}

static int handlers_fd;

static void on_alarm_send(int signo)
{
	int error = errno;

	send(handlers_fd, "alarm", 5, MSG_NOSIGNAL);
	errno = error;
}

/* signal-safety(7): send() may be called in a handler, also while recv() waits. */
static void send_in_handler(int family)
{
	struct itimerval soon = { .it_value.tv_usec = 100000 };
	struct sigaction action = { .sa_handler = on_alarm_send, .sa_flags = SA_RESTART };
	char buf[8];

	handlers_fd = stream_to_peer(family);
	sigaction(SIGALRM, &action, NULL);
	peer_tell("recv 9");
	peer_tell("send reply");
	setitimer(ITIMER_REAL, &soon, NULL);
	RET("5", recv(handlers_fd, buf, 8, 0));
	TEXT("alarm", peer_hear(), 5);
}

/* Handled in the thread it was sent to; another that waits does not notice. */
static void *interrupt(void *thread)
{
	sleep_ms(100);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void to_thread(int family)
{
	int fd = stream_to_peer(family);
	struct sigaction action = { .sa_handler = on_alarm };
	pthread_t self = pthread_self(), other;
	char buf[8];

	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&other, NULL, interrupt, &self);
	RET("-1 EINTR", recv(fd, buf, 8, 0));
	NUMBER("1", alarms);
	pthread_join(other, NULL);
}

static volatile sig_atomic_t handlers_bytes;

static void on_alarm_send_byte(int signo)
{
	if (send(handlers_fd, "h", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		handlers_bytes++;
}

/* Once: a machine that is slow would do nothing else than handle those of a period. */
static void alarm_in(int us)
{
	struct itimerval once = { .it_value.tv_usec = us };

	setitimer(ITIMER_REAL, &once, NULL);
}

static void on_alarm_do(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
}

/* signal-safety(7): send() is, also in the middle of another call on the same connection. */
static void send_in_handler_often(int family)
{
	int epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };
	int64_t end = now_ms() + 500;
	ssize_t n, sent = 0, got = 0;
	char buf[4096];

	handlers_fd = stream_to_peer(family);
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, handlers_fd, &e));
	peer_tell("echo");
	on_alarm_do(on_alarm_send_byte);
	for (int i = 1; now_ms() < end; i++) {
		alarm_in(20 + i % 50);
		sent += send(handlers_fd, "m", 1, MSG_DONTWAIT) == 1;
		events_now(handlers_fd, POLLIN | POLLOUT);
		epoll_wait(epfd, &e, 1, 0);
		n = recv(handlers_fd, buf, sizeof(buf), MSG_DONTWAIT);
		got += n > 0 ? n : 0;
	}
	on_alarm_do(SIG_IGN);
	MUST(shutdown(handlers_fd, SHUT_WR));
	while (got < sent + handlers_bytes &&
	       (n = recv(handlers_fd, buf, sizeof(buf), 0)) > 0)
		got += n;
	YES(got == sent + handlers_bytes);
	YES(handlers_bytes > 0);
	peer_hear();
}

/* What sigaction() tells of handlers is the program's. */
static void told_of_handlers(int family)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, old;

	RET("0", sigaction(SIGUSR1, &action, NULL));
	RET("0", sigaction(SIGUSR1, NULL, &old));
	YES(old.sa_handler == on_alarm);
	YES((old.sa_flags & (SA_RESTART | SA_SIGINFO)) == SA_RESTART);
	YES(signal(SIGUSR1, SIG_IGN) == on_alarm);
	YES(signal(SIGUSR1, on_alarm) == SIG_IGN);
	RET("0", sigaction(SIGUSR1, NULL, &old));
	YES(old.sa_flags & SA_RESTART);
	raise(SIGUSR1);
	NUMBER("1", alarms);
	RET("-1 EINVAL", sigaction(SIGKILL, &action, NULL));
	RET("-1 EINVAL", sigaction(NSIG, &action, NULL));
}

const struct conform_case signal_cases[] = {
	{ "signal-recv-ends", recv_ends, "46" },
	{ "signal-recv-goes-on", recv_goes_on, "4" },
	{ "signal-read-ends", read_ends, "4" },
	{ "signal-waitall-ends", waitall_ends, "4" },
	{ "signal-waitall-peek-ends", waitall_peek_ends, "4" },
	{ "signal-waitall-peek-goes-on", waitall_peek_goes_on, "4" },
	{ "signal-timeout-ends", timeout_ends, "4" },
	{ "signal-send-ends", send_ends, "4" },
	{ "signal-accept-ends", accept_ends, "4" },
	{ "signal-accept-goes-on", accept_goes_on, "4" },
	{ "signal-connect-ends", connect_ends, "4" },
	{ "signal-datagram-ends", datagram_ends, "4" },
	{ "signal-poll-ends", poll_ends, "4" },
	{ "signal-select-ends", select_ends, "4" },
	{ "signal-epoll-ends", epoll_ends, "4" },
	{ "signal-ignored", ignored, "4" },
	{ "signal-send-in-handler", send_in_handler, "4" },
	{ "signal-to-thread", to_thread, "4" },
	{ "signal-send-in-handler-often", send_in_handler_often, "46" },
	{ "signal-told-of-handlers", told_of_handlers, "" },
	{ 0 },
};
