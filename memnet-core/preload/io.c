/* SPDX-License-Identifier: BSD-2-Clause */
/* read() to sendmmsg(): each is a struct msghdr. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/address.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/bytes.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/real.h"

/*
 * The flow behind @fd in *@out, with a reference; NULL: the kernel's. A datagram socket without
 * a name gets one when it speaks; to loopback the kernel's. What MemNet refuses stays refused:
 * it does not go out by the guest's own network. 0 or -errno.
 */
static int flow_to_send(int fd, const struct sockaddr *to, socklen_t len, struct sock **out)
{
	struct sock *s = mn_sock_get(fd);
	bool named_now = s && s->kind == SOCK_FRESH && s->type == SOCK_DGRAM && to &&
			 !mn_is_guests_own(to, len);
	int ret = named_now ? mn_sock_bind_any(s, fd) : 0;

	*out = s;
	if (s && (ret || s->kind == SOCK_FRESH)) {
		mn_sock_put(s);
		*out = NULL;
	}
	return ret;
}

static ssize_t finish(struct sock *s, ssize_t ret)
{
	mn_sock_put(s);
	return mn_result(ret);
}

static ssize_t check_parts(const struct iovec *iov, int n)
{
	size_t total = 0;

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return -EINVAL;
		total += iov[i].iov_len;
	}
	return 0;
}

/* --- sending ------------------------------------------------------------------------- */

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sock *s;
	int ret = flow_to_send(fd, msg->msg_name, msg->msg_namelen, &s);

	if (ret)
		return mn_result(ret);
	return s ? finish(s, mn_sock_send(s, msg, flags)) : mn_real()->sendmsg(fd, msg, flags);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_name = (void *)to, .msg_namelen = to ? to_len : 0,
			      .msg_iov = &iov, .msg_iovlen = 1 };
	struct sock *s;
	int ret = flow_to_send(fd, to, to_len, &s);

	if (ret)
		return mn_result(ret);
	return s ? finish(s, mn_sock_send(s, &msg, flags)) :
		   mn_real()->sendto(fd, buf, len, flags, to, to_len);
}

EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	return s ? finish(s, check_parts(iov, n) ?: mn_sock_send(s, &msg, 0)) :
		   mn_real()->writev(fd, iov, n);
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return s ? finish(s, mn_sock_send(s, &msg, 0)) : mn_real()->write(fd, buf, len);
}

/* Each for itself: the first may be for loopback, and the next not. */
EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	struct sock *s = mn_sock_get(fd);
	unsigned int done = 0;
	ssize_t ret = 0;

	if (!s)
		return mn_real()->sendmmsg(fd, msgs, n, flags);
	for (; done < n; done++) {
		ret = sendmsg(fd, &msgs[done].msg_hdr, flags);
		if (ret < 0)
			break;
		msgs[done].msg_len = ret;
	}
	mn_sock_put(s);
	return done ? (int)done : (int)ret;
}

/* --- receiving ----------------------------------------------------------------------- */

/* Descriptors that came along may be flows of another program's. */
static void recognise_all(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			mn_sock_forget(fd);
			mn_sock_recognise(fd);
		}
	}
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sock *s = mn_sock_get_flow(fd);
	ssize_t n;

	if (s)
		return finish(s, mn_sock_recv(s, msg, flags));
	n = mn_real()->recvmsg(fd, msg, flags);
	if (n >= 0 && msg->msg_controllen)
		recognise_all(msg);
	return n;
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
			socklen_t *from_len)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_name = from, .msg_namelen = from ? *from_len : 0,
			      .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (!s)
		return mn_real()->recvfrom(fd, buf, len, flags, from, from_len);
	n = mn_sock_recv(s, &msg, flags);
	if (n >= 0 && from)
		*from_len = msg.msg_namelen;
	return finish(s, n);
}

EXPORT ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	return s ? finish(s, check_parts(iov, n) ?: mn_sock_recv(s, &msg, 0)) :
		   mn_real()->readv(fd, iov, n);
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	struct sock *s = mn_sock_get_flow(fd);
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return s ? finish(s, mn_sock_recv(s, &msg, 0)) : mn_real()->read(fd, buf, len);
}

EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
		    struct timespec *timeout)
{
	struct sock *s = mn_sock_get_flow(fd);
	unsigned int done = 0;
	ssize_t ret = 0;

	if (!s)
		return mn_real()->recvmmsg(fd, msgs, n, flags, timeout);
	for (; done < n; done++) {
		ret = mn_sock_recv(s, &msgs[done].msg_hdr,
				   flags | (done && flags & MSG_WAITFORONE ? MSG_DONTWAIT : 0));
		if (ret < 0)
			break;
		msgs[done].msg_len = ret;
	}
	return finish(s, done ? (ssize_t)done : ret);
}

/* --- what -D_FORTIFY_SOURCE makes of them --------------------------------------------- */

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
EXPORT ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags);
EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags,
			      struct sockaddr *from, socklen_t *from_len);

extern void __chk_fail(void) __attribute__((noreturn));

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		__chk_fail();
	return read(fd, buf, len);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len > size)
		__chk_fail();
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags,
			      struct sockaddr *from, socklen_t *from_len)
{
	if (len > size)
		__chk_fail();
	return recvfrom(fd, buf, len, flags, from, from_len);
}
