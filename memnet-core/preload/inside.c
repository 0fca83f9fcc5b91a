/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet inside the preload library calls the C library, not our own functions: its
 * objects have these names in place of those (inside.syms, by objcopy).
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/real.h"

#define INSIDE(type, name, parameters, arguments) \
	type mn_inside_##name parameters; \
	type mn_inside_##name parameters { return mn_real()->name arguments; }

INSIDE(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f))
INSIDE(int, close, (int fd), (fd))
INSIDE(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
INSIDE(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev))
INSIDE(int, getaddrinfo,
       (const char *n, const char *s, const struct addrinfo *h, struct addrinfo **r), (n, s, h, r))
INSIDE(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
INSIDE(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
INSIDE(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
INSIDE(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
INSIDE(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))

int mn_inside_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms);
int mn_inside_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
ssize_t mn_inside_recv(int fd, void *buf, size_t n, int flags);
ssize_t mn_inside_send(int fd, const void *buf, size_t n, int flags);
int mn_inside_fcntl(int fd, int command, ...);
int mn_inside_fcntl64(int fd, int command, ...);
int mn_inside_ioctl(int fd, unsigned long request, ...);

int mn_inside_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);

	return mn_real()->epoll_pwait2(epfd, events, max, timeout_ms < 0 ? NULL : &timeout, NULL);
}

int mn_inside_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	const struct timespec timeout = mn_timespec(timeout_ms * NSEC_PER_MSEC);

	return mn_real()->ppoll(fds, n, timeout_ms < 0 ? NULL : &timeout, NULL);
}

ssize_t mn_inside_recv(int fd, void *buf, size_t n, int flags)
{
	return mn_real()->recvfrom(fd, buf, n, flags, NULL, NULL);
}

ssize_t mn_inside_send(int fd, const void *buf, size_t n, int flags)
{
	return mn_real()->sendto(fd, buf, n, flags, NULL, 0);
}

int mn_inside_fcntl(int fd, int command, ...)
{
	va_list ap;
	long arg;

	va_start(ap, command);
	arg = va_arg(ap, long);
	va_end(ap);
	return mn_real()->fcntl(fd, command, arg);
}

int mn_inside_fcntl64(int fd, int command, ...) __attribute__((alias("mn_inside_fcntl")));

int mn_inside_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return mn_real()->ioctl(fd, request, arg);
}

int mn_inside_pthread_mutex_lock(pthread_mutex_t *mutex);
int mn_inside_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return mn_lock(mutex);
}

int mn_inside_pthread_mutex_unlock(pthread_mutex_t *mutex);
int mn_inside_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	return mn_unlock(mutex);
}

/* Who left these by longjmp() would leave a heap behind that nobody can use. */

void *mn_inside_malloc(size_t n);
void *mn_inside_malloc(size_t n)
{
	void *p;

	mn_hold();
	p = malloc(n);
	mn_release();
	return p;
}

void *mn_inside_calloc(size_t n, size_t size);
void *mn_inside_calloc(size_t n, size_t size)
{
	void *p;

	mn_hold();
	p = calloc(n, size);
	mn_release();
	return p;
}

void mn_inside_free(void *p);
void mn_inside_free(void *p)
{
	mn_hold();
	free(p);
	mn_release();
}

/*
 * Who is not to be cancelled has something of its own in lists of libmemnet's: nor may a
 * handler leave it by longjmp(). Nests by counting, whatever *@old says.
 */
int mn_inside_pthread_setcancelstate(int state, int *old);
int mn_inside_pthread_setcancelstate(int state, int *old)
{
	if (old)
		*old = PTHREAD_CANCEL_ENABLE;
	if (state == PTHREAD_CANCEL_DISABLE)
		mn_hold();
	else
		mn_release();
	return 0;
}

/* --- the environment as it was when the program began: some wipe it ---------------------- */

static struct {
	const char *name;
	char *value;
} saved[] = { { "MEMNET_AGENT", NULL }, { "MEMNET_SPIN", NULL } };

/* Before any other constructor of ours asks. */
__attribute__((constructor(101))) static void save_environment(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved); i++) {
		const char *value = getenv(saved[i].name);

		saved[i].value = value ? strdup(value) : NULL;
	}
}

char *mn_inside_getenv(const char *name);
char *mn_inside_getenv(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved); i++)
		if (!strcmp(saved[i].name, name))
			return saved[i].value;
	return getenv(name);
}
