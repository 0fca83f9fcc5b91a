/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that travel, that are closed by the dozen, or that programs did not expect. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "memnet-core/conformance/conform.h"

static void send_fd(int over, int fd)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec iov = { "f", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	must("sendmsg() of a descriptor", sendmsg(over, &m, 0));
}

static int receive_fd(int over)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c;
	int fd = -1;

	must("recvmsg() of a descriptor", recvmsg(over, &m, 0));
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool talks(int fd)
{
	char buf[8];

	return send(fd, "ping", 4, MSG_NOSIGNAL) == 4 && !strcmp(peer("recv 9"), "ping") &&
	       !strcmp(peer("send pong"), "4") && recv(fd, buf, 8, 0) == 4;
}

static void passed_to_self(int family)
{
	int fd = stream_to_peer(family), ends[2], got;
	struct addr a;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	send_fd(ends[0], fd);
	close(fd);
	got = NEWFD("fd", receive_fd(ends[1]));
	YES(talks(got));
	a = peer_of(got);
	ADDR(with_port(AT(family, PEER), "peer"), &a);
	close(got);
	PEER("eof", "recv 9");
}

/* Three descriptors of one connection: bytes go in order, whichever is used. */
static void passed_twice(int family)
{
	int fd = stream_to_peer(family), ends[2], got[2];
	char buf[8];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	RET("1", send(fd, "a", 1, 0));
	for (int i = 0; i < 2; i++) {
		send_fd(ends[0], fd);
		got[i] = NEWFD("fd", receive_fd(ends[1]));
	}
	RET("1", send(got[0], "b", 1, 0));
	RET("1", send(got[1], "c", 1, 0));
	RET("1", send(fd, "d", 1, 0));
	PEER("abcd", "recvall 4");
	peer("send wxyz");
	TEXT("w", buf, RET("1", recv(got[1], buf, 1, 0)));
	TEXT("x", buf, RET("1", recv(fd, buf, 1, 0)));
	TEXT("yz", buf, RET("2", recv(got[0], buf, 8, 0)));
	close(got[1]);
	close(fd);
	YES(talks(got[0]));
	close(got[0]);
	PEER("eof", "recv 9");
}

/* To a process that was there before the connection. */
static void passed_to_other(int family)
{
	int ends[2], fd;
	pid_t pid;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = fork();
	if (!pid) {
		char buf[8];
		int got = receive_fd(ends[1]);

		TEXT("hello", buf, RET("5", recv(got, buf, 8, 0)));
		RET("5", send(got, "child", 5, 0));
		_exit(0);
	}
	fd = stream_to_peer(family);
	send_fd(ends[0], fd);
	RET("0", close(fd));
	PEER("5", "send hello");
	NUMBER("0", ended_with(pid));
	PEER("child", "recv 9");
	PEER("eof", "recv 9");
}

static void passed_listener(int family)
{
	int ends[2], listening;
	struct addr at;
	pid_t pid;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = fork();
	if (!pid) {
		int fd = accept(receive_fd(ends[1]), NULL, NULL);

		RET("5", send(fd, "child", 5, 0));
		_exit(0);
	}
	listening = listener(family, &at);
	send_fd(ends[0], listening);
	close(listening);
	peer_connects(&at);
	PEER("child", "recv 9");
	NUMBER("0", ended_with(pid));
}

