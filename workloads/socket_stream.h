/* SPDX-License-Identifier: BSD-2-Clause */
/* What every transport whose stream is a socket's descriptor has in common; transport_socket.c. */
#ifndef MEMNET_WORKLOADS_SOCKET_STREAM_H
#define MEMNET_WORKLOADS_SOCKET_STREAM_H

#include <sys/socket.h>

#include "workloads/transport.h"

/* Connect a new socket of @domain to @peer: 0 and *stream, or -errno. */
int socket_stream_connect(int domain, const struct sockaddr *peer, socklen_t len, void **stream);

/* A new socket of @domain that listens at @at, or -errno. */
int socket_stream_listen(int domain, const struct sockaddr *at, socklen_t len, int backlog);

/* As of struct transport. */
ssize_t socket_stream_send(void *stream, const void *buf, size_t len);
ssize_t socket_stream_recv(void *stream, void *buf, size_t len);
int socket_stream_shutdown_send(void *stream);
void socket_stream_close(void *stream);

#endif
