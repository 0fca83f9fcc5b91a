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
#include <stdint.h>
#include <time.h>

#include "memnet-core/base/clock.h"

struct held {
	bool on;
	sigset_t before;
	sigset_t mask;	/* for the sleep */
};

/* Of ppoll() and the like; else the kernel says what is wrong. NULL: for ever. */
static inline bool mn_timeout_is_valid(const struct timespec *timeout)
{
	return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
			    timeout->tv_nsec < NSEC_PER_SEC);
}

/* INT64_MAX: for ever, which is what a hundred years are. */
static inline int64_t mn_timeout_ns(const struct timespec *timeout)
{
	return timeout && timeout->tv_sec < INT64_MAX / 2 / NSEC_PER_SEC ?
	       timeout->tv_sec * NSEC_PER_SEC + timeout->tv_nsec : INT64_MAX;
}

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
