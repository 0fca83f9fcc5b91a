/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole reads and writes, and files of programs. All return -errno on failure but the one bool. */
#ifndef MEMNET_BASE_IO_H
#define MEMNET_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Write all @len bytes, through short writes and EINTR. 0 or -errno. */
int mn_write_all(int fd, const void *buf, size_t len);

/*
 * mn_write_all() to the end of a file, all or nothing: where it fails the file is cut back
 * to its former size. @fd is O_APPEND. 0 or -errno; -EIO: it could not be cut back.
 */
int mn_append_all(int fd, const void *buf, size_t len);

/* The same to the file @path, which is made (0644) where there is none. */
int mn_append_file(const char *path, const void *buf, size_t len);

/* Read exactly @len bytes. 0; -EPIPE at an early end of file; -errno. */
int mn_read_all(int fd, void *buf, size_t len);

/*
 * Read the small text file @path (sysfs, procfs) into @buf, NUL-terminated,
 * trailing newlines removed. Returns the length, or -errno; -E2BIG when it
 * does not fit into @size.
 */
ssize_t mn_read_file(const char *path, char *buf, size_t size);

/* mn_read_file() of one unsigned decimal number. 0, -EINVAL if it is none, -errno. */
int mn_read_u64(const char *path, uint64_t *value);

/*
 * The path of @name from the folder @up levels above the file of the running program: 1 is
 * its own. What a build or an installation laid beside it is found so. 0; -ENAMETOOLONG: not
 * within @size; -ENOENT: there are not so many levels; -errno.
 */
int mn_beside_program(unsigned int up, const char *name, char *path, size_t size);

/*
 * The file @name that may be executed, where execvp() looks: along $PATH. A script that is
 * there can still give ENOENT: its interpreter is missing. 0, -ENOENT.
 */
int mn_find_program(const char *name, char *path, size_t size);

/* Is there one? */
bool mn_program_there(const char *name);

/*
 * To be called first by a program: where standard input, output or error is closed,
 * descriptors of ours would get its number, and others' words or ours would go there. Each gets
 * /dev/null, the wrong way round, so that using it fails with EBADF as before, and not for
 * programs we start. 0 or -errno.
 */
int mn_open_standard_fds(void);

/* Write the string @text to the existing file @path. 0 or -errno. */
int mn_write_file(const char *path, const char *text);

#endif
