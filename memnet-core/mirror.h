/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory mapped twice in a row, so what runs over its end goes on at its
 * beginning and a FIFO over it (mirrored, fifo.h) hands out one span, always.
 * Only the process that maps sees it: the other side may map plainly.
 */
#ifndef MEMNET_MIRROR_H
#define MEMNET_MIRROR_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Map @bytes of @fd from @offset on, shared and writable, at *@base and again at
 * *@base + @bytes. Both are multiples of the page size, and the file is that long:
 * -EINVAL, -errno. Not touched when it fails.
 */
int mn_map_mirrored(void **base, int fd, off_t offset, size_t bytes);

/* @bytes as given to mn_map_mirrored(). */
void mn_unmap_mirrored(void *base, size_t bytes);

#endif
