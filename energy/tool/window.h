/* SPDX-License-Identifier: BSD-2-Clause */
/* Measure one window: open, begin, wait, end, and what it cost. */
#ifndef ENERGY_TOOL_WINDOW_H
#define ENERGY_TOOL_WINDOW_H

#include "energy/tool/tool.h"

/*
 * Called with each interval and, last, with the whole window. False: nobody wants any more; a
 * window without a command ends then.
 */
typedef bool (*record_fn)(void *ctx, const struct record *record);

struct window_end {
	int status;			/* of the command, as a shell has it; 0 if there is none */
	int exec_error;			/* the command never ran: nothing was measured */
	int signal;			/* that asked us to end, or 0 */
};

/*
 * Measure the session's target once, as run @run. Nothing is written or allocated
 * within the window, except what @emit does with an interval. *@origin_ns is when
 * the first window began; 0 until then. 0, or -errno with one line in @err.
 */
int window_run(const struct session *session, unsigned run, int64_t *origin_ns, record_fn emit,
	       void *ctx, struct window_end *end, char *err, size_t errlen);

#endif
