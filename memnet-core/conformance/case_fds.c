/* SPDX-License-Identifier: BSD-2-Clause */
/* A socket is a descriptor: copies of it, its flags, what it is, when it ends. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "memnet-core/conformance/conform.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool talks(int fd)
{
	char buf[8];

	return send(fd, "ping", 4, MSG_NOSIGNAL) == 4 && !strcmp(peer("recv 9"), "ping") &&
	       !strcmp(peer("send pong"), "4") && recv(fd, buf, 8, 0) == 4;
}

/* The connection ends when the last is closed. */
static void dups(int family)
{
	int fd = stream_to_peer(family), copy = NEWFD("fd", dup(fd));

	YES(copy != fd);
	YES(talks(copy));
	RET("0", close(fd));
	YES(talks(copy));
	RET("-1 EBADF", send(fd, "x", 1, 0));
	RET("0", close(copy));
	PEER("eof", "recv 9");
}

static void dup2_over_file(int family)
{
	int fd = stream_to_peer(family), file = MUST(open("/dev/null", O_RDWR));

	YES(dup2(fd, file) == file);
	YES(talks(file));
	RET("0", close(fd));
	YES(talks(file));
}

/* Over a socket: that is closed by it. */
static void dup2_over_socket(int family)
{
	int one = stream_to_peer(family), two = stream_to_peer(family);

	YES(dup2(two, one) == one);
	peer("use 0");
	PEER("eof", "recv 9");
	peer("use 1");
	YES(talks(one));
	YES(talks(two));
}

static void dup2_of_file_over_socket(int family)
{
	int fd = stream_to_peer(family), ends[2];
	char buf[8];

	MUST(pipe(ends));
	YES(dup2(ends[0], fd) == fd);
	PEER("eof", "recv 9");
	MUST(write(ends[1], "piped", 5));
	RET("5", read(fd, buf, 8));
	RET("-1 ENOTSOCK", recv(fd, buf, 8, 0));
}

static void dup2_same(int family)
{
	int fd = stream_to_peer(family);

	YES(dup2(fd, fd) == fd);
	YES(talks(fd));
	RET("-1 EBADF", dup2(700, fd));
	YES(talks(fd));
	RET("-1 EINVAL", dup3(fd, fd, 0));
}

static void dup3_cloexec(int family)
{
	int fd = stream_to_peer(family);

	RET("50", dup3(fd, 50, O_CLOEXEC));
	NUMBER("1", fcntl(50, F_GETFD));
	NUMBER("0", fcntl(fd, F_GETFD));
	YES(talks(50));
	RET("-1 EINVAL", dup3(fd, 51, O_APPEND));
}

static void dup_by_fcntl(int family)
{
	int fd = stream_to_peer(family);

	RET("60", fcntl(fd, F_DUPFD, 60));
	RET("61", fcntl(fd, F_DUPFD_CLOEXEC, 60));
	NUMBER("0", fcntl(60, F_GETFD));
	NUMBER("1", fcntl(61, F_GETFD));
	close(fd);
	close(60);
	YES(talks(61));
}

/* dup() before it is anything: both become the connection. */
static void dup_before_connect(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM, 0)), copy = MUST(dup(fd));

	RET("0", connect(fd, &to.any, to.len));
	peer("accept");
	YES(talks(copy));
	RET("0", close(fd));
	YES(talks(copy));
}

static void dup_of_listener(int family)
{
	struct addr at;
	int listening = listener(family, &at), copy = MUST(dup(listening));

	close(listening);
	peer_connects(&at);
	NEWFD("fd", accept(copy, NULL, NULL));
}

static void lowest_number(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM, 0)), next = MUST(socket(family, SOCK_STREAM, 0));

	YES(next == fd + 1);
	close(fd);
	YES(stream_to_peer(family) == fd);
	close(next);
	YES(open("/dev/null", O_RDONLY) == next);
}

static void lowest_number_accepted(int family)
{
	struct addr at;
	int low = MUST(open("/dev/null", O_RDONLY)), listening = listener(family, &at);

	close(low);
	peer_connects(&at);
	YES(accept(listening, NULL, NULL) == low);
}

