/* SPDX-License-Identifier: BSD-2-Clause */
/* What works on this machine, what does not, and the command that mends it. */
#ifndef HARNESS_DOCTOR_H
#define HARNESS_DOCTOR_H

#include <stdio.h>

/*
 * Check everything an experiment needs or would like, and each network path; a line for each.
 * @build is the build folder. Exit status: 0 an experiment can run, 1 it cannot. The
 * process is in a sandbox afterwards.
 */
int doctor_run(const char *build, FILE *out);

#endif
