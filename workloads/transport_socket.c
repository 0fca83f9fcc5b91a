/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by the kernel this program runs on, as an ordinary program would use it. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workloads/socket_stream.h"

/* The stream is the descriptor itself, kept in the pointer. */
static int fd_of(void *stream)
{
	return (int)(intptr_t)stream;
}

void *transport_socket_stream(int fd)
{
	return (void *)(intptr_t)fd;
}

/* @fd, or -errno and it is closed. */
static int or_close(int fd, int failed)
{
	int ret = failed ? -errno : fd;

	if (failed)
		close(fd);
	return ret;
}

int socket_stream_connect(int domain, const struct sockaddr *peer, socklen_t len, void **stream)
{
	int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	fd = or_close(fd, connect(fd, peer, len));
	if (fd < 0)
		return fd;
	*stream = transport_socket_stream(fd);
	return 0;
}

int socket_stream_listen(int domain, const struct sockaddr *at, socklen_t len, int backlog)
{
	int one = 1, fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return or_close(fd, bind(fd, at, len) || listen(fd, backlog));
}

static int socket_connect(const struct sockaddr_in *peer, void **stream)
{
	return socket_stream_connect(AF_INET, (const struct sockaddr *)peer, sizeof(*peer), stream);
}

static int socket_listen(const struct sockaddr_in *at, int backlog)
{
	return socket_stream_listen(AF_INET, (const struct sockaddr *)at, sizeof(*at), backlog);
}

static int socket_accept(int listener, struct sockaddr_in *from)
{
	socklen_t len = sizeof(*from);
	int fd = accept4(listener, (struct sockaddr *)from, &len, SOCK_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t socket_stream_send(void *stream, const void *buf, size_t len)
{
	ssize_t n = send(fd_of(stream), buf, len, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

ssize_t socket_stream_recv(void *stream, void *buf, size_t len)
{
	ssize_t n = recv(fd_of(stream), buf, len, 0);

	return n < 0 ? -errno : n;
}

int socket_stream_shutdown_send(void *stream)
{
	return shutdown(fd_of(stream), SHUT_WR) ? -errno : 0;
}

static void socket_no_delay(void *stream)
{
	int on = 1;

	setsockopt(fd_of(stream), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void socket_stream_close(void *stream)
{
	close(fd_of(stream));
}

const struct transport transport_socket = {
	.name = "socket",
	.summary = "TCP of the kernel, default buffers",
	.connect = socket_connect,
	.listen = socket_listen,
	.accept = socket_accept,
	.send = socket_stream_send,
	.recv = socket_stream_recv,
	.shutdown_send = socket_stream_shutdown_send,
	.no_delay = socket_no_delay,
	.close = socket_stream_close,
};
