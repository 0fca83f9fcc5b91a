/* SPDX-License-Identifier: BSD-2-Clause */
/* What is measured: a command, running processes, or whatever the machine does. */
#ifndef ENERGY_TOOL_TARGET_H
#define ENERGY_TOOL_TARGET_H

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "energy/tool/tool.h"

enum wake { WAKE_TIME, WAKE_ENDED, WAKE_STOP };

struct target {
	pid_t child;			/* 0: no command */
	int go_fd, error_fd;		/* a byte lets it go; why exec() failed */
	struct pollfd *watch;		/* [0] our signals, then a pidfd each */
	size_t n_watch;
	int signal;			/* the last that asked us to end, or 0 */
	int exec_error;			/* 0, or -errno: the command never ran */
	int status;			/* as a shell has it; -1: no command */
	int ended_by;			/* the signal that ended the command, or 0 */
	struct rusage usage;		/* of the command and the children it waited for */
};

/*
 * Block the signals we handle, ignore SIGPIPE and SIGXFSZ, lift the limit of open files: once, before
 * the first target. A command gets back what was before.
 */
void target_prepare(void);

/*
 * Ready to go: a command is forked and waits; processes are there. 0, or -errno with
 * one line in @err. The program must have one thread.
 */
int target_open(struct target *t, const struct options *options, char *err, size_t errlen);

/* The pidfd of process @i of -p, valid until target_close(). */
int target_pidfd(const struct target *t, size_t i);

/* Let the command begin; no allocation, one system call. */
void target_release(struct target *t);

/*
 * Wait until @until_ns, the target's end, or a signal that ends the window. Signals for
 * the command are passed on.
 */
enum wake target_wait(struct target *t, int64_t until_ns);

/* Collect the command, if there is one; blocks until it has ended. */
void target_collect(struct target *t);

/* A command not yet released never begins. */
void target_close(struct target *t);

#endif
