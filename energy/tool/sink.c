/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our signals are blocked, so that a write() nobody reads would go on for ever. poll() comes
 * before each, for room and for signals; where it finds room in a pipe there is a page of
 * it, so that no more than that is written at once.
 */
#include "energy/tool/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/util.h"

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

int sink_open(struct sink *s, const char *file)
{
	sigset_t set;

	*s = (struct sink){ .fd = STDERR_FILENO };
	if (file)
		s->fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (s->fd < 0)
		return -errno;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(&set, ends[i]);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

/* 0: what is written now does not block; or -errno. */
static int wait_for_room(const struct sink *s)
{
	struct pollfd watch[] = {
		{ .fd = s->fd, .events = POLLOUT }, { .fd = s->signal_fd, .events = POLLIN },
	};

	while (poll(watch, ARRAY_SIZE(watch), -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return watch[0].revents ? 0 : -EINTR;
}

/* What an earlier call left in a file goes when there is something to take its place. */
static void empty_file(struct sink *s)
{
	struct stat st;

	if (!s->begun && !fstat(s->fd, &st) && S_ISREG(st.st_mode) && s->fd != STDERR_FILENO &&
	    ftruncate(s->fd, 0))
		s->error = -errno;
	s->begun = true;
}

void sink_write(struct sink *s, const char *text, size_t len)
{
	empty_file(s);
	while (len && !s->error) {
		ssize_t n;

		s->error = wait_for_room(s);
		if (s->error)
			return;
		n = write(s->fd, text, MIN(len, (size_t)PIPE_BUF));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			s->error = -errno;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
}

int sink_close(struct sink *s)
{
	close(s->signal_fd);
	if (s->fd != STDERR_FILENO && close(s->fd) && !s->error)
		s->error = -errno;
	return s->error;
}
