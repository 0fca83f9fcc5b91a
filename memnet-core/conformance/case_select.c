/* SPDX-License-Identifier: BSD-2-Clause */
/* select(2), pselect(2). */
#include <pthread.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"

static void reads(int family)
{
	int fd = stream_to_peer(family);
	struct timeval limit = { .tv_sec = 3 };
	fd_set set, other;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	peer_tell("sleep 100");
	peer_tell("send x");
	RET("1", select(fd + 1, &set, NULL, NULL, &limit));
	YES(FD_ISSET(fd, &set));
	YES(limit.tv_sec < 3 && limit.tv_sec >= 1);	/* Linux leaves what was left */
	FD_ZERO(&other);
	FD_SET(fd, &other);
	RET("2", select(fd + 1, &set, &other, NULL, NULL));
	YES(FD_ISSET(fd, &set) && FD_ISSET(fd, &other));
}

static void times_out(int family)
{
	int fd = stream_to_peer(family);
	struct timeval limit = { .tv_usec = 100000 };
	int64_t begin = now_ms();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	RET("0", select(fd + 1, &set, NULL, NULL, &limit));
	YES(took_about(begin, 100));
	YES(!FD_ISSET(fd, &set));
	YES(!limit.tv_sec && !limit.tv_usec);
	limit.tv_usec = 20000;
	RET("0", select(0, NULL, NULL, NULL, &limit));	/* a way to sleep */
	FD_SET(fd, &set);
	limit.tv_sec = -1;
	RET("-1 EINVAL", select(fd + 1, &set, NULL, NULL, &limit));
}

/* An end and an error make it readable; what is exceptional is only urgent data. */
static void ends(int family)
{
	int fd = stream_to_peer(family);
	fd_set in, out, except;

	peer("reset");
	events_once(fd, POLLIN, POLLERR);
	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = except = in;
	RET("2", select(fd + 1, &in, &out, &except, NULL));
	YES(FD_ISSET(fd, &in) && FD_ISSET(fd, &out) && !FD_ISSET(fd, &except));
}

static void *write_later(void *fd)
{
	sleep_ms(100);
	write(*(int *)fd, "x", 1);
	return NULL;
}

static void mixed(int family)
{
	int one = stream_to_peer(family), two = stream_to_peer(family), ends[2], top;
	pthread_t thread;
	fd_set set;

	MUST(pipe(ends));
	top = (ends[0] > two ? ends[0] : two) + 1;
	FD_ZERO(&set);
	FD_SET(one, &set);
	FD_SET(two, &set);
	FD_SET(ends[0], &set);
	pthread_create(&thread, NULL, write_later, &ends[1]);
	RET("1", select(top, &set, NULL, NULL, NULL));
	YES(FD_ISSET(ends[0], &set) && !FD_ISSET(one, &set) && !FD_ISSET(two, &set));
	pthread_join(thread, NULL);
	peer("send x");
	NUMBER("1", readable(two));
	FD_SET(one, &set);
	FD_SET(two, &set);
	RET("2", select(top, &set, NULL, NULL, NULL));
	YES(FD_ISSET(ends[0], &set) && FD_ISSET(two, &set) && !FD_ISSET(one, &set));
}

/* Microseconds need not be below a second, as they must be for the kernel's own call. */
static void past_a_second(int family)
{
	int fd = stream_to_peer(family);
	struct timeval limit = { .tv_usec = 1100000 };
	int64_t begin = now_ms();
	fd_set set;

	RET("0", select(0, NULL, NULL, NULL, &limit));
	YES(took_about(begin, 1100));
	limit = (struct timeval){ .tv_usec = 1100000 };
	begin = now_ms();
	FD_ZERO(&set);
	FD_SET(fd, &set);
	RET("0", select(fd + 1, &set, NULL, NULL, &limit));
	YES(took_about(begin, 1100));
	limit.tv_usec = -1;
	RET("-1 EINVAL", select(fd + 1, &set, NULL, NULL, &limit));
}

/* More seconds than there are nanoseconds for. */
static void for_ages(int family)
{
	static const time_t ages[] = { 9223372035, 9300000000, INT64_MAX };
	int fd = stream_to_peer(family);
	fd_set set;

	FD_ZERO(&set);
	for (int i = 0; i < 3; i++) {
		struct timeval limit = { .tv_sec = ages[i], .tv_usec = 1500000 };

		FD_SET(fd, &set);
		peer_tell("sleep 50");
		peer_tell("send x");
		RET("1", select(fd + 1, &set, NULL, NULL, &limit));
		YES(limit.tv_sec > 9000000000);
		MUST(recv(fd, &(char){ 0 }, 1, 0));
		peer_hear();
		peer_hear();
	}
}

/* Only those below the first argument are looked at. */
static void below(int family)
{
	int fd = stream_to_peer(family);
	struct timeval now = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	RET("0", select(fd, NULL, &set, NULL, &now));
	FD_SET(fd, &set);
	RET("1", select(fd + 1, NULL, &set, NULL, &now));
	RET("-1 EINVAL", select(-1, NULL, &set, NULL, &now));
}

static void closed(int family)
{
	int fd = stream_to_peer(family);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	close(fd);
	RET("-1 EBADF", select(fd + 1, &set, NULL, NULL, NULL));
}

static void connecting(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	fd_set set;

	RET("-1 EINPROGRESS", connect(fd, &to.any, to.len));
	FD_ZERO(&set);
	FD_SET(fd, &set);
	RET("1", select(fd + 1, NULL, &set, NULL, NULL));
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
}

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	signals++;
}

static void with_mask(int family)
{
	int fd = stream_to_peer(family);
	struct timespec limit = { .tv_sec = 2 };
	sigset_t none, usr1;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	signal(SIGUSR1, on_signal);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	RET("-1 EINTR", pselect(fd + 1, &set, NULL, NULL, &limit, &none));
	NUMBER("1", signals);
	NUMBER("2", limit.tv_sec);	/* pselect() does not change it */
	peer("send x");
	NUMBER("1", readable(fd));
	FD_SET(fd, &set);
	RET("1", pselect(fd + 1, &set, NULL, NULL, &limit, NULL));
}

const struct conform_case select_cases[] = {
	{ "select-reads", reads, "46" },
	{ "select-times-out", times_out, "4" },
	{ "select-past-a-second", past_a_second, "4" },
	{ "select-for-ages", for_ages, "4" },
	{ "select-ends", ends, "4" },
	{ "select-mixed", mixed, "4" },
	{ "select-below", below, "4" },
	{ "select-closed", closed, "4" },
	{ "select-connecting", connecting, "4" },
	{ "select-with-mask", with_mask, "4" },
	{ 0 },
};
