/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/base/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Remove a dead socket at @sun, and nothing else. @fd only asks whether somebody listens
 * there; a full queue, in which it does not wait, is one that bind() will find in use.
 */
static int make_free(int fd, const struct sockaddr_un *sun)
{
	struct stat st;

	if (!connect(fd, (const struct sockaddr *)sun, sizeof(*sun)))
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return 0;	/* bind() has the reason, if there is one */
	if (lstat(sun->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(sun->sun_path) ? -errno : 0;
}

/* From its first moment nobody may connect who may not. */
static int bind_with_mode(int fd, const struct sockaddr_un *sun, mode_t mode)
{
	mode_t mask = umask(0777 & ~mode);
	int ret = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) ? -errno : 0;

	umask(mask);
	return ret;
}

static int listen_in_file(int fd, mode_t mode, int backlog, struct mn_socket_file *file)
{
	struct stat st;

	if (lstat(file->path, &st))
		return -errno;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	/* a directory's default ACL may have left it less */
	return chmod(file->path, mode) || listen(fd, backlog) ? -errno : 0;
}

int mn_listen_unix(const char *path, int type, mode_t mode, int backlog,
		   struct mn_socket_file *file)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, ret;

	*file = (struct mn_socket_file){ 0 };
	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = make_free(fd, &sun);
	if (!ret)
		ret = bind_with_mode(fd, &sun, mode);
	if (!ret) {
		strcpy(file->path, path);
		ret = listen_in_file(fd, mode, backlog, file);
	}
	if (!ret)
		return fd;
	mn_socket_file_remove(file);
	close(fd);
	return ret;
}

void mn_socket_file_remove(struct mn_socket_file *file)
{
	struct stat st;

	if (file->path[0] && !lstat(file->path, &st) && st.st_dev == file->dev &&
	    st.st_ino == file->ino)
		unlink(file->path);
	*file = (struct mn_socket_file){ 0 };
}
