/* SPDX-License-Identifier: BSD-2-Clause */
/* fork(2): who has the connection, and when it ends. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "memnet-core/conformance/conform.h"

static void child_uses(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		char buf[8];

		TEXT("hello", buf, RET("5", recv(fd, buf, 8, 0)));
		RET("5", send(fd, "child", 5, 0));
		_exit(0);
	}
	RET("0", close(fd));
	PEER("5", "send hello");
	PEER("child", "recv 9");
	NUMBER("0", ended_with(pid));
	PEER("eof", "recv 9");
}

static void child_ends(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();
	char buf[8];

	if (!pid)
		_exit(0);
	NUMBER("0", ended_with(pid));
	RET("6", send(fd, "parent", 6, 0));
	PEER("parent", "recv 9");
	PEER("4", "send back");
	RET("4", recv(fd, buf, 8, 0));
}

static void child_closes(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		close(fd);
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
	RET("6", send(fd, "parent", 6, 0));
	PEER("parent", "recv 9");
}

/* shutdown() is of the connection, whoever calls it. */
static void child_shuts_down(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid)
		_exit(shutdown(fd, SHUT_WR));
	NUMBER("0", ended_with(pid));
	PEER("eof", "recv 9");
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
}

/* The position in the stream is one. */
static void in_turn(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	peer("send abcdefghij");
	NUMBER("1", readable(fd));
	TEXT("ab", buf, RET("2", recv(fd, buf, 2, 0)));
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (!pid) {
			TEXT(i ? "gh" : "cd", buf, RET("2", recv(fd, buf, 2, 0)));
			RET("1", send(fd, i ? "2" : "1", 1, 0));
			_exit(0);
		}
		NUMBER("0", ended_with(pid));
		TEXT(i ? "ij" : "ef", buf, RET("2", recv(fd, buf, 2, 0)));
		RET("1", send(fd, i ? "B" : "A", 1, 0));
	}
	PEER("1A2B", "recvall 4");
}

/* The child reads while the parent writes. */
static void both_directions(int family)
{
	static char buf[1 << 20];
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		NUMBER("1048576", recv_all(fd, buf, sizeof(buf)));
		YES(pattern_same(buf, sizeof(buf), 0, SEED_PEER));
		_exit(0);
	}
	peer_tell("exchange %zu", sizeof(buf));
	pattern_fill(buf, sizeof(buf), 0, SEED_GUEST);
	/* The child's lines come first, for there is one order. */
	ssize_t sent = send_all(fd, buf, sizeof(buf));

	NUMBER("0", ended_with(pid));
	NUMBER("1048576", sent);
	TEXT("same", peer_hear(), 4);
}

/* The classic server: a child for each connection. */
static void server(int family)
{
	struct addr at;
	int listening = listener(family, &at);

	for (int i = 0; i < 3; i++) {
		pid_t pid;
		int fd;

		peer_connects(&at);
		fd = NEWFD("fd", accept(listening, NULL, NULL));
		pid = fork();
		if (!pid) {
			char buf[8];
			ssize_t n;

			close(listening);
			n = recv(fd, buf, 8, 0);
			_exit(send(fd, buf, n, 0) != n);
		}
		close(fd);
		PEER("4", "send echo");
		PEER("echo", "recv 9");
		PEER("eof", "recv 9");
		NUMBER("0", ended_with(pid));
	}
}

/* Two processes accept from one listener: each comes to one of them, and both get some. */
static void two_accept(int family)
{
	struct addr at;
	int listening = listener(family, &at), served[2] = { 0 };
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			for (;;) {
				int fd = accept(listening, NULL, NULL);

				send(fd, i ? "1" : "0", 1, 0);
				sleep_ms(10);
				close(fd);
			}
		}
	}
	close(listening);
	for (int i = 0; i < 20; i++) {
		peer_connects(&at);
		peer("connect %s %d", family == AF_INET6 ? OWN6 : OWN4, port_of(&at));
		served[*peer("recv 1") == '1']++;
		peer("use %d", 2 * i);
		served[*peer("recv 1") == '1']++;
	}
	NUMBER("40", served[0] + served[1]);
	YES(served[0] > 0 && served[1] > 0);
	kill(pids[0], SIGKILL);
	kill(pids[1], SIGKILL);
}

