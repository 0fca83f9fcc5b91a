/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command is forked before anything is opened for it, and waits on a pipe; it
 * stays in our process group, in the foreground of the terminal. A byte lets it go;
 * just before, the window begins. A second pipe, closed by exec(), carries the errno
 * of an exec() that failed; then nothing was measured.
 *
 * Ends come by pidfd, our signals by signalfd: one poll() waits for all of it. What
 * the terminal sends (ctrl-C) the kernel sends to the command as well, so that only
 * what somebody sent to us alone is passed on. Nobody can tell whether a process sent a
 * signal to us or to our whole group (kill -TERM -PGID): the command gets such a one
 * twice, rather than not at all. A signal that was ignored when we were started (nohup)
 * stays ignored by both.
 */
#include "energy/tool/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"

static const int handled[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

static struct {
	sigset_t mask;
	struct sigaction chld, pipe, xfsz;
	struct rlimit files;
} before;

static sigset_t handled_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		sigaddset(&set, handled[i]);
	return set;
}

void target_prepare(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	sigset_t set = handled_set();
	struct rlimit most;

	sigprocmask(SIG_BLOCK, &set, &before.mask);
	sigaction(SIGCHLD, &by_default, &before.chld);	/* ignored: no status to collect */
	/* Without a reader, or at the limit of files' sizes, we wait for the command all the same. */
	sigaction(SIGPIPE, &ignored, &before.pipe);
	sigaction(SIGXFSZ, &ignored, &before.xfsz);
	getrlimit(RLIMIT_NOFILE, &before.files);
	most = before.files;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

/* --- the command --------------------------------------------------------------- */

static void be_the_command(char **command, int go_fd, int error_fd)
{
	char byte;
	int error;

	/* End of file: whoever measures gave up. */
	if (read(go_fd, &byte, 1) != 1)
		_exit(STATUS_TOOL);
	setrlimit(RLIMIT_NOFILE, &before.files);
	sigaction(SIGCHLD, &before.chld, NULL);
	sigaction(SIGPIPE, &before.pipe, NULL);
	sigaction(SIGXFSZ, &before.xfsz, NULL);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
	execvp(command[0], command);
	error = -errno;
	mn_write_all(error_fd, &error, sizeof(error));
	_exit(error == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

static int fork_command(struct target *t, char **command)
{
	int go[2], error[2];

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(error, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	t->child = fork();
	if (!t->child) {
		close(go[1]);
		be_the_command(command, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	t->go_fd = go[1];
	t->error_fd = error[0];
	return t->child < 0 ? -errno : 0;
}

void target_release(struct target *t)
{
	if (t->child > 0)
		mn_write_all(t->go_fd, "", 1);
}

void target_collect(struct target *t)
{
	int status, ret;

	if (t->child <= 0)
		return;
	do
		ret = wait4(t->child, &status, 0, &t->usage);
	while (ret < 0 && errno == EINTR);
	t->ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	t->status = t->ended_by ? 128 + t->ended_by : WEXITSTATUS(status);
	mn_read_all(t->error_fd, &t->exec_error, sizeof(t->exec_error));
	t->child = 0;
}

/* --- waiting ------------------------------------------------------------------- */

static int watch_pid(struct target *t, pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	t->watch[t->n_watch++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return 0;
}

static int open_watches(struct target *t, const struct options *options, char *err,
			size_t errlen)
{
	sigset_t set = handled_set();
	int ret = 0, fd;

	t->watch = calloc(2 + options->n_pids, sizeof(*t->watch));
	if (!t->watch)
		return -ENOMEM;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	t->watch[t->n_watch++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (t->child)
		ret = watch_pid(t, t->child);
	for (size_t i = 0; i < options->n_pids && !ret; i++) {
		ret = watch_pid(t, options->pids[i]);
		if (ret)
			snprintf(err, errlen, "-p %d: %s", options->pids[i],
				 ret == -ESRCH || ret == -EINVAL ? "no such process"
								 : strerror(-ret));
	}
	return ret;
}

static int watched_fd(const struct pollfd *watch)
{
	return watch->fd >= 0 ? watch->fd : ~watch->fd;
}

int target_pidfd(const struct target *t, size_t i)
{
	return watched_fd(&t->watch[1 + i]);
}

int target_open(struct target *t, const struct options *options, char *err, size_t errlen)
{
	int ret = 0;

	*t = (struct target){ .go_fd = -1, .error_fd = -1, .status = -1 };
	if (options->command)
		ret = fork_command(t, options->command);
	if (!ret) {
		err[0] = '\0';
		ret = open_watches(t, options, err, errlen);
		if (!ret)
			return 0;
		if (err[0]) {
			target_close(t);
			return ret;
		}
	}
	snprintf(err, errlen, "cannot start: %s", strerror(-ret));
	target_close(t);
	return ret;
}

/* To the command goes what was not sent to it already, and not what it sent itself. */
static void take_signal(struct target *t, const struct signalfd_siginfo *info)
{
	t->signal = info->ssi_signo;
	if (t->child > 0 && info->ssi_code != SI_KERNEL && (pid_t)info->ssi_pid != t->child)
		kill(t->child, info->ssi_signo);
}

/* Those that came so far; were there any? */
static bool take_signals(struct target *t)
{
	struct signalfd_siginfo info;
	bool any = false;

	for (; read(t->watch[0].fd, &info, sizeof(info)) == sizeof(info); any = true)
		take_signal(t, &info);
	return any;
}

static bool all_ended(struct target *t)
{
	size_t left = 0;

	for (size_t i = 1; i < t->n_watch; i++) {
		if (t->watch[i].fd >= 0 && t->watch[i].revents)
			t->watch[i].fd = ~t->watch[i].fd;	/* poll() passes over it */
		left += t->watch[i].fd >= 0;
	}
	return t->n_watch > 1 && !left;
}

enum wake target_wait(struct target *t, int64_t until_ns)
{
	int64_t left_ns;
	bool signalled;

	while ((left_ns = until_ns - mn_now_ns()) > 0) {
		struct timespec ts = mn_timespec(left_ns);

		if (ppoll(t->watch, t->n_watch, &ts, NULL) <= 0)
			continue;
		/* First: one of what ended at once is not for whatever runs next. */
		signalled = take_signals(t);
		if (all_ended(t))
			return WAKE_ENDED;
		if (signalled && t->child <= 0)
			return WAKE_STOP;
	}
	return WAKE_TIME;
}

void target_close(struct target *t)
{
	if (t->go_fd >= 0)
		close(t->go_fd);	/* one still waiting ends now */
	target_collect(t);
	if (t->error_fd >= 0)
		close(t->error_fd);
	for (size_t i = 0; i < t->n_watch; i++)
		close(watched_fd(&t->watch[i]));
	free(t->watch);
	t->watch = NULL;
	t->n_watch = 0;
	t->go_fd = t->error_fd = -1;
}
