/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the report goes. Who does not read it keeps nobody from ending us. */
#ifndef ENERGY_TOOL_SINK_H
#define ENERGY_TOOL_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct sink {
	int fd, signal_fd;
	bool begun;			/* something was written */
	int error;			/* -errno of what was lost; what follows is not tried */
};

/*
 * Standard error, or @file, which may wait for a reader; what is in it stays until the first
 * sink_write(). 0 or -errno.
 */
int sink_open(struct sink *s, const char *file);

/*
 * All of @text. Waits for a reader, but -EINTR with the first signal that asks us to end;
 * that signal stays pending, for target_wait() to take. SIGPIPE has to be ignored.
 */
void sink_write(struct sink *s, const char *text, size_t len);

/* 0, or the -errno with which the report, or a part of it, was lost. */
int sink_close(struct sink *s);

#endif
