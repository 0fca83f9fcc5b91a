/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One experiment at a time on one machine: two would measure each other. The lock is an
 * flock() on a file that everybody can open, so the kernel takes it back however its owner
 * ends, and a file that is left means nothing. A container with a /tmp of its own has a
 * lock of its own.
 */
#ifndef HARNESS_LOCK_H
#define HARNESS_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#define LOCK_FILE "/tmp/memnet-lab.lock"

/*
 * Take the lock @path, for as long as the descriptor returned is open; @what tells others
 * what for. @wait: until it is free. -EBUSY: @why says who has it, since when and for
 * what. -EINTR: a signal came while waiting. Else -errno with a line in @why.
 */
int lock_take(const char *path, const char *what, bool wait, char *why, size_t why_size);

#endif
