/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Child processes of a run: started in a process group of their own (the
 * terminal's ctrl-C is for the harness alone), ended by pid, never by name.
 */
#ifndef HARNESS_CHILD_H
#define HARNESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	const char *name;	/* for messages */
	pid_t pid;		/* 0: not running */
	int status;		/* of waitpid(), once it has ended */
};

/*
 * Start @argv. Standard output goes to @stdout_fd (-1: to the log), standard
 * error to the file @log, appended. @pass_fds, ended by -1, stay open in the
 * child under their own numbers. 0, or -errno (-ENOENT: no such program).
 */
int child_start(struct child *c, const char *name, char *const argv[], const char *log,
		int stdout_fd, const int *pass_fds);

/* Has it ended? Collects it then. */
bool child_ended(struct child *c);

/* "exit status 1", "signal 9", "running". Static storage, one at a time. */
const char *child_how_ended(const struct child *c);

/* SIGTERM, and SIGKILL when it is still there @grace_ms later. Collects it. */
void child_stop(struct child *c, int grace_ms);

#endif
