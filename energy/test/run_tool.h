/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy on the tree of fake_sysfs.h, and what it said. */
#ifndef MEMNET_ENERGY_RUN_TOOL_H
#define MEMNET_ENERGY_RUN_TOOL_H

#include <sys/types.h>

#include "memnet-core/base/util.h"

struct tool {
	pid_t pid;
	int status;			/* as a shell has it */
	char out[65536], err[1048576];	/* the command's output and the report */
};

/* Start "memnet-energy --sysfs ROOT @words", in the shell's words; it is @t->pid. */
void tool_start(struct tool *t, const char *words, ...) PRINTF_LIKE(2, 3);
/* Until it has blocked its signals: from then on it lives to report. */
void tool_ready(const struct tool *t);
/* Until it ends; after 20 s it is killed. */
void tool_wait(struct tool *t);
/* Both. */
void tool_run(struct tool *t, const char *words, ...) PRINTF_LIKE(2, 3);

/*
 * On a busy machine the command may come so late that the package stood still: run it again.
 * Fails the test the 20th time.
 */
bool tool_was_late(const struct tool *t);

/* Fail, showing all that was said, if @part is (not) in @t->err. */
void tool_said(const struct tool *t, const char *part);
void tool_not_said(const struct tool *t, const char *part);

/* Fail unless @value is a number and within @margin of @expected, as doubles. */
void close_to(double value, double expected, double margin);

#endif
