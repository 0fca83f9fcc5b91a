/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors as descriptors: closed, copied, controlled, given to stdio. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"
#include "memnet-core/preload/wait.h"

EXPORT int close(int fd)
{
	struct net *net;
	bool named;
	int ret;

	if (mn_fd_is_hidden(fd)) {
		errno = EBADF;
		return -1;
	}
	mn_epoll_forget(fd, fd);
	mn_sock_closing(fd);
	named = mn_sock_frees_name(fd, &net);
	mn_sock_forget(fd);
	ret = mn_real()->close(fd);
	if (named) {
		mn_net_sync(net);
		mn_net_put(net);
	}
	return ret;
}

/* Around our own; daemons close everything there may be. */
EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	unsigned int from = first;
	int ret = 0;

	if (first > last)
		return mn_real()->close_range(first, last, flags);
	if (!(flags & CLOSE_RANGE_CLOEXEC))
		mn_epoll_forget(MIN(first, MN_TABLE_FDS - 1u), MIN(last, MN_TABLE_FDS - 1u));
	for (unsigned int fd = first; fd <= last && fd < MN_TABLE_FDS; fd++) {
		if (!mn_fd_is_hidden(fd)) {
			if (!(flags & CLOSE_RANGE_CLOEXEC))
				mn_sock_forget(fd);
			continue;
		}
		if (fd > from)
			ret |= mn_real()->close_range(from, fd - 1, flags);
		from = fd + 1;
	}
	return from <= last ? ret | mn_real()->close_range(from, last, flags) : ret;
}

EXPORT void closefrom(int first)
{
	close_range(first < 0 ? 0 : first, ~0u, 0);
}

static void copied(int from, int to)
{
	mn_epoll_copy(from, to);
	mn_sock_copy(from, to);
}

EXPORT int dup(int fd)
{
	int copy = mn_real()->dup(fd);

	if (copy >= 0)
		copied(fd, copy);
	return copy;
}

static bool is_taken(int fd)
{
	if (!mn_fd_is_hidden(fd))
		return false;
	errno = EBADF;		/* as beyond the limit of descriptors */
	return true;
}

EXPORT int dup2(int fd, int to)
{
	int copy = is_taken(to) ? -1 : mn_real()->dup2(fd, to);

	if (copy >= 0 && fd != to)
		copied(fd, to);
	return copy;
}

EXPORT int dup3(int fd, int to, int flags)
{
	int copy = is_taken(to) ? -1 : mn_real()->dup3(fd, to, flags);

	if (copy >= 0)
		copied(fd, to);
	return copy;
}

static void set_nonblock(int fd, bool on)
{
	struct sock *s = mn_sock_get(fd);

	if (!s)
		return;
	s->nonblock = on;
	mn_sock_put(s);
}

EXPORT int fcntl(int fd, int command, ...)
{
	va_list ap;
	long arg;
	int ret;

	va_start(ap, command);
	arg = va_arg(ap, long);		/* or a pointer, or nothing */
	va_end(ap);
	ret = mn_real()->fcntl(fd, command, arg);
	if (ret < 0)
		return ret;
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		copied(fd, ret);
	else if (command == F_SETFL)
		set_nonblock(fd, arg & O_NONBLOCK);
	return ret;
}

EXPORT int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

static int unread(struct sock *s, int *bytes)
{
	struct memnet_flow *flow = mn_sock_flow(s);
	if (s->kind == SOCK_LISTENER_FLOW)
		return -EINVAL;
	*bytes = 0;
	if (!flow)
		return 0;
	mn_flow_lock(flow, MN_RECV);
	*bytes = memnet_unread(flow);
	mn_flow_unlock(flow, MN_RECV);
	return 0;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct sock *s;
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == FIONREAD && (s = mn_sock_get_flow(fd))) {
		ret = unread(s, arg);
		mn_sock_put(s);
		return mn_result(ret);
	}
	ret = mn_real()->ioctl(fd, request, arg);
	if (!ret && request == FIONBIO)
		set_nonblock(fd, *(int *)arg);
	return ret;
}

/* --- processes ----------------------------------------------------------------------- */

/* Its child shares our memory: what it does to its descriptors would be done to our table. */
EXPORT pid_t vfork(void)
{
	return mn_real()->fork();
}

/* What exec() has left us. */
__attribute__((constructor)) static void recognise_inherited(void)
{
	DIR *open_fds = opendir("/proc/self/fd");
	const struct dirent *d;

	if (!open_fds)
		return;
	while ((d = readdir(open_fds)))
		if (*d->d_name != '.' && atoi(d->d_name) != dirfd(open_fds))
			mn_sock_recognise(atoi(d->d_name));
	closedir(open_fds);
}

/*
 * On Linux what a process leaves is closed before anybody sees its end; here the agent would
 * see both at once. So who starts a server again, in its place, finds the name free.
 */
__attribute__((destructor)) static void free_names(void)
{
	struct net *net;

	for (int fd = 0; (fd = mn_sock_next(fd)) >= 0; fd++) {
		if (!mn_sock_frees_name(fd, &net))
			continue;
		/* Not by close(): calls that a handler has left by longjmp() would keep it. */
		mn_sock_forget(fd);
		mn_real()->close(fd);
		mn_net_sync(net);
		mn_net_put(net);
	}
}
