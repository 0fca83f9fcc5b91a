/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals during a call that waits. Between two sleeps of ours a handler could run and the
 * call not end by it, so signals wait until the thread sleeps: in the kernel, as in a system
 * call of Linux's own.
 */
#ifndef MEMNET_PRELOAD_SIGNALS_H
#define MEMNET_PRELOAD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

struct held {
	bool on;
	sigset_t before;
	sigset_t mask;	/* for the sleep */
};

/* Hold them, unless they are held already; @mask: for the sleep, NULL: as it is. */
void mn_signals_hold(struct held *h, const sigset_t *mask);

/* What waited comes now. */
void mn_signals_release(struct held *h);

/*
 * Does a call that was interrupted go on? Linux begins it anew after a handler with
 * SA_RESTART. Which one ran we do not know: yes when every handler of this process has it.
 */
bool mn_signals_restart(void);

#endif
