/* SPDX-License-Identifier: BSD-2-Clause */
/* environment.json: everything about the machine a reader of the numbers would ask. */
#ifndef HARNESS_ENVIRONMENT_H
#define HARNESS_ENVIRONMENT_H

#include "energy/energy.h"
#include "harness/accel.h"
#include "harness/plan.h"

/* Write @path anew; @kernel is the file of the guest's. 0 or -errno. */
int environment_write(const char *path, const struct accel *accel, const char *kernel,
		      const struct energy *energy, const struct plan *plan, uint64_t seed);

#endif
