/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening UNIX sockets and the files they are found by, which outlive who made them. */
#ifndef MEMNET_BASE_UNIX_SOCKET_H
#define MEMNET_BASE_UNIX_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* A socket's file, told from one that has taken its place since; all 0: none. */
struct mn_socket_file {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
};

/*
 * Listen at @path with a socket of @type (SOCK_STREAM, SOCK_SEQPACKET), in place of a dead one
 * left there and of nothing else; its file gets @mode. The socket does not block. fd;
 * -EADDRINUSE: a process answers there; -EEXIST: it is no socket; -ENAMETOOLONG; -errno: then
 * @file is none. The process' umask is another meanwhile: not beside threads that make files.
 */
int mn_listen_unix(const char *path, int type, mode_t mode, int backlog,
		   struct mn_socket_file *file);

/* Remove it if it is still the one; it is none then. Harmless when it is none. */
void mn_socket_file_remove(struct mn_socket_file *file);

#endif
