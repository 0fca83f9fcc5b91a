/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the numbers of two results folders are from, and whether they may be set side by side. */
#ifndef MEMNET_HARNESS_PROVENANCE_H
#define MEMNET_HARNESS_PROVENANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct provenance {
	bool same_experiment;	/* else no value of theirs may be compared */
	bool same_host;		/* of one class; else at most what is deterministic */
};

/*
 * Read environment.json and plan.ini of both, and print a line to @out for each thing that
 * differs. 0, or -errno with one line in @err when a file cannot be read.
 *
 * One experiment: accelerator, QEMU, guest kernel and plan are the same; of the plan all that makes
 * a run what it is (plan_compare()): not name, repetitions, seed or how its file is written. One host: CPU,
 * microcode, kernel and what is set of clock rate, threads and memory; and the CPUs used. Under
 * KVM the guest's CPU is the host's, so another host is another experiment.
 */
int provenance_compare(const char *old_dir, const char *new_dir, FILE *out, struct provenance *p,
		       char *err, size_t errlen);

#endif
