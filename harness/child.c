/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"

#define POLL_NS (5 * NSEC_PER_MSEC)

static void keep_open(int fd)
{
	fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) & ~FD_CLOEXEC);
}

/* In the child: never returns; the errno of a failed exec goes to @error_fd. */
static void become(char *const argv[], const char *log, int stdout_fd, const int *pass_fds,
		   int error_fd, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	sigset_t none;
	int err;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it died before we asked */
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, STDIN_FILENO);
	if (out >= 0)
		dup2(out, STDERR_FILENO);
	dup2(stdout_fd >= 0 ? stdout_fd : STDERR_FILENO, STDOUT_FILENO);
	for (; pass_fds && *pass_fds >= 0; pass_fds++)
		keep_open(*pass_fds);
	execvp(argv[0], argv);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

int child_start(struct child *c, const char *name, char *const argv[], const char *log,
		int stdout_fd, const int *pass_fds)
{
	int pipe_fds[2], err = 0;
	pid_t parent = getpid();
	ssize_t n;

	*c = (struct child){ .name = name };
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid == 0)
		become(argv, log, stdout_fd, pass_fds, pipe_fds[1], parent);
	close(pipe_fds[1]);
	if (c->pid < 0) {
		err = errno;
		c->pid = 0;
		close(pipe_fds[0]);
		return -err;
	}
	do {
		n = read(pipe_fds[0], &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close(pipe_fds[0]);
	if (n == sizeof(err)) {
		waitpid(c->pid, &c->status, 0);
		c->pid = 0;
		return -err;
	}
	return 0;
}

bool child_ended(struct child *c)
{
	if (c->pid && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->pid = 0;
	return !c->pid;
}

const char *child_how_ended(const struct child *c)
{
	static char text[48];

	if (c->pid)
		return "running";
	if (WIFSIGNALED(c->status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(c->status));
	else
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(c->status));
	return text;
}

void child_stop(struct child *c, int grace_ms)
{
	int64_t deadline = mn_now_ns() + grace_ms * NSEC_PER_MSEC;

	if (child_ended(c))
		return;
	kill(c->pid, SIGTERM);
	while (!child_ended(c) && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + POLL_NS);
	if (!child_ended(c)) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, &c->status, 0);
		c->pid = 0;
	}
}
