/* SPDX-License-Identifier: BSD-2-Clause */
/* Which programs a library that is preloaded gets into. */
#ifndef MEMNET_REACH_H
#define MEMNET_REACH_H

#include <stddef.h>

/*
 * Will the dynamic linker preload a library of this program's kind into the program @path, or
 * into the interpreter of that script? 0, also of a file that may not be read: then nobody knows;
 * -ENOTSUP: no, and @why says why not; -errno.
 */
int mn_reach_check(const char *path, char *why, size_t size);

#endif