/* One that was shut down, by whoever shares it, is at its end for all; so is who waits. */
static void child_shuts_listener(int family)
{
	struct addr at;
	int listening = listener(family, &at), epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };
	pid_t pid;

	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, listening, &e));
	pid = fork();
	if (!pid) {
		sleep_ms(50);
		_exit(shutdown(listening, SHUT_RDWR));
	}
	RET("1", epoll_wait(epfd, &e, 1, PATIENCE_MS));
	EVENTS("HUP", e.events);
	EVENTS("OUT|HUP", events_now(listening, POLLIN | POLLOUT | POLLRDHUP));
	RET("-1 EINVAL", accept(listening, NULL, NULL));
	NUMBER("0", ended_with(pid));
}

/* What a child lets go, by whatever means, is still the parent's, who hears of it at once. */
static void child_drops(int family)
{
	int fd = stream_to_peer(family), null = MUST(open("/dev/null", O_RDWR));
	char buf[8];
	pid_t pid = fork();
	int64_t begin;

	if (!pid) {
		dup2(null, fd);
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
	begin = now_ms();
	for (int i = 0; i < 20; i++) {
		peer_tell("sleep 5");
		peer_tell("send x");
		MUST(recv(fd, buf, 8, 0));
		peer_hear();
		peer_hear();
	}
	YES(now_ms() - begin < 1000);
}

/* The listener lives while the child has it. */
static void child_listens(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	pid_t pid = fork();

	if (!pid) {
		int fd = NEWFD("fd", accept(listening, NULL, NULL));

		RET("5", send(fd, "child", 5, 0));
		_exit(0);
	}
	close(listening);
	peer_connects(&at);
	PEER("child", "recv 9");
	NUMBER("0", ended_with(pid));
}

static void killed(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		send(fd, "last", 4, 0);
		raise(SIGKILL);
	}
	close(fd);
	NUMBER("9", ended_with(pid));
	PEER("last", "recv 9");
	PEER("eof", "recv 9");
}

/* The grandchild of a daemon, whose parents are gone. */
static void daemonised(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		if (fork())
			_exit(0);
		char buf[8];
		ssize_t n = recv(fd, buf, 8, 0);

		send(fd, buf, n, 0);
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
	close(fd);
	PEER("4", "send echo");
	PEER("echo", "recv 9");
	PEER("eof", "recv 9");
}

/* Sockets a child makes for itself. */
static void child_connects(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0));
	pid_t pid;

	MUST(connect(fd, &to.any, to.len));
	peer("accept");
	pid = fork();
	if (!pid) {
		int own = MUST(socket(family, SOCK_STREAM, 0));

		RET("0", connect(own, &to.any, to.len));
		RET("5", send(own, "child", 5, 0));
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
	peer("accept");
	PEER("child", "recv 9");
	peer("use 0");
	RET("6", send(fd, "parent", 6, 0));
	PEER("parent", "recv 9");
}

/* A child whose birth no handler of pthread_atfork() has seen. */
static void child_of_clone(int family)
{
	int fd = stream_to_peer(family), own;
	pid_t pid = MUST(_Fork());

	if (!pid) {
		RET("5", send(fd, "child", 5, 0));
		PEER("child", "recv 9");
		own = stream_to_peer(family);
		RET("3", send(own, "own", 3, 0));
		PEER("own", "recv 9");
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
	RET("6", send(fd, "parent", 6, 0));
	peer("use 0");
	PEER("parent", "recv 9");
	YES(stream_to_peer(family) >= 0);
}

/* O_NONBLOCK is of the open file, whoever sets it. */
static void set_nonblocking_by_parent(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = MUST(fork());
	char buf[8];

	if (!pid) {
		sleep_ms(200);
		RET("-1 EAGAIN", recv(fd, buf, sizeof(buf), 0));
		_exit(0);
	}
	MUST(set_nonblocking(fd));
	NUMBER("0", ended_with(pid));
}

const struct conform_case process_cases[] = {
	{ "process-child-uses", child_uses, "46" },
	{ "process-child-ends", child_ends, "4" },
	{ "process-child-closes", child_closes, "4" },
	{ "process-child-shuts-down", child_shuts_down, "4" },
	{ "process-in-turn", in_turn, "4" },
	{ "process-both-directions", both_directions, "4" },
	{ "process-server", server, "46" },
	{ "process-two-accept", two_accept, "4" },
	{ "process-child-shuts-listener", child_shuts_listener, "4" },
	{ "process-child-drops", child_drops, "4" },
	{ "process-child-listens", child_listens, "4" },
	{ "process-killed", killed, "4" },
	{ "process-daemonised", daemonised, "4" },
	{ "process-child-connects", child_connects, "4" },
	{ "process-nonblocking-by-parent", set_nonblocking_by_parent, "4" },
	{ "process-child-of-clone", child_of_clone, "4" },
	{ 0 },
};
