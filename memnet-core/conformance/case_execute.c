/* SPDX-License-Identifier: BSD-2-Clause */
/* exec(2), and what is built on it: the program that is executed has the connection. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "memnet-core/conformance/conform.h"

extern char **environ;

/* inetd's way: input, output and errors are one connection. */
static void executed_as_inetd(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		close(fd);
		execlp("sh", "sh", "-c", "echo one; echo two >&2; read word; echo $word; "
		       "echo four >&2", NULL);
		_exit(127);
	}
	close(fd);
	PEER("one\ntwo\n", "recvall 8");
	PEER("6", "send three\n");
	PEER("three\nfour\n", "recvall 11");
	PEER("eof", "recv 9");
	NUMBER("0", ended_with(pid));
}

static void executed_has_input(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		dup2(fd, 0);
		exec_self("input", 0);
	}
	NUMBER("0", ended_with(pid));
}

static void executed(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid)
		exec_self("echo", fd);
	close(fd);
	PEER("5", "send hello");
	PEER("exec hello", "recvall 10");
	NUMBER("0", ended_with(pid));
	PEER("eof", "recv 9");
}

static void executed_datagrams(int family)
{
	int fd = datagram_connected(family);
	pid_t pid = fork();

	if (!pid)
		exec_self("echo", fd);
	close(fd);
	PEER("5", "reply hello");
	PEER("exec hello", "recvfrom");
	NUMBER("0", ended_with(pid));
}

static void executed_listener(int family)
{
	struct addr at;
	int listening = listener(family, &at);
	pid_t pid = fork();

	if (!pid)
		exec_self("accept", listening);
	close(listening);
	peer_connects(&at);
	PEER("5", "send hello");
	PEER("exec hello", "recvall 10");
	NUMBER("0", ended_with(pid));
}

static void executed_cloexec(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid;

	MUST(fcntl(fd, F_SETFD, FD_CLOEXEC));
	pid = fork();
	if (!pid)
		exec_self("valid", fd);
	NUMBER("1", ended_with(pid));	/* it is not */
	RET("6", send(fd, "parent", 6, 0));
	PEER("parent", "recv 9");
}

/* Another program that knows nothing: cat between the connection and itself. */
static void executed_cat(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid = fork();

	if (!pid) {
		dup2(fd, 0);
		dup2(fd, 1);
		close(fd);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(fd);
	PEER("5", "send hello");
	PEER("hello", "recv 9");
	PEER("0", "shutdown");
	PEER("eof", "recv 9");
	NUMBER("0", ended_with(pid));
}

static void spawned(int family)
{
	int fd = stream_to_peer(family), status;
	posix_spawn_file_actions_t actions;
	char *argv[] = { "sh", "-c", "read word; echo \"got $word\"", NULL };
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 1);
	RET("0", posix_spawnp(&pid, "sh", &actions, NULL, argv, environ));
	close(fd);
	PEER("5", "send word\n");
	PEER("got word\n", "recvall 9");
	RET("0", waitpid(pid, &status, 0) != pid);
	PEER("eof", "recv 9");
}

/* While a child of popen() and system() runs, the connection is whole. */
static void beside_system(int family)
{
	int fd = stream_to_peer(family);
	FILE *f = popen("echo word", "r");
	char line[16] = "";

	YES(f && fgets(line, sizeof(line), f) && !strcmp(line, "word\n"));
	RET("0", pclose(f));
	RET("0", system("true"));
	RET("5", send(fd, "whole", 5, 0));
	PEER("whole", "recv 9");
}

const struct conform_case execute_cases[] = {
	{ "process-exec-inetd", executed_as_inetd, "4" },
	{ "process-exec-input", executed_has_input, "4" },
	{ "process-exec", executed, "46" },
	{ "process-exec-datagrams", executed_datagrams, "4" },
	{ "process-exec-listener", executed_listener, "4" },
	{ "process-exec-cloexec", executed_cloexec, "4" },
	{ "process-exec-cat", executed_cat, "4" },
	{ "process-spawned", spawned, "4" },
	{ "process-beside-system", beside_system, "4" },
	{ 0 },
};
