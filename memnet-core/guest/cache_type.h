/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How this CPU caches a mapping, told from how long reads and writes take: no
 * interface of the kernel says what guest, hypervisor and host made of it together.
 */
#ifndef MEMNET_CACHE_TYPE_H
#define MEMNET_CACHE_TYPE_H

#include <stddef.h>

enum mn_cache_type {
	MN_CACHE_WRITE_BACK,		/* ordinary memory: both sides read at cache speed */
	MN_CACHE_WRITE_COMBINING,	/* fast to write, slow to read: copy in, never look back */
	MN_CACHE_UNCACHED,		/* slow to read and to write */
	MN_CACHE_TYPES
};

/* What 8 bytes cost, one after the other, in the best of several passes. */
struct mn_cache_timing {
	double read_ns, write_ns;
};

/*
 * Time @bytes at @scratch, a whole number of cache lines, best a page; its contents
 * are lost. A millisecond where it is slow. 0; -EINVAL: not such a piece.
 */
int mn_cache_measure(void *scratch, size_t bytes, struct mn_cache_timing *timing);

/* What such times mean. */
enum mn_cache_type mn_cache_classify(const struct mn_cache_timing *timing);

/* "write-back", "write-combining", "uncached". */
const char *mn_cache_type_name(enum mn_cache_type type);

#endif
