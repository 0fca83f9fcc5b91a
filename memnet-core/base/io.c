/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mn_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int mn_append_all(int fd, const void *buf, size_t len)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	ret = mn_write_all(fd, buf, len);
	if (ret && S_ISREG(st.st_mode) && ftruncate(fd, st.st_size))
		return -EIO;
	return ret;
}

int mn_append_file(const char *path, const void *buf, size_t len)
{
	int ret, fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	ret = mn_append_all(fd, buf, len);
	close(fd);
	return ret;
}

int mn_read_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n == 0)
			return -EPIPE;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= n;
	}
	return 0;
}

ssize_t mn_read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf + len, size - len);
		if (n > 0)
			len += n;
	} while (len < size && (n > 0 || (n < 0 && errno == EINTR)));
	if (n < 0) {
		n = -errno;
		close(fd);
		return n;
	}
	close(fd);
	if (len == size)
		return -E2BIG;
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

int mn_read_u64(const char *path, uint64_t *value)
{
	char buf[32], *end;
	ssize_t n = mn_read_file(path, buf, sizeof(buf));
	unsigned long long v;

	if (n < 0)
		return n;
	if (buf[0] < '0' || buf[0] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(buf, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*value = v;
	return 0;
}

int mn_write_file(const char *path, const char *text)
{
	int ret, fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = mn_write_all(fd, text, strlen(text));
	close(fd);
	return ret;
}

int mn_beside_program(unsigned int up, const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size);
	char *slash;

	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	path[n] = '\0';
	while (up--) {
		slash = strrchr(path, '/');
		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	n = strlen(path);
	return snprintf(path + n, size - n, "/%s", name) < (int)(size - n) ? 0 : -ENAMETOOLONG;
}

int mn_find_program(const char *name, char *path, size_t size)
{
	const char *dir = getenv("PATH");
	int n;

	if (strchr(name, '/')) {
		n = snprintf(path, size, "%s", name);
		return n < (int)size && !access(path, X_OK) ? 0 : -ENOENT;
	}
	if (!*name)
		return -ENOENT;		/* and not the directories themselves */
	for (dir = dir ? dir : "/bin:/usr/bin";; dir++) {
		int len = strcspn(dir, ":");

		n = snprintf(path, size, "%.*s%s%s", len, dir, len ? "/" : "", name);
		if (n < (int)size && !access(path, X_OK))
			return 0;
		dir += len;
		if (!*dir)
			return -ENOENT;
	}
}

bool mn_program_there(const char *name)
{
	char path[PATH_MAX];

	return !mn_find_program(name, path, sizeof(path));
}

int mn_open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		/* The lowest free number is this one: those below are open. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags | O_CLOEXEC) != fd)
			return -errno;
	}
	return 0;
}
