/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HARNESS_HOST_TSC_H
#define HARNESS_HOST_TSC_H

/*
 * Rate of this machine's time stamp counter in kHz, measured over 50 ms against
 * CLOCK_MONOTONIC when it is asked for first. 0: it has none. For one thread.
 */
unsigned int host_tsc_khz(void);

#endif
