/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes and datagrams of a flow's socket, with the flags of send() and recv(). */
#ifndef MEMNET_PRELOAD_BYTES_H
#define MEMNET_PRELOAD_BYTES_H

#include <sys/socket.h>

#include "memnet-core/preload/sock.h"

/* A direction is held for so many bytes at a time: others (fork, a second thread) have turns. */
#define MN_TURN_BYTES (256u << 10)

/* As sendmsg(): bytes or -errno. SIGPIPE is raised here, unless MSG_NOSIGNAL. */
ssize_t mn_sock_send(struct sock *s, const struct msghdr *msg, int flags);

/* As recvmsg(): bytes or -errno; sets msg_flags, msg_namelen and msg_controllen. */
ssize_t mn_sock_recv(struct sock *s, struct msghdr *msg, int flags);

#endif
