/* SPDX-License-Identifier: BSD-2-Clause */
/* ctrl-C and SIGTERM end the run in hand, in order: its row is written, its VM stopped. */
#ifndef HARNESS_INTERRUPT_H
#define HARNESS_INTERRUPT_H

#include <stdbool.h>

/* Catch SIGINT, SIGTERM and SIGHUP from now on, without SA_RESTART; ignore SIGPIPE. */
void interrupt_catch(void);

/* Has one come since? */
bool interrupted(void);

#endif
