/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by the kernel this program runs on, as an ordinary program would use it. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workloads/transport.h"

/* The stream is the descriptor itself, kept in the pointer. */
static int fd_of(void *stream)
{
	return (int)(intptr_t)stream;
}

void *transport_socket_stream(int fd)
{
	return (void *)(intptr_t)fd;
}

static int socket_connect(const struct sockaddr_in *peer, void **stream)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)peer, sizeof(*peer))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	*stream = transport_socket_stream(fd);
	return 0;
}

static ssize_t socket_send(void *stream, const void *buf, size_t len)
{
	ssize_t n = send(fd_of(stream), buf, len, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static ssize_t socket_recv(void *stream, void *buf, size_t len)
{
	ssize_t n = recv(fd_of(stream), buf, len, 0);

	return n < 0 ? -errno : n;
}

static int socket_shutdown_send(void *stream)
{
	return shutdown(fd_of(stream), SHUT_WR) ? -errno : 0;
}

static void socket_no_delay(void *stream)
{
	int on = 1;

	setsockopt(fd_of(stream), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void socket_close(void *stream)
{
	close(fd_of(stream));
}

const struct transport transport_socket = {
	.name = "socket",
	.summary = "TCP of the kernel, default buffers",
	.connect = socket_connect,
	.send = socket_send,
	.recv = socket_recv,
	.shutdown_send = socket_shutdown_send,
	.no_delay = socket_no_delay,
	.close = socket_close,
};
