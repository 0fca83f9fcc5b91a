/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/test/programs.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

static _Noreturn void exec_program(const char *name, char *const *args)
{
	char in_bin[64], path[4096];

	snprintf(in_bin, sizeof(in_bin), "bin/%s", name);
	if (!mn_beside_program(3, in_bin, path, sizeof(path)))
		execv(path, args);
	perror(in_bin);
	_exit(127);
}

pid_t program_start(const char *name, const char *log, char *const *args)
{
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	exec_program(name, args);
}

void program_stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGTERM);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

pid_t program_child(pid_t pid, unsigned int n)
{
	char path[64], text[4096], *at = text, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (mn_read_file(path, text, sizeof(text)) < 0)
		return -1;
	for (;; n--, at = end) {
		pid_t child = strtol(at, &end, 10);

		if (end == at)
			return -1;
		if (!n)
			return child;
	}
}

unsigned int program_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	getsockname(fd, (struct sockaddr *)&at, &len);
	close(fd);
	return ntohs(at.sin_port);
}
