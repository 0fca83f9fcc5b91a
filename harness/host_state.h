/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine does to its CPUs on its own: thermal throttling, temperature,
 * frequency, governor. Read at both edges of a window, never inside of it.
 */
#ifndef HARNESS_HOST_STATE_H
#define HARNESS_HOST_STATE_H

#include <sched.h>
#include <stdint.h>

struct host_state {
	/*
	 * Thermal events since boot, added up over the CPUs: one of a core counts once for
	 * each of its threads. ABSENT_INTEGER where a CPU does not tell.
	 */
	int64_t core_throttles, package_throttles;
	double temperature_c;		/* hottest sensor of the CPU packages; NAN */
	double frequency_mhz;		/* mean over the CPUs; NAN where one does not tell */
	char governor[32];		/* of the CPUs; "mixed"; "" */
};

/* Read what there is under @sysfs ("/sys", or a tree like it) of @cpus. */
void host_state_read(const char *sysfs, const cpu_set_t *cpus, struct host_state *state);

/* How often it happened between two readings; ABSENT_INTEGER if either is, or it went back. */
int64_t host_state_events(int64_t begin, int64_t end);

#endif
