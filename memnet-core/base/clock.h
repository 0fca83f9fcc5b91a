/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock of this project: CLOCK_MONOTONIC in integer nanoseconds.
 * It is not stepped by NTP or an administrator, and stands still in suspend.
 */
#ifndef MEMNET_BASE_CLOCK_H
#define MEMNET_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC  1000000000LL
#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_USEC 1000LL

/* Now, ns. Cannot fail for CLOCK_MONOTONIC; async-signal-safe. */
static inline int64_t mn_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline struct timespec mn_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NSEC_PER_SEC,
				  .tv_nsec = ns % NSEC_PER_SEC };
}

/* Sleep until @deadline_ns; a signal handler that ran ends the sleep early. */
static inline void mn_sleep_until_ns(int64_t deadline_ns)
{
	struct timespec ts = mn_timespec(deadline_ns);

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

#endif
