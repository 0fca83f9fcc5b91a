/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file is never removed: who waits for it would then hold a lock that nobody else
 * finds. What it says is its owner's, and read only while it is locked. In a folder where
 * all may write somebody else may have laid a link of that name: it is not followed.
 */
#include "harness/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/folder.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

#define FLAGS (O_RDWR | O_NOFOLLOW | O_CLOEXEC)

/* Without O_CREAT first: fs.protected_regular refuses that for a file of another user. */
static int open_file(const char *path)
{
	struct stat st;
	int ret, fd = open(path, FLAGS);

	if (fd < 0 && errno == ENOENT) {
		fd = open(path, FLAGS | O_CREAT | O_EXCL, 0666);
		if (fd >= 0)
			fchmod(fd, 0666);	/* whatever the umask: it is everybody's */
		else if (errno == EEXIST)
			fd = open(path, FLAGS);
	}
	if (fd < 0)
		return -errno;
	ret = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) && st.st_nlink <= 1 ? 0 : -EPERM;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* Is @fd what a newcomer would find? Something may have tidied /tmp meanwhile. */
static bool is_current(int fd, const char *path)
{
	struct stat ours, theirs;

	return !fstat(fd, &ours) && !lstat(path, &theirs) && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

static void tell_owner(int fd, char *why, size_t why_size)
{
	char text[400];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	snprintf(why, why_size, "an experiment runs on this machine already: %s; two would "
		 "measure each other", text[0] ? text : "it has not said what");
}

/* Best effort: who it is matters only to people. */
static void sign(int fd, const char *what)
{
	char text[400], now[24];
	int n;

	utc_now(now);
	n = snprintf(text, sizeof(text), "process %d of user %u, since %s: %s\n", getpid(), getuid(),
		     now, what);
	if (!ftruncate(fd, 0))
		mn_write_all(fd, text, MIN(n, (int)sizeof(text) - 1));
}

int lock_take(const char *path, const char *what, bool wait, char *why, size_t why_size)
{
	int ret, fd;

	for (;;) {
		fd = open_file(path);
		if (fd < 0)
			return mn_explain(why, why_size, fd, "the lock %s: %s; remove it",
					  path, strerror(-fd));
		ret = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) ? -errno : 0;
		if (!ret && is_current(fd, path))
			break;
		if (ret == -EWOULDBLOCK)
			tell_owner(fd, why, why_size);
		close(fd);
		if (ret == -EWOULDBLOCK)
			return -EBUSY;
		if (ret)
			return mn_explain(why, why_size, ret, "the lock %s: %s", path, strerror(-ret));
	}
	sign(fd, what);
	return fd;
}