/* Passed and never received: closed with the message. */
static void passed_and_lost(int family)
{
	int fd = stream_to_peer(family), ends[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	send_fd(ends[0], fd);
	close(fd);
	peer_tell("recv 9");
	close(ends[0]);
	close(ends[1]);
	TEXT("eof", peer_hear(), 3);
}

static void range_closed(int family)
{
	int fd = stream_to_peer(family), copy = MUST(fcntl(fd, F_DUPFD, 100));

	RET("0", close_range(100, 199, 0));
	RET("-1 EBADF", fcntl(copy, F_GETFD));
	YES(talks(fd));
	RET("100", fcntl(fd, F_DUPFD, 100));
	RET("0", close(fd));
	RET("0", close_range(100, 199, CLOSE_RANGE_CLOEXEC));
	NUMBER("1", fcntl(100, F_GETFD));
	YES(talks(100));
	closefrom(950);
	RET("0", close_range(100, 199, 0));
	PEER("eof", "recv 9");
}

/* What daemons do first: close all there might be. */
static void loop_closed(int family)
{
	int fd = stream_to_peer(family);

	for (int i = 3; i < 256; i++)
		close(i);
	RET("-1 EBADF", send(fd, "x", 1, 0));
	PEER("eof", "recv 9");
	YES(talks(stream_to_peer(family)));
}

static void high_number(int family)
{
	struct rlimit limit;
	int fd = stream_to_peer(family);

	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max < 3000 ? limit.rlim_max : 3000;
	RET("0", setrlimit(RLIMIT_NOFILE, &limit));
	YES(fcntl(fd, F_DUPFD, limit.rlim_cur - 2) == (int)limit.rlim_cur - 2);
	close(fd);
	fd = limit.rlim_cur - 2;
	YES(talks(fd));
	peer("send x");
	NUMBER("1", readable(fd));
}

static void none_left(int family)
{
	struct addr at;
	int listening = listener(family, &at), fd;
	struct rlimit limit;

	peer_connects(&at);
	fd = MUST(dup(0));
	close(fd);
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = fd;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	RET("-1 EMFILE", socket(family, SOCK_STREAM, 0));
	RET("-1 EMFILE", accept(listening, NULL, NULL));
	RET("-1 EMFILE", dup(listening));
	limit.rlim_cur = fd + 1;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	NEWFD("fd", accept(listening, NULL, NULL));	/* it has waited */
}

/* As descriptors 0, 1 and 2 are given to what inetd starts. */
static void as_standard(int family)
{
	int fd = stream_to_peer(family), out = MUST(dup(1));
	char word[8] = "";

	MUST(dup2(fd, 0));
	fflush(stdout);
	MUST(dup2(fd, 1));
	printf("prompt");
	fflush(stdout);
	MUST(dup2(out, 1));
	PEER("prompt", "recv 9");
	peer("send answer\n");
	YES(scanf("%7s", word) == 1);
	TEXT("answer", word, 6);
}

/* An epoll with one socket in it, which can be written to. */
static int set_with(int fd)
{
	struct epoll_event e = { .events = EPOLLOUT, .data.fd = fd };
	int epfd = MUST(epoll_create1(0));

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
	MUST(epoll_wait(epfd, &e, 1, PATIENCE_MS));
	return epfd;
}

/* The next set of that number is empty. */
static void set_replaced(int family)
{
	int fd = stream_to_peer(family), epfd = set_with(fd), other, empty;
	struct epoll_event e;

	RET("0", close_range(epfd, epfd, 0));
	other = MUST(epoll_create1(0));
	YES(other == epfd);
	RET("0", epoll_wait(other, &e, 1, QUIET_MS));
	close(other);
	for (int with_dup3 = 0; with_dup3 < 2; with_dup3++) {
		epfd = set_with(fd);
		empty = MUST(epoll_create1(0));
		YES((with_dup3 ? dup3(empty, epfd, O_CLOEXEC) : dup2(empty, epfd)) == epfd);
		RET("0", epoll_wait(epfd, &e, 1, QUIET_MS));
		close(empty);
		close(epfd);
	}
}

/* dup(2): it is the same set by either number, as long as one of them is there. */
static void set_copied(int family)
{
	int fd = stream_to_peer(family), other = stream_to_peer(family);
	int epfd = set_with(fd), copy = MUST(dup(epfd)), third;
	struct epoll_event e = { .events = EPOLLOUT, .data.fd = other };

	RET("1", epoll_wait(copy, &e, 1, PATIENCE_MS));
	YES(e.data.fd == fd);
	RET("0", close(epfd));
	RET("1", epoll_wait(copy, &e, 1, PATIENCE_MS));
	third = MUST(fcntl(copy, F_DUPFD, 0));
	RET("0", epoll_ctl(third, EPOLL_CTL_DEL, fd, NULL));
	RET("0", epoll_wait(copy, &e, 1, QUIET_MS));
	e.data.fd = other;
	RET("0", epoll_ctl(copy, EPOLL_CTL_ADD, other, &e));
	RET("1", epoll_wait(third, &e, 1, PATIENCE_MS));
	YES(e.data.fd == other);
	RET("0", close(copy));
	RET("1", epoll_wait(third, &e, 1, PATIENCE_MS));
	RET("0", close(third));
	epfd = MUST(epoll_create1(0));
	RET("0", epoll_wait(epfd, &e, 1, QUIET_MS));
}

const struct conform_case fds_more_cases[] = {
	{ "fd-passed-to-self", passed_to_self, "46" },
	{ "fd-passed-twice", passed_twice, "4" },
	{ "fd-passed-to-other", passed_to_other, "46" },
	{ "fd-passed-listener", passed_listener, "4" },
	{ "fd-passed-and-lost", passed_and_lost, "4" },
	{ "fd-range-closed", range_closed, "4" },
	{ "fd-loop-closed", loop_closed, "4" },
	{ "fd-high-number", high_number, "4" },
	{ "fd-none-left", none_left, "4" },
	{ "fd-as-standard", as_standard, "4" },
	{ "fd-set-replaced", set_replaced, "4" },
	{ "fd-set-copied", set_copied, "4" },
	{ 0 },
};
