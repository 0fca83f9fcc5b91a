/* SPDX-License-Identifier: BSD-2-Clause */
/* Between stream.c and datagram.c. */
#ifndef MEMNET_PRELOAD_BYTES_INTERNAL_H
#define MEMNET_PRELOAD_BYTES_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "memnet-core/preload/sock.h"

/* Where in a program's buffers; @left bytes from there on. */
struct cursor {
	const struct iovec *iov;
	size_t offset, left;
};

struct cursor mn_cursor(const struct msghdr *msg);
void mn_cursor_skip(struct cursor *c, size_t n);

/* Copy up to @n bytes between spans and buffers, @in: into the buffers. Bytes. */
size_t mn_copy(struct cursor *c, struct iovec spans[2], size_t n, bool in);

ssize_t mn_stream_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t mn_stream_recv(struct sock *s, struct msghdr *msg, int flags);
ssize_t mn_datagram_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t mn_datagram_recv(struct sock *s, struct msghdr *msg, int flags);

#endif
