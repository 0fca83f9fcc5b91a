/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stdio over flows. The C library reads and writes its files by system calls of its own,
 * which nobody can take over; so a file over a flow is one of fopencookie(), and where a
 * standard descriptor becomes a flow (inetd's way) so do stdin, stdout or stderr.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

/* --- files ---------------------------------------------------------------------------- */

/*
 * A file over a flow, for fileno(). What was closed is for the next one: the list only grows, so
 * it has no lock, which fork() would have to wait for.
 */
struct file {
	struct file *next;
	FILE *f;	/* NULL: free */
	int fd;
};

static struct file *files;
static FILE *const taken = (FILE *)-1;

static struct file *take(void)
{
	struct file *file;

	for (file = __atomic_load_n(&files, __ATOMIC_ACQUIRE); file; file = file->next) {
		FILE *none = NULL;

		if (__atomic_compare_exchange_n(&file->f, &none, taken, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return file;
	}
	file = malloc(sizeof(*file));
	if (!file)
		return NULL;
	*file = (struct file){ .f = taken, .next = __atomic_load_n(&files, __ATOMIC_ACQUIRE) };
	while (!__atomic_compare_exchange_n(&files, &file->next, file, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
	return file;
}

static ssize_t file_read(void *cookie, char *buf, size_t len)
{
	const struct file *file = cookie;

	return read(file->fd, buf, len);
}

static ssize_t file_write(void *cookie, const char *buf, size_t len)
{
	const struct file *file = cookie;
	ssize_t n = write(file->fd, buf, len);

	return n < 0 ? 0 : n;	/* what fopencookie() wants */
}

static int file_close(void *cookie)
{
	struct file *file = cookie;
	int fd = file->fd;

	__atomic_store_n(&file->f, NULL, __ATOMIC_RELEASE);
	return close(fd);
}

static FILE *open_flow(int fd, const char *mode)
{
	struct file *file = take();
	FILE *f;

	if (!file)
		return NULL;
	file->fd = fd;
	f = fopencookie(file, mode, (cookie_io_functions_t){
		.read = file_read, .write = file_write, .close = file_close,
	});
	__atomic_store_n(&file->f, f, __ATOMIC_RELEASE);
	return f;
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
	int fd = mn_real()->fileno(f);

	if (fd >= 0)
		mn_sock_forget(fd);
	return mn_real()->fclose(f);
}

EXPORT int fileno(FILE *f)
{
	const struct file *file;

	for (file = __atomic_load_n(&files, __ATOMIC_ACQUIRE); file; file = file->next)
		if (__atomic_load_n(&file->f, __ATOMIC_ACQUIRE) == f)
			return file->fd;
	return mn_real()->fileno(f);
}

EXPORT int fileno_unlocked(FILE *f) __attribute__((alias("fileno")));

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

/* --- dprintf() -------------------------------------------------------------------------- */

/* As vdprintf() returns it: @n characters of @text, which is freed. @n < 0: there is none. */
static int write_text(int fd, char *text, int n)
{
	ssize_t some = 0;

	for (int done = 0; done < n && some >= 0; done += some)
		some = write(fd, text + done, n - done);
	if (n >= 0)
		free(text);
	return some < 0 ? -1 : n;
}

static bool is_flow(int fd)
{
	struct sock *s = mn_sock_get_flow(fd);

	if (s)
		mn_sock_put(s);
	return s;
}

EXPORT int vdprintf(int fd, const char *format, va_list ap)
{
	char *text;
	int n;

	if (!is_flow(fd))
		return mn_real()->vdprintf(fd, format, ap);
	n = vasprintf(&text, format, ap);
	return write_text(fd, text, n);
}

EXPORT int dprintf(int fd, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vdprintf(fd, format, ap);
	va_end(ap);
	return n;
}

extern int __vasprintf_chk(char **text, int flag, const char *format, va_list ap);

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...);

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	char *text;
	int n;

	if (!is_flow(fd))
		return mn_real()->__vdprintf_chk(fd, flag, format, ap);
	n = __vasprintf_chk(&text, flag, format, ap);
	return write_text(fd, text, n);
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __vdprintf_chk(fd, flag, format, ap);
	va_end(ap);
	return n;
}