static void status_flags(int family)
{
	int fd = stream_to_peer(family), on = 1, copy = MUST(dup(fd));
	char buf[8];

	YES((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	YES(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	RET("0", fcntl(copy, F_SETFL, O_NONBLOCK));
	YES(fcntl(fd, F_GETFL) & O_NONBLOCK);	/* of the description, not the descriptor */
	RET("-1 EAGAIN", recv(fd, buf, 8, 0));
	RET("0", fcntl(fd, F_SETFL, 0));
	YES(!(fcntl(copy, F_GETFL) & O_NONBLOCK));
	RET("0", ioctl(fd, FIONBIO, &on));
	YES(fcntl(copy, F_GETFL) & O_NONBLOCK);
	RET("-1 EAGAIN", recv(copy, buf, 8, 0));
	on = 0;
	RET("0", ioctl(fd, FIONBIO, &on));
	YES(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

static void made_with_flags(int family)
{
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	YES(fcntl(fd, F_GETFL) & O_NONBLOCK);
	NUMBER("1", fcntl(fd, F_GETFD));
	fd = MUST(socket(family, SOCK_STREAM, 0));
	NUMBER("0", fcntl(fd, F_GETFD));
	RET("0", fcntl(fd, F_SETFD, FD_CLOEXEC));
	NUMBER("1", fcntl(fd, F_GETFD));
	RET("0", ioctl(fd, FIONCLEX));
	NUMBER("0", fcntl(fd, F_GETFD));
	RET("0", ioctl(fd, FIOCLEX));
	NUMBER("1", fcntl(fd, F_GETFD));
}

/* Set before connect(), both kinds last over it. */
static void flags_over_connect(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fd = MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	char buf[8];

	MUST(connect(fd, &to.any, to.len));
	peer("accept");
	NUMBER("1", fcntl(fd, F_GETFD));
	fd = MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	connect(fd, &to.any, to.len);
	NUMBER("1", writable(fd));
	NUMBER("0", fcntl(fd, F_GETFD));
	YES(fcntl(fd, F_GETFL) & O_NONBLOCK);
	RET("-1 EAGAIN", recv(fd, buf, 8, 0));
}

static void is_socket(int family)
{
	int fd = stream_to_peer(family);
	char path[40], target[40] = "";
	struct stat st;

	RET("0", fstat(fd, &st));
	YES(S_ISSOCK(st.st_mode));
	RET("-1 ESPIPE", lseek(fd, 0, SEEK_CUR));
	RET("0", isatty(fd));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	YES(readlink(path, target, sizeof(target) - 1) > 0 && !strncmp(target, "socket:[", 8));
	RET("-1 EINVAL", ftruncate(fd, 0));
	RET("-1 EINVAL", fsync(fd));
	RET("-1 ENXIO", open(path, O_RDWR));
}

static void positioned(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("-1 ESPIPE", pread(fd, buf, 1, 0));
	RET("-1 ESPIPE", pwrite(fd, "x", 1, 0));
	YES(talks(fd));
}

static void not_a_socket(int family)
{
	int file = MUST(open("/dev/null", O_RDWR));
	struct addr at = peer_at(family, 1);
	char buf[8];

	RET("-1 ENOTSOCK", connect(file, &at.any, at.len));
	RET("-1 ENOTSOCK", send(file, "x", 1, 0));
	RET("-1 ENOTSOCK", recv(file, buf, 8, 0));
	RET("-1 ENOTSOCK", getsockname(file, &at.any, &at.len));
	RET("-1 ENOTSOCK", set_int_option(file, SOL_SOCKET, SO_REUSEADDR, 1));
	RET("-1 EBADF", connect(700, &at.any, at.len));
	RET("-1 EBADF", accept(700, NULL, NULL));
	RET("-1 EBADF", recv(-1, buf, 8, 0));
	RET("-1 EBADF", close(700));
}

static void closed(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("0", close(fd));
	YES(!is_open(fd));
	RET("-1 EBADF", close(fd));
	RET("-1 EBADF", recv(fd, buf, 8, 0));
	RET("-1 EBADF", send(fd, "x", 1, 0));
	RET("-1 EBADF", set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	RET("-1 EBADF", shutdown(fd, SHUT_WR));
}

const struct conform_case fds_cases[] = {
	{ "fd-dup", dups, "46" },
	{ "fd-dup2-over-file", dup2_over_file, "4" },
	{ "fd-dup2-over-socket", dup2_over_socket, "4" },
	{ "fd-dup2-of-file-over-socket", dup2_of_file_over_socket, "4" },
	{ "fd-dup2-same", dup2_same, "4" },
	{ "fd-dup3-cloexec", dup3_cloexec, "4" },
	{ "fd-dup-by-fcntl", dup_by_fcntl, "4" },
	{ "fd-dup-before-connect", dup_before_connect, "4" },
	{ "fd-dup-of-listener", dup_of_listener, "4" },
	{ "fd-lowest-number", lowest_number, "4" },
	{ "fd-lowest-number-accepted", lowest_number_accepted, "4" },
	{ "fd-status-flags", status_flags, "46" },
	{ "fd-made-with-flags", made_with_flags, "46" },
	{ "fd-flags-over-connect", flags_over_connect, "4" },
	{ "fd-is-socket", is_socket, "46" },
	{ "fd-positioned", positioned, "4" },
	{ "fd-not-a-socket", not_a_socket, "4" },
	{ "fd-closed", closed, "46" },
	{ 0 },
};
