/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/guest/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memnet-core/base/io.h"

#define PIECE (LINE_SIZE - 32)	/* leaves room for the event's name */
#define PROGRESS_BYTES_TOTAL 64
#define PLACEHOLDER "@progress@"

static void hand_on(struct lines *l, size_t len, void (*line)(void *, char *), void *context)
{
	l->text[len] = '\0';
	line(context, l->text);
}

bool lines_read(struct lines *l, void (*line)(void *context, char *text), void *context)
{
	ssize_t n = read(l->fd, l->text + l->len, l->room - l->len);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		if (l->len)
			hand_on(l, l->len, line, context);
		close(l->fd);
		l->fd = -1;
		l->len = 0;
		return false;
	}
	l->len += n;
	while ((end = memchr(l->text, '\n', l->len))) {
		size_t rest = l->len - (end + 1 - l->text);

		hand_on(l, end - l->text, line, context);
		memmove(l->text, end + 1, rest);
		l->len = rest;
	}
	if (l->len == l->room) {
		hand_on(l, l->len, line, context);
		l->len = 0;
	}
	return true;
}

#define PATH_SIZE 128

static void progress_path(char path[PATH_SIZE], const char *dir, unsigned int number)
{
	snprintf(path, PATH_SIZE, "%s/%u", dir, number);
}

/* A new zeroed file under the slot's name; the old mapping keeps the old one alive until then. */
static int renew_progress(struct slot *s, const char *path)
{
	void *map = MAP_FAILED;
	int fd, ret;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, PROGRESS_BYTES_TOTAL))
		map = mmap(NULL, PROGRESS_BYTES_TOTAL, PROT_READ, MAP_SHARED, fd, 0);
	ret = map == MAP_FAILED ? -errno : 0;
	close(fd);
	if (ret)
		return ret;
	if (s->progress)
		munmap((void *)s->progress, PROGRESS_BYTES_TOTAL);
	s->progress = map;
	return 0;
}

/* Where the placeholder stands in @word, put @path; the memory is the child's and not freed. */
static char *substitute(char *word, const char *path)
{
	char *at = strstr(word, PLACEHOLDER), *made;

	if (!at || asprintf(&made, "%.*s%s%s", (int)(at - word), word, path,
			    at + strlen(PLACEHOLDER)) < 0)
		return word;
	return made;
}

/* Put leading NAME=VALUE words into the environment, as a shell does; the rest. */
static char **take_environment(char **argv)
{
	while (argv[0] && argv[1] && strchr(argv[0], '=') && putenv(argv[0]) == 0)
		argv++;
	return argv;
}

/* In the child: never returns; an errno in @report says why it did not start. */
static void become(char **argv, const char *progress, const int pipes[3], int report,
		   pid_t parent)
{
	sigset_t none;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it died before we asked */
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);		/* with all it starts */
	for (int i = 0; i < 3; i++)
		dup2(pipes[i], i);
	for (char **word = argv; *word; word++)
		*word = substitute(*word, progress);
	argv = take_environment(argv);
	execvp(argv[0], argv);
	error = errno;
	_exit(mn_write_all(report, &error, sizeof(error)) ? 126 : 127);
}

static void close_all(int pipes[4][2])
{
	for (int i = 0; i < 4; i++)
		for (int end = 0; end < 2; end++)
			if (pipes[i][end] >= 0)
				close(pipes[i][end]);
}

/* The pid of a program that really runs, or -errno. pipes: stdin, stdout, stderr, report. */
static pid_t launch(char **argv, const char *progress, int pipes[4][2])
{
	const int ends[3] = { pipes[0][0], pipes[1][1], pipes[2][1] };
	pid_t parent = getpid(), pid = fork();
	int error;

	if (pid < 0)
		return -errno;
	if (!pid)
		become(argv, progress, ends, pipes[3][1], parent);
	close(pipes[3][1]);
	pipes[3][1] = -1;
	return mn_read_all(pipes[3][0], &error, sizeof(error)) ? pid : -error;
}

static void adopt(struct slot *s, pid_t pid, int pipes[4][2])
{
	s->pid = pid;
	s->used = true;
	s->armed = false;
	s->in = pipes[0][1];
	s->out = (struct lines){ .fd = pipes[1][0], .room = PIECE };
	s->err = (struct lines){ .fd = pipes[2][0], .room = PIECE };
	pipes[0][1] = pipes[1][0] = pipes[2][0] = -1;
	fcntl(s->out.fd, F_SETFL, O_NONBLOCK);
	fcntl(s->err.fd, F_SETFL, O_NONBLOCK);
}

int slot_spawn(struct slot *s, unsigned int number, const char *progress_dir, char **argv)
{
	int pipes[4][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	char progress[PATH_SIZE];
	int ret;

	progress_path(progress, progress_dir, number);
	ret = renew_progress(s, progress);
	for (int i = 0; i < 4 && !ret; i++)
		ret = pipe2(pipes[i], O_CLOEXEC) ? -errno : 0;
	if (!ret) {
		pid_t pid = launch(argv, progress, pipes);

		if (pid > 0)
			adopt(s, pid, pipes);
		else
			ret = pid;
	}
	close_all(pipes);
	return ret;
}

void slot_go(struct slot *s)
{
	s->armed = false;
	mn_write_all(s->in, "\n", 1);
}
