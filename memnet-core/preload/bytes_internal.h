/* SPDX-License-Identifier: BSD-2-Clause */
/* Between stream.c, datagram.c and files.c. */
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

/*
 * A stream that is under way is waited for, as long as SO_SNDTIMEO allows. 0, -EAGAIN, -EPIPE,
 * -errno.
 */
int mn_stream_may_send(struct sock *s, bool wait);

/*
 * What who cannot send is told: why the stream is torn, once; else -EPIPE, after SIGPIPE unless
 * @flags has MSG_NOSIGNAL.
 */
ssize_t mn_stream_broken(struct sock *s, int flags);

ssize_t mn_stream_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t mn_stream_recv(struct sock *s, struct msghdr *msg, int flags);
ssize_t mn_datagram_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t mn_datagram_recv(struct sock *s, struct msghdr *msg, int flags);

#endif
