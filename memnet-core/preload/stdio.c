/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stdio over flows. The C library reads and writes its files by system calls of its own,
 * which nobody can take over; so a file over a flow is one of fopencookie(), and where a
 * standard descriptor becomes a flow (inetd's way) so do stdin, stdout or stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

static ssize_t file_read(void *cookie, char *buf, size_t len)
{
	return read((intptr_t)cookie, buf, len);
}

static ssize_t file_write(void *cookie, const char *buf, size_t len)
{
	ssize_t n = write((intptr_t)cookie, buf, len);

	return n < 0 ? 0 : n;	/* what fopencookie() wants */
}

static int file_close(void *cookie)
{
	return close((intptr_t)cookie);
}

static FILE *open_flow(int fd, const char *mode)
{
	return fopencookie((void *)(intptr_t)fd, mode, (cookie_io_functions_t){
		.read = file_read, .write = file_write, .close = file_close,
	});
}

static bool is_ours(int fd)
{
	struct sock *s = mn_sock_get(fd);

	if (s)
		mn_sock_put(s);
	return s;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	return is_ours(fd) ? open_flow(fd, mode) : mn_real()->fdopen(fd, mode);
}

EXPORT int fclose(FILE *f)
{
	int fd = fileno(f);

	if (fd >= 0)
		mn_sock_forget(fd);
	return mn_real()->fclose(f);
}

void mn_stdio_became_flow(int fd)
{
	FILE **const standard[] = { &stdin, &stdout, &stderr };
	FILE *f;

	if (fd < 0 || fd > STDERR_FILENO)
		return;
	f = open_flow(fd, fd == STDIN_FILENO ? "r" : "w");
	if (!f)
		return;
	if (fd != STDIN_FILENO)
		fflush(*standard[fd]);
	if (fd == STDERR_FILENO)
		setvbuf(f, NULL, _IONBF, 0);
	*standard[fd] = f;
}
